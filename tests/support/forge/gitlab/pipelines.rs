//! Pipelines: how they are made, how they stand, and their end by a cancel.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{shape::with, stamp},
    Answer, Answered, GitLab, Job, Request, Role,
    file::Configuration,
    forbidden, invalid, listed, not_found, now,
};

/// A pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) id: u64,
    pub(crate) iid: u64,
    pub(crate) sha: String,
    /// The short name of its branch or tag.
    pub(crate) reference: String,
    pub(crate) is_tag: bool,
    pub(crate) source: String,
    pub(crate) name: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) inputs: BTreeMap<String, String>,
    /// `variables:` of the configuration.
    pub(super) configured: BTreeMap<String, String>,
    pub(crate) jobs: Vec<Job>,
    /// How many lists it is still missing from.
    pub(crate) hidden: usize,
    /// After how many more looks it is canceled; none unless that was asked.
    pub(crate) cancelling: Option<usize>,
}

/// A job that a new pipeline has.
#[derive(Clone, Debug)]
pub(crate) struct JobPlan {
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(super) stage: usize,
    pub(super) may_fail: bool,
    /// The job as configured; `Null` if there is no real repository.
    pub(super) job: Value,
}

impl JobPlan {
    pub(crate) fn new(name: &str, tags: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            stage: 0,
            may_fail: false,
            job: Value::Null,
        }
    }
}

/// An input that a pipeline's configuration takes.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    /// None: it must be given.
    pub(crate) default: Option<String>,
}

impl Pipeline {
    /// How it stands, as its jobs make it.
    pub(crate) fn status(&self) -> &str {
        let any = |status: &str| self.jobs.iter().any(|job| job.status == status);
        let first = |all: &[&'static str]| all.iter().copied().find(|status| any(status));
        if self.cancelling.is_some() {
            return "canceling";
        }
        // One that still goes on outranks all; then one that waits; then how the last ended.
        first(&["canceling", "running", "pending", "preparing", "waiting_for_resource", "created", "manual", "scheduled"])
            .or_else(|| self.jobs.iter().any(|job| job.status == "failed" && !job.may_fail).then_some("failed"))
            .or_else(|| first(&["canceled"]))
            .unwrap_or(if self.jobs.is_empty() { "skipped" } else { "success" })
    }

    fn is_over(&self) -> bool {
        ["success", "failed", "canceled", "skipped"].contains(&self.status())
    }

    fn cancel(&mut self) {
        self.cancelling = None;
        self.updated = now();
        self.jobs.iter_mut().for_each(Job::cancel);
    }

    /// What comes later, one look nearer.
    fn look(&mut self) {
        match self.cancelling {
            Some(0) => self.cancel(),
            Some(left) => self.cancelling = Some(left - 1),
            None => {}
        }
    }

    fn fits(&self, request: &Request) -> bool {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let is = |name: &str, value: Option<&str>| request.asked(name).is_none_or(|asked| Some(asked) == value);
        let is_scoped = match request.asked("scope") {
            Some("finished") => self.is_over(),
            Some("tags") => self.is_tag,
            Some("branches") => !self.is_tag,
            Some(scope) => scope == self.status(),
            None => true,
        };
        let after = |name, time: Timestamp| request.asked(name).and_then(at).is_none_or(|from| time >= from);
        let before = |name, time: Timestamp| request.asked(name).and_then(at).is_none_or(|to| time <= to);
        is_scoped
            && is("status", Some(self.status()))
            && is("source", Some(&self.source))
            && is("ref", Some(&self.reference))
            && is("sha", Some(&self.sha))
            && is("name", self.name.as_deref())
            && after("created_after", self.created)
            && before("created_before", self.created)
            && after("updated_after", self.updated)
            && before("updated_before", self.updated)
    }
}

impl GitLab {
    /// Makes a pipeline of the default branch, and gives its id.
    pub(crate) fn add_pipeline(&mut self, source: &str, status: &str) -> u64 {
        let name = self.default_branch.clone();
        let (full, sha) = self.resolve(&name).unwrap();
        let mut pipeline = self.new_pipeline(&full, &sha, source);
        for job in &mut pipeline.jobs {
            job.set_status(status);
        }
        let id = pipeline.id;
        self.pipelines.push(pipeline);
        id
    }

    /// Somebody pushes a commit to a ref, which makes a pipeline unless builds are off.
    pub(crate) fn push(&mut self, full: &str, sha: &str) {
        self.refs.insert(full.to_owned(), sha.to_owned());
        if !self.builds_are_off() {
            self.start(full, sha, "push");
        }
    }

