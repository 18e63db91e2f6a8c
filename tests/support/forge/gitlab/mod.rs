//! GitLab: one project with its runners, schedules, variables and pipelines, on gitlab.com or below a relative root.

mod about;
mod file;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod pipelines;
mod project;
mod repository;
pub(crate) mod rights;
mod rules;
pub(crate) mod runners;
pub(crate) mod schedules;
mod shapes;
pub(crate) mod variables;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use self::{
    jobs::Job,
    limits::Limits,
    pipelines::{Input, JobPlan, Pipeline},
    rights::{Role, Token, TokenKind},
    runners::{Runner, RunnerKind},
    schedules::Schedule,
    variables::Variable,
};
use super::{
    call::{Answer, Request},
    runner::files::Kept,
    trouble::Refusal,
    world::{Shared, World},
};

/// The usual token's value.
pub(crate) const TOKEN: &str = "glpat-SIMULATED-not-a-real-one-0123";

/// A project of GitLab's.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the real one")]
#[derive(Clone, Debug)]
pub(crate) struct GitLab {
    /// The relative root: nothing on gitlab.com.
    base: String,
    /// `http://127.0.0.1:port` and the base.
    pub(crate) root: String,
    pub(crate) id: u64,
    /// `group/name`.
    pub(crate) path: String,
    pub(crate) is_private: bool,
    /// Nothing in it can be changed.
    pub(crate) is_archived: bool,
    /// Where it was before: the API leads from there to it.
    pub(super) former: Vec<String>,
    pub(crate) default_branch: String,
    pub(crate) shared_runners_enabled: bool,
    pub(crate) group_runners_enabled: bool,
    /// Whether the group forbids shared runners, so that they cannot be turned on here.
    pub(crate) group_forbids_shared: bool,
    /// `enabled`, `private` or `disabled`.
    pub(crate) builds_access_level: String,
    /// Who may give variables to a pipeline: a role, or `no_one_allowed`.
    pub(crate) variables_role: String,
    /// Who may cancel pipelines: `developer`, `maintainer` or `no_one`.
    pub(crate) cancel_role: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) runners: Vec<Runner>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) pipelines: Vec<Pipeline>,
    /// What jobs left for later ones, by the cache's key.
    pub(crate) caches: BTreeMap<String, Kept>,
    /// What a pipeline's configuration takes as inputs, by `spec: inputs`.
    pub(crate) inputs: Vec<Input>,
    /// `workflow: name`, in which inputs are filled in.
    pub(crate) pipeline_name: Option<String>,
    /// The jobs that a new pipeline has.
    pub(crate) job_plans: Vec<JobPlan>,
    /// Full names of refs and what they point to.
    pub(crate) refs: BTreeMap<String, String>,
    /// Branches and tags that are protected.
    pub(crate) protected: BTreeSet<String>,
    /// The real repository, if there is one: then inputs and jobs come from its `.gitlab-ci.yml`.
    pub(crate) origin: Option<PathBuf>,
    /// Files of the default branch, by path.
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    /// How many lists a new pipeline is missing from.
    pub(crate) list_lag: usize,
    /// After how many looks at a pipeline its cancelling is over.
    pub(crate) cancel_lag: usize,
    next_id: u64,
}

/// How a call's answer is found: the good one, or the one that refuses.
type Answered = Result<Answer, Answer>;

