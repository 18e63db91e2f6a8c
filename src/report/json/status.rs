//! The JSON form of `canship status`, version 1. Every key is always there; what is not known is `null`. Within a version
//! keys are only added.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    pretty,
    view::millis,
    vocabulary::{Mode, Phase, Severity, Signal, SpareKind, Verdict},
    words,
};
use crate::record::{self, Brief, Damaged, Finding, Grade, Standing};

/// Drills that are listed of each spare: the newest ones.
const DRILLS_LISTED: usize = 100;

/// What the drills of a release that are on record come to.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "canship status")]
struct StatusReport {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// What is released.
    release: String,
    /// The plan file as it was given.
    plan: String,
    /// The digest of the plan file's bytes, today.
    plan_digest: String,
    /// Where the records are kept.
    history: String,
    /// When this was asked, RFC 3339.
    asked: String,
    /// How old a proof may be; null for any age.
    max_age_ms: Option<u64>,
    /// The answer: the verdict of the spare that it comes from; `unknown` without a proof that counts.
    verdict: Verdict,
    /// The exit code.
    exit_code: u8,
    /// What the exit code means.
    exit_meaning: String,
    /// The spare that the answer comes from.
    spare: Option<String>,
    /// The plan's spares.
    spares: Vec<SpareStatus>,
    /// Spares on record that the plan no longer has; they do not count.
    former_spares: Vec<SpareStatus>,
    /// Drills of other releases, which do not count.
    drills_of_others: usize,
    /// Drills that run right now on this machine, by name.
    running: Vec<String>,
    /// Records that wait on this machine to be brought to where they belong.
    waiting: usize,
    /// Why the store could not be read, so that what waits here is all that is known; null if it was read.
    closed: Option<String>,
    /// Older records that were left out because reading all of them would take too long.
    unread: usize,
    /// What is there but cannot be read, and was passed over.
    damaged: Vec<DamagedView>,
    /// How many of the damaged are of drills that began after the one the answer comes from, and may say otherwise.
    newer_damaged: usize,
}

/// What a spare's last drill is worth.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Proof {
    /// Its verdict counts.
    Counts,
    /// There was never a drill.
    Missing,
    /// It is older than it may be.
    Stale,
    /// It comes from the future, by this machine's clock.
    Undated,
    /// It is of another plan than today's, and `--same-plan` was given.
    OfAnotherPlan,
}

/// The drills of one spare.
#[derive(Serialize, JsonSchema)]
struct SpareStatus {
    /// Its name.
    name: String,
    /// What its last drill is worth.
    proof: Proof,
    /// The exit code that this spare alone would give.
    exit_code: u8,
    /// How old its last drill is; null without one, 0 if it comes from the future.
    age_ms: Option<u64>,
    /// Whether the plan has changed since its last drill.
    plan_changed: Option<bool>,
    /// Its last drill.
    last: Option<DrillView>,
    /// How many drills are on record.
    drills_total: usize,
    /// The newest of them, oldest first.
    drills: Vec<Point>,
}

/// A drill in brief.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Drill")]
struct DrillView {
    /// The drill's name.
    drill: String,
    /// The version of canship that drilled.
    canship: String,
    /// The kind of spare.
    spare_kind: SpareKind,
    /// Whether anything might be published under its name.
    mode: Mode,
    /// When it started, RFC 3339.
    started: String,
    /// Whether it got to its last event; false if it was killed.
    finished: bool,
    /// The signal that ended it early.
    interrupted: Option<Signal>,
    /// Its answer.
    verdict: Verdict,
    /// The time a hotfix might take by the plan of that day.
    target_ms: u64,
    /// From the start to the released artifact, fetched back, verified and smoke-tested; null if not reached.
    time_to_ship_ms: Option<u64>,
    /// The commit that was drilled.
    commit: Option<String>,
    /// The version that was drilled.
    release_version: Option<String>,
    /// The digest of the plan file's bytes.
    plan_digest: String,
    /// What was wanting, what to fix first at the front.
    findings: Vec<BriefFinding>,
    /// How many things cleaning could not remove.
    leftovers: usize,
}

/// One drill of many.
#[derive(Serialize, JsonSchema)]
struct Point {
    /// The drill's name.
    drill: String,
    /// When it started, RFC 3339.
    started: String,
    /// Whether it got to its last event.
    finished: bool,
    /// Its answer.
    verdict: Verdict,
    /// The time a hotfix might take by the plan of that day.
    target_ms: u64,
    /// Its time to ship; null if not reached.
    time_to_ship_ms: Option<u64>,
}

