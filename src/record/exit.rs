//! Exit codes: what a script may rely on.

use super::{Record, Restored, Verdict};

/// How canship ends. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Can ship (with `--accept degraded`, also degraded); every other command: done.
    CanShip = 0,
    /// canship itself failed; the message says what state the outside is in.
    Failed = 1,
    /// The command line or the plan is invalid.
    Invalid = 2,
    /// Cannot ship; `check`: a finding at or above the gate.
    CannotShip = 10,
    /// Degraded: shippable with named gaps; `clean`: leftovers remain.
    Degraded = 11,
    /// Unknown: something needed for the answer could not be verified, or the drill refused to start;
    /// `recover`: all is given back but what somebody has removed meanwhile.
    Unknown = 20,
    /// The primary path may still be cut: needs a person now. Outranks all others.
    MayStillBeCut = 30,
    /// Interrupted by SIGINT; everything was given back, or is listed.
    Interrupted = 130,
    /// Interrupted by SIGTERM, SIGHUP or SIGQUIT; everything was given back, or is listed.
    Terminated = 143,
}

impl Exit {
    /// Every code, in the order of the README's table.
    pub const ALL: [Self; 9] = [
        Self::CanShip,
        Self::Failed,
        Self::Invalid,
        Self::CannotShip,
        Self::Degraded,
        Self::Unknown,
        Self::MayStillBeCut,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// How a drill with this record ends; `accept` is the weakest verdict that counts as success.
    #[must_use]
    pub fn of(record: &Record, accept: Verdict) -> Self {
        if record.restored == Restored::No {
            return Self::MayStillBeCut;
        }
        if let Some(signal) = record.interrupted {
            return signal.exit();
        }
        Self::of_verdict(record.verdict, accept)
    }

    /// What a verdict alone comes to; `accept` is the weakest one that counts as success.
    #[must_use]
    pub fn of_verdict(verdict: Verdict, accept: Verdict) -> Self {
        match verdict {
            Verdict::CanShip => Self::CanShip,
            Verdict::Degraded if accept == Verdict::Degraded => Self::CanShip,
            Verdict::Degraded => Self::Degraded,
            Verdict::CannotShip => Self::CannotShip,
            Verdict::Unknown => Self::Unknown,
        }
    }
}
