//! GitHub's answers, as much of them as is read. Nearly everything is optional: older servers lack what newer ones send,
//! and what is null today was not always so.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// A workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) state: Option<String>,
}

/// A page of workflows.
#[derive(Debug, Deserialize)]
pub(super) struct Workflows {
    pub(super) workflows: Vec<Workflow>,
}

/// A page of runs.
#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    pub(super) workflow_runs: Vec<Run>,
}

/// A run of a workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) workflow_id: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) head_branch: Option<String>,
    pub(super) head_sha: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) created_at: Option<Timestamp>,
    pub(super) html_url: Option<String>,
    /// What `run-name` makes of the run's inputs.
    pub(super) display_title: Option<String>,
    pub(super) conclusion: Option<String>,
}

/// A repository.
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) archived: Option<bool>,
    pub(super) default_branch: Option<String>,
    pub(super) owner: Option<Owner>,
}

/// Whose a repository is.
#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    /// `User` or `Organization`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

/// The answer to a dispatch.
#[derive(Debug, Deserialize)]
pub(super) struct Dispatched {
    pub(super) workflow_run_id: Option<u64>,
    pub(super) html_url: Option<String>,
}

/// A page of a run's jobs.
#[derive(Debug, Deserialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
}

/// A job of a run.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) conclusion: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) completed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    pub(super) runner_name: Option<String>,
    pub(super) runner_group_name: Option<String>,
    #[serde(default)]
    pub(super) steps: Vec<Step>,
}

/// A step of a job.
#[derive(Debug, Deserialize)]
pub(super) struct Step {
    pub(super) status: Option<String>,
}

/// A page of a run's artifacts.
#[derive(Debug, Deserialize)]
pub(super) struct Artifacts {
    pub(super) artifacts: Vec<Artifact>,
}

/// Files that a run keeps.
#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) id: u64,
    /// `sha256:…` of the archive; older servers do not say.
    pub(super) digest: Option<String>,
}

/// A deployment that waits for an approval.
#[derive(Debug, Deserialize)]
pub(super) struct Pending {
    pub(super) environment: Option<Environment>,
    #[serde(default)]
    pub(super) reviewers: Vec<Reviewer>,
}

/// An environment.
#[derive(Debug, Deserialize)]
pub(super) struct Environment {
    pub(super) name: Option<String>,
}

/// Who may approve.
#[derive(Debug, Deserialize)]
pub(super) struct Reviewer {
    pub(super) reviewer: Option<Named>,
}

/// A person or a team.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    login: Option<String>,
    name: Option<String>,
}

impl Named {
    pub(super) fn name(self) -> Option<String> {
        self.login.or(self.name)
    }
}

/// A page of self-hosted runners.
#[derive(Debug, Deserialize)]
pub(super) struct Runners {
    pub(super) runners: Vec<Runner>,
}

/// A self-hosted runner.
#[derive(Debug, Deserialize)]
pub(super) struct Runner {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    /// `online` or `offline`.
    pub(super) status: Option<String>,
    pub(super) busy: Option<bool>,
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
}

/// The labels of a runner.
#[derive(Debug, Deserialize)]
pub(super) struct Labels {
    pub(super) labels: Vec<Label>,
}

/// A label of a runner.
#[derive(Debug, Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
    /// `read-only` or `custom`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

/// A page of variables.
#[derive(Debug, Deserialize)]
pub(super) struct Variables {
    pub(super) variables: Vec<Variable>,
}

/// A variable of the repository.
#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

/// A branch or tag.
#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    #[serde(rename = "ref")]
    pub(super) name: String,
    pub(super) object: Object,
}

/// What a branch or tag points to.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    pub(super) sha: String,
}

/// A file of the repository.
#[derive(Debug, Deserialize)]
pub(super) struct Content {
    pub(super) content: Option<String>,
    pub(super) encoding: Option<String>,
}

/// A rule that holds for a branch.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) parameters: Option<RuleParameters>,
}

/// What a rule asks for.
#[derive(Debug, Deserialize)]
pub(super) struct RuleParameters {
    #[serde(default)]
    pub(super) required_status_checks: Vec<Check>,
}

/// A check that a rule asks for, or one that was reported.
#[derive(Debug, Deserialize)]
pub(super) struct Check {
    #[serde(alias = "name")]
    pub(super) context: String,
}

/// A branch, with what its older kind of protection asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    pub(super) protection: Option<Protection>,
}

/// The older kind of protection.
#[derive(Debug, Deserialize)]
pub(super) struct Protection {
    pub(super) required_status_checks: Option<RequiredChecks>,
}

/// Checks that a branch asks for.
#[derive(Debug, Deserialize)]
pub(super) struct RequiredChecks {
    #[serde(default)]
    pub(super) contexts: Vec<String>,
}

/// The checks that were reported for a commit.
#[derive(Debug, Deserialize)]
pub(super) struct CheckRuns {
    pub(super) check_runs: Vec<Check>,
}

/// The statuses that were reported for a commit.
#[derive(Debug, Deserialize)]
pub(super) struct Statuses {
    pub(super) statuses: Vec<Check>,
}

/// A moment; none if it has another form: nothing depends on it.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()))
}
