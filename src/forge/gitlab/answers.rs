//! GitLab's answers, as much of them as is read. Nearly everything is optional: what a role may not see is left out.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Deserializer};

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) archived: Option<bool>,
    pub(super) default_branch: Option<String>,
    /// `enabled`, `private` or `disabled`; left out for roles that may not see it.
    pub(super) builds_access_level: Option<String>,
    pub(super) shared_runners_enabled: Option<bool>,
    pub(super) group_runners_enabled: Option<bool>,
}

/// A runner, in a list or alone.
#[derive(Debug, Deserialize)]
pub(super) struct Runner {
    pub(super) id: u64,
    pub(super) description: Option<String>,
    pub(super) paused: Option<bool>,
    /// `instance_type`, `group_type` or `project_type`.
    #[serde(rename = "runner_type")]
    pub(super) kind: Option<String>,
    /// `active` or `idle`.
    #[serde(rename = "job_execution_status")]
    pub(super) execution: Option<String>,
    /// The projects it serves; only told of one runner alone.
    pub(super) projects: Option<Vec<serde::de::IgnoredAny>>,
}

/// A runner, alone.
#[derive(Debug, Deserialize)]
pub(super) struct RunnerInFull {
    pub(super) paused: Option<bool>,
    /// `online`, `offline`, `stale` or `never_contacted`.
    pub(super) status: Option<String>,
    pub(super) version: Option<String>,
    #[serde(rename = "job_execution_status")]
    pub(super) execution: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) contacted_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) tag_list: Vec<String>,
}

/// A job of a pipeline.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) failure_reason: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) finished_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) tag_list: Vec<String>,
    pub(super) runner: Option<Runner>,
}

/// A schedule.
#[derive(Debug, Deserialize)]
pub(super) struct Schedule {
    pub(super) id: u64,
    pub(super) description: Option<String>,
    pub(super) active: Option<bool>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) next_run_at: Option<Timestamp>,
    pub(super) owner: Option<User>,
}

/// A user.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: Option<String>,
}

/// A pipeline.
#[derive(Debug, Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) source: Option<String>,
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
    pub(super) sha: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) created_at: Option<Timestamp>,
    pub(super) web_url: Option<String>,
}

/// A variable of the project.
#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    pub(super) value: String,
}

/// The token itself.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    /// The first day on which it is not accepted any more.
    pub(super) expires_at: Option<Date>,
}

/// A moment; none if it has another form.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()))
}
