//! What a step is called, and how it ended.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Measure, Phase, facts::millis};

/// Names a step: the phase it belongs to and its place in it, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId {
    /// `build` or `smoke`.
    pub phase: Phase,
    /// The place in the plan's list, from 1; 0 for the image of the plan's Dockerfile, which comes before.
    pub number: usize,
}

impl StepId {
    /// Whether it is no step of the plan, but the build of the Dockerfile's image.
    #[must_use]
    pub fn is_image(self) -> bool {
        self.number == 0
    }

    /// What it is called where its phase is known.
    #[must_use]
    pub fn in_phase(self) -> String {
        if self.is_image() { "image".to_owned() } else { format!("step {}", self.number) }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.phase, self.in_phase())
    }
}

/// Which of a step's two streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum StepEnd {
    /// It ended by itself.
    Exited {
        /// The exit code; 128 + n for signal n.
        code: i64,
    },
    /// It was still running at its limit of time, and was ended with everything it had started.
    TimedOut {
        /// The limit.
        #[serde(rename = "limit_ms", with = "millis")]
        limit: Duration,
    },
    /// It, or something it started, was ended for reaching the memory limit.
    OutOfMemory {
        /// The exit code, 128 + n for signal n; 0 if the step made do without what was ended.
        code: i64,
    },
    /// It failed, and was refused a process or thread because it had as many as it may.
    OutOfProcesses {
        /// The exit code, 128 + n for signal n; none if it did not end by itself.
        code: Option<i64>,
    },
    /// It failed, and where it writes was full.
    OutOfDisk {
        /// The exit code, 128 + n for signal n.
        code: i64,
    },
}

impl StepEnd {
    /// Whether the step did what it should.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited { code: 0 } | Self::OutOfMemory { code: 0 })
    }
}

impl fmt::Display for StepEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => ExitCode(*code).fmt(f),
            Self::TimedOut { limit } => write!(f, "ended at its time limit of {}", Measure(*limit)),
            Self::OutOfMemory { code: 0 } => f.write_str("went on without what was ended at the memory limit (exit code 0)"),
            Self::OutOfMemory { code } => write!(f, "ended at the memory limit ({})", ExitCode(*code)),
            Self::OutOfProcesses { code: Some(code) } => write!(f, "reached the limit of processes ({})", ExitCode(*code)),
            Self::OutOfProcesses { code: None } => f.write_str("reached the limit of processes, and was ended"),
            Self::OutOfDisk { code } => write!(f, "its disk was full ({})", ExitCode(*code)),
        }
    }
}

/// An exit code, with the name of the signal that it stands for.
struct ExitCode(i64);

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_name(self.0 - 128) {
            Some(name) => write!(f, "exit code {}: {name}", self.0),
            None => write!(f, "exit code {}", self.0),
        }
    }
}

/// The signals that end processes, by the numbers that they have on Linux. Source: signal(7).
fn signal_name(number: i64) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// What a step printed and nobody kept, between what was told of it first and its newest lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many lines.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_by_a_signal_has_its_name() {
        assert_eq!(StepEnd::Exited { code: 137 }.to_string(), "exit code 137: SIGKILL");
        assert_eq!(StepEnd::Exited { code: 139 }.to_string(), "exit code 139: SIGSEGV");
        assert_eq!(StepEnd::Exited { code: 3 }.to_string(), "exit code 3");
        assert_eq!(StepEnd::Exited { code: 255 }.to_string(), "exit code 255");
    }
}
