//! The event log that a run left, and whether it is of the drill that was asked for.

use std::{
    borrow::Cow,
    io::{BufReader, Cursor, Read as _},
};

use bytes::Bytes;
use jiff::SignedDuration;

use super::{
    follow::{Ended, not_believed},
    joblog,
    site::Site,
};
use crate::{
    drill::{Drill, scope::Scope},
    forge::Left,
    history::log,
    record::{
        Cleaning, EventKind, Exit, Finding, Mode, Phase, ReachedFacts, Record, ReportedFacts, Rule, RunStage, Severity, SpareKind,
        Text, Verdict,
    },
};

/// The longest event log that is read.
const MAX_LOG: u64 = 2 << 30;

/// Takes in what the drill on the runner says, if it is the one that was asked for; none if it is not, which is told.
pub(super) fn accept(drill: &Drill, scope: &Scope, (site, commit): (&Site, &Text), ended: Ended) -> Option<Record> {
    let refused = |why: &str| {
        scope.found(not_believed(why));
        None
    };
    let record = match read(ended.left) {
        Ok(record) => record,
        Err(why) => return refused(&why),
    };
    if let Some(why) = is_another(drill, (site, commit), &record) {
        return refused(&why);
    }
    tell(scope, &record);
    let reached = record.findings.iter().any(|finding| finding.severity > Severity::Gap);
    if record.time_to_ship.is_none() && !reached {
        return refused("its event log does not say that the release shipped");
    }
    if !ended.is_success && Exit::of(&record, Verdict::Degraded) == Exit::CanShip {
        let summary = format!("the run ended with `{}` although its drill can ship", ended.conclusion);
        let advice = "look at the run at the forge: a step beside the drill failed, or the drill did without `--accept degraded`";
        scope.found(Finding::new(Rule::RunFailed, Phase::Build, summary, advice));
    }
    record.time_to_ship.is_some().then_some(record)
}

/// The record of the one event log that came back, or why there is none.
fn read(left: Left) -> Result<Record, String> {
    match left {
        Left::Archive(archive) => of_archive(archive),
        Left::Logs(logs) => of_logs(&logs),
    }
}

fn of_logs(logs: &[u8]) -> Result<Record, String> {
    let event_log = joblog::event_log(logs);
    let lines =
        event_log.map_err(|count| format!("it left no artifact, and shows {count} event logs in its jobs' logs, not one"))?;
    log::read("the job's log", &lines[..]).map_err(|error| error.to_string())
}

fn of_archive(archive: Bytes) -> Result<Record, String> {
    let broken = |reason: &dyn std::fmt::Display| format!("its archive cannot be read: {reason}");
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).map_err(|e| broken(&e))?;
    let names = archive.file_names().collect::<Result<Vec<_>, _>>().map_err(|e| broken(&e))?;
    let names: Vec<String> = names.into_iter().filter(|name| name.ends_with(".jsonl")).map(Cow::into_owned).collect();
    let [name] = &names[..] else { return Err(format!("it left {} event logs, not one", names.len())) };
    let file = archive.by_name(name).map_err(|e| broken(&e))?;
    log::read(name, BufReader::new(file.take(MAX_LOG))).map_err(|error| error.to_string())
}

/// What shows that it is not the drill that was asked for, or not one to be believed.
fn is_another(drill: &Drill, (site, commit): (&Site, &Text), record: &Record) -> Option<String> {
    let there = &record.drill;
    let nonce = &site.wish.nonce;
    if there.nonce.as_ref() != Some(nonce) {
        let has = there.nonce.as_ref().map_or_else(|| "none".to_owned(), |nonce| format!("`{nonce}`"));
        return Some(format!("its event log is of another drill: its nonce is {has}, not `{nonce}`"));
    }
    if !record.finished {
        return Some("its event log ends early: canship was killed there".to_owned());
    }
    if record.findings.iter().any(|finding| finding.rule == Rule::LogIncomplete) {
        return Some("its event log has lost lines".to_owned());
    }
    if there.mode != Mode::Drill || there.spare.kind == SpareKind::Runner {
        return Some("it did not drill there, but rehearsed or asked another runner".to_owned());
    }
    let ours = drill.bus.record().map(|record| record.drill);
    if ours.is_none_or(|ours| ours.plan_digest != there.plan_digest || ours.release != there.release) {
        return Some(
            "it drilled by another plan than this one: commit the plan, and push it to where the run takes it from".to_owned(),
        );
    }
    match &record.source {
        Some(source) if source.commit == *commit => None,
        Some(source) => Some(format!("it built commit {}, not {commit}", source.commit)),
        // What kept it from the source, its findings say.
        None if record.findings.iter().any(|finding| finding.severity > Severity::Gap) => None,
        None => Some("its event log names no commit".to_owned()),
    }
}

/// Tells what it says, as its words.
fn tell(scope: &Scope, record: &Record) {
    let source = record.source.as_ref();
    scope.emit(EventKind::RunReported(ReportedFacts {
        drill: record.drill.drill.clone(),
        canship: record.drill.canship.as_str().into(),
        verdict: record.verdict,
        spare: record.drill.spare.name.clone(),
        commit: source.map(|source| source.commit.clone()),
        time_to_ship: record.time_to_ship,
    }));
    if let Some(took) = record.time_to_ship {
        let at = SignedDuration::try_from(took).ok().and_then(|took| record.started.checked_add(took).ok());
        scope.emit(EventKind::RunReached(ReachedFacts { stage: RunStage::Built, at, runner: None, conclusion: None }));
    }
    let version = record.version.clone().map(|version| EventKind::VersionRead { version });
    let artifacts = record.artifacts.iter().cloned().map(EventKind::ArtifactCollected);
    let tag = record.tag.clone().map(EventKind::TagReadBack);
    let limits = record.limits.iter().map(|limit| EventKind::Limited { limit: format!("on the runner: {limit}").into() });
    let left = record.leftovers.iter().cloned().map(|left| EventKind::Cleaned(Cleaning::Left(left)));
    for event in version.into_iter().chain(artifacts).chain(tag).chain(limits).chain(left) {
        scope.emit(event);
    }
    for finding in &record.findings {
        let summary = format!("on the runner: {}", finding.summary);
        scope.found(Finding { summary: summary.into(), ..finding.clone() });
    }
}
