//! Workflows: their states, and the runs that a dispatch starts.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{super::stamp, Answer, Answered, GitHub, Level, Request, is_get, listed, not_found, now, refusal, runs::Run};

/// A workflow file.
#[derive(Clone, Debug)]
pub(crate) struct Workflow {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// From the repository's root.
    pub(crate) path: String,
    /// In GitHub's words.
    pub(crate) state: String,
    /// What a dispatch may say; none without that trigger.
    pub(crate) inputs: Option<Vec<Input>>,
    /// `run-name`, in which inputs are filled in.
    pub(crate) run_name: Option<String>,
    /// The labels that its job asks for.
    pub(crate) labels: Vec<String>,
    updated: Timestamp,
}

/// An input of a dispatch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) is_required: bool,
    pub(crate) default: Option<String>,
    /// Of a choice.
    pub(crate) options: Vec<String>,
    /// Whether expressions see a truth in place of a text.
    pub(crate) is_boolean: bool,
}

impl Workflow {
    pub(super) fn new(id: u64, file: &str, state: &str) -> Self {
        Self {
            id,
            name: file.trim_end_matches(".yml").to_owned(),
            path: format!(".github/workflows/{file}"),
            state: state.to_owned(),
            inputs: None,
            run_name: None,
            labels: vec!["ubuntu-latest".to_owned()],
            updated: now(),
        }
    }

    /// Its file's name.
    pub(crate) fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn set_state(&mut self, state: &str) {
        state.clone_into(&mut self.state);
        self.updated = now();
    }

    /// What is wrong with a dispatch's inputs, in GitHub's words.
    fn complaint(&self, given: &Value) -> Option<String> {
        let Some(inputs) = &self.inputs else { return Some("Workflow does not have 'workflow_dispatch' trigger".to_owned()) };
        let names = given.as_object().into_iter().flatten().map(|(name, _)| name);
        let unknown: Vec<_> = names.filter(|name| !inputs.iter().any(|input| input.name == **name)).collect();
        if !unknown.is_empty() {
            return Some(format!("Unexpected inputs provided: {unknown:?}"));
        }
        let missing = inputs.iter().find(|input| input.is_required && input.default.is_none() && given[&input.name].is_null());
        if let Some(input) = missing {
            return Some(format!("Required input '{}' not provided", input.name));
        }
        let strange = inputs.iter().find(|input| {
            let value = given[&input.name].as_str();
            !input.options.is_empty() && value.is_some_and(|value| !input.options.iter().any(|option| option == value))
        });
        strange.map(|input| {
            let value = given[&input.name].as_str().unwrap_or_default();
            format!("Provided value '{value}' for input '{}' not in the list of allowed values", input.name)
        })
    }
}

impl GitHub {
    /// Makes a workflow one that can be dispatched with these inputs, on runners with these labels.
    #[must_use]
    pub(crate) fn dispatchable(mut self, file: &str, inputs: &[&str], labels: &[&str]) -> Self {
        let of = |name: &&str| Input { name: (*name).to_owned(), ..Input::default() };
        let workflow = self.the_workflow(file);
        workflow.inputs = Some(inputs.iter().map(of).collect());
        workflow.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self
    }

    pub(super) fn of_workflows(&mut self, request: &Request, rest: &[&str]) -> Answered {
        let here = self.here();
        let [id, rest @ ..] = rest else {
            let all: Vec<_> = self.workflows.iter().map(|workflow| self.workflow_shape(workflow)).collect();
            let answer = listed(request, &format!("{here}/actions/workflows"), Some("workflows"), &all);
            return self.needs(request, ("actions", Level::Read), answer);
        };
        let is = |workflow: &Workflow| workflow.id.to_string() == *id || workflow.file() == *id;
        let at = self.workflows.iter().position(|workflow| is(workflow) && workflow.state != "deleted").ok_or_else(not_found)?;
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                let answer = Answer::json(200, self.workflow_shape(&self.workflows[at]));
                self.needs(request, ("actions", Level::Read), answer)
            }
            ("GET", ["runs"]) => {
                let id = self.workflows[at].id;
                self.list_runs(request, &format!("{here}/actions/workflows/{id}/runs"), Some(id))
            }
            ("PUT", ["disable" | "enable"]) => self.switch(request, at, rest[0] == "enable"),
            ("POST", ["dispatches"]) => self.dispatch(request, at),
            _ => Err(not_found()),
        }
    }

    fn switch(&mut self, request: &Request, at: usize, is_on: bool) -> Answered {
        let answer = self.needs(request, ("actions", Level::Write), Answer::empty(204))?;
        let workflow = &mut self.workflows[at];
        if !is_on && workflow.state != "active" {
            return Err(refusal(403, "Unable to disable a workflow that is not active."));
        }
        if is_on != (workflow.state == "active") {
            workflow.set_state(if is_on { "active" } else { "disabled_manually" });
        }
        Ok(answer)
    }

    fn dispatch(&mut self, request: &Request, at: usize) -> Answered {
        self.allow(request, "actions", Level::Write)?;
        let workflow = self.workflows[at].clone();
        let name = request.text("ref").unwrap_or_default();
        let is_full =
            |full: &&String| **full == name || ["refs/heads/", "refs/tags/"].iter().any(|kind| **full == format!("{kind}{name}"));
        let found = self.refs.keys().find(is_full).cloned();
        let full = found.ok_or_else(|| refusal(422, &format!("No ref found for: {name}")))?;
        if workflow.state != "active" {
            return Err(refusal(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"));
        }
        let given = &request.body["inputs"];
        if let Some(complaint) = workflow.complaint(given) {
            return Err(refusal(422, &complaint));
        }
        let (id, here) = (self.dispatched(&workflow, &full, given), self.here());
        if !self.has_run_details || request.body["return_run_details"] != true {
            return self.needs(request, ("actions", Level::Write), Answer::empty(204));
        }
        let html = format!("https://github.com/{}/actions/runs/{id}", self.full_name());
        let body = json!({ "workflow_run_id": id, "run_url": format!("{here}/actions/runs/{id}"), "html_url": html });
        self.needs(request, ("actions", Level::Write), Answer::json(200, body))
    }

    fn dispatched(&mut self, workflow: &Workflow, full: &str, given: &Value) -> u64 {
        let id = self.new_id();
        let short = full.splitn(3, '/').last().unwrap_or_default();
        let mut run = Run::new(id, workflow, "workflow_dispatch", short, &self.refs[full]);
        run.hidden = self.list_lag;
        for input in workflow.inputs.iter().flatten() {
            let value = given[&input.name].as_str().map(str::to_owned).or_else(|| input.default.clone()).unwrap_or_default();
            run.inputs.insert(input.name.clone(), value);
        }
        self.begin(run, workflow);
        id
    }

    fn workflow_shape(&self, workflow: &Workflow) -> Value {
        let html = format!("https://github.com/{}", self.full_name());
        json!({
            "id": workflow.id,
            "node_id": format!("W_{}", workflow.id),
            "name": workflow.name,
            "path": workflow.path,
            "state": workflow.state,
            "created_at": "2024-05-12T14:42:08.000+02:00",
            "updated_at": stamp::seconds(workflow.updated),
            "url": format!("{}/actions/workflows/{}", self.here(), workflow.id),
            "html_url": format!("{html}/blob/{}/{}", self.default_branch, workflow.path),
            "badge_url": format!("{html}/workflows/{}/badge.svg", workflow.name),
        })
    }

    /// Refuses what is no read.
    pub(super) fn reads_only(request: &Request) -> Result<(), Answer> {
        if is_get(request) { Ok(()) } else { Err(not_found()) }
    }
}
