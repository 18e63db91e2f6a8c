//! Keeps a reader that stops reading (a terminal held by Ctrl-S, a pipe nobody empties) from stopping the drill.
//!
//! A thread of its own writes. What it has not written yet is bounded; a reader that is merely slow is waited for, one
//! that reads nothing for a while misses what comes meanwhile and is told how much that was. Nothing is lost by that: the
//! event log and the final report have it all.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// Bytes that may wait to be written.
const MOST: usize = 1 << 20;

/// How long a reader may read nothing before what comes passes it by.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes to whatever reads, for as long as that reads.
pub(super) struct Patient {
    shared: Arc<Shared>,
    writing: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Bytes that passed the reader by.
    missed: u64,
    /// Whether the thread writes right now.
    is_writing: bool,
    /// Whether the reader was waited for in vain, and has read nothing since.
    is_stuck: bool,
    is_over: bool,
    failed: Option<io::Error>,
}

impl Patient {
    pub(super) fn new(reader: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let writing = std::thread::Builder::new().name("live".to_owned()).spawn(move || theirs.write_all(reader)).ok();
        Self { shared, writing }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked half-way leaves bytes at most, which may be written twice or not at all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this holds, as long as the reader reads.
    fn wait<'s>(&self, mut state: MutexGuard<'s, State>, until: impl Fn(&State) -> bool) -> MutexGuard<'s, State> {
        while !until(&state) && !state.is_stuck && state.failed.is_none() {
            let (woken, waited) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.is_stuck |= waited.timed_out();
        }
        state
    }

    fn write_all(&self, mut reader: impl Write) {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() && !state.is_over {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.waiting.is_empty() {
                return;
            }
            let bytes = std::mem::take(&mut state.waiting);
            let missed = std::mem::take(&mut state.missed);
            state.is_writing = true;
            self.changed.notify_all();
            drop(state);
            let written = self.write(&mut reader, &bytes, missed);
            let mut state = self.lock();
            (state.is_writing, state.is_stuck) = (false, false);
            self.changed.notify_all();
            if let Err(reason) = written {
                state.failed = Some(reason);
                return;
            }
        }
    }

    /// Writes piece by piece, each of which shows that the reader reads.
    fn write(&self, reader: &mut impl Write, bytes: &[u8], missed: u64) -> io::Result<()> {
        for piece in bytes.chunks(4096) {
            reader.write_all(piece)?;
            self.lock().is_stuck = false;
            self.changed.notify_all();
        }
        if missed > 0 {
            writeln!(reader, "\n  … {missed} bytes passed by here, because nobody read them in time …")?;
        }
        reader.flush()
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let has_room = |state: &State| state.waiting.len() + bytes.len() <= MOST || state.waiting.is_empty();
        let mut state = self.shared.wait(self.shared.lock(), has_room);
        if let Some(reason) = &state.failed {
            return Err(io::Error::new(reason.kind(), reason.to_string()));
        }
        if has_room(&state) && state.missed == 0 {
            state.waiting.extend_from_slice(bytes);
        } else {
            state.missed += bytes.len() as u64;
        }
        self.shared.changed.notify_all();
        Ok(bytes.len())
    }

    /// Tells only what went wrong: waiting for the reader is left to the end.
    fn flush(&mut self) -> io::Result<()> {
        match &self.shared.lock().failed {
            Some(reason) => Err(io::Error::new(reason.kind(), reason.to_string())),
            None => Ok(()),
        }
    }
}

impl Drop for Patient {
    /// Waits until all is written, or nobody reads.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        self.shared.changed.notify_all();
        let state = self.shared.wait(state, |state| state.waiting.is_empty() && !state.is_writing);
        let is_stuck = state.is_stuck;
        drop(state);
        // A thread that hangs in a write ends with the process.
        if !is_stuck && let Some(writing) = self.writing.take() {
            drop(writing.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, sync::mpsc};

    use super::*;

    #[test]
    fn a_reader_that_reads_gets_everything_in_its_order() {
        let (mut read, write) = io::pipe().unwrap();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            read.read_to_end(&mut all).unwrap();
            all
        });
        let mut patient = Patient::new(write);
        let mut expected = Vec::new();
        for number in 0..200_000 {
            let line = format!("line {number}\n");
            patient.write_all(line.as_bytes()).unwrap();
            expected.extend_from_slice(line.as_bytes());
        }
        drop(patient);
        assert!(reading.join().unwrap() == expected);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed() {
        let (mut read, write) = io::pipe().unwrap();
        let mut patient = Patient::new(write);
        let line = [b'x'; 1000];
        for _ in 0..5000 {
            patient.write_all(&line).unwrap();
        }
        assert!(patient.shared.lock().waiting.len() <= MOST);
        let (told, tells) = mpsc::channel();
        let reading = std::thread::spawn(move || {
            let mut all = String::new();
            let mut some = [0; 4096];
            while let Ok(n @ 1..) = read.read(&mut some) {
                all.push_str(str::from_utf8(&some[..n]).unwrap_or("?"));
                if all.contains("passed by here") {
                    told.send(()).unwrap_or_default();
                }
            }
            all
        });
        tells.recv().unwrap();
        patient.write_all(b"\nthe end\n").unwrap();
        drop(patient);
        assert!(reading.join().unwrap().trim_end().ends_with("the end"));
    }

    #[test]
    fn a_failure_to_write_is_told_by_the_next_write() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut patient = Patient::new(full);
        while patient.write_all(b"x").is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(patient.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
