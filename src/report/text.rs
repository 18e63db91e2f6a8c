//! The last lines of a drill, in the order in which an engineer reads them: the answer, the time, what to fix first,
//! where the time went, what was proved, and what is left.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    lines::{BOLD, Layout, Lines, PLAIN, outcome_style, severity_style, verdict_style},
    primary,
    proofs::proofs,
    run, spares, words,
};
use crate::record::{
    Exit, Finding, Measure, Mode, Outcome, Phase, PhaseRecord, Record, Restored, StepEnd, StepRecord, Text, Verdict,
};

/// Lines of evidence that are shown of each finding, and of output of each failed step: the last ones.
const LINES_SHOWN: usize = 20;
/// Steps that are named among the slowest.
const PARTS_SHOWN: usize = 3;

/// The report as lines of the given layout; `exit` is how the process ends that shows it.
#[must_use]
pub fn render(record: &Record, exit: Exit, layout: Layout) -> String {
    let mut lines = Lines::new(layout);
    answer(&mut lines, record);
    findings(&mut lines, record);
    failed_steps(&mut lines, record);
    phases(&mut lines, record);
    slowest_parts(&mut lines, record);
    proved(&mut lines, record);
    limits(&mut lines, record);
    the_run(&mut lines, record);
    primary_path(&mut lines, record);
    last_lines(&mut lines, record, exit);
    lines.finish()
}

fn answer(lines: &mut Lines, record: &Record) {
    let commit = record.source.as_ref().map(|source| format!(", commit {}", words::commit(source))).unwrap_or_default();
    let what = format!("{}{commit}, on spare `{}`", words::release(record), record.drill.spare.name.one_line());
    lines.hanging(&[(verdict_style(record.verdict), words::verdict(record.verdict)), (PLAIN, ": ")], &what);
    lines.hanging(&[(PLAIN, "time to ship: ")], &words::time_to_ship(record));
    let drill = &record.drill;
    lines.hanging(&[(PLAIN, "spare: ")], &spares::drilled(&drill.spare, drill.seal));
    if let Some(spares) = spares::of_plan(drill) {
        lines.hanging(&[(PLAIN, "the plan has ")], &spares);
    }
    if let Some(nonce) = &drill.nonce {
        lines.hanging(&[(PLAIN, "asked for: ")], &words::asked_for(nonce));
    }
    if drill.mode == Mode::Rehearsal {
        lines.hanging(&[(BOLD, "mode: ")], words::REHEARSAL);
    }
    for note in words::notes(record) {
        lines.hanging(&[(BOLD, "note: ")], &note);
    }
}

fn findings(lines: &mut Lines, record: &Record) {
    if record.findings.is_empty() {
        return;
    }
    lines.heading("What to fix first");
    for (place, finding) in record.findings.iter().enumerate() {
        one_finding(lines, place + 1, finding);
    }
}

fn one_finding(lines: &mut Lines, place: usize, finding: &Finding) {
    let number = format!("{place:>3}. ");
    let severity = words::severity(finding.severity);
    let summary = format!("{} [{}]", finding.summary.one_line(), finding.rule);
    lines.hanging(&[(PLAIN, &number), (severity_style(finding.severity), severity), (PLAIN, " ")], &summary);
    let evidence: Vec<_> = finding.evidence.iter().flat_map(|text| text.as_str().lines()).collect();
    quote_last(lines, &evidence);
    lines.hanging(&[(PLAIN, "     "), (BOLD, "fix: ")], &finding.advice.one_line());
}

/// The last of these lines, and how many came before.
fn quote_last(lines: &mut Lines, all: &[&str]) {
    let hidden = all.len().saturating_sub(LINES_SHOWN);
    if hidden > 0 {
        lines.quoted("     ", &format!("… {} before", words::count(hidden, "line")));
    }
    for line in &all[hidden..] {
        lines.quoted("     ", line);
    }
}

