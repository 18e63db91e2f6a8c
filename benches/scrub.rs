//! How fast output passes the scrubber that knows 50 secrets, in chunks as they come from a room: what `ci/bench` shows.
//!
//! `scrub` prints a line for each kind of output: its name and the bytes per second of the median of several rounds.

use std::{
    error::Error,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use base64::Engine as _;
use canship::secret::{Scrubber, Secret};

const SECRETS: usize = 50;
const CHUNK: usize = 32 * 1024;
const BYTES: usize = 64 << 20;
const ROUNDS: usize = 7;

/// Numbers without a pattern, the same in every run. Source: Marsaglia, Xorshift RNGs, 2003.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn token(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        (0..length).map(|_| char::from(LETTERS[usize::try_from(self.next() >> 58).unwrap_or(0)])).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let secrets: Vec<_> = (0..SECRETS).map(|number| numbers.token(20 + number)).collect();
    let scrubber = Scrubber::new(&secrets.iter().cloned().map(Secret::new).collect::<Vec<_>>());
    for (name, output) in outputs(&secrets, &mut numbers) {
        let mut times: Vec<_> = (0..ROUNDS).map(|_| once(&scrubber, &output)).collect();
        times.sort_unstable();
        writeln!(io::stdout(), "{name} {}", output.len() as u128 * 1_000_000_000 / times[ROUNDS / 2].as_nanos())?;
    }
    Ok(())
}

fn once(scrubber: &Scrubber, output: &[u8]) -> Duration {
    let began = Instant::now();
    let (mut stream, mut clean) = (scrubber.stream(), Vec::with_capacity(2 * CHUNK));
    for chunk in output.chunks(CHUNK) {
        stream.push(chunk, &mut clean);
        std::hint::black_box(&clean);
        clean.clear();
    }
    stream.finish(&mut clean);
    began.elapsed()
}

/// Output as builds print it, as tools encode it, and as somebody would who wants the scrubber to be slow.
fn outputs(secrets: &[String], numbers: &mut Numbers) -> Vec<(&'static str, Vec<u8>)> {
    let mut log = Vec::new();
    while log.len() < BYTES {
        let (number, crate_name) = (numbers.next() % 1000, numbers.token(9));
        log.extend_from_slice(format!("   Compiling {crate_name} v0.{number}.1 (/work/src/crates/{number})\n").as_bytes());
    }
    let mut bytes = Vec::new();
    while bytes.len() < BYTES * 3 / 4 {
        bytes.extend_from_slice(&numbers.next().to_ne_bytes());
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes).into_bytes();
    // Each secret but for its end, over and over: every byte belongs to what could become one.
    let beginnings: Vec<u8> = secrets.iter().flat_map(|secret| secret.as_bytes()[..secret.len() - 1].to_vec()).collect();
    let partial = beginnings.iter().copied().cycle().take(BYTES / 8).collect();
    vec![("log", log), ("base64", encoded), ("partial", partial)]
}
