//! What is told of a drill while it runs, as lines without any clock time: the same drill tells the same lines.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    lines::{BOLD, Colour, DIM, outcome_style, severity_style},
    spares, words,
};
use crate::record::{
    Bytes, CheckKind, Cleaning, DrillFacts, Event, EventKind, Finding, Measure, Mode, Outcome, Phase, PulledFacts, PushedFacts,
    ReachedFacts, RoomFacts, SourceFacts, StepEnd, StepId, Text,
};

/// Bytes; what moves less is done before anybody wonders.
const FIRST_MOVED: u64 = 16 << 20;

/// Tells events one by one; remembers only when what is still open began.
#[derive(Debug)]
pub(super) struct Narrator {
    colour: Colour,
    phases: BTreeMap<Phase, Timestamp>,
    steps: BTreeMap<StepId, Timestamp>,
    checks: BTreeMap<(CheckKind, Text), Timestamp>,
    /// From how many bytes on what moves is told again.
    next: BTreeMap<(Phase, Text), u64>,
}

impl Narrator {
    pub(super) fn new(colour: Colour) -> Self {
        Self { colour, phases: BTreeMap::new(), steps: BTreeMap::new(), checks: BTreeMap::new(), next: BTreeMap::new() }
    }

    /// The lines for one event, without their ends; none begins with what came from outside.
    pub(super) fn tell(&mut self, event: &Event) -> Vec<String> {
        let at = event.at;
        match &event.kind {
            EventKind::DrillStarted(drill) => self.drill(drill),
            EventKind::PhaseStarted { phase } => {
                self.phases.insert(*phase, at);
                vec![format!("{} …", self.bold(phase.name()))]
            }
            EventKind::PhaseFinished { phase, outcome } => vec![self.phase_finished(*phase, outcome, at)],
            EventKind::CheckStarted { check, subject } => {
                self.checks.insert((*check, subject.clone()), at);
                Vec::new()
            }
            EventKind::CheckFinished { check, subject, outcome } => {
                let began = self.checks.remove(&(*check, subject.clone()));
                let end = self.end(outcome, began, at);
                vec![format!("  check {} {}: {end}", words::check(*check), subject.one_line())]
            }
            EventKind::StepStarted { step, command } => {
                self.steps.insert(*step, at);
                vec![format!("  {step}: {}", command.one_line())]
            }
            EventKind::StepOutput { line, .. } => self.output(line),
            EventKind::StepOutputLeftOut { left_out, .. } => self.output(&words::left_out(*left_out).into()),
            EventKind::StepFinished { step, end } => vec![self.step_finished(*step, end, at)],
            EventKind::Found(finding) => self.finding(finding),
            EventKind::Interrupted { signal } => {
                vec![self.colour.paint(BOLD, &format!("{}: ending, and giving everything back", words::signal(*signal)))]
            }
            EventKind::Progress { phase, what, done, .. } => self.moved(*phase, what, *done),
            EventKind::Limited { .. } | EventKind::DrillFinished { .. } => Vec::new(),
            fact => told(fact).map(|line| format!("  {line}")).into_iter().collect(),
        }
    }

    fn drill(&self, drill: &DrillFacts) -> Vec<String> {
        let line = format!(
            "{} {}: {} on spare `{}` ({}), target {}",
            self.bold("drill"),
            drill.drill,
            drill.release.one_line(),
            drill.spare.name.one_line(),
            spares::drilled(&drill.spare, drill.seal),
            Measure(drill.target)
        );
        let rehearsal = (drill.mode == Mode::Rehearsal).then(|| format!("  {}", words::REHEARSAL));
        std::iter::once(line).chain(rehearsal).collect()
    }

    fn phase_finished(&mut self, phase: Phase, outcome: &Outcome, at: Timestamp) -> String {
        let began = self.phases.remove(&phase);
        let end = self.end(outcome, began, at);
        format!("{} … {end}", self.bold(phase.name()))
    }

    fn step_finished(&mut self, step: StepId, end: &StepEnd, at: Timestamp) -> String {
        let outcome = if end.is_success() { Outcome::Passed } else { Outcome::Failed };
        let began = self.steps.remove(&step);
        let told = self.end(&outcome, began, at);
        if end.is_success() { format!("  {step}: {told}") } else { format!("  {step}: {told}, {end}") }
    }

    /// How something ended and how long it took: `ok 1.2 s`.
    fn end(&self, outcome: &Outcome, began: Option<Timestamp>, at: Timestamp) -> String {
        let word = match outcome {
            Outcome::Passed => "ok",
            other => other.name(),
        };
        let word = self.colour.paint(outcome_style(Some(outcome)), word);
        if let Outcome::Skipped { reason } = outcome {
            return format!("{word}: {}", reason.one_line());
        }
        match took(began, at) {
            Some(took) => format!("{word} {took}"),
            None => word,
        }
    }

    /// What moves much is told whenever it has doubled: nothing is drawn here that would show that it goes on.
    fn moved(&mut self, phase: Phase, what: &Text, done: u64) -> Vec<String> {
        let next = self.next.entry((phase, what.clone())).or_insert(FIRST_MOVED);
        if done < *next {
            return Vec::new();
        }
        let told = *next << (done / *next).ilog2();
        *next = told.saturating_mul(2);
        vec![format!("  {}: over {} …", what.one_line().trim_end_matches(':'), Bytes(told))]
    }

