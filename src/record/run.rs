//! A drill on a spare runner: the run that was asked of the forge, how far it came, and what it reported.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DrillId, Place, Text, Verdict, facts::millis};

/// Ties a run at a forge, the drill in it and what that drill pushes to the drill that asked for it. Letters, digits and
/// hyphens only, so that it is valid in an image's annotations, a run's name and a command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(String);

/// The text is not a nonce.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a nonce: it has 8 to 64 letters, digits and hyphens, and begins with none of the latter")]
pub struct InvalidNonce(Text);

impl Nonce {
    /// The nonce of these random bits.
    #[must_use]
    pub fn new(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Nonce {
    type Error = InvalidNonce;

    fn try_from(text: String) -> Result<Self, InvalidNonce> {
        let valid = (8..=64).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if valid { Ok(Self(text)) } else { Err(InvalidNonce(text.into())) }
    }
}

impl std::str::FromStr for Nonce {
    type Err = InvalidNonce;

    fn from_str(text: &str) -> Result<Self, InvalidNonce> {
        text.to_owned().try_into()
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

/// The runners of a forge that a job with the spare's labels could go to, as far as the token may see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnersFacts {
    /// Those with all of the labels.
    pub runners: Vec<RunnerFacts>,
    /// What could not be read, so that more may be there: one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Text>,
}

/// A runner, as its forge tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerFacts {
    /// Its name.
    pub name: Text,
    /// Whose it is: the repository's, the organization's, a group's.
    pub scope: Text,
    /// How it stands.
    pub state: RunnerState,
    /// Its version, if that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// Its labels or tags.
    pub labels: Vec<Text>,
    /// When the forge last heard of it, if that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacted: Option<Timestamp>,
}

/// How a runner stands, by what its forge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunnerState {
    /// It is there and has nothing to do.
    Idle,
    /// It is there and has a job.
    Busy,
    /// It takes no jobs because somebody wants that.
    Paused,
    /// It is not there.
    Offline,
    /// The forge does not say.
    Unsaid,
}

impl RunnerState {
    /// The word for it in every view.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Paused => "paused",
            Self::Offline => "offline",
            Self::Unsaid => "unknown",
        }
    }
}

/// The run that is asked of a forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrder {
    /// The forge, and the repository or project.
    pub place: Place,
    /// The workflow's file on GitHub, the job on GitLab.
    pub workflow: Text,
    /// The branch whose workflow it is.
    pub reference: Text,
    /// By which the run, its drill and what that pushes are known.
    pub nonce: Nonce,
}

/// A run that the forge has accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Its number.
    pub run: u64,
    /// Where people look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text>,
    /// How its number is known.
    pub known: RunKnown,
}

/// How a run's number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKnown {
    /// The answer to the one request said it.
    Answered,
    /// The answer was lost or does not say it: the run was looked up by its nonce.
    LookedUp,
}

/// How far a run can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStage {
    /// Its job waits for a runner.
    Queued,
    /// A runner works on it.
    PickedUp,
    /// The drill in it has shipped.
    Built,
    /// It has ended.
    Done,
}

impl RunStage {
    /// The stage's name in every view.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::PickedUp => "picked up",
            Self::Built => "built",
            Self::Done => "done",
        }
    }
}

/// A run has come so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachedFacts {
    /// How far.
    pub stage: RunStage,
    /// When, by the clock of the forge, of the runner for [`RunStage::Built`]; none if that is not told.
    #[serde(default, rename = "stage_at", skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The runner that works on it, once one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Text>,
    /// The forge's word for how it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Text>,
}

/// What the drill on the runner says of itself, in the event log that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedFacts {
    /// Its name.
    pub drill: DrillId,
    /// The version of canship there.
    pub canship: Text,
    /// Its answer.
    pub verdict: Verdict,
    /// The spare of the plan that it drilled there.
    pub spare: Text,
    /// The commit that it built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Text>,
    /// Its time to ship, by the runner's clock.
    #[serde(default, rename = "time_to_ship_ms", with = "maybe_millis", skip_serializing_if = "Option::is_none")]
    pub time_to_ship: Option<Duration>,
}

/// What a record knows of a drill on a spare runner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRecord {
    /// The runners that could take it.
    pub runners: Option<RunnersFacts>,
    /// What was asked of the forge, and when.
    pub asked: Option<(Timestamp, RunOrder)>,
    /// What the forge accepted, and when that was known.
    pub accepted: Option<(Timestamp, RunFacts)>,
    /// How far it came, and when that was seen.
    pub reached: Vec<(Timestamp, ReachedFacts)>,
    /// What it reported.
    pub reported: Option<ReportedFacts>,
}

impl RunRecord {
    /// The stage, if it was reached.
    #[must_use]
    pub fn stage(&self, stage: RunStage) -> Option<&ReachedFacts> {
        self.reached.iter().map(|(_, reached)| reached).find(|reached| reached.stage == stage)
    }

    /// The runner that took it.
    #[must_use]
    pub fn runner(&self) -> Option<&Text> {
        self.reached.iter().rev().find_map(|(_, reached)| reached.runner.as_ref())
    }

    /// From the request until the forge had accepted it, by this machine's clock.
    #[must_use]
    pub fn accepting(&self) -> Option<Duration> {
        between(self.asked.as_ref()?.0, self.accepted.as_ref()?.0)
    }

    /// How long it waited for a runner, by the forge's clock.
    #[must_use]
    pub fn waiting(&self) -> Option<Duration> {
        between(self.stage(RunStage::Queued)?.at?, self.stage(RunStage::PickedUp)?.at?)
    }

    /// How long the runner worked on it, by the forge's clock.
    #[must_use]
    pub fn working(&self) -> Option<Duration> {
        between(self.stage(RunStage::PickedUp)?.at?, self.stage(RunStage::Done)?.at?)
    }
}

fn between(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}

mod maybe_millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands it over so")]
    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::millis::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_nothing_that_a_shell_or_a_registry_reads_anything_into() {
        for text in ["a1b2c3d4", "0f0f0f0f-1234-abcd"] {
            assert_eq!(text.parse::<Nonce>().unwrap().as_str(), text);
        }
        for text in ["", "short", "--events=x", "a b c d e f", "$(reboot)", &"x".repeat(65)] {
            assert!(text.parse::<Nonce>().is_err(), "{text}");
        }
        assert!(Nonce::new(7).as_str().parse::<Nonce>().is_ok());
    }
}
