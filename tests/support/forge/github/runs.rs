//! Runs: how they stand, lists of them, and their end by a cancel.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{super::stamp, Answer, Answered, GitHub, Job, Level, Request, Workflow, listed, not_found, now, refusal};

/// A run of a workflow.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) workflow: u64,
    pub(crate) workflow_name: String,
    pub(crate) path: String,
    pub(crate) number: u64,
    pub(crate) attempt: u64,
    pub(crate) event: String,
    pub(crate) branch: Option<String>,
    pub(crate) sha: String,
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) jobs: Vec<Job>,
    /// The environment whose approval it waits for.
    pub(crate) waits_for: Option<String>,
    /// How many lists it is still missing from.
    pub(crate) hidden: usize,
    /// After how many more looks it is cancelled; none unless that was asked.
    pub(crate) cancelling: Option<usize>,
    /// Whether an `always()` job keeps it going in spite of a cancel, but not of a forced one.
    pub(crate) is_stubborn: bool,
    /// The workflow file it runs, if it is in a real repository.
    pub(super) file: Option<Arc<Value>>,
    /// Whether its runners are told to stop.
    pub(super) is_cancelled: bool,
}

/// What goes wrong with new runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Starts {
    /// They end as `startup_failure` at once.
    pub(crate) fail: bool,
    /// They are accepted, have no jobs, and nothing comes of them.
    pub(crate) never_run: bool,
}

impl Run {
    pub(super) fn new(id: u64, workflow: &Workflow, event: &str, branch: &str, sha: &str) -> Self {
        Self {
            id,
            workflow: workflow.id,
            workflow_name: workflow.name.clone(),
            path: workflow.path.clone(),
            number: 1,
            attempt: 1,
            event: event.to_owned(),
            branch: Some(branch.to_owned()),
            sha: sha.to_owned(),
            title: workflow.run_name.clone().unwrap_or_else(|| workflow.name.clone()),
            status: "queued".to_owned(),
            conclusion: None,
            created: now(),
            updated: now(),
            inputs: BTreeMap::new(),
            jobs: Vec::new(),
            waits_for: None,
            hidden: 0,
            cancelling: None,
            is_stubborn: false,
            file: None,
            is_cancelled: false,
        }
    }

    /// Sets its status, and its jobs' along.
    pub(crate) fn set_status(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        self.updated = now();
        for job in &mut self.jobs {
            job.set_status(status);
        }
    }

    /// Ends it, with all jobs that have not ended.
    pub(crate) fn conclude(&mut self, conclusion: &str) {
        "completed".clone_into(&mut self.status);
        self.conclusion = Some(conclusion.to_owned());
        self.updated = now();
        self.cancelling = None;
        // A run whose start failed has no jobs; a job knows no such conclusion.
        if conclusion == "startup_failure" {
            self.jobs.clear();
        }
        for job in self.jobs.iter_mut().filter(|job| job.conclusion.is_none()) {
            job.conclude(conclusion);
        }
    }

    /// How it stands, in one word.
    pub(crate) fn standing(&self) -> &str {
        self.conclusion.as_deref().unwrap_or(&self.status)
    }

    /// What comes later, one look nearer.
    fn look(&mut self) {
        match self.cancelling {
            Some(0) => self.conclude("cancelled"),
            Some(left) => self.cancelling = Some(left - 1),
            None => {}
        }
    }

    fn fits(&self, request: &Request) -> bool {
        let is = |name: &str, value: Option<&str>| request.asked(name).is_none_or(|asked| Some(asked) == value);
        let is_so = request.asked("status").is_none_or(|asked| asked == self.status || Some(asked) == self.conclusion.as_deref());
        let is_then = request.asked("created").is_none_or(|asked| is_within(asked, self.created));
        is("branch", self.branch.as_deref())
            && is("event", Some(&self.event))
            && is("head_sha", Some(&self.sha))
            && is_so
            && is_then
    }
}

/// Whether a time is in what GitHub's search syntax says: `>=T`, `T..T`, and the like.
fn is_within(asked: &str, time: Timestamp) -> bool {
    let at = |text: &str| text.parse::<Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse());
    let after = |text: &str| at(text).is_ok_and(|from| time.as_second() >= from.as_second());
    let before = |text: &str| at(text).is_ok_and(|to| time.as_second() <= to.as_second());
    match (asked.split_once(".."), asked.strip_prefix('>'), asked.strip_prefix('<')) {
        (Some((from, to)), ..) => (from == "*" || after(from)) && (to == "*" || before(to)),
        (None, Some(from), _) => after(from.trim_start_matches('=')),
        (None, None, Some(to)) => before(to.trim_start_matches('=')),
        _ => after(asked) && before(asked),
    }
}

