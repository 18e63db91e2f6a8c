//! The record of a drill: a fold of its events. All reports are views of it.
//!
//! Invariant: the same events give the same record, live or from a log; a log that ends early gives the record of
//! what had happened, with the verdict *unknown*.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Artifact, BuiltFacts, CheckKind, Cleaning, ComparisonFacts, DrillFacts, Event, EventKind, Finding, LeftOut, Leftover, Mode,
    NotBack, Outcome, Phase, PrimaryRecord, PulledFacts, PushedFacts, Restored, RoomFacts, Rule, RunRecord, Signal, SourceFacts,
    StepEnd, StepId, Stream, TagFacts, TakenRecord, Text, Verdict,
};

/// Lines of output that the record keeps of each step: the last ones, where errors stand.
const LINES_KEPT: usize = 40;

/// Everything a drill saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was known at the start.
    pub drill: DrillFacts,
    /// When it started.
    pub started: Timestamp,
    /// When the last event happened.
    pub ended: Timestamp,
    /// Whether the log has its last event; without it the drill was killed.
    pub finished: bool,
    /// How many events there were that a log keeps.
    pub events: u64,
    /// The signal that ended it early.
    pub interrupted: Option<Signal>,
    /// The phases, in the order in which they began or were skipped.
    pub phases: Vec<PhaseRecord>,
    /// The checks of access, in the order in which they began.
    pub checks: Vec<CheckRecord>,
    /// Engine, image and disk.
    pub room: Option<RoomFacts>,
    /// The primary path, what was taken away of it and given back; none if the drill did not look at it.
    pub primary: Option<PrimaryRecord>,
    /// The run on a spare runner; none on another spare.
    pub run: Option<RunRecord>,
    /// The clean clone.
    pub source: Option<SourceFacts>,
    /// The version that is released.
    pub version: Option<Text>,
    /// The steps, in the order in which they began.
    pub steps: Vec<StepRecord>,
    /// The image that the plan's Dockerfile made.
    pub image: Option<BuiltFacts>,
    /// What the build made.
    pub artifacts: Vec<Artifact>,
    /// The drilled tag.
    pub tag: Option<TagFacts>,
    /// The images that were pushed, each with what came back.
    pub published: Vec<PublishRecord>,
    /// What was built, compared with other builds of the same release.
    pub comparisons: Vec<ComparisonFacts>,
    /// What is wanting, what to fix first at the front.
    pub findings: Vec<Finding>,
    /// What this drill can never prove.
    pub limits: Vec<Text>,
    /// What of a primary path could not be given back.
    pub not_back: Vec<NotBack>,
    /// What was put outside and is gone again.
    pub cleaned: Vec<Text>,
    /// What is left for the drill that asked for this one, which reads it back and deletes it.
    pub handed_over: Vec<Text>,
    /// What was put outside and is still there.
    pub leftovers: Vec<Leftover>,
    /// The answer.
    pub verdict: Verdict,
    /// Whether the primary path is as it was.
    pub restored: Restored,
    /// From the start to the released artifact, fetched back, verified and smoke-tested; none if that was not reached.
    pub time_to_ship: Option<Duration>,
}

/// One phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseRecord {
    /// Which.
    pub phase: Phase,
    /// When it began; none if it was skipped.
    pub started: Option<Timestamp>,
    /// When it ended; none if the log ends before.
    pub ended: Option<Timestamp>,
    /// How; none if the log ends before.
    pub outcome: Option<Outcome>,
}

/// One check of access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    /// What it looked at.
    pub check: CheckKind,
    /// On what.
    pub subject: Text,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none if the log ends before.
    pub ended: Option<Timestamp>,
    /// How; none if the log ends before.
    pub outcome: Option<Outcome>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// Which.
    pub step: StepId,
    /// The command.
    pub command: Text,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none if the log ends before.
    pub ended: Option<Timestamp>,
    /// How; none if the log ends before.
    pub end: Option<StepEnd>,
    /// How many lines it printed, those that were left out among them.
    pub lines: u64,
    /// What it printed and nobody kept.
    pub left_out: LeftOut,
    /// The last lines.
    pub tail: std::collections::VecDeque<(Stream, Text)>,
}