/// One way in which the release path was wanting.
#[derive(Serialize, JsonSchema)]
struct BriefFinding {
    /// The stable id of what was found.
    rule: String,
    /// What it does to the verdict.
    severity: Severity,
    /// The phase in which it showed itself.
    phase: Phase,
    /// What is wrong, on what.
    summary: String,
    /// What to do.
    advice: String,
}

/// Something that could not be read.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Damaged")]
struct DamagedView {
    /// The file.
    name: String,
    /// What is wrong with it.
    reason: String,
}

/// The JSON Schema of `canship status --format json`, as kept in `pipelines/status.schema.json`.
#[must_use]
pub fn schema() -> String {
    pretty(&schemars::schema_for!(StatusReport))
}

/// What is on record, as JSON.
#[must_use]
pub fn render(status: &record::Status) -> String {
    let (best, exit) = (status.best(), status.exit());
    let spares = |standings: &[Standing]| standings.iter().map(|standing| spare(standing, &status.demand)).collect();
    pretty(&StatusReport {
        version: 1,
        release: status.release.to_string(),
        plan: status.plan.to_string(),
        plan_digest: status.demand.plan_digest.to_string(),
        history: status.place.to_string(),
        asked: words::time(status.demand.now),
        max_age_ms: status.demand.max_age.map(millis),
        verdict: words::standing_verdict(status).into(),
        exit_code: exit.code(),
        exit_meaning: words::exit_of_status(status).to_owned(),
        spare: best.map(|standing| standing.spare.to_string()),
        spares: spares(&status.spares),
        former_spares: spares(&status.former),
        drills_of_others: status.of_others,
        running: status.shelf.running.iter().map(ToString::to_string).collect(),
        waiting: status.shelf.waiting,
        closed: status.shelf.closed.as_ref().map(ToString::to_string),
        unread: status.shelf.unread,
        damaged: status.shelf.damaged.iter().map(Into::into).collect(),
        newer_damaged: status.newer_damaged(),
    })
}

fn spare(standing: &Standing, demand: &record::Demand) -> SpareStatus {
    let last = standing.last(demand);
    let age = last.map(|last| std::time::Duration::try_from(demand.now.duration_since(last.started)).unwrap_or_default());
    let listed = standing.drills.len().saturating_sub(DRILLS_LISTED);
    SpareStatus {
        name: standing.spare.to_string(),
        proof: match standing.grade(demand) {
            Grade::Counts(_) => Proof::Counts,
            Grade::Missing => Proof::Missing,
            Grade::Stale => Proof::Stale,
            Grade::Undated => Proof::Undated,
            Grade::OfAnotherPlan => Proof::OfAnotherPlan,
        },
        exit_code: standing.exit(demand).code(),
        age_ms: age.map(millis),
        plan_changed: last.map(|last| last.plan_digest != demand.plan_digest),
        last: last.map(Into::into),
        drills_total: standing.drills.len(),
        drills: standing.drills[listed..].iter().map(Into::into).collect(),
    }
}

impl From<&Brief> for DrillView {
    fn from(brief: &Brief) -> Self {
        Self {
            drill: brief.drill.to_string(),
            canship: brief.canship.to_string(),
            spare_kind: brief.spare.kind.into(),
            mode: brief.mode.into(),
            started: words::time(brief.started),
            finished: brief.finished,
            interrupted: brief.interrupted.map(Into::into),
            verdict: brief.verdict.into(),
            target_ms: millis(brief.target),
            time_to_ship_ms: brief.time_to_ship.map(millis),
            commit: brief.commit.as_ref().map(ToString::to_string),
            release_version: brief.version.as_ref().map(ToString::to_string),
            plan_digest: brief.plan_digest.to_string(),
            findings: brief.findings.iter().map(Into::into).collect(),
            leftovers: brief.leftovers,
        }
    }
}

impl From<&Brief> for Point {
    fn from(brief: &Brief) -> Self {
        Self {
            drill: brief.drill.to_string(),
            started: words::time(brief.started),
            finished: brief.finished,
            verdict: brief.verdict.into(),
            target_ms: millis(brief.target),
            time_to_ship_ms: brief.time_to_ship.map(millis),
        }
    }
}

impl From<&Finding> for BriefFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.to_string(),
            severity: finding.severity.into(),
            phase: finding.phase.into(),
            summary: finding.summary.to_string(),
            advice: finding.advice.to_string(),
        }
    }
}

impl From<&Damaged> for DamagedView {
    fn from(damaged: &Damaged) -> Self {
        Self { name: damaged.name.to_string(), reason: damaged.reason.to_string() }
    }
}