    fn output(&self, line: &Text) -> Vec<String> {
        let bar = self.colour.paint(DIM, "│");
        let quoted = |line: &str| format!("  {bar} {line}").trim_end().to_owned();
        if line.as_str().is_empty() { vec![quoted("")] } else { line.as_str().lines().map(quoted).collect() }
    }

    fn finding(&self, finding: &Finding) -> Vec<String> {
        let severity = self.colour.paint(severity_style(finding.severity), words::severity(finding.severity));
        vec![
            format!("  {severity} {} [{}]", finding.summary.one_line(), finding.rule),
            format!("    {} {}", self.bold("fix:"), finding.advice.one_line()),
        ]
    }

    fn bold(&self, text: &str) -> String {
        self.colour.paint(BOLD, text)
    }
}

fn took(began: Option<Timestamp>, at: Timestamp) -> Option<Measure> {
    std::time::Duration::try_from(at.duration_since(began?)).ok().map(Measure)
}

/// A fact in one line; none for what is no fact of its own.
fn told(kind: &EventKind) -> Option<String> {
    let line = match kind {
        EventKind::RoomReady(room) => return room_told(room),
        EventKind::SourceFetched(source) => source_told(source),
        EventKind::VersionRead { version } => format!("version {}", version.one_line()),
        EventKind::ImageBuilt(built) => {
            let (file, builder, id) = (built.dockerfile.one_line(), built.builder.one_line(), built.id.one_line());
            format!("image of {file} built by {builder}: {id}")
        }
        EventKind::ArtifactCollected(artifact) => {
            format!("artifact {} ({}, {})", artifact.path.one_line(), Bytes(artifact.size), artifact.digest.short())
        }
        EventKind::TagReadBack(tag) => format!("tag {} pushed to {} and read back", tag.drill_tag.one_line(), tag.url.one_line()),
        EventKind::ImagePushed(PushedFacts { reference, digest, bytes, .. }) => {
            format!("pushed {} ({} sent): {digest}", reference.one_line(), Bytes(*bytes))
        }
        EventKind::ImagePulled(PulledFacts { digest, bytes, target }) => {
            format!("pulled back for {} ({}), every digest right: {digest}", target.one_line(), Bytes(*bytes))
        }
        EventKind::RunnersSeen(seen) => format!("{} with all labels", words::count(seen.runners.len(), "runner")),
        EventKind::RunAsked(order) => {
            format!("asking for a run of `{}`, once, with nonce {}", order.workflow.one_line(), order.nonce)
        }
        EventKind::RunAccepted(run) => format!("accepted as run {}", run.run),
        EventKind::RunReached(reached) => reached_told(reached),
        EventKind::RunReported(reported) => {
            format!("its event log came back: drill {}, {}", reported.drill, reported.verdict.word())
        }
        EventKind::PrimaryFound(found) => {
            let place = Text::new(&found.place.to_string()).one_line();
            format!("primary path: {place}, {}", words::count(found.parts.len(), "part"))
        }
        EventKind::CutBegan(cut) => format!("cutting, for {} at most until {}", cut.who.one_line(), words::time(cut.until)),
        EventKind::TakenAway { control } => format!("off, read back: {}", Text::new(&control.to_string()).one_line()),
        EventKind::RunCancelled { run } => format!("cancelled: {}", run.one_line()),
        EventKind::GivenBack { control } => format!("given back, read back: {}", Text::new(&control.to_string()).one_line()),
        EventKind::FoundGone { control } => {
            format!("GONE, removed by somebody while it was cut: {}", Text::new(&control.to_string()).one_line())
        }
        EventKind::NotGivenBack(not) => format!("NOT GIVEN BACK: {}: {}", not.what.one_line(), not.reason.one_line()),
        EventKind::CutEnded => "the primary path is as it was".to_owned(),
        EventKind::Missed(missed) => format!("meanwhile, starting nothing: {}", missed.what.one_line()),
        EventKind::Compared(comparison) => words::comparison(comparison),
        EventKind::Cleaned(Cleaning::Gone { what }) => format!("gone: {}", what.one_line()),
        EventKind::HandedOver { what } => format!("handed over: {}", words::handed_over(what)),
        EventKind::Cleaned(Cleaning::Left(left)) => format!("left: {}: {}", left.what.one_line(), left.reason.one_line()),
        _ => return None,
    };
    Some(line)
}

fn reached_told(reached: &ReachedFacts) -> String {
    let runner = reached.runner.as_ref().map(|runner| format!(" by `{}`", runner.one_line())).unwrap_or_default();
    let word = reached.conclusion.as_ref().map(|word| format!(": {}", word.one_line())).unwrap_or_default();
    format!("the run is {}{runner}{word}", reached.stage.name())
}

fn room_told(room: &RoomFacts) -> Option<String> {
    let engine = room.engine.as_ref().map(words::engine);
    let image = room.image.as_ref().map(words::image);
    let disk = room.disk_free.map(|free| format!("{} free", Bytes(free)));
    let parts: Vec<_> = [engine, image, disk].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("room: {}", parts.join(", ")))
}

fn source_told(source: &SourceFacts) -> String {
    format!("commit {} from {}", words::commit(source), words::origin(source))
}