    /// A schedule's time has come, which makes a pipeline of the default branch if it is active.
    pub(crate) fn come_due(&mut self, description: &str) {
        if self.the_schedule(description).is_active && !self.builds_are_off() {
            let (full, sha) = self.resolve(&self.default_branch).unwrap();
            self.start(&full, &sha, "schedule");
        }
    }

    fn start(&mut self, full: &str, sha: &str, source: &str) {
        let mut pipeline = self.new_pipeline(full, sha, source);
        // Inputs have their defaults, or the configuration makes no pipeline.
        let inputs = self.known_inputs(sha).and_then(|known| Self::given_inputs(&known, &Value::Null));
        pipeline.inputs = inputs.unwrap_or_default();
        if self.configure(&mut pipeline).is_ok() && !pipeline.jobs.is_empty() {
            self.pipelines.push(pipeline);
        }
    }

    fn new_pipeline(&mut self, full: &str, sha: &str, source: &str) -> Pipeline {
        let id = self.new_id();
        let plans = self.job_plans.clone();
        let short = full.splitn(3, '/').last().unwrap_or_default();
        Pipeline {
            id,
            iid: self.pipelines.len() as u64 + 1,
            sha: sha.to_owned(),
            reference: short.to_owned(),
            is_tag: full.starts_with("refs/tags/"),
            source: source.to_owned(),
            name: self.pipeline_name.clone(),
            created: now(),
            updated: now(),
            variables: BTreeMap::new(),
            inputs: BTreeMap::new(),
            configured: BTreeMap::new(),
            jobs: plans.iter().map(|plan| Job::new(self.new_id(), plan)).collect(),
            hidden: 0,
            cancelling: None,
        }
    }

    /// The pipeline with this id.
    pub(crate) fn the_pipeline(&mut self, id: u64) -> &mut Pipeline {
        self.pipelines.iter_mut().find(|pipeline| pipeline.id == id).unwrap()
    }

    pub(super) fn create_pipeline(&mut self, request: &Request) -> Answered {
        self.allow(request, Role::Developer)?;
        if self.builds_are_off() {
            return Err(invalid("base", "Pipelines are disabled!"));
        }
        let found = self.resolve(request.text("ref").unwrap_or_default());
        let (full, sha) = found.ok_or_else(|| invalid("base", "Reference not found"))?;
        let variables = self.given_variables(request)?;
        let known = self.known_inputs(&sha)?;
        let inputs = Self::given_inputs(&known, &request.body["inputs"])?;
        let mut pipeline = self.new_pipeline(&full, &sha, "api");
        (pipeline.variables, pipeline.inputs) = (variables, inputs.clone());
        self.configure(&mut pipeline)?;
        if pipeline.jobs.is_empty() {
            let message = "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline.";
            return Err(invalid("base", message));
        }
        pipeline.hidden = self.list_lag;
        for (name, value) in &inputs {
            let filled = pipeline.name.map(|text| text.replace(&format!("$[[ inputs.{name} ]]"), value));
            pipeline.name = filled;
        }
        let shape = self.pipeline_in_full(&pipeline);
        self.pipelines.push(pipeline);
        Ok(Answer::json(201, shape))
    }