fn failed_steps(lines: &mut Lines, record: &Record) {
    for step in words::failed_steps(record) {
        lines.heading(&format!("Last lines of {}", step.step));
        lines.hanging(&[(PLAIN, "     $ ")], &step.command.one_line());
        let tail: Vec<_> = step.tail.iter().map(|(_, line)| line.as_str()).collect();
        quote_last(lines, &tail);
        lines.hanging(&[(PLAIN, "     ")], &words::step_end(step.end.as_ref()));
    }
}

fn phases(lines: &mut Lines, record: &Record) {
    if record.phases.is_empty() {
        return;
    }
    lines.heading(&format!("Phases, slowest first (share of {}; they overlap)", Measure(words::total(record))));
    let mut slowest: Vec<&PhaseRecord> = record.phases.iter().collect();
    slowest.sort_by_key(|phase| std::cmp::Reverse(phase.took()));
    for phase in slowest {
        let name = format!("  {:<9}", phase.phase);
        let outcome = format!("{:<11}", words::outcome(phase.outcome.as_ref()));
        let time = match phase.took() {
            Some(took) => format!("{:>9} {:>6}", Measure(took), words::share(took, record)),
            None => String::new(),
        };
        let labels = [(PLAIN, name.as_str()), (outcome_style(phase.outcome.as_ref()), &outcome), (PLAIN, &time)];
        lines.hanging(&labels, &words::skip_reason(phase).unwrap_or_default());
    }
}

/// The steps, and what lies between them and the ends of their phases: a room takes its time too.
fn slowest_parts(lines: &mut Lines, record: &Record) {
    let mut slowest: Vec<Part> = record.steps.iter().filter_map(Part::of_step).collect();
    if slowest.is_empty() {
        return;
    }
    for phase in &record.phases {
        slowest.extend(Part::around_steps(phase, &record.steps));
    }
    slowest.sort_by_key(|part| std::cmp::Reverse(part.took));
    lines.heading("Slowest parts");
    for Part { name, outcome, took, what } in slowest.into_iter().take(PARTS_SHOWN) {
        let time = format!("{:>9} {:>6}  ", Measure(took), words::share(took, record));
        let (name, word) = (format!("  {name:<14}"), format!("{:<7}", outcome.name()));
        let labels = [(PLAIN, name.as_str()), (outcome_style(Some(&outcome)), &word), (PLAIN, &time)];
        lines.hanging(&labels, &what);
    }
}

/// What took its time within a phase.
struct Part {
    name: String,
    outcome: Outcome,
    took: Duration,
    what: String,
}

impl Part {
    fn of_step(step: &StepRecord) -> Option<Self> {
        let outcome = if step.end.as_ref().is_some_and(StepEnd::is_success) { Outcome::Passed } else { Outcome::Failed };
        let what = format!("$ {}", step.command.one_line());
        Some(Self { name: step.step.to_string(), outcome, took: step.took()?, what })
    }

    /// Before the first step of a phase, and after its last. The image of a Dockerfile is built without a room.
    fn around_steps(phase: &PhaseRecord, steps: &[StepRecord]) -> Vec<Self> {
        let of_it = || steps.iter().filter(|step| step.step.phase == phase.phase);
        let part = |name: &str, from: Option<Timestamp>, to: Option<Timestamp>, what: &str| {
            let took = Duration::try_from(to?.duration_since(from?)).ok()?;
            Some(Self { name: format!("{} {name}", phase.phase), outcome: Outcome::Passed, took, what: what.to_owned() })
        };
        let image_ended = of_it().find(|step| step.step.is_image()).map(|image| image.ended);
        let first = of_it().find(|step| !step.step.is_image());
        let before =
            first.and_then(|first| part("room", image_ended.unwrap_or(phase.started), Some(first.started), "opened and filled"));
        let after = of_it().next_back().filter(|_| phase.phase == Phase::Build).and_then(|last| {
            let is_image = last.step.is_image();
            let (name, what) =
                if is_image { ("image", "taken out of the engine and searched") } else { ("room", "artifacts taken out") };
            part(name, last.ended, phase.ended, what)
        });
        before.into_iter().chain(after).collect()
    }
}

