//! The primary path as the plan names it: what is taken away, when it must not be, and how long it may be gone.

use std::time::Duration;

use super::{Blackout, SecretName};
use crate::record::Place;

/// How long a call that nobody answered may still take effect, if a plan does not say: GitHub ends what it works on after ten
/// seconds, GitLab after a minute.
pub const LATE_EFFECT: Duration = Duration::from_mins(1);

/// The CI that usually ships, and how it may be taken away.
#[derive(Clone, Debug, PartialEq)]
pub struct Primary {
    /// The forge and the repository or project.
    pub place: Place,
    /// The parts that a cut turns off.
    pub parts: PrimaryParts,
    /// The secret that may turn them off and on; none if the plan is not meant to.
    pub token: Option<SecretName>,
    /// What happens to runs that are queued or in progress.
    pub running: Running,
    /// The longest that it may be cut.
    pub max_cut: Duration,
    /// How long after it was sent a call that nobody answered may still take effect at the forge.
    pub late_effect: Duration,
    /// The windows of a week in which it is not cut.
    pub blackout: Vec<Blackout>,
}

/// The parts of a primary path that a cut turns off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrimaryParts {
    /// On GitHub.
    Github {
        /// The workflow files that release, by their last name.
        workflows: Vec<String>,
        /// Labels that are taken off the repository's self-hosted runners.
        labels: Vec<String>,
    },
    /// On GitLab, beside the runners of the instance and of groups.
    Gitlab {
        /// Descriptions or numbers of project runners; none for all that serve no other project.
        runners: Option<Vec<String>>,
        /// Whether schedules are turned off too.
        schedules: bool,
    },
}

/// What a cut does with runs that are queued or in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// The primary path is not cut.
    Refuse,
    /// They are cancelled.
    Cancel,
}