/// One image that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRecord {
    /// What was pushed.
    pub pushed: PushedFacts,
    /// What came back, if it did.
    pub pulled: Option<PulledFacts>,
}

impl PhaseRecord {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        between(self.started?, self.ended?)
    }
}

impl CheckRecord {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        between(self.started, self.ended?)
    }
}

impl StepRecord {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        between(self.started, self.ended?)
    }
}

fn between(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}

/// Of a log that has `found` events before its last, which says that there were `written`.
fn log_incomplete(found: u64, written: u64) -> Finding {
    let summary =
        format!("{written} events were written to the event log before its last, and it has {found}: what it lacks is not known");
    let advice = "drill again, and see what lost lines of the log on its way here, or changed it";
    Finding::new(Rule::LogIncomplete, Phase::Clean, summary, advice)
}

impl Record {
    /// The record of these events; none if the first is not the start of a drill.
    #[must_use]
    pub fn fold(events: impl IntoIterator<Item = Event>) -> Option<Self> {
        let mut events = events.into_iter();
        let mut record = Self::start(events.next()?)?;
        for event in events {
            record.add(event);
        }
        Some(record.conclude())
    }

    /// The record after the first event, to be added to as more come; none if that is not the start of a drill.
    #[must_use]
    pub fn start(first: Event) -> Option<Self> {
        let EventKind::DrillStarted(drill) = first.kind else { return None };
        Some(Self {
            drill,
            started: first.at,
            ended: first.at,
            finished: false,
            events: 1,
            interrupted: None,
            phases: Vec::new(),
            checks: Vec::new(),
            room: None,
            primary: None,
            run: None,
            source: None,
            version: None,
            steps: Vec::new(),
            image: None,
            artifacts: Vec::new(),
            tag: None,
            published: Vec::new(),
            comparisons: Vec::new(),
            findings: Vec::new(),
            limits: Vec::new(),
            not_back: Vec::new(),
            cleaned: Vec::new(),
            handed_over: Vec::new(),
            leftovers: Vec::new(),
            verdict: Verdict::Unknown,
            restored: Restored::NothingWasCut,
            time_to_ship: None,
        })
    }

