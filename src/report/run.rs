//! What every view says of the run on a spare runner.

use super::words;
use crate::record::{Measure, Record, ReportedFacts, RunKnown, RunRecord, RunStage, RunnerFacts, Text};

/// The runners, the run and its times, in sentences; nothing on another spare.
pub(super) fn lines(record: &Record) -> Vec<String> {
    let Some(run) = &record.run else { return Vec::new() };
    let mut lines = Vec::new();
    if let Some(seen) = &run.runners {
        lines.push(format!("{} with all labels that the token may see", words::count(seen.runners.len(), "runner")));
        lines.extend(seen.runners.iter().map(runner));
        lines.extend(seen.unread.iter().map(|unread| format!("unknown: {}", unread.one_line())));
    }
    lines.extend(asked(run));
    lines.extend(times(run));
    lines.extend(run.reported.as_ref().map(reported));
    lines
}

fn runner(runner: &RunnerFacts) -> String {
    let RunnerFacts { name, scope, state, version, labels, contacted } = runner;
    let labels = labels.iter().map(|label| format!("`{}`", label.one_line())).collect::<Vec<_>>().join(", ");
    let version = version.as_ref().map_or_else(|| "unknown".to_owned(), Text::one_line);
    let contacted = contacted.map_or_else(|| "unknown".to_owned(), words::time);
    format!(
        "`{}` of the {}: {}, version {version}, labels {labels}, last contact {contacted}",
        name.one_line(),
        scope.one_line(),
        state.word()
    )
}

/// What was asked for, and what the forge made of it.
fn asked(run: &RunRecord) -> Option<String> {
    let (_, order) = run.asked.as_ref()?;
    let what = format!(
        "`{}` on `{}` of {}, asked for once with nonce {}",
        order.workflow.one_line(),
        order.reference.one_line(),
        Text::new(&order.place.to_string()).one_line(),
        order.nonce
    );
    let Some((_, facts)) = &run.accepted else { return Some(format!("{what}: not known to be accepted")) };
    let known = match facts.known {
        RunKnown::Answered => "",
        RunKnown::LookedUp => ", found by the nonce",
    };
    let url = facts.url.as_ref().map(|url| format!(", {}", url.one_line())).unwrap_or_default();
    Some(format!("{what}: accepted as run {}{known}{url}", facts.run))
}

fn times(run: &RunRecord) -> Option<String> {
    run.accepted.as_ref()?;
    let shown = |time: Option<std::time::Duration>| time.map_or_else(|| "not known".to_owned(), |time| Measure(time).to_string());
    let taken = match run.runner() {
        Some(runner) => format!("taken by `{}` after {}", runner.one_line(), shown(run.waiting())),
        None => return Some(format!("accepted after {}, taken by no runner", shown(run.accepting()))),
    };
    let end = match run.stage(RunStage::Done) {
        Some(done) => {
            let word = done.conclusion.as_ref().map(|word| format!(" (`{}`)", word.one_line())).unwrap_or_default();
            format!("ended after {} more{word}", shown(run.working()))
        }
        None => "not seen to end".to_owned(),
    };
    Some(format!("accepted after {}, {taken}, {end}", shown(run.accepting())))
}

fn reported(reported: &ReportedFacts) -> String {
    let time = reported.time_to_ship.map_or_else(|| "not reached".to_owned(), |time| Measure(time).to_string());
    format!(
        "there, drill {} on spare `{}` with canship {} came to {}; its own time to ship: {time}",
        reported.drill,
        reported.spare.one_line(),
        reported.canship.one_line(),
        reported.verdict.word()
    )
}
