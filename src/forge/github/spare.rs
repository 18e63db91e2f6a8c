//! Runs of a workflow on a spare self-hosted runner.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{ACTIONS_READ, ACTIONS_WRITE, ADMINISTRATION_READ, Github, PAGE, answers, was};
use crate::{
    forge::{
        ForgeError, ForgeFault,
        call::{Call, part},
        spare::{JobSight, Left, Ready, RunRef, Runners, Sight, SpareRunners, Unready, Wish, has_all},
        wire::Failed,
    },
    record::{Digest, RunnerFacts, RunnerState, RunnersFacts, Text},
};

/// What the workflow calls the artifact with the event log.
const ARTIFACT: &str = "canship-drill";

/// The right to see the runners of an organization.
const ORGANIZATION: &str = "organization self-hosted runners: read";

impl Github {
    fn workflow_route(wish: &Wish) -> String {
        format!("/actions/workflows/{}", part(&wish.workflow))
    }

    /// The newest runs of the workflow that were asked for by hand or by API.
    async fn asked_runs(&self, wish: &Wish) -> Result<Vec<answers::Run>, ForgeError> {
        let call = Call::new(format!("listing runs of `{}`", wish.workflow), ACTIONS_READ);
        let below = format!("{}/runs?event=workflow_dispatch&per_page=100", Self::workflow_route(wish));
        Ok(self.get::<answers::Runs>(&call, &below).await?.workflow_runs)
    }

    /// The repository's own runners, and that its organization's could not be read if they could not.
    async fn all_runners(&self) -> Result<(Vec<(&'static str, answers::Runner)>, Vec<Text>), ForgeError> {
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        let repository = self.see_repository().await?;
        let call = Call::new("listing the repository's runners", ADMINISTRATION_READ);
        let page = |page: answers::Runners| page.runners;
        match self.get_all(&call, "/actions/runners", page).await {
            Ok(runners) => all.extend(runners.into_iter().map(|runner| ("repository", runner))),
            Err(error) => unread.push(unread_for_want_of_rights(error, "the repository's runners")?),
        }
        if repository.owner.is_some_and(|owner| owner.kind.as_deref() == Some("Organization")) {
            let call = Call::new("listing the organization's runners", ORGANIZATION);
            let route = format!("/orgs/{}/actions/runners?per_page={PAGE}", self.owner);
            match self.get_at::<answers::Runners>(&call, route).await {
                Ok(page) => {
                    if page.runners.len() >= PAGE {
                        unread.push("the organization has more runners than were read".into());
                    }
                    all.extend(page.runners.into_iter().map(|runner| ("organization", runner)));
                }
                Err(error) => unread.push(unread_for_want_of_rights(error, "the organization's runners")?),
            }
        }
        Ok((all, unread))
    }
}

/// That something could not be read, if that is for want of a right.
fn unread_for_want_of_rights(error: ForgeError, what: &str) -> Result<Text, ForgeError> {
    match error.fault() {
        ForgeFault::NoRights { missing, .. } => Ok(format!("{what} could not be read: the token lacks `{missing}`").into()),
        ForgeFault::NotFoundOrHidden { .. } => Ok(format!("{what} could not be read: the token may not see them").into()),
        _ => Err(error),
    }
}

#[async_trait]
impl SpareRunners for Github {
    async fn ready(&self, wish: &Wish) -> Result<Result<Ready, Unready>, ForgeError> {
        let repository = self.see_repository().await?;
        let call = Call::new(format!("looking at workflow `{}`", wish.workflow), ACTIONS_READ);
        let workflow: answers::Workflow = match self.get(&call, &Self::workflow_route(wish)).await {
            Ok(workflow) => workflow,
            // The repository can be seen, so this is an answer.
            Err(error) if was(&error, |fault| matches!(fault, ForgeFault::NotFoundOrHidden { .. })) => {
                return Ok(Err(Unready::Unusable(format!("there is no workflow `{}`", wish.workflow).into())));
            }
            Err(error) => return Err(error),
        };
        match workflow.state.as_deref() {
            Some("active") | None => {}
            Some(state) => return Ok(Err(Unready::Disabled(state.into()))),
        }
        let newest = self.asked_runs(wish).await?.iter().map(|run| run.id).max().unwrap_or_default();
        Ok(Ok(Ready { reference: repository.default_branch.unwrap_or_else(|| "main".to_owned()), newest }))
    }