    fn given_variables(&self, request: &Request) -> Result<BTreeMap<String, String>, Answer> {
        let given = request.body["variables"].as_array().cloned().unwrap_or_default();
        let needed = match self.variables_role.as_str() {
            "no_one_allowed" => None,
            "owner" => Some(Role::Owner),
            "maintainer" => Some(Role::Maintainer),
            _ => Some(Role::Developer),
        };
        let may = needed.is_some_and(|role| self.allow(request, role).is_ok());
        if !given.is_empty() && !may {
            return Err(invalid("base", "Insufficient permissions to set pipeline variables"));
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(given.iter().map(|variable| (text(&variable["key"]), text(&variable["value"]))).collect())
    }

    /// The inputs that a pipeline of this commit takes.
    fn known_inputs(&self, sha: &str) -> Result<Vec<Input>, Answer> {
        match &self.origin {
            Some(origin) => Ok(Configuration::read(origin, sha).map_err(|reason| invalid("base", &reason))?.inputs),
            None => Ok(self.inputs.clone()),
        }
    }

    fn given_inputs(known: &[Input], given: &Value) -> Result<BTreeMap<String, String>, Answer> {
        let names = given.as_object().into_iter().flatten().map(|(name, _)| name);
        let unknown = names.into_iter().find(|name| !known.iter().any(|input| input.name == **name));
        if let Some(name) = unknown {
            return Err(invalid(
                "base",
                &format!("Given inputs not defined in the `spec` section of the included configuration file: {name}"),
            ));
        }
        let value = |input: &Input| {
            let given = given[&input.name].as_str().map(str::to_owned).or_else(|| input.default.clone());
            let missing = || invalid("base", &format!("`{}` input: required value has not been provided", input.name));
            Ok((input.name.clone(), given.ok_or_else(missing)?))
        };
        known.iter().map(value).collect()
    }

    pub(super) fn of_pipelines(&mut self, request: &Request, rest: &[&str]) -> Answered {
        if self.builds_are_off() {
            return Err(forbidden());
        }
        self.allow(request, Role::Reporter)?;
        let [id, rest @ ..] = rest else { return Ok(self.list_pipelines(request)) };
        let at = self.pipelines.iter().position(|pipeline| pipeline.id.to_string() == *id).ok_or_else(|| not_found(""))?;
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                self.pipelines[at].look();
                let mut shape = self.pipeline_in_full(&self.pipelines[at]);
                shape["name"] = json!(self.pipelines[at].name);
                Ok(Answer::json(200, shape))
            }
            ("GET", ["jobs"]) => Ok(self.list_jobs(request, at)),
            ("GET", ["bridges"]) => Ok(Answer::json(200, json!([]))),
            ("GET", ["variables"]) => {
                let shape = |(key, value): (&String, &String)| json!({ "variable_type": "env_var", "key": key, "value": value, "raw": false });
                Ok(Answer::json(200, self.pipelines[at].variables.iter().map(shape).collect()))
            }
            ("POST", ["cancel"]) => self.cancel_pipeline(request, at),
            _ => Err(not_found("")),
        }
    }

    fn cancel_pipeline(&mut self, request: &Request, at: usize) -> Answered {
        let needed = if self.cancel_role == "maintainer" { Role::Maintainer } else { Role::Developer };
        self.allow(request, needed)?;
        if self.cancel_role == "no_one" {
            return Err(forbidden());
        }
        let lag = self.cancel_lag;
        let pipeline = &mut self.pipelines[at];
        match lag {
            _ if pipeline.is_over() => {}
            0 => pipeline.cancel(),
            lag => pipeline.cancelling = Some(lag - 1),
        }
        // Answered so even if there was nothing to cancel.
        Ok(Answer::json(200, self.pipeline_in_full(&self.pipelines[at])))
    }

    fn list_pipelines(&mut self, request: &Request) -> Answer {
        let mut fitting = Vec::new();
        for at in 0..self.pipelines.len() {
            let pipeline = &mut self.pipelines[at];
            if pipeline.hidden > 0 {
                pipeline.hidden -= 1;
                continue;
            }
            pipeline.look();
            if pipeline.fits(request) {
                fitting.push(self.pipeline_in_short(&self.pipelines[at]));
            }
        }
        fitting.reverse();
        listed(request, &format!("{}/pipelines", self.here()), &fitting)
    }

    pub(super) fn pipeline_in_short(&self, pipeline: &Pipeline) -> Value {
        json!({
            "id": pipeline.id,
            "iid": pipeline.iid,
            "project_id": self.id,
            "sha": pipeline.sha,
            "ref": pipeline.reference,
            "status": pipeline.status(),
            "source": pipeline.source,
            "created_at": stamp::millis(pipeline.created),
            "updated_at": stamp::millis(pipeline.updated),
            "web_url": format!("{}/-/pipelines/{}", self.web(), pipeline.id),
        })
    }

    fn pipeline_in_full(&self, pipeline: &Pipeline) -> Value {
        let shape = self.pipeline_in_short(pipeline);
        let started = pipeline.jobs.iter().filter_map(|job| job.started).min();
        let more = json!({
            "before_sha": "0000000000000000000000000000000000000000",
            "tag": pipeline.is_tag,
            "yaml_errors": null,
            "user": self.person("release-captain"),
            "started_at": started.map(stamp::millis),
            "finished_at": pipeline.is_over().then(|| stamp::millis(pipeline.updated)),
            "committed_at": null,
            "duration": null,
            "queued_duration": started.map(|started| started.as_second() - pipeline.created.as_second()),
            "coverage": null,
        });
        with(shape, &more)
    }
}
