//! The words of the JSON report, version 1: each a copy of one of the record's, so that renaming there changes
//! nothing here.

use schemars::JsonSchema;
use serde::Serialize;

use crate::record::{self, Outcome as RecordOutcome};

/// Makes the report's own enum of one of the record's: the words of version 1, whatever becomes of the original.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $original:ty { $($(#[$word:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum $name { $($(#[$word])* $variant),* }

        impl From<$original> for $name {
            fn from(original: $original) -> Self {
                match original { $(<$original>::$variant => Self::$variant),* }
            }
        }
    };
}

mirror! {
    /// The answer of a drill.
    Verdict of record::Verdict { CanShip, Degraded, CannotShip, Unknown }
}
mirror! {
    /// Whether the primary path is as it was before the drill.
    Restored of record::Restored {
        Yes,
        /// Nothing of it is cut any more, but somebody removed a part of it meanwhile.
        Gone,
        No,
        NothingWasCut,
    }
}
mirror! {
    /// What a finding does to the verdict.
    Severity of record::Severity { Gap, Unverified, Blocker }
}
mirror! {
    /// The phases of a drill.
    Phase of record::Phase { Prepare, Probe, Cut, Fetch, Build, Tag, Publish, Smoke, Compare, Repeat, Restore, Clean }
}
mirror! {
    /// The kinds of spare.
    SpareKind of record::SpareKind { Container, Runner, Host }
}
mirror! {
    /// Whether anything could be published under the drill's name: a rehearsal reads no credential that can push.
    Mode of record::Mode { Drill, Rehearsal }
}
mirror! {
    /// What a build was compared with.
    ComparedWith of record::ComparedWith { Release, SecondBuild }
}
mirror! {
    /// How far a spare stands apart from the primary path.
    Independence of record::Independence { SameControlPlane, OtherVendor, NoVendor, Unknown }
}
mirror! {
    /// Where the source came from.
    SourcePlace of record::Origin { Origin, Mirror, Local }
}
mirror! {
    /// How a runner stands, by what its forge says.
    RunnerState of record::RunnerState { Idle, Busy, Paused, Offline, Unsaid }
}
mirror! {
    /// How the number of a run is known: by the answer to the request, or looked up by its nonce.
    RunKnown of record::RunKnown { Answered, LookedUp }
}
mirror! {
    /// How far a run can come.
    RunStage of record::RunStage { Queued, PickedUp, Built, Done }
}
mirror! {
    /// What a check looks at.
    CheckKind of record::CheckKind { Secret, Spare, Registry, TagPlace }
}
mirror! {
    /// Where a step printed a line to.
    Stream of record::Stream { Stdout, Stderr }
}
mirror! {
    /// The signals that end a drill early.
    Signal of record::Signal {
        #[serde(rename = "SIGINT")] Sigint,
        #[serde(rename = "SIGTERM")] Sigterm,
        #[serde(rename = "SIGHUP")] Sighup,
        #[serde(rename = "SIGQUIT")] Sigquit,
    }
}

/// How a phase or check ended; only `passed` proves anything.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// It was done and what it says was read back.
    Passed,
    /// It shows that the release path is wanting.
    Failed,
    /// It could not be measured.
    Errored,
    /// It was not tried.
    Skipped,
    /// The event log ends before.
    Unfinished,
}

impl From<Option<&RecordOutcome>> for Outcome {
    fn from(outcome: Option<&RecordOutcome>) -> Self {
        match outcome {
            Some(RecordOutcome::Passed) => Self::Passed,
            Some(RecordOutcome::Failed) => Self::Failed,
            Some(RecordOutcome::Errored) => Self::Errored,
            Some(RecordOutcome::Skipped { .. }) => Self::Skipped,
            None => Self::Unfinished,
        }
    }
}
