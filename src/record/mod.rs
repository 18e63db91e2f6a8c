//! What a drill saw, as plain data: events, their fold into a [`Record`], findings, the verdict and exit codes.
//!
//! Invariants: nothing here does IO or reads a clock; every text that came from outside is a [`Text`], harmless
//! to any terminal, CI log or document; a secret is never part of an event.

mod brief;
mod comparison;
mod cut;
mod digest;
mod event;
mod exit;
mod facts;
mod finding;
mod fold;
mod id;
mod path;
mod phase;
mod rule;
mod run;
mod standing;
mod step;
mod text;
mod verdict;

pub use brief::Brief;
pub use comparison::{ComparedWith, ComparisonFacts, ComparisonResult, Difference, DifferenceKind};
pub use cut::{CutFacts, Missed, NotBack, PartFacts, PrimaryFacts, PrimaryRecord, TakenRecord};
pub use digest::{Digest, InvalidDigest};
pub use event::{Event, EventKind, LOG_VERSION, Sink};
pub use exit::Exit;
pub use facts::{
    Artifact, BuiltFacts, Bytes, CheckKind, Cleaning, DRILL_IMAGES, DrillFacts, EngineFacts, EnginePlace, ImageFacts, Independence,
    Leftover, Measure, Mode, Origin, PulledFacts, PushedFacts, RoomFacts, Seal, Signal, SourceFacts, SpareFacts, SpareKind,
    TagFacts,
};
pub use finding::{Finding, Severity};
pub use fold::{CheckRecord, PhaseRecord, PublishRecord, Record, StepRecord};
pub use id::{Claim, DrillId, HostId, InvalidHostId};
pub use path::{Control, ForgeKind, Place, State};
pub use phase::{Outcome, Phase};
pub use rule::Rule;
pub use run::{
    InvalidNonce, Nonce, ReachedFacts, ReportedFacts, RunFacts, RunKnown, RunOrder, RunRecord, RunStage, RunnerFacts, RunnerState,
    RunnersFacts,
};
pub use standing::{Damaged, Demand, Grade, Names, Of, Shelf, Standing, Status};
pub use step::{LeftOut, StepEnd, StepId, Stream};
pub use text::{Text, count, shell_word};
pub use verdict::{Restored, Verdict};