impl GitLab {
    /// A private project, `group/name`, with one protected branch, and a token of a maintainer.
    pub(crate) fn new(path: &str) -> Self {
        Self {
            base: String::new(),
            root: String::new(),
            id: 42,
            path: path.to_owned(),
            is_private: true,
            is_archived: false,
            former: Vec::new(),
            default_branch: "main".to_owned(),
            shared_runners_enabled: true,
            group_runners_enabled: true,
            group_forbids_shared: false,
            builds_access_level: "enabled".to_owned(),
            variables_role: "developer".to_owned(),
            cancel_role: "developer".to_owned(),
            tokens: vec![Token::of(TOKEN, Role::Maintainer)],
            runners: Vec::new(),
            schedules: Vec::new(),
            variables: Vec::new(),
            pipelines: Vec::new(),
            caches: BTreeMap::new(),
            inputs: Vec::new(),
            pipeline_name: None,
            job_plans: vec![JobPlan::new("release", &["release"])],
            refs: BTreeMap::from([("refs/heads/main".to_owned(), "c0ffee".repeat(7)[..40].to_owned())]),
            protected: BTreeSet::from(["main".to_owned()]),
            origin: None,
            files: BTreeMap::new(),
            limits: Limits::default(),
            list_lag: 0,
            cancel_lag: 0,
            next_id: 800,
        }
    }

    /// Below a relative root, as `/gitlab`.
    #[must_use]
    pub(crate) fn below(mut self, root: &str) -> Self {
        root.clone_into(&mut self.base);
        self
    }

    /// With a runner of the project's own, online and idle.
    #[must_use]
    pub(crate) fn runner(self, description: &str, tags: &[&str]) -> Self {
        self.runner_of(RunnerKind::Project, description, tags)
    }

    /// With a runner of this kind.
    #[must_use]
    pub(crate) fn runner_of(mut self, kind: RunnerKind, description: &str, tags: &[&str]) -> Self {
        let id = self.new_id();
        self.runners.push(Runner::new(id, kind, description, tags));
        self
    }

    /// With a schedule of this person's.
    #[must_use]
    pub(crate) fn schedule(mut self, description: &str, owner: &str, is_active: bool) -> Self {
        let id = self.new_id();
        self.schedules.push(Schedule::new(id, description, owner, is_active));
        self
    }

    /// With a pipeline of the default branch in this status, as a push starts it.
    #[must_use]
    pub(crate) fn pipeline(mut self, status: &str) -> Self {
        self.add_pipeline("push", status);
        self
    }

    /// The runner with this description.
    pub(crate) fn the_runner(&mut self, description: &str) -> &mut Runner {
        self.runners.iter_mut().find(|runner| runner.description == description).unwrap()
    }

    /// The schedule with this description.
    pub(crate) fn the_schedule(&mut self, description: &str) -> &mut Schedule {
        self.schedules.iter_mut().find(|schedule| schedule.description == description).unwrap()
    }

    /// Somebody gives it another path.
    pub(crate) fn rename(&mut self, path: &str) {
        self.former.push(std::mem::replace(&mut self.path, path.to_owned()));
    }

    /// The usual token, to give it other rights.
    pub(crate) fn token(&mut self) -> &mut Token {
        &mut self.tokens[0]
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn route(&mut self, request: &Request) -> Answered {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["api", "v4", ref parts @ ..] = parts[..] else { return Err(not_found("")) };
        self.authenticate(request)?;
        match parts {
            ["user" | "version" | "metadata" | "job"] | ["personal_access_tokens", "self"] => self.about(request, parts[0]),
            ["runners", id, rest @ ..] => self.of_runner(request, id, rest),
            ["projects", project, rest @ ..] => {
                self.find(request, project)?;
                self.of_project(request, rest)
            }
            _ => Err(not_found("")),
        }
    }

    fn of_project(&mut self, request: &Request, rest: &[&str]) -> Answered {
        if self.is_archived && request.method != "GET" {
            return Err(forbidden());
        }
        match rest {
            [] => self.project(request),
            ["runners"] => self.list_runners(request),
            ["variables", rest @ ..] => self.of_variables(request, rest),
            ["pipeline_schedules", rest @ ..] => self.of_schedules(request, rest),
            ["pipeline"] => self.create_pipeline(request),
            ["pipelines", rest @ ..] => self.of_pipelines(request, rest),
            ["jobs", rest @ ..] => self.of_jobs(request, rest),
            ["repository", rest @ ..] => self.of_repository(request, rest),
            ["environments"] => Ok(Answer::json(200, json!([]))),
            // Without a licence for it, which is another thing than none.
            _ => Err(not_found("")),
        }
    }
}

impl World for GitLab {
    const CONTRACT: &'static str = "gitlab";

