//! The events of a drill: one timestamped envelope, facts only, in the order in which they happened.
//!
//! Only the engine makes events and reads the clock; times are what lies between the `…Started` and `…Finished`
//! of a pair. `DrillFinished` is the last event of every drill that was not killed, exactly once; a log without
//! it folds to *unknown*.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Artifact, BuiltFacts, CheckKind, Cleaning, ComparisonFacts, Control, CutFacts, DrillFacts, Finding, LeftOut, Missed, NotBack,
    Outcome, Phase, PrimaryFacts, PulledFacts, PushedFacts, ReachedFacts, ReportedFacts, RoomFacts, RunFacts, RunOrder,
    RunnersFacts, Signal, SourceFacts, StepEnd, StepId, Stream, TagFacts, Text,
};

/// The version of the event log's form. A reader refuses a log with a higher one.
pub const LOG_VERSION: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by a clock that never goes back within a drill.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The first event.
    DrillStarted(DrillFacts),
    /// A phase began.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A phase ended. A skipped phase has no start.
    PhaseFinished {
        /// Which.
        phase: Phase,
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// A check of access began.
    CheckStarted {
        /// What it looks at.
        check: CheckKind,
        /// On what: a secret's name, a registry, a place.
        subject: Text,
    },
    /// A check of access ended.
    CheckFinished {
        /// What it looked at.
        check: CheckKind,
        /// On what.
        subject: Text,
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// The primary path was read, before anything of it was changed.
    PrimaryFound(PrimaryFacts),
    /// From here on the primary path may not be as it was.
    CutBegan(CutFacts),
    /// A part of it was taken away, and read back as off.
    TakenAway {
        /// Which.
        control: Control,
    },
    /// A run of it was cancelled, which nobody can give back.
    RunCancelled {
        /// Which.
        run: Text,
    },
    /// A part of it was given back, and read back as it had been.
    GivenBack {
        /// Which.
        control: Control,
    },
    /// A part of it is there no more: somebody removed it while it was away, so that nobody can give it back.
    FoundGone {
        /// Which.
        control: Control,
    },
    /// A part of it could not be given back.
    NotGivenBack(NotBack),
    /// Nothing of the primary path is away any more, and nothing says so: it is as it was, but for what somebody removed.
    CutEnded,
    /// Something happened while it was away, and started nothing.
    Missed(Missed),
    /// What the cut asked of the forge.
    ForgeAsked {
        /// How many requests were sent.
        requests: u64,
        /// How many the forge still allows, if it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remaining: Option<u64>,
    },
    /// The runners that could take the spare's job, as they were found.
    RunnersSeen(RunnersFacts),
    /// A run is asked of the forge, once.
    RunAsked(RunOrder),
    /// The forge has accepted the run.
    RunAccepted(RunFacts),
    /// The run has come so far.
    RunReached(ReachedFacts),
    /// The event log of the drill in the run came back.
    RunReported(ReportedFacts),
    /// Engine, image and disk of the spare, as they were found.
    RoomReady(RoomFacts),
    /// The clean clone is there.
    SourceFetched(SourceFacts),
    /// The version that is released.
    VersionRead {
        /// As it stands in the tag.
        version: Text,
    },
    /// A step began.
    StepStarted {
        /// Which.
        step: StepId,
        /// The command, as the plan has it.
        command: Text,
    },
    /// A step printed a line, scrubbed of secrets.
    StepOutput {
        /// Which step.
        step: StepId,
        /// Where to.
        stream: Stream,
        /// The line, without its end.
        line: Text,
    },
    /// Here a step printed more than is kept: after it come its newest lines.
    StepOutputLeftOut {
        /// Which step.
        step: StepId,
        /// How much.
        #[serde(flatten)]
        left_out: LeftOut,
    },
    /// A step ended.
    StepFinished {
        /// Which.
        step: StepId,
        /// How.
        #[serde(flatten)]
        end: StepEnd,
    },
    /// The image of the plan's Dockerfile was built.
    ImageBuilt(BuiltFacts),
    /// A file that the build made was taken out of the room.
    ArtifactCollected(Artifact),
    /// The drill's tag was pushed, read back and is the same.
    TagReadBack(TagFacts),
    /// An image was pushed.
    ImagePushed(PushedFacts),
    /// An image was pulled by digest and every digest in it is right.
    ImagePulled(PulledFacts),
    /// What was built was compared with another build, or could not be.
    Compared(ComparisonFacts),
    /// Something that takes long is under way. For live views only: not kept in the log, and folds to nothing.
    Progress {
        /// The phase it belongs to.
        phase: Phase,
        /// What is moving.
        what: Text,
        /// How far, in bytes.
        done: u64,
        /// Of how much, if that is known.
        total: Option<u64>,
    },
    /// The release path is wanting.
    Found(Finding),
    /// Something that this drill can never prove.
    Limited {
        /// What, in a sentence.
        limit: Text,
    },
    /// Something the drill had put outside was removed, or not.
    Cleaned(Cleaning),
    /// Something that the drill had put outside stays for the drill that asked for this one, which reads it back and deletes it.
    HandedOver {
        /// What it is.
        what: Text,
    },
    /// A signal asked the drill to end.
    Interrupted {
        /// Which.
        signal: Signal,
    },
    /// The last event.
    DrillFinished {
        /// How many kept events came before it: a log with another number of them has lost some.
        events: u64,
    },
}

impl EventKind {
    /// Whether the event is kept in the log.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !matches!(self, Self::Progress { .. })
    }

    /// Shows `visit` every text in the event: all that came from outside, so that a secret can be taken out of it.
    pub fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut Text)) {
        match self {
            Self::DrillStarted(facts) => {
                each([&mut facts.release, &mut facts.plan], visit);
                for spare in std::iter::once(&mut facts.spare).chain(&mut facts.spares) {
                    each(std::iter::once(&mut spare.name).chain(&mut spare.why), visit);
                    if let Some(engine) = &mut spare.engine {
                        each([&mut engine.address, &mut engine.way], visit);
                    }
                }
            }
            Self::PhaseStarted { .. }
            | Self::StepOutputLeftOut { .. }
            | Self::StepFinished { .. }
            | Self::Interrupted { .. }
            | Self::CutEnded
            | Self::ForgeAsked { .. }
            | Self::DrillFinished { .. } => {}
            Self::PrimaryFound(found) => {
                visit(&mut found.place.repository);
                found.parts.iter_mut().for_each(|part| part.for_each_text(visit));
            }
            Self::CutBegan(cut) => visit(&mut cut.who),
            Self::TakenAway { control } | Self::GivenBack { control } | Self::FoundGone { control } => control.for_each_text(visit),
            Self::RunCancelled { run } => visit(run),
            Self::NotGivenBack(not) => each([&mut not.what, &mut not.reason, &mut not.by_hand], visit),
            Self::Missed(missed) => each([&mut missed.what, &mut missed.start], visit),
            Self::PhaseFinished { outcome, .. } => outcome.for_each_text(visit),
            Self::CheckStarted { subject, .. } => visit(subject),
            Self::CheckFinished { subject, outcome, .. } => {
                visit(subject);
                outcome.for_each_text(visit);
            }
            Self::RunnersSeen(seen) => {
                for runner in &mut seen.runners {
                    each(
                        [&mut runner.name, &mut runner.scope].into_iter().chain(&mut runner.version).chain(&mut runner.labels),
                        visit,
                    );
                }
                each(&mut seen.unread, visit);
            }
            Self::RunAsked(order) => each([&mut order.place.repository, &mut order.workflow, &mut order.reference], visit),
            Self::RunAccepted(run) => each(&mut run.url, visit),
            Self::RunReached(reached) => each(reached.runner.iter_mut().chain(&mut reached.conclusion), visit),
            Self::RunReported(reported) => {
                each([&mut reported.canship, &mut reported.spare].into_iter().chain(&mut reported.commit), visit);
            }
            Self::RoomReady(room) => {
                if let Some(engine) = &mut room.engine {
                    each(
                        [&mut engine.name, &mut engine.version, &mut engine.api, &mut engine.platform, &mut engine.address],
                        visit,
                    );
                }
                if let Some(image) = &mut room.image {
                    each([&mut image.name, &mut image.id], visit);
                }
            }
            Self::SourceFetched(source) => {
                each([&mut source.url, &mut source.reference, &mut source.commit], visit);
                each(&mut source.submodules, visit);
            }
            Self::VersionRead { version } => visit(version),
            Self::StepStarted { command, .. } => visit(command),
            Self::StepOutput { line, .. } => visit(line),
            Self::ImageBuilt(built) => each([&mut built.dockerfile, &mut built.builder, &mut built.id], visit),
            Self::ArtifactCollected(artifact) => visit(&mut artifact.path),
            Self::TagReadBack(tag) => {
                each([&mut tag.release_tag, &mut tag.drill_tag, &mut tag.url, &mut tag.object], visit);
            }
            Self::ImagePushed(pushed) => each([&mut pushed.target, &mut pushed.reference], visit),
            Self::ImagePulled(pulled) => visit(&mut pulled.target),
            Self::Compared(comparison) => comparison.for_each_text(visit),
            Self::Found(finding) => {
                each([&mut finding.summary, &mut finding.advice], visit);
                each(&mut finding.evidence, visit);
            }
            Self::Limited { limit } => visit(limit),
            Self::Progress { what, .. } | Self::HandedOver { what } | Self::Cleaned(Cleaning::Gone { what }) => visit(what),
            Self::Cleaned(Cleaning::Left(left)) => each([&mut left.what, &mut left.reason, &mut left.remedy], visit),
        }
    }
}

impl EventKind {
    /// Cuts short what may be a peer's own words. Only once they were freed of secrets.
    pub fn shorten(&mut self) {
        match self {
            Self::Found(finding) => each(std::iter::once(&mut finding.summary).chain(&mut finding.evidence), &mut Text::shorten),
            Self::Cleaned(Cleaning::Left(left)) => left.reason.shorten(),
            Self::NotGivenBack(not_back) => not_back.reason.shorten(),
            Self::Limited { limit } => limit.shorten(),
            _ => {}
        }
    }
}

fn each<'t>(texts: impl IntoIterator<Item = &'t mut Text>, visit: &mut dyn FnMut(&mut Text)) {
    texts.into_iter().for_each(visit);
}

/// Follows a drill live. A sink that fails is named and dropped; the drill goes on.
pub trait Sink: Send {
    /// What the sink is, for the message when it fails.
    fn name(&self) -> String;

    /// Takes one event.
    ///
    /// # Errors
    /// Whatever keeps the sink from taking it; it is not asked again.
    fn take(&mut self, event: &Event) -> io::Result<()>;
}
