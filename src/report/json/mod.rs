//! The JSON report, version 1: its own structs, so that what programs read does not change with what canship is
//! made of. Every key is always there; what is not known is `null`. Within a version keys are only added.

use schemars::JsonSchema;
use serde::Serialize;

use super::words;
use crate::record::{self, Exit, Record};

mod comparison;
mod primary;
mod release;
mod run;
mod status;
mod view;
mod vocabulary;

use comparison::ComparisonView;
use primary::{NotBackView, PrimaryView};
use release::{ArtifactView, BuiltView, PublishView, TagView};
use run::RunView;
use view::{CheckView, FindingView, LeftoverView, ListedSpareView, PhaseView, RoomView, SourceView, SpareView, StepView};
use vocabulary::{Mode, Restored, Signal, Verdict};

/// The report of one drill of canship.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "canship record")]
struct Report {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// The drill's name.
    drill: String,
    /// The version of canship that drilled.
    canship: String,
    /// What is released.
    release: String,
    /// The version that is released.
    release_version: Option<String>,
    /// The answer.
    verdict: Verdict,
    /// The exit code of the drill.
    exit_code: u8,
    /// What the exit code means.
    exit_meaning: String,
    /// What the drill could do outside.
    mode: Mode,
    /// By which a drill elsewhere asked for this one; null if nobody did.
    nonce: Option<String>,
    /// Whether the primary path is as it was.
    restored: Restored,
    /// The primary path, as it was found and what was done to it; null if the drill did not look at it.
    primary: Option<PrimaryView>,
    /// What of a primary path could not be given back: a person is needed.
    not_back: Vec<NotBackView>,
    /// Whether the drill got to its last event; false if it was killed.
    finished: bool,
    /// The signal that ended it early.
    interrupted: Option<Signal>,
    /// When it started, RFC 3339.
    started: String,
    /// When its last event happened, RFC 3339.
    ended: String,
    /// From the first event to the last.
    duration_ms: u64,
    /// The time a hotfix may take.
    target_ms: u64,
    /// From the start to the released artifact, fetched back, verified and smoke-tested; null if not reached.
    time_to_ship_ms: Option<u64>,
    /// The plan file as it was given.
    plan: String,
    /// The digest of the plan file's bytes.
    plan_digest: String,
    /// Where the release was built.
    spare: SpareView,
    /// All spares of the plan with what each depends on, that one too; empty in records of versions that did not list them.
    spares: Vec<ListedSpareView>,
    /// The run on a spare runner; null on another spare.
    run: Option<RunView>,
    /// Engine, image and disk.
    room: Option<RoomView>,
    /// The clean clone.
    source: Option<SourceView>,
    /// The phases, in the order in which they began or were skipped.
    phases: Vec<PhaseView>,
    /// The checks of access, in the order in which they began.
    checks: Vec<CheckView>,
    /// The steps, in the order in which they began.
    steps: Vec<StepView>,
    /// What the build made.
    artifacts: Vec<ArtifactView>,
    /// The image that the plan's Dockerfile made; null without one.
    image: Option<BuiltView>,
    /// The drilled tag, pushed and read back.
    tag: Option<TagView>,
    /// The images that were pushed.
    published: Vec<PublishView>,
    /// What was built, compared with other builds of the same release.
    comparisons: Vec<ComparisonView>,
    /// What is wanting, what to fix first at the front.
    findings: Vec<FindingView>,
    /// What this drill can never prove.
    limits: Vec<String>,
    /// What was put outside and is gone again, read back.
    cleaned: Vec<String>,
    /// What is left for the drill that asked for this one, which reads it back and deletes it.
    handed_over: Vec<String>,
    /// What was put outside and is still there.
    leftovers: Vec<LeftoverView>,
}

pub use status::{render as render_status, schema as status_schema};

/// The JSON Schema of the JSON report, as kept in `pipelines/record.schema.json`.
#[must_use]
pub fn schema() -> String {
    pretty(&schemars::schema_for!(Report))
}

pub(super) fn render(record: &Record, accept: record::Verdict) -> String {
    let exit = Exit::of(record, accept);
    pretty(&Report {
        version: 1,
        drill: record.drill.drill.to_string(),
        canship: record::Text::new(&record.drill.canship).to_string(),
        release: record.drill.release.to_string(),
        release_version: record.version.as_ref().map(record::Text::to_string),
        verdict: record.verdict.into(),
        exit_code: exit.code(),
        exit_meaning: words::exit(exit, record.verdict).to_owned(),
        mode: record.drill.mode.into(),
        nonce: record.drill.nonce.as_ref().map(ToString::to_string),
        restored: record.restored.into(),
        primary: record.primary.as_ref().map(Into::into),
        not_back: record.not_back.iter().map(Into::into).collect(),
        finished: record.finished,
        interrupted: record.interrupted.map(Into::into),
        started: words::time(record.started),
        ended: words::time(record.ended),
        duration_ms: view::millis(words::total(record)),
        target_ms: view::millis(record.drill.target),
        time_to_ship_ms: record.time_to_ship.map(view::millis),
        plan: record.drill.plan.to_string(),
        plan_digest: record.drill.plan_digest.to_string(),
        spare: SpareView::new(&record.drill.spare, record.drill.seal),
        spares: record.drill.spares.iter().map(ListedSpareView::new).collect(),
        run: record.run.as_ref().map(Into::into),
        room: record.room.as_ref().map(Into::into),
        source: record.source.as_ref().map(Into::into),
        phases: record.phases.iter().map(Into::into).collect(),
        checks: record.checks.iter().map(Into::into).collect(),
        steps: record.steps.iter().map(Into::into).collect(),
        artifacts: record.artifacts.iter().map(Into::into).collect(),
        image: record.image.as_ref().map(Into::into),
        tag: record.tag.as_ref().map(Into::into),
        published: record.published.iter().map(Into::into).collect(),
        comparisons: record.comparisons.iter().map(Into::into).collect(),
        findings: record.findings.iter().map(Into::into).collect(),
        limits: view::strings(&record.limits),
        cleaned: view::strings(&record.cleaned),
        handed_over: view::strings(&record.handed_over),
        leftovers: record.leftovers.iter().map(Into::into).collect(),
    })
}

fn pretty(value: &impl Serialize) -> String {
    // Maps with text keys and no custom serialisation: this cannot fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
