//! Jobs of pipelines: who took them, how they stand, what they wrote.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{call::Content, stamp},
    Answer, Answered, GitLab, JobPlan, Pipeline, Request, Role, forbidden, listed, not_found, now,
};

/// A job of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) status: String,
    pub(crate) failure_reason: Option<String>,
    pub(crate) may_fail: bool,
    pub(crate) created: Timestamp,
    pub(crate) started: Option<Timestamp>,
    pub(crate) finished: Option<Timestamp>,
    /// The runner that took it.
    pub(crate) runner: Option<u64>,
    pub(crate) trace: String,
    pub(crate) archive: Option<Archive>,
    /// In which stage it is, counted from 0.
    pub(super) stage: usize,
    /// The job as configured, in a real repository.
    pub(super) plan: Option<Value>,
    /// Whether its runner is told to stop.
    pub(super) is_cancelled: bool,
    /// Whether its machine died, which the forge does not know yet.
    pub(super) is_lost: bool,
}

/// What a job left.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    pub(crate) zip: Vec<u8>,
    pub(crate) is_expired: bool,
}

impl Job {
    pub(crate) fn new(id: u64, plan: &JobPlan) -> Self {
        Self {
            id,
            name: plan.name.clone(),
            tags: plan.tags.clone(),
            status: match plan.job["when"].as_str() {
                Some("manual") => "manual",
                _ if plan.job.is_null() => "pending",
                _ => "created",
            }
            .to_owned(),
            failure_reason: None,
            may_fail: plan.may_fail,
            created: now(),
            started: None,
            finished: None,
            runner: None,
            trace: String::new(),
            archive: None,
            stage: plan.stage,
            plan: (!plan.job.is_null()).then(|| plan.job.clone()),
            is_cancelled: false,
            is_lost: false,
        }
    }

    pub(crate) fn set_status(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        if status == "running" {
            self.started.get_or_insert_with(now);
        }
        if ["success", "failed", "canceled", "skipped"].contains(&status) {
            self.finish(status);
        }
    }

    /// A runner takes it.
    pub(crate) fn picked(&mut self, runner: u64) {
        self.runner = Some(runner);
        self.set_status("running");
    }

    /// It ends.
    pub(crate) fn finish(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        self.finished = Some(now());
    }

    /// It is canceled: at once, or when its runner has stopped.
    pub(super) fn cancel(&mut self) {
        let is_at_work = self.status == "running" && self.plan.is_some() && !self.is_lost;
        match self.finished {
            Some(_) => {}
            None if is_at_work => (self.is_cancelled, self.status) = (true, "canceling".to_owned()),
            None => self.finish("canceled"),
        }
    }

    /// It ends badly, for this reason.
    pub(crate) fn fail(&mut self, reason: &str) {
        self.failure_reason = Some(reason.to_owned());
        self.finish("failed");
    }
}

impl GitLab {
    pub(super) fn of_jobs(&mut self, request: &Request, rest: &[&str]) -> Answered {
        if self.builds_are_off() {
            return Err(forbidden());
        }
        self.allow(request, Role::Reporter)?;
        let [id, rest @ ..] = rest else { return Err(not_found("")) };
        let is = |job: &Job| job.id.to_string() == *id;
        let found = self.pipelines.iter().enumerate().find_map(|(at, pipeline)| Some((at, pipeline.jobs.iter().position(is)?)));
        let (at, of) = found.ok_or_else(|| not_found(""))?;
        let job = &self.pipelines[at].jobs[of];
        match (request.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, self.job_shape(&self.pipelines[at], job))),
            ("GET", ["trace"]) => Ok(Answer::new(200, Content::Text(job.trace.clone()))),
            ("GET", ["artifacts"]) => match &job.archive {
                Some(archive) if !archive.is_expired => {
                    Ok(Answer::new(200, Content::Bytes("application/octet-stream", archive.zip.clone())))
                }
                _ => Err(not_found("")),
            },
            ("POST", ["cancel"]) => {
                self.allow(request, Role::Developer)?;
                let job = &mut self.pipelines[at].jobs[of];
                job.cancel();
                Ok(Answer::json(201, self.job_shape(&self.pipelines[at], &self.pipelines[at].jobs[of])))
            }
            _ => Err(not_found("")),
        }
    }

    pub(super) fn list_jobs(&self, request: &Request, at: usize) -> Answer {
        let pipeline = &self.pipelines[at];
        let scopes: Vec<_> = request.query.iter().filter(|(name, _)| name.starts_with("scope")).map(|(_, scope)| scope).collect();
        let is_asked = |job: &&Job| scopes.is_empty() || scopes.contains(&&job.status);
        let shapes: Vec<_> = pipeline.jobs.iter().filter(is_asked).map(|job| self.job_shape(pipeline, job)).collect();
        listed(request, &format!("{}/pipelines/{}/jobs", self.here(), pipeline.id), &shapes)
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
    pub(super) fn job_shape(&self, pipeline: &Pipeline, job: &Job) -> Value {
        let seconds = |from: Timestamp, to: Timestamp| (to.as_millisecond() - from.as_millisecond()) as f64 / 1000.0;
        let runner = job.runner.and_then(|id| self.runners.iter().find(|runner| runner.id == id));
        let file = job.archive.as_ref().map(|archive| json!({ "filename": "artifacts.zip", "size": archive.zip.len() }));
        json!({
            "id": job.id,
            "status": job.status,
            "stage": "test",
            "name": job.name,
            "ref": pipeline.reference,
            "tag": pipeline.is_tag,
            "coverage": null,
            "allow_failure": job.may_fail,
            "created_at": stamp::millis(job.created),
            "started_at": job.started.map(stamp::millis),
            "finished_at": job.finished.map(stamp::millis),
            "erased_at": null,
            "duration": job.started.map(|started| seconds(started, job.finished.unwrap_or_else(now))),
            "queued_duration": seconds(job.created, job.started.unwrap_or_else(now)),
            "user": null,
            "commit": self.commit(&pipeline.sha),
            "pipeline": self.pipeline_in_short(pipeline),
            "failure_reason": job.failure_reason,
            "web_url": format!("{}/-/jobs/{}", self.web(), job.id),
            "artifacts_file": file,
            "artifacts": [],
            "runner": runner.map(super::Runner::shape),
            "runner_manager": runner.map(Self::manager_shape),
            "artifacts_expire_at": null,
            "archived": false,
            "tag_list": job.tags,
        })
    }
}
