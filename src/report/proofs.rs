//! What a drill proved, in sentences. Only what was done and read back is a proof.

use super::words;
use crate::record::{Artifact, Bytes, ComparedWith, ComparisonResult, Mode, Outcome, Phase, Record, RoomFacts, RunRecord, StepEnd};

/// How what a runner did is known.
const ON_RUNNER: &str = "as its event log says";

/// Each proof with what it is about.
pub(super) fn proofs(record: &Record) -> Vec<(&'static str, String)> {
    let mut proofs = Vec::new();
    proofs.extend(access(record).map(|proof| ("access", proof)));
    proofs.extend(source(record).map(|proof| ("source", proof)));
    proofs.extend(build(record).map(|proof| ("build", proof)));
    proofs.extend(tag(record).map(|proof| ("tag", proof)));
    proofs.extend(images(record).map(|proof| ("image", proof)));
    proofs.extend(smoke(record).map(|proof| ("smoke", proof)));
    proofs.extend(comparisons(record));
    proofs
}

fn access(record: &Record) -> Option<String> {
    let passed = record.checks.iter().filter(|check| check.outcome == Some(Outcome::Passed)).count();
    (passed > 0).then(|| format!("{passed} of {} passed", words::count(record.checks.len(), "check")))
}

fn source(record: &Record) -> Option<String> {
    let source = record.source.as_ref()?;
    let submodules = match source.submodules.len() {
        0 => String::new(),
        number => format!(", with {}", words::count(number, "submodule")),
    };
    Some(format!(
        "commit `{}` of `{}`, made {} ({}), fetched from {}{submodules}",
        source.commit.one_line(),
        source.reference.one_line(),
        words::time(source.committed_at),
        words::age(source.committed_at, record.started),
        words::origin(source),
    ))
}

fn build(record: &Record) -> Option<String> {
    passed(record, Phase::Build).then_some(())?;
    let size = record.artifacts.iter().map(|artifact: &Artifact| artifact.size).fold(0, u64::saturating_add);
    let mut place = record.room.clone().unwrap_or_default();
    // Named below, by what it is made from.
    place.image = place.image.filter(|image| !image.is_of_drill());
    let place = room(&place);
    let image = record.image.as_ref().map(|image| {
        format!(
            ", the image of `{}` built by {} as `{}`",
            image.dockerfile.one_line(),
            image.builder.one_line(),
            image.id.one_line()
        )
    });
    let artifacts = match (record.artifacts.len(), &image) {
        (0, Some(_)) => String::new(),
        (number, _) => format!(", {} ({})", words::count(number, "artifact"), Bytes(size)),
    };
    if let Some(runner) = record.run.as_ref().and_then(RunRecord::runner) {
        return Some(format!("on runner `{}`, {ON_RUNNER}{artifacts}", runner.one_line()));
    }
    Some(format!("{}{place}{}{artifacts}", steps(record, Phase::Build), image.unwrap_or_default()))
}

/// Where steps ran: ` on …, in …`.
fn room(room: &RoomFacts) -> String {
    let engine = room.engine.as_ref().map(|engine| format!(" on {}", words::engine(engine)));
    let image = room.image.as_ref().map(|image| format!(", in {}", words::image(image)));
    [engine, image].into_iter().flatten().collect()
}

fn tag(record: &Record) -> Option<String> {
    let tag = record.tag.as_ref()?;
    let there = if record.run.is_some() { format!(" there, {ON_RUNNER}") } else { String::new() };
    Some(format!(
        "`{}`, pushed as `{}` to `{}` and read back{there}",
        tag.release_tag.one_line(),
        tag.drill_tag.one_line(),
        tag.url.one_line()
    ))
}

fn images(record: &Record) -> impl Iterator<Item = String> {
    let came_back =
        record.published.iter().filter(|p| p.pulled.as_ref().is_some_and(|pulled| pulled.digest == *p.pushed.as_pushed()));
    came_back.map(|p| {
        let marked = p.pushed.marked.as_ref().map(|marked| format!(", pushed with the drill's marks as `{marked}`"));
        let marked = marked.unwrap_or_default();
        format!("`{}` {}: `{}`{marked}", p.pushed.reference.one_line(), words::publish(p), p.pushed.digest)
    })
}

fn smoke(record: &Record) -> Option<String> {
    let what = match record.drill.mode {
        Mode::Drill => "what came back",
        Mode::Rehearsal => "what was built, which did not pass a registry",
    };
    passed(record, Phase::Smoke).then(|| format!("{} on {what}", steps(record, Phase::Smoke)))
}

fn comparisons(record: &Record) -> impl Iterator<Item = (&'static str, String)> {
    let same = record.comparisons.iter().filter(|comparison| matches!(comparison.result, ComparisonResult::Same { .. }));
    same.map(|comparison| {
        let name = match comparison.with {
            ComparedWith::Release => "compare",
            ComparedWith::SecondBuild => "repeat",
        };
        (name, words::comparison(comparison))
    })
}

fn passed(record: &Record, phase: Phase) -> bool {
    record.phases.iter().any(|p| p.phase == phase && p.outcome == Some(Outcome::Passed))
}

/// `2 of 2 steps passed`.
fn steps(record: &Record, phase: Phase) -> String {
    let all = || record.steps.iter().filter(move |step| step.step.phase == phase);
    let passed = all().filter(|step| step.end.as_ref().is_some_and(StepEnd::is_success)).count();
    format!("{passed} of {} passed", words::count(all().count(), "step"))
}