    /// Takes in one more event.
    pub fn add(&mut self, event: Event) {
        let at = event.at;
        let before = self.events;
        self.ended = at;
        self.events += u64::from(event.kind.is_kept());
        match event.kind {
            EventKind::DrillStarted(_) | EventKind::Progress { .. } => {}
            EventKind::PhaseStarted { phase } => {
                self.phases.push(PhaseRecord { phase, started: Some(at), ended: None, outcome: None });
            }
            EventKind::PhaseFinished { phase, outcome } => self.finish_phase(phase, outcome, at),
            EventKind::CheckStarted { check, subject } => {
                self.checks.push(CheckRecord { check, subject, started: at, ended: None, outcome: None });
            }
            EventKind::CheckFinished { check, subject, outcome } => {
                if let Some(open) = self.checks.iter_mut().find(|c| c.check == check && c.subject == subject && c.ended.is_none()) {
                    (open.ended, open.outcome) = (Some(at), Some(outcome));
                }
            }
            EventKind::PrimaryFound(found) => self.primary = Some(PrimaryRecord::new(found)),
            kind @ (EventKind::CutBegan(_)
            | EventKind::TakenAway { .. }
            | EventKind::RunCancelled { .. }
            | EventKind::GivenBack { .. }
            | EventKind::FoundGone { .. }
            | EventKind::NotGivenBack(_)
            | EventKind::CutEnded
            | EventKind::Missed(_)
            | EventKind::ForgeAsked { .. }) => self.add_of_primary(kind, at),
            EventKind::RunnersSeen(seen) => self.of_run().runners = Some(seen),
            EventKind::RunAsked(order) => self.of_run().asked = Some((at, order)),
            EventKind::RunAccepted(run) => self.of_run().accepted = Some((at, run)),
            EventKind::RunReached(reached) => self.of_run().reached.push((at, reached)),
            EventKind::RunReported(reported) => self.of_run().reported = Some(reported),
            EventKind::RoomReady(room) => self.room = Some(room),
            EventKind::SourceFetched(source) => self.source = Some(source),
            EventKind::VersionRead { version } => self.version = Some(version),
            EventKind::StepStarted { step, command } => self.steps.push(StepRecord {
                step,
                command,
                started: at,
                ended: None,
                end: None,
                lines: 0,
                left_out: LeftOut::default(),
                tail: std::collections::VecDeque::new(),
            }),
            EventKind::StepOutput { step, stream, line } => self.add_output(step, stream, line),
            EventKind::StepOutputLeftOut { step, left_out } => self.leave_out(step, left_out),
            EventKind::StepFinished { step, end } => {
                if let Some(open) = self.steps.iter_mut().rfind(|s| s.step == step) {
                    (open.ended, open.end) = (Some(at), Some(end));
                }
            }
            EventKind::ImageBuilt(built) => self.image = Some(built),
            EventKind::ArtifactCollected(artifact) => self.artifacts.push(artifact),
            EventKind::TagReadBack(tag) => self.tag = Some(tag),
            EventKind::ImagePushed(pushed) => self.published.push(PublishRecord { pushed, pulled: None }),
            EventKind::ImagePulled(pulled) => {
                if let Some(open) = self.published.iter_mut().find(|p| p.pushed.target == pulled.target && p.pulled.is_none()) {
                    open.pulled = Some(pulled);
                }
            }
            EventKind::Compared(comparison) => self.comparisons.push(comparison),
            EventKind::Found(finding) => self.findings.push(finding),
            EventKind::Limited { limit } => self.limits.push(limit),
            EventKind::Cleaned(Cleaning::Gone { what }) => self.cleaned.push(what),
            EventKind::Cleaned(Cleaning::Left(leftover)) => self.leftovers.push(leftover),
            EventKind::HandedOver { what } => self.handed_over.push(what),
            EventKind::Interrupted { signal } => self.interrupted = self.interrupted.or(Some(signal)),
            EventKind::DrillFinished { events } => {
                self.finished = true;
                self.findings.extend((events != before).then(|| log_incomplete(before, events)));
            }
        }
    }

