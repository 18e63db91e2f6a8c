//! The primary path as plain data: where it is, what of it can be switched off, and in which state each such thing is.
//!
//! Journal, lease and events hold these: with a [`Place`], a token, and a [`Control`] with the [`State`] it was found
//! in, any machine can give back what another took away.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Text;

/// What kind of forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// GitHub.com or an Enterprise Server.
    Github,
    /// gitlab.com or a GitLab of one's own.
    Gitlab,
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
        })
    }
}

/// Where a primary path is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// What kind of forge.
    pub kind: ForgeKind,
    /// GitHub: the API's address, `https://api.github.com` or `https://ghe.example/api/v3`. GitLab: the forge's own,
    /// with its relative root if it has one. Without login, query and fragment.
    pub url: Url,
    /// `owner/name`, or a project's whole path.
    pub repository: Text,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, url, repository } = self;
        write!(f, "{kind} `{repository}` ({})", url.host_str().unwrap_or_default())
    }
}

/// One thing that can be switched off, so that the primary path, or a part of it, does not run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Control {
    /// A workflow on GitHub.
    Workflow {
        /// Its number.
        id: u64,
        /// Its file, `.github/workflows/release.yml`.
        path: Text,
        /// Its name, as GitHub shows it.
        name: Text,
    },
    /// A label that jobs ask for, on a self-hosted runner of a repository on GitHub.
    RunnerLabel {
        /// The runner's number.
        runner: u64,
        /// The runner's name.
        name: Text,
        /// The label.
        label: Text,
    },
    /// A runner of a project on GitLab.
    ProjectRunner {
        /// Its number.
        id: u64,
        /// Its description.
        name: Text,
    },
    /// Whether a project on GitLab may use the runners of its instance.
    SharedRunners,
    /// Whether a project on GitLab may use the runners of its groups.
    GroupRunners,
    /// A pipeline schedule on GitLab.
    Schedule {
        /// Its number.
        id: u64,
        /// Its description.
        name: Text,
    },
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workflow { path, .. } => {
                write!(f, "workflow `{}`", path.as_str().rsplit('/').next().unwrap_or_default())
            }
            Self::RunnerLabel { name, label, .. } => write!(f, "label `{label}` of runner `{name}`"),
            Self::ProjectRunner { id, name } => write!(f, "runner `{name}` (#{id})"),
            Self::SharedRunners => f.write_str("instance runners of the project"),
            Self::GroupRunners => f.write_str("group runners of the project"),
            Self::Schedule { id, name } => write!(f, "schedule `{name}` (#{id})"),
        }
    }
}

impl Control {
    /// The forge's own word for the state that this is in.
    #[must_use]
    pub fn word<'s>(&self, state: &'s State) -> &'s str {
        match (state, self) {
            (State::Other(word), _) => word.as_str(),
            (State::Gone, _) => "gone",
            (State::On, Self::Workflow { .. } | Self::Schedule { .. } | Self::ProjectRunner { .. }) => "active",
            (State::Off, Self::Workflow { .. }) => "disabled_manually",
            (State::Off, Self::ProjectRunner { .. }) => "paused",
            (State::Off, Self::Schedule { .. }) => "inactive",
            (State::On, Self::RunnerLabel { .. }) => "present",
            (State::Off, Self::RunnerLabel { .. }) => "absent",
            (State::On, Self::SharedRunners | Self::GroupRunners) => "enabled",
            (State::Off, Self::SharedRunners | Self::GroupRunners) => "disabled",
        }
    }
}

/// The state of a [`Control`]. What a cut does is to turn it from [`State::On`] to [`State::Off`], nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does its part of the primary path: an active workflow or schedule, a runner that is not paused, a label that
    /// is there, runners that may be used.
    On,
    /// It does not, as a person or a cut has left it: a workflow that is `disabled_manually`, a paused runner, an
    /// inactive schedule, a label that is not there, runners that may not be used.
    Off,
    /// There is no such thing any more: nobody can give it back.
    Gone,
    /// A state that a cut neither makes nor gives back, in the forge's own word: `disabled_inactivity`.
    Other(Text),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_journal_holds_is_read_back_as_it_was() {
        let controls = [
            Control::Workflow { id: 7, path: ".github/workflows/release.yml".into(), name: "Release".into() },
            Control::RunnerLabel { runner: 3, name: "big".into(), label: "release".into() },
            Control::ProjectRunner { id: 9, name: "builder".into() },
            Control::SharedRunners,
            Control::GroupRunners,
            Control::Schedule { id: 2, name: "nightly".into() },
        ];
        for control in controls {
            for state in [State::On, State::Off, State::Gone, State::Other("disabled_fork".into())] {
                let text = serde_json::to_string(&(&control, &state)).unwrap();
                assert_eq!(serde_json::from_str::<(Control, State)>(&text).unwrap(), (control.clone(), state), "{text}");
            }
        }
    }

    #[test]
    fn a_workflow_is_named_by_its_file_and_its_state_in_githubs_words() {
        let workflow = Control::Workflow { id: 7, path: ".github/workflows/release.yml".into(), name: "Release".into() };
        assert_eq!(workflow.to_string(), "workflow `release.yml`");
        assert_eq!([State::On, State::Off].map(|state| workflow.word(&state).to_owned()), ["active", "disabled_manually"]);
    }
}
