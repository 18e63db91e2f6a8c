//! The words that all views share, so that one thing is called the same everywhere.

use std::time::Duration;

pub(super) use crate::record::count;
use crate::record::{
    Brief, Bytes, CheckKind, ComparedWith, ComparisonFacts, ComparisonResult, EngineFacts, Exit, Finding, Grade, ImageFacts,
    LeftOut, Measure, Mode, Nonce, Origin, Outcome, PhaseRecord, PublishRecord, Record, Restored, Severity, Signal, SourceFacts,
    Status, StepEnd, StepRecord, Text, Verdict, shell_word,
};

/// The verdict as a headline.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::CanShip => "CAN SHIP",
        Verdict::Degraded => "CAN SHIP, DEGRADED",
        Verdict::CannotShip => "CANNOT SHIP",
        Verdict::Unknown => "UNKNOWN",
    }
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Gap => "GAP",
        Severity::Unverified => "UNVERIFIED",
        Severity::Blocker => "BLOCKER",
    }
}

/// What the exit code of this record means.
pub(super) fn exit(exit: Exit, verdict: Verdict) -> &'static str {
    match exit {
        Exit::CanShip if verdict == Verdict::Degraded => "degraded, which was accepted",
        Exit::CanShip => "can ship",
        Exit::Failed if verdict.is_yes() => "can ship, but what shows that could not be written",
        Exit::Failed => "canship itself failed",
        Exit::Invalid => "the command line or the plan is invalid",
        Exit::CannotShip => "cannot ship",
        Exit::Degraded => "degraded: can ship, with named gaps",
        Exit::Unknown => "unknown: something needed for the answer could not be verified",
        Exit::MayStillBeCut => "the primary path may still be cut, a person is needed now",
        Exit::Interrupted => "interrupted by SIGINT",
        Exit::Terminated => "interrupted by SIGTERM, SIGHUP or SIGQUIT",
    }
}

pub(super) fn primary_path(restored: Restored) -> &'static str {
    match restored {
        Restored::Yes => "was cut and is given back, which was read back",
        Restored::Gone => "is cut no more, but somebody REMOVED a part of it meanwhile",
        Restored::No => "MAY STILL BE CUT: run `canship recover` now",
        Restored::NothingWasCut => "nothing was cut",
    }
}

pub(super) fn check(check: CheckKind) -> &'static str {
    match check {
        CheckKind::Secret => "secret",
        CheckKind::Spare => "spare",
        CheckKind::Registry => "registry",
        CheckKind::TagPlace => "tag place",
    }
}

pub(super) fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Sigint => "SIGINT",
        Signal::Sigterm => "SIGTERM",
        Signal::Sighup => "SIGHUP",
        Signal::Sigquit => "SIGQUIT",
    }
}

/// An outcome, or that there is none because the log ends before.
pub(super) fn outcome(outcome: Option<&Outcome>) -> &'static str {
    outcome.map_or("unfinished", Outcome::name)
}

/// How a step ended, in a sentence.
pub(super) fn step_end(end: Option<&StepEnd>) -> String {
    match end {
        Some(end) if end.is_success() => "passed".to_owned(),
        Some(end) => format!("failed: {end}"),
        None => "unfinished".to_owned(),
    }
}

/// What stands in place of the lines that nobody kept.
pub(super) fn left_out(left_out: LeftOut) -> String {
    format!("… {} ({}) left out …", count(left_out.lines, "line"), Bytes(left_out.bytes))
}

pub(super) fn engine(engine: &EngineFacts) -> String {
    let EngineFacts { name, version, api, platform, address, rootless } = engine;
    format!(
        "{} {}{} (API {}, {}) at `{}`",
        name.one_line(),
        version.one_line(),
        if *rootless == Some(true) { ", rootless" } else { "" },
        api.one_line(),
        platform.one_line(),
        address.one_line()
    )
}

/// An image, and whether it had to be fetched: a drill on a warm image does not show that a cold one can be had.
pub(super) fn image(image: &ImageFacts) -> String {
    let warm = match image.warm {
        _ if image.is_of_drill() => "made by this drill",
        true => "was there already",
        false => "pulled for this drill",
    };
    format!("`{}` ({warm})", image.name.one_line())
}

/// A commit as short as people compare it.
pub(super) fn commit(source: &SourceFacts) -> String {
    short_commit(&source.commit)
}

fn short_commit(commit: &Text) -> String {
    commit.one_line().chars().take(12).collect()
}

/// Where the source came from, and how far that is behind.
pub(super) fn origin(source: &SourceFacts) -> String {
    let place = match source.from {
        Origin::Origin => "the origin",
        Origin::Mirror => "the mirror",
        Origin::Local => "the local repository",
    };
    let behind = match source.behind {
        Some(0) => " (up to date)".to_owned(),
        Some(behind) => format!(" ({} behind)", count(behind, "commit")),
        None => String::new(),
    };
    format!("{place} `{}`{behind}", source.url.one_line())
}