fn proved(lines: &mut Lines, record: &Record) {
    lines.heading("What was proved");
    let all = proofs(record);
    if all.is_empty() {
        lines.hanging(&[(PLAIN, "  ")], "nothing");
    }
    for (name, proof) in all {
        let label = format!("  {name:<8}");
        lines.hanging(&[(PLAIN, &label)], &proof);
    }
}

fn limits(lines: &mut Lines, record: &Record) {
    if record.limits.is_empty() {
        return;
    }
    lines.heading("What this drill cannot prove");
    for limit in &record.limits {
        lines.hanging(&[(PLAIN, "  - ")], &limit.one_line());
    }
}

fn the_run(lines: &mut Lines, record: &Record) {
    let all = run::lines(record);
    if !all.is_empty() {
        lines.heading("The spare runner");
    }
    for line in all {
        lines.hanging(&[(PLAIN, "  - ")], &line);
    }
}

fn primary_path(lines: &mut Lines, record: &Record) {
    let all = primary::lines(record);
    if !all.is_empty() {
        lines.heading("The primary path");
    }
    for line in all {
        lines.hanging(&[(PLAIN, "  - ")], &line);
    }
    let missed = primary::missed(record);
    if !missed.is_empty() {
        lines.heading("While it was away, and started nothing");
    }
    for line in missed {
        lines.hanging(&[(PLAIN, "  - ")], &line);
    }
    not_back(lines, record);
}

/// What a person does now: each command on a line of its own, to be run in `sh`.
fn not_back(lines: &mut Lines, record: &Record) {
    if record.not_back.is_empty() {
        return;
    }
    lines.heading("NOT GIVEN BACK: with the token in CANSHIP_TOKEN, run in sh");
    for not in &record.not_back {
        lines.hanging(&[(PLAIN, "  # ")], &format!("{}: {}", not.what.one_line(), not.reason.one_line()));
        lines.command(&not.by_hand);
    }
}

fn last_lines(lines: &mut Lines, record: &Record, exit: Exit) {
    lines.heading("What is left");
    leftovers(lines, record);
    let style = if record.restored == Restored::No { verdict_style(Verdict::CannotShip) } else { PLAIN };
    lines.hanging(&[(PLAIN, "  primary path: "), (style, words::primary_path(record.restored))], "");
    let drill = format!("{}, canship {}", record.drill.drill, Text::new(&record.drill.canship).one_line());
    lines.hanging(&[(PLAIN, "  drill: ")], &drill);
    let code = format!("exit code {}: ", exit.code());
    lines.hanging(&[(PLAIN, "  "), (BOLD, &code)], words::exit(exit, record.verdict));
}

fn leftovers(lines: &mut Lines, record: &Record) {
    if !record.cleaned.is_empty() {
        let gone = format!("{}, read back as gone", words::count(record.cleaned.len(), "thing"));
        lines.hanging(&[(PLAIN, "  cleaned: ")], &gone);
    }
    for what in &record.handed_over {
        lines.hanging(&[(PLAIN, "  handed over: ")], &words::handed_over(what));
    }
    if !record.leftovers.is_empty() {
        lines.hanging(&[(BOLD, "  leftovers:")], "");
    } else if record.finished {
        lines.hanging(&[(PLAIN, "  leftovers: ")], "none");
    } else {
        let plan = words::plan_option(&record.drill.plan);
        let what = format!("not known: if the drill runs no more, `canship clean{plan}` removes what it left");
        lines.hanging(&[(PLAIN, "  leftovers: ")], &what);
    }
    for leftover in &record.leftovers {
        lines.hanging(&[(PLAIN, "    - ")], &format!("{}: {}", leftover.what.one_line(), leftover.reason.one_line()));
        lines.hanging(&[(PLAIN, "      "), (BOLD, "remedy: ")], &leftover.remedy.one_line());
    }
}