    async fn runners(&self, wish: &Wish) -> Result<Runners, ForgeError> {
        let (all, unread) = self.all_runners().await?;
        let fits = |runner: &answers::Runner| {
            has_all(&runner.labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>(), &wish.labels)
        };
        let fitting = all.into_iter().filter(|(_, runner)| fits(runner)).map(|(scope, runner)| facts(scope, runner));
        let facts = RunnersFacts { runners: fitting.collect(), unread };
        Ok(Runners { all: facts.unread.is_empty(), facts })
    }

    async fn start(&self, wish: &Wish, ready: &Ready) -> Result<Result<Option<RunRef>, Unready>, ForgeError> {
        let call = Call::new(format!("starting workflow `{}`", wish.workflow), ACTIONS_WRITE);
        let route = self.route(&format!("{}/dispatches", Self::workflow_route(wish)));
        let body = json!({ "ref": ready.reference, "inputs": { "nonce": wish.nonce }, "return_run_details": true });
        let answer = match self.crab._post(route, Some(&body)).await.map_err(|error| self.failed(&call, error)) {
            Ok(answer) => answer,
            Err(error) => return refused(error),
        };
        let body = self.body_of(&call, answer).await?;
        if body.is_empty() {
            return Ok(Ok(None));
        }
        // That it was taken is known; which it is can be looked up.
        let details = serde_json::from_slice::<answers::Dispatched>(&body).ok();
        let run = details.and_then(|details| Some(RunRef { id: details.workflow_run_id?, url: details.html_url.map(Text::from) }));
        Ok(Ok(run))
    }

    async fn find(&self, wish: &Wish, ready: &Ready) -> Result<Option<RunRef>, ForgeError> {
        let runs = self.asked_runs(wish).await?.into_iter();
        let is_it = |run: &answers::Run| {
            let titles = [&run.display_title, &run.name];
            run.id > ready.newest && titles.into_iter().flatten().any(|title| title.contains(wish.nonce.as_str()))
        };
        Ok(runs.into_iter().find(is_it).map(|run| RunRef { id: run.id, url: run.html_url.map(Text::from) }))
    }

    async fn sight(&self, run: &RunRef) -> Result<Sight, ForgeError> {
        let call = Call::new(format!("looking at run {}", run.id), ACTIONS_READ);
        let below = format!("/actions/runs/{}", run.id);
        let found: answers::Run = self.get_if_new(&call, &below).await?;
        let jobs: answers::Jobs = self.get_if_new(&call, &format!("{below}/jobs?filter=latest&per_page=100")).await?;
        let skipped = |job: &answers::Job| job.conclusion.as_deref() == Some("skipped");
        let jobs = jobs.jobs.into_iter().filter(|job| !skipped(job));
        let status = found.status.unwrap_or_default();
        Ok(Sight {
            needs_approval: status == "waiting" || found.conclusion.as_deref() == Some("action_required"),
            status: status.into(),
            conclusion: found.conclusion.map(Text::from),
            created: found.created_at,
            jobs: jobs.map(JobSight::from).collect(),
        })
    }

    async fn approvals(&self, run: &RunRef) -> Result<Vec<Text>, ForgeError> {
        let call = Call::new(format!("looking what run {} waits for", run.id), ACTIONS_READ);
        let pending: Vec<answers::Pending> = self.get(&call, &format!("/actions/runs/{}/pending_deployments", run.id)).await?;
        let words = pending.into_iter().map(|pending| {
            let environment = pending.environment.and_then(|environment| environment.name).unwrap_or_default();
            let who: Vec<_> = pending.reviewers.into_iter().filter_map(|reviewer| reviewer.reviewer?.name()).collect();
            let who = if who.is_empty() { String::new() } else { format!(", which {} may give", who.join(" or ")) };
            Text::words(&format!("the approval of environment `{environment}`{who}"))
        });
        Ok(words.collect())
    }