    /// Draws the conclusions, once all events are in: findings in the order in which to fix them, time to ship, verdict.
    #[must_use]
    pub fn conclude(mut self) -> Self {
        // A stable sort: within a severity, what showed itself first is nearest to the cause; but where there is no source,
        // the tag, which is looked at earlier, cannot be placed for the same reason.
        let has_source = !self.findings.iter().any(|f| matches!(f.rule, Rule::SourceUnavailable | Rule::SourceUnreachable));
        let follows = |rule| !has_source && matches!(rule, Rule::TagRefused | Rule::TagUnreachable);
        self.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), follows(finding.rule)));
        let cutting = self.cutting();
        let shipped = self.shipped_at().and_then(|at| between(self.started, at));
        self.time_to_ship = shipped.map(|time| time.saturating_sub(cutting));
        self.verdict = match Verdict::of(&self.findings) {
            Verdict::CannotShip => Verdict::CannotShip,
            // A signal that came before the release had shipped leaves it without a time to ship; one that came while
            // it was cleaned up changes nothing that was proved.
            _ if !self.finished || self.time_to_ship.is_none() => Verdict::Unknown,
            verdict => verdict,
        };
        self
    }

    fn of_run(&mut self) -> &mut RunRecord {
        self.run.get_or_insert_default()
    }

    fn add_of_primary(&mut self, kind: EventKind, at: Timestamp) {
        // Whatever else is known of it: from the one on it may be cut, from the other on it is not.
        match kind {
            EventKind::CutBegan(_) => self.restored = Restored::No,
            EventKind::CutEnded if self.primary.as_ref().is_some_and(|primary| !primary.gone.is_empty()) => {
                self.restored = Restored::Gone;
            }
            EventKind::CutEnded => self.restored = Restored::Yes,
            EventKind::NotGivenBack(not) => {
                self.restored = Restored::No;
                return self.not_back.push(not);
            }
            _ => {}
        }
        let Some(primary) = &mut self.primary else { return };
        match kind {
            EventKind::CutBegan(cut) => primary.cut = Some((at, cut)),
            EventKind::TakenAway { control } => primary.taken.push(TakenRecord { control, off: at, back: None }),
            EventKind::RunCancelled { run } => primary.cancelled.push(run),
            EventKind::GivenBack { control } => primary.give_back(&control, at),
            EventKind::FoundGone { control } => primary.gone.push((control, at)),
            EventKind::CutEnded => primary.back = Some(at),
            EventKind::Missed(missed) => primary.missed.push(missed),
            EventKind::ForgeAsked { requests, remaining } => primary.asked = Some((requests, remaining)),
            _ => {}
        }
    }

    fn finish_phase(&mut self, phase: Phase, outcome: Outcome, at: Timestamp) {
        match self.phases.iter_mut().find(|p| p.phase == phase && p.ended.is_none()) {
            Some(open) => (open.ended, open.outcome) = (Some(at), Some(outcome)),
            None => self.phases.push(PhaseRecord { phase, started: None, ended: Some(at), outcome: Some(outcome) }),
        }
    }

    fn add_output(&mut self, step: StepId, stream: Stream, line: Text) {
        let Some(open) = self.steps.iter_mut().rfind(|s| s.step == step) else { return };
        open.lines += 1;
        if open.tail.len() == LINES_KEPT {
            open.tail.pop_front();
        }
        open.tail.push_back((stream, line));
    }

    fn leave_out(&mut self, step: StepId, left_out: LeftOut) {
        let Some(open) = self.steps.iter_mut().rfind(|s| s.step == step) else { return };
        open.lines += left_out.lines;
        open.left_out = left_out;
        // Those before do not belong to the last lines.
        open.tail.clear();
    }

    /// How long nothing was done but to take the primary path away: an outage does that by itself.
    fn cutting(&self) -> Duration {
        let spans = |wanted| self.phases.iter().filter(move |p| p.phase == wanted).filter_map(|p| Some((p.started?, p.ended?)));
        let Some((from, to)) = spans(Phase::Cut).next() else { return Duration::ZERO };
        // Shipping waits for the cut, but for the checks of access.
        let from = spans(Phase::Probe).map(|(_, probed)| probed).fold(from, Timestamp::max);
        between(from, to).unwrap_or_default()
    }

    /// When the last phase of shipping ended, if build and publish passed, none of the others failed, and what happened in
    /// them says the same.
    fn shipped_at(&self) -> Option<Timestamp> {
        let steps = self.steps.iter().filter(|s| s.step.phase.ships());
        let succeeded = steps.map(|s| &s.end).all(|end| end.as_ref().is_some_and(StepEnd::is_success));
        let came_back = self.published.iter().all(|p| p.pulled.as_ref().is_some_and(|back| back.digest == *p.pushed.as_pushed()));
        // Where nothing was pushed, that must have been told; a rehearsal never ships.
        let is_told = |finding: &Finding| matches!(finding.rule, Rule::PushNotRehearsed | Rule::TargetNotVerified);
        let is_told = self.published.is_empty() && self.drill.mode == Mode::Drill && self.findings.iter().any(is_told);
        if !succeeded || !came_back || (self.published.is_empty() && !is_told) {
            return None;
        }
        let shipping = || self.phases.iter().filter(|p| p.phase.ships());
        let passed = |phase| shipping().any(|p| p.phase == phase && p.outcome == Some(Outcome::Passed));
        // A log that lacks lines is no proof, whatever the others say.
        let is_whole = Phase::SHIPPING.iter().all(|phase| shipping().any(|p| p.phase == *phase));
        let broken = shipping().any(|p| !matches!(p.outcome, Some(Outcome::Passed | Outcome::Skipped { .. })));
        if broken || !is_whole || self.source.is_none() || !passed(Phase::Build) || !(is_told || passed(Phase::Publish)) {
            return None;
        }
        shipping().filter_map(|p| p.ended).max()
    }
}