    fn base(&self) -> &str {
        &self.base
    }

    fn placed(&mut self, address: SocketAddr, _: SocketAddr) {
        self.root = format!("http://{address}{}", self.base);
    }

    fn answer(&mut self, request: &Request) -> Answer {
        self.refresh();
        let answer = match self.limits.spend() {
            Some(refusal) => self.refused(refusal),
            None => self.route(request).unwrap_or_else(|refused| refused),
        };
        self.with_headers(answer)
    }

    fn refuse(&mut self, _: &Request, refusal: Refusal) -> Answer {
        let answer = self.refused(refusal);
        self.with_headers(answer)
    }

    fn state(&self) -> Value {
        let runners: BTreeMap<_, _> = self.runners.iter().map(|runner| (&runner.description, runner.standing())).collect();
        let schedules: BTreeMap<_, _> =
            self.schedules.iter().map(|schedule| (&schedule.description, schedule.standing())).collect();
        let variables: BTreeMap<_, _> = self.variables.iter().map(|variable| (variable.name(), &variable.value)).collect();
        let pipelines: BTreeMap<_, _> =
            self.pipelines.iter().map(|pipeline| (pipeline.id.to_string(), pipeline.status())).collect();
        json!({
            "shared_runners_enabled": self.shared_runners_enabled,
            "group_runners_enabled": self.group_runners_enabled,
            "builds_access_level": self.builds_access_level,
            "runners": runners,
            "schedules": schedules,
            "variables": variables,
            "pipelines": pipelines,
            "refs": self.refs,
        })
    }

    fn objection(&self, request: &Request) -> Option<String> {
        let ways = ["authorization", "private-token", "job-token"];
        let sent: Vec<_> = ways.into_iter().filter(|name| request.headers.contains_key(*name)).collect();
        (sent.len() > 1).then(|| format!("more than one kind of token is sent: {sent:?}"))
    }

    fn tokens(&self) -> Vec<String> {
        self.tokens.iter().map(|token| token.value.clone()).collect()
    }

    fn go_on(world: &Shared<Self>) {
        work::go_on(world);
    }
}

/// 404 for a kind of thing, as `404 Project Not Found`.
fn not_found(kind: &str) -> Answer {
    let kind = if kind.is_empty() { String::new() } else { format!("{kind} ") };
    Answer::json(404, json!({ "message": format!("404 {kind}Not Found") }))
}

fn forbidden() -> Answer {
    Answer::json(403, json!({ "message": "403 Forbidden" }))
}

/// 400 with what is wrong, by field.
fn invalid(field: &str, complaint: &str) -> Answer {
    Answer::json(400, json!({ "message": { field: [complaint] } }))
}

/// One page of a list, with the headers that tell of the others.
fn listed(request: &Request, url: &str, items: &[Value]) -> Answer {
    let (page, length) = request.page(20);
    let shown: Vec<_> = items.iter().skip((page - 1) * length).take(length).cloned().collect();
    let last = items.len().div_ceil(length).max(1);
    let to = |page: usize| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| name != "page"));
        query.append_pair("page", &page.to_string());
        format!("<{url}?{}>; rel=\"next\"", query.finish())
    };
    let next = if page < last { (page + 1).to_string() } else { String::new() };
    let answer = Answer::json(200, json!(shown))
        .header("x-page", page)
        .header("x-per-page", length)
        .header("x-total", items.len())
        .header("x-total-pages", last)
        .header("x-next-page", &next);
    if next.is_empty() { answer } else { answer.header("link", to(page + 1)) }
}

fn now() -> Timestamp {
    Timestamp::now()
}
