//! Spare runners of the forge: what a run needs before it is asked for, the run itself, and what it left.
//!
//! Invariants: a run is asked for by one request that is sent once; after a lost answer [`SpareRunners::find`] looks for
//! it by the nonce, and never takes another's for it. Nothing that a run says of itself is believed here.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::ForgeError;
use crate::record::{Nonce, RunnersFacts, Text};

/// A run that is asked for on a spare runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The workflow's file on GitHub, the job on GitLab.
    pub workflow: String,
    /// The labels or tags that the spare has.
    pub labels: Vec<String>,
    /// By which it is known.
    pub nonce: Nonce,
}

/// What was found before a run is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The branch whose workflow is run.
    pub reference: String,
    /// The newest run there is: what is asked for has a higher number.
    pub newest: u64,
}

/// Why a workflow cannot be run, as its forge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// It is disabled; the forge's word for how.
    Disabled(Text),
    /// It is not there, or cannot be started in this way: a sentence.
    Unusable(Text),
}

/// The runners that could take a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runners {
    /// Those with all labels.
    pub facts: RunnersFacts,
    /// Whether these are all: nothing is missing for want of a right.
    pub all: bool,
}

/// A run that the forge has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRef {
    /// Its number.
    pub id: u64,
    /// Where people look at it.
    pub url: Option<Text>,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The forge's word for it.
    pub status: Text,
    /// Whether it waits for somebody's approval.
    pub needs_approval: bool,
    /// The forge's word for how it ended; none while it goes on.
    pub conclusion: Option<Text>,
    /// When it was created, by the forge's clock.
    pub created: Option<Timestamp>,
    /// Its jobs, without those that were left out.
    pub jobs: Vec<JobSight>,
}

/// How a job of a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSight {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: Text,
    /// The labels that it asks for.
    pub labels: Vec<String>,
    /// When it was created, by the forge's clock.
    pub created: Option<Timestamp>,
    /// When a runner took it.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The runner that took it.
    pub runner: Option<Text>,
    /// Whether that is a machine of the forge's own.
    pub is_hosted: bool,
    /// The forge's word for how it ended.
    pub conclusion: Option<Text>,
    /// Whether it ended because its runner was lost.
    pub is_lost: bool,
}

impl JobSight {
    /// Whether it asks for all of these labels, which forges compare without regard to case.
    #[must_use]
    pub fn asks_for(&self, labels: &[String]) -> bool {
        has_all(&self.labels.iter().map(String::as_str).collect::<Vec<_>>(), labels)
    }
}

/// Whether all that is wanted is there.
pub(super) fn has_all(there: &[&str], wanted: &[String]) -> bool {
    wanted.iter().all(|wanted| there.iter().any(|label| label.eq_ignore_ascii_case(wanted)))
}

/// What a run left for whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// An archive.
    Archive(Bytes),
    /// No archive: the logs of its jobs, one after the other.
    Logs(Bytes),
}

/// The forge as that which runs jobs on spare runners.
#[async_trait]
pub trait SpareRunners: Send + Sync {
    /// Looks whether the workflow can be run.
    ///
    /// # Errors
    /// The forge does not say.
    async fn ready(&self, wish: &Wish) -> Result<Result<Ready, Unready>, ForgeError>;

    /// The runners with all labels, as far as the token may see them.
    ///
    /// # Errors
    /// The forge does not say; a right that is missing is no error, but told as unread.
    async fn runners(&self, wish: &Wish) -> Result<Runners, ForgeError>;

    /// Asks for the run, once. None if the forge took it without saying which it is.
    ///
    /// # Errors
    /// The forge did not take it, or its answer was lost.
    async fn start(&self, wish: &Wish, ready: &Ready) -> Result<Result<Option<RunRef>, Unready>, ForgeError>;

    /// Looks for the run by its nonce. None if it is not there, or not yet.
    ///
    /// # Errors
    /// The forge does not say.
    async fn find(&self, wish: &Wish, ready: &Ready) -> Result<Option<RunRef>, ForgeError>;

    /// How the run stands.
    ///
    /// # Errors
    /// The forge does not say.
    async fn sight(&self, run: &RunRef) -> Result<Sight, ForgeError>;

    /// What the run waits for, in words: environments, and who may approve.
    ///
    /// # Errors
    /// The forge does not say.
    async fn approvals(&self, run: &RunRef) -> Result<Vec<Text>, ForgeError>;

    /// What the run left: its archive, else what its jobs have printed; none if there is neither.
    ///
    /// # Errors
    /// The forge does not give it, or gives another than it says.
    async fn left_by(&self, run: &RunRef, sight: &Sight) -> Result<Option<Left>, ForgeError>;
}