    async fn left_by(&self, run: &RunRef, sight: &Sight) -> Result<Option<Left>, ForgeError> {
        let call = Call::new(format!("fetching the event log of run {}", run.id), ACTIONS_READ);
        let below = format!("/actions/runs/{}/artifacts?name={ARTIFACT}", run.id);
        let artifacts: answers::Artifacts = self.get(&call, &below).await?;
        let Some(artifact) = artifacts.artifacts.into_iter().max_by_key(|artifact| artifact.id) else {
            return self.logs(sight).await;
        };
        let route = self.route(&format!("/actions/artifacts/{}/zip", artifact.id));
        let archive = self.wire.download(&route).await.map_err(|failed| call.failed(&self.place, failed))?;
        let came = Digest::from_sha256(&Sha256::digest(&archive));
        match artifact.digest {
            Some(said) if said != came.as_str() => {
                let fault = self.wire.unreadable(&format!("its digest is {came}, not {said}"));
                Err(call.failed(&self.place, Failed::harmless(fault)))
            }
            _ => Ok(Some(Left::Archive(archive))),
        }
    }
}

impl Github {
    /// What the jobs that a runner took have printed.
    async fn logs(&self, sight: &Sight) -> Result<Option<Left>, ForgeError> {
        let paths = sight.jobs.iter().filter(|job| job.runner.is_some());
        let paths = paths.map(|job| self.route(&format!("/actions/jobs/{}/logs", job.id)));
        let call = Call::new("fetching the logs of the run's jobs", ACTIONS_READ);
        self.wire.logs(paths).await.map_err(|failed| call.failed(&self.place, failed))
    }
}

/// What a refused dispatch says of the workflow, if that is what it speaks of.
/// Source: answers of github.com; the texts are those of issue threads and of a recording.
fn refused(error: ForgeError) -> Result<Result<Option<RunRef>, Unready>, ForgeError> {
    match error.fault() {
        ForgeFault::Refused { status: 422, words } if words.as_str().contains("disabled") => {
            Ok(Err(Unready::Disabled(words.clone())))
        }
        ForgeFault::Refused { status: 422, words } => Ok(Err(Unready::Unusable(words.clone()))),
        _ => Err(error),
    }
}

fn facts(scope: &str, runner: answers::Runner) -> RunnerFacts {
    let state = match (runner.status.as_deref(), runner.busy) {
        (Some("offline"), _) => RunnerState::Offline,
        (Some("online"), Some(true)) => RunnerState::Busy,
        (Some("online"), Some(false)) => RunnerState::Idle,
        _ => RunnerState::Unsaid,
    };
    RunnerFacts {
        name: runner.name.unwrap_or_else(|| runner.id.to_string()).into(),
        scope: scope.into(),
        state,
        version: runner.version.filter(|version| !version.is_empty()).map(Text::from),
        labels: runner.labels.into_iter().map(|label| label.name.into()).collect::<BTreeSet<Text>>().into_iter().collect(),
        contacted: None,
    }
}

impl From<answers::Job> for JobSight {
    fn from(job: answers::Job) -> Self {
        let runner = job.runner_name.filter(|name| !name.is_empty());
        let is_queued = runner.is_none() || matches!(job.status.as_deref(), Some("queued" | "waiting" | "pending" | "requested"));
        let lost = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains("lost communication"));
        // A runner that is lost leaves steps that never ended in a job that did.
        let unfinished = job.steps.iter().any(|step| step.status.as_deref() == Some("in_progress"));
        Self {
            id: job.id,
            name: job.name.clone().unwrap_or_default().into(),
            labels: job.labels,
            created: job.created_at,
            // Until a runner takes it, this is when it was created.
            started: job.started_at.filter(|_| !is_queued),
            ended: job.completed_at,
            is_hosted: job.runner_group_name.as_deref() == Some("GitHub Actions"),
            is_lost: job.conclusion.is_some() && runner.is_some() && (unfinished || lost(&job.name)),
            runner: runner.map(Text::from),
            conclusion: job.conclusion.map(Text::from),
        }
    }
}
