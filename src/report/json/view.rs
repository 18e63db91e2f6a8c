//! The parts of the JSON report, each a conversion of a part of the record.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    vocabulary::{CheckKind, Independence, Outcome, Phase, Severity, SourcePlace, SpareKind, Stream},
    words,
};
use crate::record::{
    self, CheckRecord, Finding, Leftover, Outcome as RecordOutcome, PhaseRecord, RoomFacts, SourceFacts, SpareFacts, StepEnd,
    StepRecord, Text,
};

fn reason(outcome: Option<&RecordOutcome>) -> Option<String> {
    match outcome {
        Some(RecordOutcome::Skipped { reason }) => Some(reason.to_string()),
        _ => None,
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn strings(texts: &[Text]) -> Vec<String> {
    texts.iter().map(Text::to_string).collect()
}

/// One spare.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Spare")]
pub(super) struct SpareView {
    /// Its name in the plan.
    name: String,
    /// What it is.
    kind: SpareKind,
    /// What it depends on.
    independence: Independence,
    /// Why that is so; null where its kind says it.
    independence_reason: Option<String>,
    /// Where its engine was sought; null for a spare without one.
    engine: Option<EnginePlaceView>,
    /// Whether the clean room was cut off from what the drill supposes to be out.
    network_sealed: bool,
}

/// Where an engine was sought, before it was asked anything.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EnginePlace")]
struct EnginePlaceView {
    /// Its address; `unknown` if what names it is wrong.
    address: String,
    /// Who says so: the plan, a variable, a Docker context, nobody.
    way: String,
}

impl SpareView {
    pub(super) fn new(spare: &SpareFacts, seal: record::Seal) -> Self {
        let network_sealed = match seal {
            record::Seal::Open => false,
        };
        let engine =
            spare.engine.as_ref().map(|place| EnginePlaceView { address: place.address.to_string(), way: place.way.to_string() });
        Self {
            name: spare.name.to_string(),
            kind: spare.kind.into(),
            independence: spare.independence.into(),
            independence_reason: spare.why.as_ref().map(Text::to_string),
            engine,
            network_sealed,
        }
    }
}

/// A spare of the plan, drilled or not.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ListedSpare")]
pub(super) struct ListedSpareView {
    /// Its name in the plan.
    name: String,
    /// What it is.
    kind: SpareKind,
    /// What it depends on.
    independence: Independence,
    /// Why that is so; null where its kind says it.
    independence_reason: Option<String>,
}

impl ListedSpareView {
    pub(super) fn new(spare: &SpareFacts) -> Self {
        Self {
            name: spare.name.to_string(),
            kind: spare.kind.into(),
            independence: spare.independence.into(),
            independence_reason: spare.why.as_ref().map(Text::to_string),
        }
    }
}

/// A room in which steps ran.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Room")]
pub(super) struct RoomView {
    /// The engine; null for a room on this machine.
    engine: Option<EngineView>,
    /// The image; null for a room on this machine.
    image: Option<ImageView>,
    /// Bytes that were free where the build writes.
    disk_free_bytes: Option<u64>,
}

/// The engine of a clean room.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Engine")]
struct EngineView {
    /// What it is.
    name: String,
    /// Its version.
    version: String,
    /// The API version that was agreed on.
    api: String,
    /// Operating system and architecture.
    platform: String,
    /// Where it was reached.
    address: String,
    /// Whether it has no root's rights on its machine; null if that was not told.
    rootless: Option<bool>,
}

/// The image of a clean room.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Image")]
struct ImageView {
    /// The image as the plan names it.
    name: String,
    /// The engine's id of it.
    id: String,
    /// Whether it was there already, rather than pulled for the drill.
    warm: bool,
}

impl From<&RoomFacts> for RoomView {
    fn from(room: &RoomFacts) -> Self {
        let engine = room.engine.as_ref().map(|engine| EngineView {
            name: engine.name.to_string(),
            version: engine.version.to_string(),
            api: engine.api.to_string(),
            platform: engine.platform.to_string(),
            address: engine.address.to_string(),
            rootless: engine.rootless,
        });
        let image =
            room.image.as_ref().map(|image| ImageView { name: image.name.to_string(), id: image.id.to_string(), warm: image.warm });
        Self { engine, image, disk_free_bytes: room.disk_free }
    }
}

/// The clean clone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Source")]
pub(super) struct SourceView {
    /// What kind of place it came from.
    from: SourcePlace,
    /// Its URL or path, without credentials.
    url: String,
    /// The ref that was asked for.
    reference: String,
    /// The commit it led to.
    commit: String,
    /// When that commit was made, RFC 3339.
    committed_at: String,
    /// By how many commits the mirror is behind the origin; null if that was not read.
    behind: Option<u64>,
    /// Submodules fetched along, by path.
    submodules: Vec<String>,
}

impl From<&SourceFacts> for SourceView {
    fn from(source: &SourceFacts) -> Self {
        Self {
            from: source.from.into(),
            url: source.url.to_string(),
            reference: source.reference.to_string(),
            commit: source.commit.to_string(),
            committed_at: words::time(source.committed_at),
            behind: source.behind,
            submodules: strings(&source.submodules),
        }
    }
}

/// One phase.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhaseOutcome")]
pub(super) struct PhaseView {
    /// Which.
    phase: Phase,
    /// How it ended.
    outcome: Outcome,
    /// Why it was skipped.
    reason: Option<String>,
    /// When it began, RFC 3339; null if it was skipped.
    started: Option<String>,
    /// When it ended, RFC 3339.
    ended: Option<String>,
    /// How long it took.
    duration_ms: Option<u64>,
}

impl From<&PhaseRecord> for PhaseView {
    fn from(phase: &PhaseRecord) -> Self {
        Self {
            phase: phase.phase.into(),
            outcome: phase.outcome.as_ref().into(),
            reason: reason(phase.outcome.as_ref()),
            started: phase.started.map(words::time),
            ended: phase.ended.map(words::time),
            duration_ms: phase.took().map(millis),
        }
    }
}

/// One check of access.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Check")]
pub(super) struct CheckView {
    /// What it looked at.
    check: CheckKind,
    /// On what.
    subject: String,
    /// How it ended.
    outcome: Outcome,
    /// Why it was skipped.
    reason: Option<String>,
    /// When it began, RFC 3339.
    started: String,
    /// How long it took.
    duration_ms: Option<u64>,
}

impl From<&CheckRecord> for CheckView {
    fn from(check: &CheckRecord) -> Self {
        Self {
            check: check.check.into(),
            subject: check.subject.to_string(),
            outcome: check.outcome.as_ref().into(),
            reason: reason(check.outcome.as_ref()),
            started: words::time(check.started),
            duration_ms: check.took().map(millis),
        }
    }
}

/// How a step ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// It ended by itself with exit code 0.
    Passed,
    /// It ended by itself with another exit code.
    Failed,
    /// It was ended at its time limit.
    TimedOut,
    /// It was ended at the memory limit.
    OutOfMemory,
    /// It failed for want of processes.
    OutOfProcesses,
    /// It failed on a full disk.
    OutOfDisk,
    /// The event log ends before.
    Unfinished,
}

/// One step.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Step")]
pub(super) struct StepView {
    /// The phase it belongs to.
    phase: Phase,
    /// Its place in the plan's list, from 1; 0 for the image of the plan's Dockerfile.
    number: usize,
    /// The command.
    command: String,
    /// How it ended.
    end: End,
    /// The exit code, 128 + n for signal n; null if it was ended at its time limit or did not end.
    exit_code: Option<i64>,
    /// The time limit it was ended at.
    limit_ms: Option<u64>,
    /// When it began, RFC 3339.
    started: String,
    /// How long it took.
    duration_ms: Option<u64>,
    /// How many lines it printed, those that were left out among them.
    lines: u64,
    /// How many of them were not kept.
    lines_left_out: u64,
    /// How many bytes were not kept.
    bytes_left_out: u64,
    /// The last of them.
    tail: Vec<LineView>,
}

/// A line that a step printed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Line")]
struct LineView {
    /// Where to.
    stream: Stream,
    /// The line, scrubbed of secrets.
    line: String,
}

impl From<&StepRecord> for StepView {
    fn from(step: &StepRecord) -> Self {
        let (end, exit_code, limit_ms) = match &step.end {
            Some(StepEnd::Exited { code: 0 }) => (End::Passed, Some(0), None),
            Some(StepEnd::Exited { code }) => (End::Failed, Some(*code), None),
            Some(StepEnd::TimedOut { limit }) => (End::TimedOut, None, Some(millis(*limit))),
            Some(StepEnd::OutOfMemory { code }) => (End::OutOfMemory, Some(*code), None),
            Some(StepEnd::OutOfProcesses { code }) => (End::OutOfProcesses, *code, None),
            Some(StepEnd::OutOfDisk { code }) => (End::OutOfDisk, Some(*code), None),
            None => (End::Unfinished, None, None),
        };
        Self {
            phase: step.step.phase.into(),
            number: step.step.number,
            command: step.command.to_string(),
            end,
            exit_code,
            limit_ms,
            started: words::time(step.started),
            duration_ms: step.took().map(millis),
            lines: step.lines,
            lines_left_out: step.left_out.lines,
            bytes_left_out: step.left_out.bytes,
            tail: step.tail.iter().map(|(stream, line)| LineView { stream: (*stream).into(), line: line.to_string() }).collect(),
        }
    }
}

/// One way in which the release path is wanting.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub(super) struct FindingView {
    /// The stable id of what was found.
    rule: String,
    /// What it does to the verdict.
    severity: Severity,
    /// The phase in which it showed itself.
    phase: Phase,
    /// What is wrong, on what.
    summary: String,
    /// What was seen.
    evidence: Vec<String>,
    /// What to do.
    advice: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.to_string(),
            severity: finding.severity.into(),
            phase: finding.phase.into(),
            summary: finding.summary.to_string(),
            evidence: strings(&finding.evidence),
            advice: finding.advice.to_string(),
        }
    }
}

/// What cleaning could not remove.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Leftover")]
pub(super) struct LeftoverView {
    /// What it is and where.
    what: String,
    /// Why it is still there.
    reason: String,
    /// How a person removes it.
    remedy: String,
}

impl From<&Leftover> for LeftoverView {
    fn from(leftover: &Leftover) -> Self {
        Self { what: leftover.what.to_string(), reason: leftover.reason.to_string(), remedy: leftover.remedy.to_string() }
    }
}
