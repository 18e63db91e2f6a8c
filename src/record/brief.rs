//! One drill in brief: what is left of a record when many drills are looked at together.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, DrillId, Finding, Mode, Record, Restored, Signal, SpareFacts, Text, Verdict};

/// The answer of one drill, its times and what was found, without output, evidence and proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// The drill's name.
    pub drill: DrillId,
    /// The version of canship that drilled.
    pub canship: Text,
    /// What is released.
    pub release: Text,
    /// Where the release was built.
    pub spare: SpareFacts,
    /// Whether anything might be published under its name.
    pub mode: Mode,
    /// The digest of the plan file's bytes.
    pub plan_digest: Digest,
    /// When it started.
    pub started: Timestamp,
    /// Whether it got to its last event; without it the drill was killed.
    pub finished: bool,
    /// The signal that ended it early.
    pub interrupted: Option<Signal>,
    /// The answer.
    pub verdict: Verdict,
    /// Whether the primary path is as it was.
    pub restored: Restored,
    /// The time a hotfix may take, as the plan said then.
    pub target: Duration,
    /// From the start to the released artifact, verified and smoke-tested; none if that was not reached.
    pub time_to_ship: Option<Duration>,
    /// The commit that was drilled.
    pub commit: Option<Text>,
    /// The version that was drilled.
    pub version: Option<Text>,
    /// What was wanting, what to fix first at the front; without evidence.
    pub findings: Vec<Finding>,
    /// How many things cleaning could not remove.
    pub leftovers: usize,
}

impl From<Record> for Brief {
    fn from(record: Record) -> Self {
        let findings = record.findings.into_iter().map(|finding| Finding { evidence: Vec::new(), ..finding });
        Self {
            drill: record.drill.drill,
            canship: record.drill.canship.into(),
            release: record.drill.release,
            spare: record.drill.spare,
            mode: record.drill.mode,
            plan_digest: record.drill.plan_digest,
            started: record.started,
            finished: record.finished,
            interrupted: record.interrupted,
            verdict: record.verdict,
            restored: record.restored,
            target: record.drill.target,
            time_to_ship: record.time_to_ship,
            commit: record.source.map(|source| source.commit),
            version: record.version,
            findings: findings.collect(),
            leftovers: record.leftovers.len(),
        }
    }
}
