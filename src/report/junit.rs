//! The `JUnit` report, for the test view of a CI system.
//!
//! Suites: `verdict` (one case, in agreement with the exit code), `phases`, `checks`, `steps`, `targets`, `comparisons`,
//! `gaps`.
//! What was done and shows a fault is a *failure*; what could not be measured or did not end is an *error*; what was
//! not tried is *skipped*, with the reason. A gap is a failure too, unless degraded is accepted: then it is skipped
//! and says so. Only what was done and read back passes.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{lines::defuse, spares, words};
use crate::record::{
    CheckRecord, ComparisonFacts, ComparisonResult, Exit, Finding, Outcome, PhaseRecord, PublishRecord, Record, Severity, StepEnd,
    StepRecord, Text, Verdict,
};

pub(super) fn render(record: &Record, accept: Verdict) -> String {
    let mut report = Report::new("canship");
    report.set_time(words::total(record));
    report.add_test_suite(verdict(record, accept));
    let suites = [
        ("phases", record.phases.iter().map(|phase| phase_case(phase, record, accept)).collect()),
        ("checks", record.checks.iter().map(check_case).collect()),
        ("steps", record.steps.iter().map(step_case).collect()),
        ("targets", record.published.iter().map(target_case).collect()),
        ("comparisons", record.comparisons.iter().map(|comparison| comparison_case(comparison, accept)).collect()),
        ("gaps", words::findings_of(record, Severity::Gap).map(|gap| gap_case(gap, accept)).collect::<Vec<_>>()),
    ];
    for (name, cases) in suites {
        if !cases.is_empty() {
            report.add_test_suite(suite(name, cases));
        }
    }
    // Writing to memory cannot fail.
    report.to_string().unwrap_or_default()
}

fn suite(name: &str, cases: Vec<TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.set_time(cases.iter().filter_map(|case| case.time).sum());
    suite.add_test_cases(cases);
    suite
}

fn verdict(record: &Record, accept: Verdict) -> TestSuite {
    let exit = Exit::of(record, accept);
    let status = match exit {
        Exit::CanShip => TestCaseStatus::success(),
        Exit::CannotShip | Exit::Degraded => failure("verdict", words::verdict(record.verdict)),
        _ => error("verdict", words::exit(exit, record.verdict)),
    };
    let mut about = words::notes(record);
    about.extend(record.findings.iter().map(told));
    about.extend(record.limits.iter().map(|limit| format!("limit: {}", limit.one_line())));
    about.extend(super::run::lines(record).into_iter().map(|line| format!("spare runner: {line}")));
    about.extend(super::primary::lines(record).into_iter().map(|line| format!("primary path: {line}")));
    about.extend(super::primary::missed(record).into_iter().map(|line| format!("while it was away: {line}")));
    about.extend(
        record
            .not_back
            .iter()
            .map(|not| format!("NOT GIVEN BACK: {}: {}: {}", not.what.one_line(), not.reason.one_line(), not.by_hand.one_line())),
    );
    about.extend(record.handed_over.iter().map(|what| format!("handed over: {}", words::handed_over(what))));
    about.extend(record.leftovers.iter().map(|left| format!("left: {}: {}", left.what.one_line(), left.remedy.one_line())));
    let mut case = case("verdict", "can ship", described(status, &about.join("\n")));
    if let Some(time) = record.time_to_ship {
        case.set_time(time);
    }
    let mut suite = suite("verdict", vec![case]);
    let properties = [
        ("release", words::release(record)),
        ("commit", record.source.as_ref().map(|source| source.commit.one_line()).unwrap_or_default()),
        ("spare", record.drill.spare.name.one_line()),
        ("spares", spares::of_plan(&record.drill).unwrap_or_default()),
        ("mode", words::mode(record.drill.mode).to_owned()),
        ("verdict", record.verdict.word().to_owned()),
        ("exit-code", exit.code().to_string()),
        ("time-to-ship", words::time_to_ship(record)),
        ("primary-path", words::primary_path(record.restored).to_owned()),
        ("drill", record.drill.drill.to_string()),
        ("started", words::time(record.started)),
    ];
    suite.add_properties(properties.map(|(name, value)| (name.to_owned(), harmless(&value))));
    suite
}

fn phase_case(phase: &PhaseRecord, record: &Record, accept: Verdict) -> TestCase {
    let of_phase = || record.findings.iter().filter(|finding| finding.phase == phase.phase);
    // Phases that ship fail for more than a gap; the others may be for nothing else.
    let least = if phase.phase.ships() { Severity::Unverified } else { Severity::Gap };
    let found: Vec<_> = of_phase().filter(|finding| finding.severity >= least).collect();
    let message = found.first().map_or_else(String::new, |finding| finding.summary.one_line());
    let only_gaps = !found.is_empty() && found.iter().all(|finding| finding.severity == Severity::Gap);
    let status = match &phase.outcome {
        Some(Outcome::Failed | Outcome::Errored) if only_gaps && accept == Verdict::Degraded => accepted(&message),
        outcome => of_outcome(outcome.as_ref(), &message),
    };
    let about: Vec<_> = found.into_iter().map(told).collect();
    timed(case("phases", phase.phase.name(), described(status, &about.join("\n"))), phase.took())
}

