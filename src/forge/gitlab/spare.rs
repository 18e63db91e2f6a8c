//! Pipelines with a job on a spare runner.
//!
//! The nonce goes in as the input `canship_nonce` where the configuration has one, else as the variable `CANSHIP_NONCE`
//! where the project lets it: what is refused for want of the one has made no pipeline, so the other may be asked for.

use async_trait::async_trait;

use super::{
    DEVELOPER, Gitlab, MAINTAINER, REPORTER, answers,
    service::{CreatePipeline, JobsOf, Pipelines, Read, Taking},
};
use crate::{
    forge::{
        ForgeError, ForgeFault,
        call::Call,
        spare::{JobSight, Left, Ready, RunRef, Runners, Sight, SpareRunners, Unready, Wish, has_all},
    },
    record::{RunnerFacts, RunnerState, RunnersFacts, Text},
};

/// What an infallible endpoint fails with.
type Never = std::fmt::Error;

impl Gitlab {
    /// The newest pipelines that were made by API.
    async fn newest(&self) -> Result<Vec<answers::Pipeline>, ForgeError> {
        let call = Call::new("listing pipelines that were made by API", REPORTER);
        self.ask(&call, Ok::<_, Never>(Pipelines { project: &self.id, asked: &[("source", "api"), ("per_page", "20")] })).await
    }

    async fn create(&self, (wish, ready): (&Wish, &Ready), taking: Taking) -> Result<RunRef, ForgeError> {
        let call = Call::new(format!("creating a pipeline with job `{}`", wish.workflow), DEVELOPER);
        let endpoint = CreatePipeline { project: &self.id, reference: &ready.reference, nonce: &wish.nonce, taking };
        let made: answers::Pipeline = self.ask(&call, Ok::<_, Never>(endpoint)).await?;
        Ok(RunRef { id: made.id, url: made.web_url.map(Text::from) })
    }

    /// Whether this pipeline was asked for with the nonce.
    async fn has_nonce(&self, pipeline: u64, wish: &Wish) -> Result<bool, ForgeError> {
        let call = Call::new(format!("looking for the nonce in pipeline {pipeline}"), MAINTAINER);
        let whole: answers::Pipeline =
            self.ask(&call, Ok::<_, Never>(Read(format!("projects/{}/pipelines/{pipeline}", self.id)))).await?;
        if whole.name.is_some_and(|name| name.contains(wish.nonce.as_str())) {
            return Ok(true);
        }
        let endpoint = Read(format!("projects/{}/pipelines/{pipeline}/variables", self.id));
        let variables: Vec<answers::Variable> = self.ask(&call, Ok::<_, Never>(endpoint)).await?;
        Ok(variables.iter().any(|variable| variable.value == wish.nonce.as_str()))
    }

    async fn runner(&self, id: u64) -> Result<answers::RunnerInFull, ForgeError> {
        let call = Call::new(format!("looking at runner #{id}"), MAINTAINER);
        self.ask(&call, Ok::<_, Never>(Read(format!("runners/{id}")))).await
    }
}

#[async_trait]
impl SpareRunners for Gitlab {
    async fn ready(&self, _wish: &Wish) -> Result<Result<Ready, Unready>, ForgeError> {
        let project = self.see_project().await?;
        if project.builds_access_level.as_deref() == Some("disabled") {
            return Ok(Err(Unready::Disabled("CI/CD is switched off for the project".into())));
        }
        let newest = self.newest().await?.iter().map(|pipeline| pipeline.id).max().unwrap_or_default();
        Ok(Ok(Ready { reference: project.default_branch.unwrap_or_else(|| "main".to_owned()), newest }))
    }

