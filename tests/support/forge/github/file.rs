//! Workflow files: what starts them, and the jobs of a run.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Value, json};

use super::{
    super::runner::{
        expression::{self, Standing},
        files, yaml,
    },
    GitHub, Job, Run, Workflow,
    workflows::Input,
};

/// Where workflows are.
const FOLDER: &str = ".github/workflows";

/// What starts a workflow, and with which filters.
fn triggers(file: &Value) -> Value {
    // A YAML reader may take `on` for a truth.
    let on = file.get("on").or_else(|| file.get("true")).cloned().unwrap_or_default();
    match on {
        Value::Object(_) => on,
        names => yaml::texts(&names).into_iter().map(|name| (name, Value::Null)).collect(),
    }
}

fn inputs(file: &Value) -> Option<Vec<Input>> {
    let triggers = triggers(file);
    let trigger = triggers.get("workflow_dispatch")?;
    let read = |(name, input): (&String, &Value)| Input {
        name: name.clone(),
        is_required: input["required"] == true,
        default: input.get("default").map(yaml::text),
        options: yaml::texts(&input["options"]),
        is_boolean: input["type"] == "boolean",
    };
    Some(trigger["inputs"].as_object().into_iter().flatten().map(read).collect())
}

impl GitHub {
    /// On a real git repository, from which workflows, refs and files come.
    #[must_use]
    pub(crate) fn on(mut self, origin: &Path) -> Self {
        self.origin = Some(origin.to_owned());
        self.refresh();
        self
    }

    /// Looks at the repository anew: somebody may have pushed.
    pub(super) fn refresh(&mut self) {
        let Some(origin) = self.origin.clone() else { return };
        self.refs = files::refs_of(&origin).into_iter().collect();
        let head = self.refs.get(&format!("refs/heads/{}", self.default_branch)).cloned();
        let Some(head) = head.filter(|head| self.read_at.as_ref() != Some(head)) else { return };
        let listed = files::git(&origin, &["ls-tree", "-r", "--name-only", &head]).unwrap();
        self.files.clear();
        for path in listed.lines().filter(|path| path.starts_with(".github/")) {
            let text = files::file_of(&origin, &head, path).unwrap();
            if path.starts_with(FOLDER) {
                self.read_workflow(path, &text);
            }
            self.files.insert(path.to_owned(), text);
        }
        self.read_at = Some(head);
    }

    fn read_workflow(&mut self, path: &str, text: &str) {
        let file = yaml::read(text).unwrap_or_default();
        let at = self.workflows.iter().position(|workflow| workflow.path == path);
        let at = at.unwrap_or_else(|| {
            let id = self.new_id();
            self.workflows.push(Workflow::new(id, path.rsplit('/').next().unwrap_or_default(), "active"));
            self.workflows.len() - 1
        });
        let workflow = &mut self.workflows[at];
        workflow.name = file["name"].as_str().unwrap_or(path).to_owned();
        workflow.inputs = inputs(&file);
        workflow.run_name = file["run-name"].as_str().map(str::to_owned);
    }

    /// Somebody pushes a commit to a ref: what listens to that starts, unless it is disabled.
    pub(crate) fn push(&mut self, full: &str, sha: &str) {
        self.refs.insert(full.to_owned(), sha.to_owned());
        for at in 0..self.workflows.len() {
            let workflow = self.workflows[at].clone();
            // What is not in a repository is what ships, which a push starts.
            let listens =
                self.file_of(&workflow, sha).map_or(workflow.inputs.is_none(), |file| triggers(&file).get("push").is_some());
            if workflow.state == "active" && listens {
                let (id, short) = (self.new_id(), full.splitn(3, '/').last().unwrap_or_default());
                let run = Run::new(id, &workflow, "push", short, sha);
                self.begin(run, &workflow);
            }
        }
    }

    fn file_of(&self, workflow: &Workflow, sha: &str) -> Option<Value> {
        let origin = self.origin.as_ref()?;
        yaml::read(&files::file_of(origin, sha, &workflow.path).ok()?).ok()
    }

