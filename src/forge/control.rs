//! What the plan wants off, and what of it was found at the forge.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Control, ForgeError, ForgeFault, State};
use crate::{
    plan::{Plan, PrimaryParts, SpareKind},
    record::Text,
};

/// What the plan wants off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// At GitHub.
    Github {
        /// Files of workflows, `release.yml`.
        workflows: Vec<String>,
        /// Labels that are taken off the repository's self-hosted runners.
        labels: Vec<String>,
        /// The plan's spares at this forge, which a cut leaves alone.
        spares: Vec<WantedSpare>,
    },
    /// At GitLab. The runners of the instance and of groups are always wanted off.
    Gitlab {
        /// Descriptions or numbers of project runners; none for all that serve no other project.
        runners: Option<Vec<String>>,
        /// Whether schedules are wanted off too.
        schedules: bool,
        /// The plan's spares at this forge, which a cut leaves alone.
        spares: Vec<WantedSpare>,
    },
}

impl Wanted {
    /// What this plan wants off; none if it names no primary path.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let spares = plan.spares.iter().filter_map(|spare| match &spare.kind {
            SpareKind::Runner { labels, workflow, .. } => Some(WantedSpare { workflow: workflow.clone(), labels: labels.clone() }),
            SpareKind::Container { .. } | SpareKind::Host => None,
        });
        let spares = spares.collect();
        Some(match &plan.primary.as_ref()?.parts {
            PrimaryParts::Github { workflows, labels } => {
                Self::Github { workflows: workflows.clone(), labels: labels.clone(), spares }
            }
            PrimaryParts::Gitlab { runners, schedules } => Self::Gitlab { runners: runners.clone(), schedules: *schedules, spares },
        })
    }
}

/// A spare of the plan that is a runner of the forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSpare {
    /// The workflow file that is dispatched to it.
    pub workflow: String,
    /// The labels, or tags, by which it is chosen.
    pub labels: Vec<String>,
}

/// A control in the state in which it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The control.
    pub control: Control,
    /// The state it was in.
    pub state: State,
    /// What a cut makes of it.
    pub cut: Cut,
}

/// What a cut makes of a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// It turns it off.
    TurnedOff,
    /// It leaves it, for this reason: one sentence.
    Left(Text),
}

/// What a forge says of a call that turns a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// It took it. GitLab, which does not tell the two apart, says so too where it was so already.
    Taken,
    /// It was so already: somebody else was first, or something on the way has sent the call twice.
    Already,
}

/// Whether the way back is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// What is missing for it; if nothing is, every right was exercised.
    pub missing: Vec<Missing>,
    /// How long the token lasts.
    pub expires: Expiry,
}

/// How long a token lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The forge says: until then.
    At(Timestamp),
    /// The forge says: for ever, until it is taken back.
    Never,
    /// The forge does not say.
    Unsaid,
}

/// A right that the token lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its exact name at the forge: `actions: write`.
    pub right: Text,
    /// What needs it: `` setting workflow `release.yml` back ``.
    pub needed_for: Text,
    /// What the forge answered.
    pub answer: Text,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { right, needed_for, answer } = self;
        write!(f, "the token lacks `{right}`, which {needed_for} needs (the forge answered: {answer})")
    }
}

/// What is missing, if that is what the forge said.
pub(super) fn missing(exercised: Result<(), ForgeError>, needed_for: &str, right: &str) -> Result<Option<Missing>, ForgeError> {
    let Err(error) = exercised else { return Ok(None) };
    let (right, answer) = match error.fault() {
        ForgeFault::NoRights { missing, words } => (missing.clone(), words.clone()),
        // What the token may read but not change is hidden at some places.
        ForgeFault::NotFoundOrHidden { words } => (right.into(), words.clone()),
        _ => return Err(error),
    };
    Ok(Some(Missing { right, needed_for: needed_for.into(), answer }))
}