/// Release and version, as far as they are known.
pub(super) fn release(record: &Record) -> String {
    let name = record.drill.release.one_line();
    match &record.version {
        Some(version) => format!("{name} {}", version.one_line()),
        None => name,
    }
}

/// The time to ship against the target.
pub(super) fn time_to_ship(record: &Record) -> String {
    let target = record.drill.target;
    against(record.time_to_ship, target)
        .unwrap_or_else(|| format!("not reached (target {}; the drill took {})", Measure(target), Measure(total(record))))
}

/// A time against its target.
fn against(time: Option<Duration>, target: Duration) -> Option<String> {
    let (time, shown) = (time?, Measure(target));
    Some(match target.checked_sub(time) {
        Some(left) => format!("{}, target {shown}: {} left", Measure(time), Measure(left)),
        None => format!("{}, target {shown}: {} over it", Measure(time), Measure(time.saturating_sub(target))),
    })
}

/// Why there is no clear answer, beyond what the findings say.
pub(super) fn notes(record: &Record) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(by) = record.interrupted {
        notes.push(format!("interrupted by {}: what was not reached by then is not known", signal(by)));
    }
    if !record.finished {
        let open: Vec<_> = record.phases.iter().filter(|p| p.outcome.is_none()).map(|p| p.phase.name()).collect();
        let during = if open.is_empty() { String::new() } else { format!(" during {}", open.join(", ")) };
        notes.push(format!(
            "the event log ends early{during}, at {}: the drill still runs or was killed; nothing after that is known",
            time(record.ended)
        ));
    }
    let explained = !notes.is_empty() || record.findings.iter().any(|f| f.severity > Severity::Gap);
    if record.verdict == Verdict::Unknown && !explained {
        notes.push("the release did not get to its end, and no finding says why".to_owned());
    }
    notes
}

/// The whole drill, from its first event to its last.
pub(super) fn total(record: &Record) -> Duration {
    Duration::try_from(record.ended.duration_since(record.started)).unwrap_or_default()
}

/// The part of the whole drill. Phases that run side by side add up to more than all of it.
pub(super) fn share(part: Duration, record: &Record) -> String {
    let whole = total(record).as_millis().max(1);
    match (part.as_millis() * 100 + whole / 2) / whole {
        0 => "<1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// A point in time, RFC 3339 with milliseconds.
pub(super) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// How long before the drill something was made: `3 h before`, `12 days before`.
pub(super) fn age(made: jiff::Timestamp, drilled: jiff::Timestamp) -> String {
    match drilled.duration_since(made).as_hours() {
        ..0 => "after the drill began, by its own clock".to_owned(),
        0 => "within the hour before".to_owned(),
        hours @ 1..48 => format!("{hours} h before"),
        hours => format!("{} days before", hours / 24),
    }
}

/// Why a phase was skipped.
pub(super) fn skip_reason(phase: &PhaseRecord) -> Option<String> {
    match &phase.outcome {
        Some(Outcome::Skipped { reason }) => Some(reason.one_line()),
        _ => None,
    }
}

/// How far an image came: pushed, or pulled back as well.
pub(super) fn publish(published: &PublishRecord) -> String {
    let sent = Bytes(published.pushed.bytes);
    let Some(pulled) = &published.pulled else {
        return format!("pushed ({sent} sent), but it did not come back");
    };
    let proof = format!("pushed ({sent} sent), pulled back by digest ({} hashed)", Bytes(pulled.bytes));
    if pulled.digest != *published.pushed.as_pushed() {
        return format!("{proof}, but another digest came back: {}", pulled.digest);
    }
    if published.pushed.loopback {
        format!("{proof}, every digest right; the registry is on this machine, so only the mechanics are proved")
    } else {
        format!("{proof}, every digest right")
    }
}

/// What came of a comparison, in a sentence.
pub(super) fn comparison(comparison: &ComparisonFacts) -> String {
    let (subject, place) = (comparison.subject.one_line(), comparison.place.one_line());
    let what = match &comparison.result {
        ComparisonResult::Same { files, bytes } => format!("the same ({}, {})", count(*files, "file"), Bytes(*bytes)),
        ComparisonResult::Differs { total, .. } => format!("not the same: {}", count(*total, "difference")),
        ComparisonResult::NotCompared { reason } => format!("not compared: {}", reason.one_line()),
    };
    match comparison.with {
        ComparedWith::Release => format!("`{subject}` and `{place}`, which the primary path has released: {what}"),
        ComparedWith::SecondBuild => format!("{subject} and {place}: {what}"),
    }
}

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Drill => "drill",
        Mode::Rehearsal => "rehearsal",
    }
}

