//! What ended a step that did not do what it should, and what to do about it.
//!
//! A limit is named where the kernel or the clock shows that it was reached. What a step printed is only a hint: a tool
//! may remove the file that did not fit before anybody can look.

use std::time::Duration;

use super::steps::{Ran, one_line};
use crate::{
    plan::{Limits, Step},
    record::{Bytes, Finding, Measure, Phase, Rule, Severity, StepEnd, StepId},
};

/// The finding that this end of the step is.
pub(super) fn finding(limits: &Limits, (id, step): (StepId, &Step), ran: Ran) -> Finding {
    let (rule, limit, advice) = cause(limits, (id, step), &ran);
    let limit = limit.map_or_else(String::new, |limit| format!(": {limit}"));
    let summary = format!("{id} (`{}`) failed: {}{limit}", one_line(&step.run), ran.end);
    ran.tail.into_iter().fold(Finding::new(rule, id.phase, summary, advice), Finding::with_evidence)
}

/// The gap that a limit leaves which a step reached and got over: what it made may lack what was ended.
pub(super) fn strained(limits: &Limits, (id, step): (StepId, &Step), end: &StepEnd) -> Option<Finding> {
    let StepEnd::OutOfMemory { .. } = end else { return None };
    let limit = memory_limit(limits.memory);
    let summary = format!("{id} (`{}`) {end}: {limit}; what it made may lack something", one_line(&step.run));
    let advice = "raise `build.limits.memory`, or let the step fail where a part of it fails (`set -e`, `pipefail`)";
    Some(Finding { severity: Severity::Gap, ..Finding::new(Rule::LimitReached, id.phase, summary, advice) })
}

/// The rule, the limit that was reached, and the advice.
fn cause(limits: &Limits, (id, step): (StepId, &Step), ran: &Ran) -> (Rule, Option<String>, &'static str) {
    let limit = |limit, advice| (Rule::LimitReached, Some(limit), advice);
    match &ran.end {
        StepEnd::TimedOut { limit: reached } => limit(
            time_limit(limits, (id, step), *reached),
            "make the step faster, or raise its `time` (and `build.limits.time`, which holds for all steps together)",
        ),
        StepEnd::OutOfMemory { .. } => limit(memory_limit(limits.memory), "raise `build.limits.memory`, or let the step use less"),
        StepEnd::OutOfProcesses { .. } => limit(
            format!("`build.limits.pids` is {}", limits.pids),
            "raise `build.limits.pids`, which counts threads too, or let the step start fewer",
        ),
        StepEnd::OutOfDisk { .. } => limit(
            format!("`build.limits.disk` is {}", Bytes(limits.disk)),
            "raise `build.limits.disk`, see to it that the spare has as much, or let the step write less",
        ),
        StepEnd::Exited { code: 126 | 127 } if id.phase == Phase::Smoke => (
            Rule::SmokeFailed,
            None,
            "smoke steps begin where the artifacts lie, each under its last name: write `./name`; a program of the image must be there too",
        ),
        StepEnd::Exited { code } => (failed(id.phase), None, hint(*code, ran)),
    }
}

/// Which of the plan's two limits of time it was.
fn time_limit(limits: &Limits, (id, step): (StepId, &Step), reached: Duration) -> String {
    if reached == step.time && step.time < limits.time {
        let list = if id.phase == Phase::Smoke { "smoke" } else { "run" };
        return format!("the `time` of `build.{list}[{}]` is {}", id.number - 1, Measure(step.time));
    }
    format!("`build.limits.time` is {} for all steps together", Measure(limits.time))
}

fn memory_limit(limit: Option<u64>) -> String {
    match limit {
        Some(limit) => format!("`build.limits.memory` is {}", Bytes(limit)),
        None => String::from("`build.limits.memory` is not set, so it was all that the spare has"),
    }
}

fn failed(phase: Phase) -> Rule {
    if phase == Phase::Smoke { Rule::SmokeFailed } else { Rule::BuildStepFailed }
}

fn hint(code: i64, ran: &Ran) -> &'static str {
    let printed = |words: &str| ran.tail.iter().any(|line| line.as_str().contains(words));
    if printed("No space left on device") {
        return "something did not fit on a disk, though there is room now: raise `build.limits.disk`, or let the step write less";
    }
    if printed("Read-only file system") {
        return "the step writes to a path that is read-only in the clean room: name it under `build.writable`";
    }
    if printed("rustup could not choose a version") {
        return "HOME is an empty folder in every room, so rustup finds no toolchain there: give the step `env: { RUSTUP_HOME: … }`, with \
                the folder that `rustup show home` prints";
    }
    if code == 127 {
        return "a program is missing on the spare: add it to the build image, or install it there";
    }
    "mend the step, or what it needs on the spare; its last lines are above"
}