fn check_case(check: &CheckRecord) -> TestCase {
    let name = format!("{} {}", words::check(check.check), check.subject.one_line());
    timed(case("checks", &name, of_outcome(check.outcome.as_ref(), "")), check.took())
}

fn step_case(step: &StepRecord) -> TestCase {
    let status = match &step.end {
        Some(end) if end.is_success() => TestCaseStatus::success(),
        Some(end @ StepEnd::Exited { .. }) => failure("exit-code", &end.to_string()),
        Some(end) => failure("limit", &end.to_string()),
        None => error("unfinished", "the event log ends before the step does"),
    };
    let passed = matches!(status, TestCaseStatus::Success { .. });
    let mut case = case("steps", &format!("{}: {}", step.step, step.command.one_line()), status);
    if !passed && !step.tail.is_empty() {
        let left_out = (step.left_out.lines > 0).then(|| words::left_out(step.left_out));
        let lines = step.tail.iter().flat_map(|(_, line)| line.as_str().lines()).map(words::clip);
        let tail: Vec<_> = left_out.into_iter().chain(lines).collect();
        case.set_system_out(harmless(&tail.join("\n")));
    }
    timed(case, step.took())
}

fn target_case(published: &PublishRecord) -> TestCase {
    let message = words::publish(published);
    let status = match &published.pulled {
        Some(pulled) if pulled.digest == *published.pushed.as_pushed() => TestCaseStatus::success(),
        Some(_) => failure("digest", &message),
        None => error("pull-back", &message),
    };
    case("targets", &published.pushed.target.one_line(), status)
}

fn gap_case(gap: &Finding, accept: Verdict) -> TestCase {
    let summary = gap.summary.one_line();
    let status = if accept == Verdict::Degraded { accepted(&summary) } else { failure("gap", &summary) };
    case("gaps", &format!("{} ({})", gap.rule, gap.phase), described(status, &told(gap)))
}

fn comparison_case(comparison: &ComparisonFacts, accept: Verdict) -> TestCase {
    let message = words::comparison(comparison);
    let status = match &comparison.result {
        ComparisonResult::Same { .. } => TestCaseStatus::success(),
        ComparisonResult::Differs { .. } | ComparisonResult::NotCompared { .. } if accept == Verdict::Degraded => {
            accepted(&message)
        }
        ComparisonResult::Differs { .. } => failure("differs", &message),
        ComparisonResult::NotCompared { .. } => error("not-compared", &message),
    };
    let about = match &comparison.result {
        ComparisonResult::Differs { differences, .. } => differences.iter().map(|difference| format!("  | {difference}")).collect(),
        ComparisonResult::Same { .. } | ComparisonResult::NotCompared { .. } => Vec::new(),
    };
    let name = format!("{} and {}", comparison.subject.one_line(), comparison.place.one_line());
    case("comparisons", &name, described(status, &about.join("\n")))
}

/// A gap of a drill that accepts gaps.
fn accepted(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(harmless(&format!("accepted: {message}")));
    status
}

/// A finding with its evidence and what to do.
fn told(finding: &Finding) -> String {
    let mut lines = vec![format!("{} {}: {}", words::severity(finding.severity), finding.rule, finding.summary.one_line())];
    let evidence = finding.evidence.iter().map(Text::as_str).flat_map(str::lines);
    lines.extend(evidence.map(|line| format!("  | {}", words::clip(line))));
    lines.push(format!("  fix: {}", finding.advice.one_line()));
    lines.join("\n")
}

fn of_outcome(outcome: Option<&Outcome>, message: &str) -> TestCaseStatus {
    match outcome {
        Some(Outcome::Passed) => TestCaseStatus::success(),
        Some(Outcome::Failed) => failure("failed", if message.is_empty() { "see the findings of `verdict`" } else { message }),
        Some(Outcome::Errored) => error("errored", if message.is_empty() { "could not be measured" } else { message }),
        Some(Outcome::Skipped { reason }) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(harmless(&reason.one_line()));
            status
        }
        None => error("unfinished", "the event log ends before"),
    }
}

fn failure(kind: &str, message: &str) -> TestCaseStatus {
    non_success(NonSuccessKind::Failure, kind, message)
}

fn error(kind: &str, message: &str) -> TestCaseStatus {
    non_success(NonSuccessKind::Error, kind, message)
}

fn non_success(kind: NonSuccessKind, ty: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty);
    status.set_message(harmless(message));
    status
}

fn described(mut status: TestCaseStatus, about: &str) -> TestCaseStatus {
    if !about.is_empty() {
        status.set_description(harmless(about));
    }
    status
}

fn case(suite: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(harmless(name), status);
    case.set_classname(format!("canship.{suite}"));
    case
}

fn timed(mut case: TestCase, took: Option<std::time::Duration>) -> TestCase {
    if let Some(took) = took {
        case.set_time(took);
    }
    case
}

/// Text without the two characters that XML has no form for and that a `Text` may hold, and without workflow
/// commands, should the file be printed. Source: XML 1.0, section 2.2.
fn harmless(text: &str) -> String {
    let text = text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    text.split('\n').map(defuse).collect::<Vec<_>>().join("\n")
}