    async fn runners(&self, wish: &Wish) -> Result<Runners, ForgeError> {
        let call = Call::new("listing the project's runners", MAINTAINER);
        let endpoint = gitlab::api::projects::runners::ProjectRunners::builder().project(self.project()).build();
        let listed: Vec<answers::Runner> = match self.ask_all(&call, endpoint).await {
            Ok(listed) => listed,
            Err(error) => {
                let facts = RunnersFacts { runners: Vec::new(), unread: vec![unread("the project's runners", error)?] };
                return Ok(Runners { facts, all: false });
            }
        };
        let mut facts = RunnersFacts::default();
        for runner in listed {
            match self.runner(runner.id).await {
                Ok(whole) if has_all(&whole.tag_list.iter().map(String::as_str).collect::<Vec<_>>(), &wish.labels) => {
                    facts.runners.push(of_runner(&runner, whole));
                }
                Ok(_) => {}
                Err(error) => facts.unread.push(unread(&format!("runner #{}", runner.id), error)?),
            }
        }
        Ok(Runners { all: facts.unread.is_empty(), facts })
    }

    async fn start(&self, wish: &Wish, ready: &Ready) -> Result<Result<Option<RunRef>, Unready>, ForgeError> {
        let with_input = match self.create((wish, ready), Taking::Input).await {
            Ok(run) => return Ok(Ok(Some(run))),
            Err(error) => unready(error)?,
        };
        if !with_input.as_str().contains("nputs") {
            return Ok(Err(Unready::Unusable(with_input)));
        }
        // Without the input in the configuration, GitLab has made nothing.
        match self.create((wish, ready), Taking::Variable).await {
            Ok(run) => Ok(Ok(Some(run))),
            Err(error) => {
                let with_variable = unready(error)?;
                let both =
                    format!("with the input `canship_nonce`: {with_input}; with the variable `CANSHIP_NONCE`: {with_variable}");
                Ok(Err(Unready::Unusable(Text::words(&both))))
            }
        }
    }

    async fn find(&self, wish: &Wish, ready: &Ready) -> Result<Option<RunRef>, ForgeError> {
        for pipeline in self.newest().await?.into_iter().filter(|pipeline| pipeline.id > ready.newest) {
            if self.has_nonce(pipeline.id, wish).await? {
                return Ok(Some(RunRef { id: pipeline.id, url: pipeline.web_url.map(Text::from) }));
            }
        }
        Ok(None)
    }

    async fn sight(&self, run: &RunRef) -> Result<Sight, ForgeError> {
        let call = Call::new(format!("looking at pipeline {}", run.id), REPORTER);
        let pipeline: answers::Pipeline =
            self.ask(&call, Ok::<_, Never>(Read(format!("projects/{}/pipelines/{}", self.id, run.id)))).await?;
        let endpoint = JobsOf { project: &self.id, pipeline: run.id };
        let jobs: Vec<answers::Job> = self.ask_all(&call, Ok::<_, Never>(endpoint)).await?;
        let status = pipeline.status.unwrap_or_default();
        let is_over = matches!(status.as_str(), "success" | "failed" | "canceled" | "skipped");
        let needs_approval = jobs.iter().any(|job| job.status.as_deref() == Some("manual"));
        let left_out = |job: &answers::Job| matches!(job.status.as_deref(), Some("skipped"));
        Ok(Sight {
            needs_approval,
            conclusion: is_over.then(|| status.as_str().into()),
            status: status.into(),
            created: pipeline.created_at,
            jobs: jobs.into_iter().filter(|job| !left_out(job)).map(JobSight::from).collect(),
        })
    }

    async fn approvals(&self, run: &RunRef) -> Result<Vec<Text>, ForgeError> {
        let call = Call::new(format!("looking what pipeline {} waits for", run.id), REPORTER);
        let endpoint = JobsOf { project: &self.id, pipeline: run.id };
        let jobs: Vec<answers::Job> = self.ask_all(&call, Ok::<_, Never>(endpoint)).await?;
        let manual = jobs.into_iter().filter(|job| job.status.as_deref() == Some("manual"));
        Ok(manual.map(|job| format!("somebody to start job `{}`", job.name.unwrap_or_default()).into()).collect())
    }

