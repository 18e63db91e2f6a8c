//! The event log: one JSON object per line, written as things happen, so that a report can be made after a crash.
//!
//! Invariants: the file is for its owner only; each event is one write that reaches the operating system before the
//! next begins, so at most the last line of a log can be cut off; reading takes memory for one line and the record.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, BufRead, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::Errno,
};
use serde::Deserialize;

use super::output::Outputs;
use crate::record::{Event, EventKind, LOG_VERSION, Measure, Record, Sink, Text};

/// The longest line that is written or read, in bytes.
const LONGEST_LINE: usize = 1 << 20;
/// What is kept of a line of output that would make a longer one, in characters.
const OUTPUT_KEPT: usize = 64 * 1024;

/// How long a pipe may be without anybody who reads it, at its opening and once it is full: the drill waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon and how often it is looked again whether somebody reads a pipe.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 250;

/// Writes the events that are kept to a file.
#[derive(Debug)]
pub struct LogSink {
    path: PathBuf,
    file: File,
    line: Vec<u8>,
}

impl LogSink {
    /// A log at `path`, readable for its owner only. What stood there before is lost; the folder must exist.
    ///
    /// # Errors
    /// The file cannot be made or written, or is a pipe that nobody reads.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        // A file that was there keeps its mode on opening; a pipe or a terminal is not ours to change.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(Self { path: path.to_owned(), file, line: Vec::new() })
    }

    /// A log in a file that is open already; `path` is what it is called.
    pub(super) fn over(file: File, path: &Path) -> Self {
        Self { path: path.to_owned(), file, line: Vec::new() }
    }

    /// Waits until all that was written is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn fill_line(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.line.push(b'\n');
        Ok(())
    }
}

impl Sink for LogSink {
    fn name(&self) -> String {
        format!("the event log {}", Text::new(&self.path.to_string_lossy()))
    }

    fn take(&mut self, event: &Event) -> io::Result<()> {
        if !event.kind.is_kept() {
            return Ok(());
        }
        self.fill_line(event)?;
        if self.line.len() > LONGEST_LINE {
            self.fill_line(&shortened(event))?;
        }
        if self.line.len() > LONGEST_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an event is longer than a line of the log may be"));
        }
        write_in_time(&mut self.file, &self.line)
    }
}

/// Opens what is written, without waiting where it is a pipe: writing to one never does then, either.
fn open(path: &Path) -> io::Result<File> {
    let is_file = path.metadata().map_or(true, |there| there.is_file());
    let flags = if is_file { 0 } else { i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0) };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags);
    for _ in 0..LOOKS {
        match options.open(path) {
            Err(reason) if reason.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => thread::sleep(LOOK),
            opened => return opened,
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "it is a pipe that nobody reads"))
}

/// Writes all of it, unless a pipe is full and nobody reads it for long.
fn write_in_time(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(full) if full.kind() == io::ErrorKind::WouldBlock => {
                let limit = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
                match poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&limit)) {
                    Ok(0) => {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("nobody read it for {}", Measure(PATIENCE))));
                    }
                    // A signal, which a drill may get just then, says nothing of the reader.
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(reason) => return Err(reason.into()),
                }
            }
            Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
            Err(reason) => return Err(reason),
        }
    }
    Ok(())
}

/// The same event with the beginning of its output line; other events stay as they are.
fn shortened(event: &Event) -> Event {
    let mut event = event.clone();
    if let EventKind::StepOutput { line, .. } = &mut event.kind {
        let kept: String = line.as_str().chars().take(OUTPUT_KEPT).collect();
        *line = Text::new(&format!("{kept} … (cut)"));
    }
    event
}

/// Why a log gives no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be opened or read.
    #[error("could not read the event log `{name}`")]
    Io {
        /// The log.
        name: Text,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The log has no whole first event.
    #[error("`{name}` does not begin with the start of a drill")]
    NoStart {
        /// The log.
        name: Text,
    },
    /// The log was written by a newer canship.
    #[error(
        "`{name}` is an event log of version {version}, this canship reads up to version {LOG_VERSION}: use the canship that wrote it"
    )]
    TooNew {
        /// The log.
        name: Text,
        /// Its version.
        version: u64,
    },
    /// A line in the middle is not what was written.
    #[error("line {line} of `{name}` is damaged: {what}; the lines before it can be read on their own if the rest is cut off")]
    Damaged {
        /// The log.
        name: Text,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: Text,
    },
}

/// What is looked at before anything else, in a form that later versions keep.
#[derive(Deserialize)]
struct Head {
    event: String,
    #[serde(default)]
    log: Option<u64>,
}

