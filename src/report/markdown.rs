//! The Markdown report, for a job summary or a comment on a merge request.

use super::{
    md::{block, code, prose},
    primary,
    proofs::proofs,
    run, spares, words,
};
use crate::record::{Exit, Finding, Measure, Mode, NotBack, PhaseRecord, Record, StepRecord, Text, Verdict};

pub(super) fn render(record: &Record, accept: Verdict) -> String {
    let mut parts = vec![headline(record), facts(record, accept)];
    parts.extend(list("Notes", words::notes(record).iter().map(|note| prose(note))));
    parts.extend(findings(record));
    parts.extend(phases(record));
    parts.extend(steps(record));
    parts.extend(checks(record));
    parts.extend(list("Compared", record.comparisons.iter().map(|comparison| prose(&words::comparison(comparison)))));
    parts.extend(list("What was proved", proofs(record).iter().map(|(name, proof)| format!("{name}: {}", prose(proof)))));
    parts.extend(list("What this drill cannot prove", record.limits.iter().map(|limit| prose(limit.as_str()))));
    parts.extend(list("The spare runner", run::lines(record).iter().map(|line| prose(line))));
    parts.extend(list("The primary path", primary::lines(record).iter().map(|line| prose(line))));
    parts.extend(list("While it was away, and started nothing", primary::missed(record).iter().map(|line| prose(line))));
    parts.extend(not_back(record));
    parts.extend(list("Handed over", record.handed_over.iter().map(|what| prose(&words::handed_over(what)))));
    parts.extend(leftovers(record));
    parts.extend(words::failed_steps(record).map(output));
    parts.join("\n")
}

fn headline(record: &Record) -> String {
    format!("## {}: {}\n", words::verdict(record.verdict), code(&words::release(record)))
}

fn facts(record: &Record, accept: Verdict) -> String {
    let exit = Exit::of(record, accept);
    let drill = &record.drill;
    let mut rows = vec![("time to ship", prose(&words::time_to_ship(record)))];
    if let Some(source) = &record.source {
        rows.push(("commit", format!("{} from {}", code(source.commit.as_str()), prose(&words::origin(source)))));
    }
    rows.push(("spare", format!("{} ({})", code(drill.spare.name.as_str()), prose(&spares::drilled(&drill.spare, drill.seal)))));
    if let Some(spares) = spares::of_plan(drill) {
        rows.push(("of the plan", prose(&spares)));
    }
    if let Some(nonce) = &drill.nonce {
        rows.push(("asked for", prose(&words::asked_for(nonce))));
    }
    if drill.mode == Mode::Rehearsal {
        rows.push(("mode", words::REHEARSAL.to_owned()));
    }
    if let Some(engine) = record.room.as_ref().and_then(|room| room.engine.as_ref()) {
        rows.push(("engine", prose(&words::engine(engine))));
    }
    rows.push(("primary path", prose(words::primary_path(record.restored))));
    rows.push(("drill", format!("{}, canship {}", code(drill.drill.as_str()), code(Text::new(&drill.canship).as_str()))));
    rows.push(("plan", format!("{} ({})", code(drill.plan.as_str()), code(drill.plan_digest.as_str()))));
    rows.push(("exit code", format!("{} ({})", exit.code(), words::exit(exit, record.verdict))));
    table(&["", ""], rows.into_iter().map(|(name, value)| [name.to_owned(), value]))
}

fn findings(record: &Record) -> Option<String> {
    let all: Vec<_> = record.findings.iter().enumerate().map(|(place, finding)| one_finding(place + 1, finding)).collect();
    (!all.is_empty()).then(|| format!("### What to fix first\n\n{}", all.join("\n")))
}

fn one_finding(place: usize, finding: &Finding) -> String {
    let severity = words::severity(finding.severity);
    let mut text = format!("**{place}. {severity}** {} ({})\n", prose(finding.summary.as_str()), code(finding.rule.id()));
    if !finding.evidence.is_empty() {
        text.push('\n');
        text.push_str(&block(finding.evidence.iter().map(Text::as_str)));
    }
    text + &format!("\n**Fix:** {}\n", prose(finding.advice.as_str()))
}

fn phases(record: &Record) -> Option<String> {
    let row = |phase: &PhaseRecord| {
        let time = phase.took().map(|took| Measure(took).to_string()).unwrap_or_default();
        let share = phase.took().map(|took| words::share(took, record)).unwrap_or_default();
        let why = words::skip_reason(phase).map(|reason| prose(&reason)).unwrap_or_default();
        [phase.phase.to_string(), words::outcome(phase.outcome.as_ref()).to_owned(), time, share, why]
    };
    let rows = record.phases.iter().map(row);
    (!record.phases.is_empty()).then(|| format!("### Phases\n\n{}", table(&["phase", "outcome", "time", "share", "why"], rows)))
}

fn steps(record: &Record) -> Option<String> {
    let row = |step: &StepRecord| {
        let time = step.took().map(|took| Measure(took).to_string()).unwrap_or_default();
        [step.step.to_string(), words::step_end(step.end.as_ref()), time, code(&words::clip(step.command.as_str()))]
    };
    let rows = record.steps.iter().map(row);
    (!record.steps.is_empty()).then(|| format!("### Steps\n\n{}", table(&["step", "outcome", "time", "command"], rows)))
}

fn checks(record: &Record) -> Option<String> {
    let rows = record.checks.iter().map(|check| {
        let time = check.took().map(|took| Measure(took).to_string()).unwrap_or_default();
        let outcome = words::outcome(check.outcome.as_ref()).to_owned();
        [words::check(check.check).to_owned(), code(check.subject.as_str()), outcome, time]
    });
    (!record.checks.is_empty()).then(|| format!("### Checks of access\n\n{}", table(&["check", "of", "outcome", "time"], rows)))
}

fn not_back(record: &Record) -> Option<String> {
    let one = |not: &NotBack| {
        let command = block(not.by_hand.as_str().lines());
        format!("not back: {}: {}\n\n{command}", prose(not.what.as_str()), prose(not.reason.as_str()))
    };
    let all: Vec<_> = record.not_back.iter().map(one).collect();
    (!all.is_empty()).then(|| format!("### NOT GIVEN BACK: run in sh, with the token in CANSHIP_TOKEN\n\n{}", all.join("\n")))
}

fn leftovers(record: &Record) -> Option<String> {
    list(
        "Leftovers",
        record.leftovers.iter().map(|left| {
            format!("{}: {}. Remedy: {}", prose(left.what.as_str()), prose(left.reason.as_str()), prose(left.remedy.as_str()))
        }),
    )
}

fn output(step: &StepRecord) -> String {
    let lines = block(step.tail.iter().map(|(_, line)| line.as_str()));
    format!("<details><summary>Last lines of {}</summary>\n\n{lines}\n</details>\n", step.step)
}

/// A heading and its items; none without items. Items are already safe.
fn list(heading: &str, items: impl Iterator<Item = String>) -> Option<String> {
    let items: Vec<_> = items.map(|item| format!("- {item}\n")).collect();
    (!items.is_empty()).then(|| format!("### {heading}\n\n{}", items.concat()))
}

/// A table whose cells are already safe.
fn table<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let head = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    let rows = rows.map(|row| format!("| {} |\n", row.join(" | ")));
    std::iter::once(head).chain(rows).collect()
}