    async fn left_by(&self, run: &RunRef, sight: &Sight) -> Result<Option<Left>, ForgeError> {
        let call = Call::new(format!("fetching the event log of pipeline {}", run.id), REPORTER);
        for job in sight.jobs.iter().filter(|job| job.runner.is_some()) {
            let path = format!("/api/v4/projects/{}/jobs/{}/artifacts", self.id, job.id);
            match self.wire().download(&path).await.map_err(|failed| call.failed(&self.place, failed)) {
                Ok(archive) => return Ok(Some(Left::Archive(archive))),
                Err(error) if matches!(error.fault(), ForgeFault::NotFoundOrHidden { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let taken = sight.jobs.iter().filter(|job| job.runner.is_some());
        let paths = taken.map(|job| format!("/api/v4/projects/{}/jobs/{}/trace", self.id, job.id));
        self.wire().logs(paths).await.map_err(|failed| call.failed(&self.place, failed))
    }
}

/// The words of a refusal that speaks of what was asked for; other errors stay what they are.
fn unready(error: ForgeError) -> Result<Text, ForgeError> {
    match error.fault() {
        // The rate of pipelines is limited with the same status.
        ForgeFault::Refused { status: 400, words } if !words.as_str().contains("Too many pipelines") => Ok(words.clone()),
        _ => Err(error),
    }
}

/// That something could not be read, if that is for want of a right.
fn unread(what: &str, error: ForgeError) -> Result<Text, ForgeError> {
    match error.fault() {
        ForgeFault::NoRights { missing, .. } => Ok(format!("{what} could not be read: the token lacks `{missing}`").into()),
        ForgeFault::NotFoundOrHidden { .. } => Ok(format!("{what} could not be read: the token may not see it").into()),
        _ => Err(error),
    }
}

fn of_runner(listed: &answers::Runner, whole: answers::RunnerInFull) -> RunnerFacts {
    let is_busy = whole.execution.as_deref().or(listed.execution.as_deref()) == Some("active");
    let state = match (whole.status.as_deref(), whole.paused) {
        (_, Some(true)) => RunnerState::Paused,
        (Some("online"), _) if is_busy => RunnerState::Busy,
        (Some("online"), _) => RunnerState::Idle,
        (Some(_), _) => RunnerState::Offline,
        (None, _) => RunnerState::Unsaid,
    };
    let scope = match listed.kind.as_deref() {
        Some("instance_type") => "instance",
        Some("group_type") => "group",
        _ => "project",
    };
    RunnerFacts {
        name: listed.description.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| format!("#{}", listed.id)).into(),
        scope: scope.into(),
        state,
        version: whole.version.filter(|version| !version.is_empty()).map(Text::from),
        labels: whole.tag_list.into_iter().map(Text::from).collect(),
        contacted: whole.contacted_at,
    }
}

impl From<answers::Job> for JobSight {
    fn from(job: answers::Job) -> Self {
        let is_over = matches!(job.status.as_deref(), Some("success" | "failed" | "canceled"));
        // A machine that is gone is known by its silence only.
        let lost = ["stuck_or_timeout_failure", "runner_system_failure", "no_updates_from_runner"];
        let reason = job.failure_reason.filter(|reason| !reason.is_empty());
        let is_lost = job.runner.is_some() && reason.as_deref().is_some_and(|reason| lost.contains(&reason));
        let conclusion = is_over.then(|| match &reason {
            Some(reason) => format!("{}: {reason}", job.status.clone().unwrap_or_default()),
            None => job.status.clone().unwrap_or_default(),
        });
        let runner = job.runner.map(|runner| runner.description.unwrap_or_else(|| format!("#{}", runner.id)));
        Self {
            id: job.id,
            name: job.name.unwrap_or_default().into(),
            labels: job.tag_list,
            created: job.created_at,
            started: job.started_at,
            ended: job.finished_at,
            runner: runner.map(Text::from),
            // Which runners may take a job its tags say.
            is_hosted: false,
            conclusion: conclusion.map(Text::from),
            is_lost,
        }
    }
}