impl GitHub {
    /// The run with this id.
    pub(crate) fn the_run(&mut self, id: u64) -> &mut Run {
        self.runs.iter_mut().find(|run| run.id == id).unwrap()
    }

    pub(super) fn of_runs(&mut self, request: &Request, rest: &[&str]) -> Answered {
        let [id, rest @ ..] = rest else {
            return self.list_runs(request, &format!("{}/actions/runs", self.here()), None);
        };
        let at = self.runs.iter().position(|run| run.id.to_string() == *id).ok_or_else(not_found)?;
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                self.runs[at].look();
                let answer = Answer::json(200, self.run_shape(&self.runs[at]));
                self.needs(request, ("actions", Level::Read), answer)
            }
            ("DELETE", []) => {
                let answer = self.needs(request, ("actions", Level::Write), Answer::empty(204))?;
                self.runs.remove(at);
                Ok(answer)
            }
            ("GET", ["jobs"] | ["attempts", _, "jobs"]) => self.list_jobs(request, at),
            ("GET", ["artifacts"]) => self.list_artifacts(request, at),
            ("GET", ["logs"]) => self.logs_of_run(request, at),
            ("GET" | "POST", ["pending_deployments"]) => self.pending(request, at),
            ("POST", ["cancel"]) => self.cancel(request, at, self.runs[at].is_stubborn),
            ("POST", ["force-cancel"]) => self.cancel(request, at, false),
            _ => Err(not_found()),
        }
    }

    fn cancel(&mut self, request: &Request, at: usize, is_ignored: bool) -> Answered {
        let answer = self.needs(request, ("actions", Level::Write), Answer::json(202, json!({})))?;
        let run = &mut self.runs[at];
        if run.conclusion.is_some() {
            return Err(refusal(409, "Cannot cancel a workflow run that is completed."));
        }
        // What is at work is told, and ends by itself.
        run.is_cancelled = run.file.is_some() && !is_ignored;
        let is_at_work = run.is_cancelled && run.jobs.iter().any(|job| job.status == "in_progress");
        match self.cancel_lag {
            _ if is_ignored || is_at_work => {}
            0 => run.conclude("cancelled"),
            lag => run.cancelling = Some(lag - 1),
        }
        Ok(answer)
    }

    pub(super) fn list_runs(&mut self, request: &Request, url: &str, workflow: Option<u64>) -> Answered {
        Self::reads_only(request)?;
        self.allow(request, "actions", Level::Read)?;
        let mut fitting = Vec::new();
        for at in 0..self.runs.len() {
            let run = &mut self.runs[at];
            if run.hidden > 0 {
                run.hidden -= 1;
                continue;
            }
            run.look();
            if workflow.is_none_or(|id| run.workflow == id) && run.fits(request) {
                fitting.push(self.run_shape(&self.runs[at]));
            }
        }
        fitting.reverse();
        self.needs(request, ("actions", Level::Read), listed(request, url, Some("workflow_runs"), &fitting))
    }

    fn run_shape(&self, run: &Run) -> Value {
        let url = format!("{}/actions/runs/{}", self.here(), run.id);
        let html = format!("https://github.com/{}/actions/runs/{}", self.full_name(), run.id);
        let suite = run.id + 1_000_000;
        let mut shape = json!({
            "id": run.id,
            "name": run.workflow_name,
            "node_id": format!("WFR_{}", run.id),
            "check_suite_id": suite,
            "check_suite_node_id": format!("CS_{suite}"),
            "head_branch": run.branch,
            "head_sha": run.sha,
            "path": run.path,
            "display_title": run.title,
            "run_number": run.number,
            "run_attempt": run.attempt,
            "referenced_workflows": [],
            "event": run.event,
            "status": run.status,
            "conclusion": run.conclusion,
            "workflow_id": run.workflow,
            "url": url,
            "html_url": html,
            "pull_requests": [],
            "created_at": stamp::seconds(run.created),
            "updated_at": stamp::seconds(run.updated),
            "run_started_at": stamp::seconds(run.created),
            "actor": self.person("release-captain"),
            "triggering_actor": self.person("release-captain"),
            "check_suite_url": format!("{}/check-suites/{suite}", self.here()),
            "workflow_url": format!("{}/actions/workflows/{}", self.here(), run.workflow),
            "previous_attempt_url": null,
            "head_commit": Self::commit_in_short(&run.sha),
            "repository": self.repository_in_short(),
            "head_repository": self.repository_in_short(),
        });
        for what in ["jobs", "logs", "artifacts", "cancel", "rerun"] {
            shape[format!("{what}_url")] = json!(format!("{url}/{what}"));
        }
        shape
    }
}
