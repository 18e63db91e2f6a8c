//! Jobs of runs: who took them, how they stand, and their logs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{super::stamp, Answer, Answered, GitHub, Level, Request, Run, listed, not_found, now};

/// A job of a run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) started: Timestamp,
    pub(crate) completed: Option<Timestamp>,
    pub(crate) labels: Vec<String>,
    pub(crate) runner: Option<PickedBy>,
    pub(crate) steps: Vec<Step>,
    pub(crate) log: String,
    /// What it wrote for the run's page.
    pub(crate) summary: String,
    /// Its name in the workflow file, the jobs it needs, and the environment it is for.
    pub(super) key: String,
    pub(super) needs: Vec<String>,
    pub(super) environment: Option<String>,
    /// Whether its machine died, which the forge does not know yet.
    pub(super) is_lost: bool,
}

/// The runner that took a job.
#[derive(Clone, Debug)]
pub(crate) struct PickedBy {
    pub(crate) id: u64,
    pub(crate) name: String,
}

/// A step of a job.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) completed: Option<Timestamp>,
}

impl Job {
    pub(crate) fn new(id: u64, name: &str, labels: &[&str]) -> Self {
        Self {
            id,
            name: name.to_owned(),
            status: "queued".to_owned(),
            conclusion: None,
            created: now(),
            started: now(),
            completed: None,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            runner: None,
            steps: Vec::new(),
            log: String::new(),
            summary: String::new(),
            key: String::new(),
            needs: Vec::new(),
            environment: None,
            is_lost: false,
        }
    }

    pub(super) fn set_status(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        if status == "in_progress" && self.runner.is_none() {
            self.picked(PickedBy { id: 1, name: "GitHub Actions 1".to_owned() });
        }
    }

    /// A runner takes it.
    pub(crate) fn picked(&mut self, runner: PickedBy) {
        "in_progress".clone_into(&mut self.status);
        self.started = now();
        self.runner = Some(runner);
    }

    /// It ends.
    pub(crate) fn conclude(&mut self, conclusion: &str) {
        "completed".clone_into(&mut self.status);
        self.conclusion = Some(conclusion.to_owned());
        self.completed = Some(now());
    }
}

impl GitHub {
    pub(super) fn of_jobs(&mut self, request: &Request, rest: &[&str]) -> Answered {
        Self::reads_only(request)?;
        let is = |job: &&Job| rest.first().is_some_and(|id| job.id.to_string() == **id);
        let found = self.runs.iter().find_map(|run| Some((run, run.jobs.iter().find(is)?)));
        let (run, job) = found.ok_or_else(not_found)?;
        let answer = match rest {
            [_] => Answer::json(200, self.job_shape(run, job)),
            [_, "logs"] if job.completed.is_some() => self.elsewhere(&format!("logs/{}", job.id)),
            _ => return Err(not_found()),
        };
        self.needs(request, ("actions", Level::Read), answer)
    }

    pub(super) fn list_jobs(&mut self, request: &Request, at: usize) -> Answered {
        let run = &self.runs[at];
        let jobs: Vec<_> = run.jobs.iter().map(|job| self.job_shape(run, job)).collect();
        let url = format!("{}/actions/runs/{}/jobs", self.here(), run.id);
        self.needs(request, ("actions", Level::Read), listed(request, &url, Some("jobs"), &jobs))
    }

    fn job_shape(&self, run: &Run, job: &Job) -> Value {
        let steps = job.steps.iter().enumerate().map(|(at, step)| {
            json!({
                "name": step.name,
                "status": step.status,
                "conclusion": step.conclusion,
                "number": at + 1,
                "started_at": step.started.map(stamp::seconds),
                "completed_at": step.completed.map(stamp::seconds),
            })
        });
        // Until a runner takes it, a job's start is its creation, its runner's name is empty and its id is 0.
        let runner = job.runner.clone().unwrap_or_else(|| PickedBy { id: 0, name: String::new() });
        let is_picked = job.runner.is_some();
        json!({
            "id": job.id,
            "run_id": run.id,
            "workflow_name": run.workflow_name,
            "head_branch": run.branch,
            "run_url": format!("{}/actions/runs/{}", self.here(), run.id),
            "run_attempt": run.attempt,
            "node_id": format!("CR_{}", job.id),
            "head_sha": run.sha,
            "url": format!("{}/actions/jobs/{}", self.here(), job.id),
            "html_url": format!("https://github.com/{}/actions/runs/{}/job/{}", self.full_name(), run.id, job.id),
            "status": job.status,
            "conclusion": job.conclusion,
            "created_at": stamp::seconds(job.created),
            "started_at": stamp::seconds(if is_picked { job.started } else { job.created }),
            "completed_at": job.completed.map(stamp::seconds),
            "name": job.name,
            "steps": steps.collect::<Vec<_>>(),
            "check_run_url": format!("{}/check-runs/{}", self.here(), job.id),
            "labels": job.labels,
            "runner_id": runner.id,
            "runner_name": runner.name,
            "runner_group_id": u64::from(is_picked),
            "runner_group_name": if is_picked { "Default" } else { "" },
        })
    }
}
