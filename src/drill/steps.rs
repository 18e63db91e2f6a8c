//! Runs the plan's steps in a room, one by one: each with its own end, time and output, scrubbed line by line.

use std::{collections::VecDeque, sync::Arc};

use super::{bus::Bus, vault::Vault};
use crate::{
    plan::Step,
    record::{EventKind, StepEnd, StepId, Stream, Text},
    secret::{ScrubStream, Scrubber},
    spare::{Room, RoomStep, SpareError},
};

/// Lines that a finding shows of a step that failed.
const TAIL: usize = 8;

/// A line longer than this is told in parts.
const LONGEST_LINE: usize = 16 * 1024;

/// How a step went.
pub(super) struct Ran {
    pub(super) end: StepEnd,
    /// The last lines it printed.
    pub(super) tail: VecDeque<Text>,
}

/// Runs one step; `time` is what is left for it.
pub(super) async fn run(
    bus: &Bus,
    room: &mut dyn Room,
    (id, step): (StepId, &Step),
    vault: &Vault,
    time: std::time::Duration,
) -> Result<Ran, SpareError> {
    bus.emit(EventKind::StepStarted { step: id, command: step.run.as_str().into() });
    let told = RoomStep {
        command: step.run.clone(),
        env: step.env.clone().into_iter().collect(),
        secrets: vault.hand_out(&step.secrets),
        time: time.min(step.time),
    };
    let scrubber = vault.scrubber();
    let mut lines = Lines::new(&scrubber);
    let mut tail = VecDeque::with_capacity(TAIL);
    let mut tell = |stream, line: Text| {
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line.clone());
        bus.emit(EventKind::StepOutput { step: id, stream, line });
    };
    let end = room.run(told, &mut |stream, chunk| lines.push(stream, chunk, &mut tell)).await?;
    lines.finish(&mut tell);
    bus.emit(EventKind::StepFinished { step: id, end: end.clone() });
    Ok(Ran { end, tail })
}

/// Runs a command whose output is wanted, not told: all of its standard output.
pub(super) async fn read(
    room: &mut dyn Room,
    command: &[String],
    time: std::time::Duration,
) -> Result<(StepEnd, Vec<u8>), SpareError> {
    /// A version is a line; more is not one.
    const MOST: usize = 4096;
    let quoted: Vec<_> = command.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    let told = RoomStep { command: format!("exec {}", quoted.join(" ")), env: Vec::new(), secrets: Vec::new(), time };
    let mut printed = Vec::new();
    let end = room
        .run(told, &mut |stream, chunk| {
            if stream == Stream::Stdout {
                printed.extend_from_slice(&chunk[..chunk.len().min(MOST - printed.len())]);
            }
        })
        .await?;
    Ok((end, printed))
}

/// Cuts scrubbed output into lines, each stream by itself.
struct Lines<'s> {
    out: (ScrubStream<'s>, Vec<u8>),
    err: (ScrubStream<'s>, Vec<u8>),
}

impl<'s> Lines<'s> {
    fn new(scrubber: &'s Arc<Scrubber>) -> Self {
        Self { out: (scrubber.stream(), Vec::new()), err: (scrubber.stream(), Vec::new()) }
    }

    fn push(&mut self, stream: Stream, chunk: &[u8], tell: &mut impl FnMut(Stream, Text)) {
        let (scrub, open) = self.of(stream);
        scrub.push(chunk, open);
        let mut start = 0;
        while let Some(end) = open[start..].iter().position(|byte| *byte == b'\n') {
            tell(stream, Text::from_bytes(trim(&open[start..start + end])));
            start += end + 1;
        }
        open.drain(..start);
        if open.len() > LONGEST_LINE {
            tell(stream, Text::from_bytes(open));
            open.clear();
        }
    }

    fn finish(mut self, tell: &mut impl FnMut(Stream, Text)) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let (scrub, open) = self.of(stream);
            scrub.finish(open);
            for line in open.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                tell(stream, Text::from_bytes(trim(line)));
            }
        }
    }

    fn of(&mut self, stream: Stream) -> &mut (ScrubStream<'s>, Vec<u8>) {
        match stream {
            Stream::Stdout => &mut self.out,
            Stream::Stderr => &mut self.err,
        }
    }
}

/// A line without the carriage return at its end; what a progress bar drew over is left out.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.rsplit(|byte| *byte == b'\r').next().unwrap_or(line)
}