    /// A new run begins: it gets its jobs, or fails to start, or waits for an approval.
    pub(super) fn begin(&mut self, mut run: Run, workflow: &Workflow) {
        run.number = self.runs.len() as u64 + 1;
        let context = self.context(&run);
        let file = self.file_of(workflow, &run.sha);
        let jobs = match &file {
            Some(file) => self.jobs_of(file, &context),
            None if self.origin.is_some() => Err("the workflow file is not valid".to_owned()),
            None => Ok(vec![Job::new(self.new_id(), "release", &workflow.labels.iter().map(String::as_str).collect::<Vec<_>>())]),
        };
        run.title = expression::fill(&run.title, &context, Standing::Good).unwrap_or_default();
        run.file = file.map(Arc::new);
        match jobs {
            _ if self.starts.fail => run.conclude("startup_failure"),
            _ if self.starts.never_run => {}
            Ok(jobs) => run.jobs = jobs,
            Err(_) => run.conclude("startup_failure"),
        }
        let gate = |job: &Job| {
            self.environments.iter().find(|gate| Some(&gate.name) == job.environment.as_ref() && !gate.reviewers.is_empty())
        };
        if let Some(gate) = run.jobs.iter().find_map(gate) {
            run.waits_for = Some(gate.name.clone());
            run.set_status("waiting");
        }
        self.runs.push(run);
    }

    fn jobs_of(&mut self, file: &Value, context: &Value) -> Result<Vec<Job>, String> {
        let mut jobs = Vec::new();
        for (key, plan) in file["jobs"].as_object().ok_or("it has no jobs")? {
            let evaluated = |text: &String| expression::fill(text, context, Standing::Good);
            let labels = yaml::texts(&plan["runs-on"]).iter().map(evaluated).collect::<Result<Vec<_>, _>>()?;
            let mut job = Job::new(self.new_id(), plan["name"].as_str().unwrap_or(key), &[]);
            let environment = plan["environment"].as_str().or_else(|| plan["environment"]["name"].as_str());
            (job.key, job.labels, job.needs) = (key.clone(), labels, yaml::texts(&plan["needs"]));
            job.environment = environment.map(str::to_owned);
            jobs.push(job);
        }
        Ok(jobs)
    }

    /// A run's inputs as expressions see them: those of the type boolean are no texts.
    fn typed_inputs(&self, run: &Run) -> Value {
        let workflow = self.workflows.iter().find(|workflow| workflow.id == run.workflow);
        let of = |name: &String| workflow?.inputs.iter().flatten().find(|input| input.name == *name);
        let typed = |(name, value): (&String, &String)| {
            let is_boolean = of(name).is_some_and(|input| input.is_boolean);
            (name.clone(), if is_boolean { json!(value == "true") } else { json!(value) })
        };
        run.inputs.iter().map(typed).collect()
    }

    /// What expressions know of a run.
    pub(super) fn context(&self, run: &Run) -> Value {
        let branch = run.branch.clone().unwrap_or_default();
        let full = |kind: &str| format!("refs/{kind}/{branch}");
        let is_tag = self.refs.contains_key(&full("tags")) && !self.refs.contains_key(&full("heads"));
        let variables: BTreeMap<_, _> = self.variables.iter().map(|(name, variable)| (name, &variable.value)).collect();
        json!({
            "github": {
                "repository": self.full_name(),
                "repository_owner": self.owner,
                "run_id": run.id.to_string(),
                "run_number": run.number.to_string(),
                "run_attempt": run.attempt.to_string(),
                "workflow": run.workflow_name,
                "event_name": run.event,
                "sha": run.sha,
                "ref": full(if is_tag { "tags" } else { "heads" }),
                "ref_name": branch,
                "ref_type": if is_tag { "tag" } else { "branch" },
                "actor": "release-captain",
                "api_url": self.api,
                "server_url": self.server,
                "event": { "inputs": run.inputs },
            },
            "inputs": self.typed_inputs(run),
            "vars": variables,
            "secrets": self.secrets,
            "env": {},
            "steps": {},
            "needs": {},
        })
    }
}