/// Said of a drill that another one asked for.
pub(super) fn asked_for(nonce: &Nonce) -> String {
    format!("by a drill elsewhere, with nonce {nonce}")
}

/// Said of what stays for the drill that asked.
pub(super) fn handed_over(what: &Text) -> String {
    format!("{}, which the drill that asked for this one reads back and deletes", what.one_line())
}

/// Said of a drill that could publish nothing.
pub(super) const REHEARSAL: &str = "a rehearsal: no credential that can push was read, and nothing was put outside";

/// The steps that did not do what they should, with output that no finding shows already.
pub(super) fn failed_steps(record: &Record) -> impl Iterator<Item = &StepRecord> {
    let shown = |step: &&StepRecord| {
        let Some((_, last)) = step.tail.iter().rfind(|(_, line)| !line.is_empty()) else { return true };
        record.findings.iter().any(|f| f.evidence.iter().any(|e| e.as_str().contains(last.as_str())))
    };
    record.steps.iter().filter(|step| !step.end.as_ref().is_some_and(StepEnd::is_success)).filter(move |step| !shown(step))
}

/// The findings of this severity.
pub(super) fn findings_of(record: &Record, severity: Severity) -> impl Iterator<Item = &Finding> {
    record.findings.iter().filter(move |finding| finding.severity == severity)
}

/// A line of output, cut off where nobody reads on.
pub(super) fn clip(line: &str) -> String {
    const LONGEST: usize = 600;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

/// The answer of a status: the verdict of the spare that it comes from, if its proof counts.
pub(super) fn standing_verdict(status: &Status) -> Verdict {
    match status.best().map(|best| best.grade(&status.demand)) {
        _ if status.shelf.closed.is_some() => Verdict::Unknown,
        Some(Grade::Counts(Verdict::CannotShip)) => Verdict::CannotShip,
        Some(Grade::Counts(verdict)) if status.newer_damaged() == 0 => verdict,
        _ => Verdict::Unknown,
    }
}

/// What the exit code of a status means.
pub(super) fn exit_of_status(status: &Status) -> &'static str {
    let grade = status.best().map(|best| best.grade(&status.demand));
    match (status.exit(), grade) {
        (Exit::Unknown, _) if status.shelf.closed.is_some() => "unknown: the history cannot be read",
        (Exit::Unknown, None | Some(Grade::Missing)) => "unknown: there is no proof",
        (Exit::Unknown, Some(Grade::Stale)) => "unknown: the proof is stale",
        (Exit::Unknown, Some(Grade::OfAnotherPlan)) => "unknown: the proof is of another plan",
        (Exit::Unknown, Some(_)) if status.newer_damaged() > 0 => "unknown: a later record cannot be read",
        (Exit::Unknown, Some(Grade::Undated)) => "unknown: the proof comes from the future",
        (Exit::Unknown, Some(Grade::Counts(_))) => "unknown: the last drill gave no answer",
        (Exit::Degraded, _) => "degraded: can ship, with named gaps",
        (other, _) => exit(other, standing_verdict(status)),
    }
}

/// The option that names the plan, where it is another than what a command reads by itself.
pub(super) fn plan_option(plan: &Text) -> String {
    match plan.one_line() {
        plan if plan == "canship.yaml" => String::new(),
        plan => format!(" --plan {}", shell_word(&plan)),
    }
}

/// What was drilled, as far as it is known, and where.
pub(super) fn of_brief(brief: &Brief) -> String {
    let version = brief.version.as_ref().map(|version| format!(" {}", version.one_line())).unwrap_or_default();
    let commit = brief.commit.as_ref().map(|commit| format!(", commit {}", short_commit(commit))).unwrap_or_default();
    format!("{}{version}{commit}, on spare `{}`", brief.release.one_line(), brief.spare.name.one_line())
}

/// The time to ship of a drill in brief, against the target of that day.
pub(super) fn time_of_brief(brief: &Brief) -> String {
    against(brief.time_to_ship, brief.target).unwrap_or_else(|| format!("not reached (target {})", Measure(brief.target)))
}

/// A verdict in the width of a column; a drill that was killed says so.
pub(super) fn short_verdict(brief: &Brief) -> &'static str {
    match brief.verdict {
        Verdict::Unknown if !brief.finished => "killed",
        verdict => verdict.word(),
    }
}

/// A point in time to the minute, for columns.
pub(super) fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// How long ago something was, and when.
pub(super) fn ago(at: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let when = minute(at);
    match Duration::try_from(now.duration_since(at)) {
        Ok(age) if age < Duration::from_mins(1) => format!("just now ({when})"),
        Ok(age) => format!("{} ago ({when})", span(age)),
        Err(_) => format!("in the future ({when})"),
    }
}

/// A long time in one unit: `12 min`, `5 h`, `30 days`.
pub(super) fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