/// The record of the log at `path`.
///
/// # Errors
/// See [`read`].
pub fn read_file(path: &Path) -> Result<Record, LogError> {
    let name = path.to_string_lossy();
    let file = File::open(path).map_err(|source| LogError::Io { name: Text::new(&name), source })?;
    read(&name, io::BufReader::new(file))
}

/// The record of the log that `reader` gives; `name` is what errors call it. A last line that a crash cut off is left
/// out, which shows in the record as a drill that did not finish.
///
/// # Errors
/// The log cannot be read, does not begin with a drill, is newer than this program, or is damaged in the middle.
pub fn read(name: &str, reader: impl BufRead) -> Result<Record, LogError> {
    fold(name, reader, Output::Kept)
}

/// The same record without the output of its steps, which is most of a log: several times as fast.
///
/// # Errors
/// See [`read`].
pub(super) fn read_without_output(name: &str, reader: impl BufRead) -> Result<Record, LogError> {
    fold(name, reader, Output::Dropped)
}

/// What becomes of the output of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Kept,
    /// It is looked at as strictly, and then forgotten.
    Dropped,
}

fn fold(name: &str, mut reader: impl BufRead, output: Output) -> Result<Record, LogError> {
    let mut line = Vec::new();
    let no_start = || LogError::NoStart { name: Text::new(name) };
    let first = match next_line(&mut reader, &mut line).map_err(|error| error.of(name, 1))? {
        Line::None => return Err(no_start()),
        Line::Whole | Line::Last => first_event(name, &line)?,
    };
    let mut record = Record::start(first).ok_or_else(no_start)?;
    let (mut number, mut outputs) = (1, Outputs::default());
    loop {
        number += 1;
        let end = next_line(&mut reader, &mut line).map_err(|error| error.of(name, number))?;
        if output == Output::Dropped && !record.finished && outputs.take(&mut line) {
            record.events += 1;
            continue;
        }
        record.ended = outputs.ended().unwrap_or(record.ended);
        let event = match (end, event(&line)) {
            (Line::None, _) | (Line::Last, Err(_)) => return Ok(record.conclude()),
            (_, Ok(event)) => event,
            (Line::Whole, Err(error)) => return Err(damaged(name, number, &error.to_string())),
        };
        if record.finished || matches!(event.kind, EventKind::DrillStarted(_)) {
            return Err(damaged(name, number, "an event follows that belongs to another drill"));
        }
        record.add(event);
    }
}

/// The event of a line. Its time and what happened are read one after the other: as one, what happened would first be
/// copied piece by piece, which takes twice as long.
fn event(line: &[u8]) -> serde_json::Result<Event> {
    #[derive(Deserialize)]
    struct When {
        at: Timestamp,
    }
    let When { at } = serde_json::from_slice(line)?;
    Ok(Event { at, kind: serde_json::from_slice(line)? })
}

fn first_event(name: &str, line: &[u8]) -> Result<Event, LogError> {
    let no_start = || LogError::NoStart { name: Text::new(name) };
    let head: Head = serde_json::from_slice(line).map_err(|_| no_start())?;
    match head.log {
        Some(version) if head.event == "drill-started" && version > u64::from(LOG_VERSION) => {
            Err(LogError::TooNew { name: Text::new(name), version })
        }
        Some(_) => event(line).map_err(|error| damaged(name, 1, &error.to_string())),
        None => Err(no_start()),
    }
}

fn damaged(name: &str, line: u64, what: &str) -> LogError {
    // What the parser says may repeat what stands in the line.
    let what: String = what.chars().take(200).collect();
    LogError::Damaged { name: Text::new(name), line, what: Text::new(&Text::new(&what).one_line()) }
}

/// How a line ended.
enum Line {
    /// There is no more.
    None,
    /// With its line end.
    Whole,
    /// With the end of the log.
    Last,
}

/// Why there is no next line.
enum LineError {
    Io(io::Error),
    TooLong,
}

impl LineError {
    fn of(self, name: &str, line: u64) -> LogError {
        match self {
            Self::Io(source) => LogError::Io { name: Text::new(name), source },
            Self::TooLong => damaged(name, line, "it is longer than any line that canship writes"),
        }
    }
}

fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Line, LineError> {
    line.clear();
    let limit = LONGEST_LINE as u64 + 1;
    reader.take(limit).read_until(b'\n', line).map_err(LineError::Io)?;
    match line.last() {
        None => Ok(Line::None),
        Some(b'\n') => Ok(Line::Whole),
        Some(_) if line.len() > LONGEST_LINE => Err(LineError::TooLong),
        Some(_) => Ok(Line::Last),
    }
}
