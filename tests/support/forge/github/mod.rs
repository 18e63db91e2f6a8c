//! GitHub: one repository with its workflows, runs, runners, variables and refs, on github.com or an Enterprise Server.

pub(crate) mod artifacts;
pub(crate) mod caches;
mod file;
pub(crate) mod gates;
pub(crate) mod jobs;
pub(crate) mod limits;
mod place;
mod refs;
pub(crate) mod rights;
pub(crate) mod runners;
pub(crate) mod runs;
mod shapes;
mod steps;
pub(crate) mod variables;
mod work;
pub(crate) mod workflows;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::{
    artifacts::Artifact,
    caches::Cache,
    gates::Environment,
    jobs::Job,
    limits::Limits,
    rights::{Level, Token, TokenKind},
    runners::Runner,
    runs::{Run, Starts},
    variables::Variable,
    workflows::Workflow,
};
use super::{
    call::{Answer, Request},
    trouble::Refusal,
    world::{Shared, World},
};

/// The usual token's value.
pub(crate) const TOKEN: &str = "github_pat_11SIMULATED0_not_a_real_one_0123456789";

/// What a workflow's file holds unless a test says otherwise.
const RELEASE: &str = "on: push\njobs: { release: { runs-on: ubuntu-latest, steps: [{ run: make publish }] } }\n";

/// A repository of GitHub's.
#[derive(Clone, Debug)]
pub(crate) struct GitHub {
    /// The path of the API: nothing on github.com, `/api/v3` on an Enterprise Server.
    base: String,
    /// `http://127.0.0.1:port` and the base.
    pub(crate) api: String,
    pub(crate) storage: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) is_private: bool,
    /// Nothing in it can be changed.
    pub(crate) is_archived: bool,
    /// What it was called before: the API leads from there to it.
    former: Vec<String>,
    pub(crate) default_branch: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) runs: Vec<Run>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) caches: Vec<Cache>,
    /// The repository's own.
    pub(crate) runners: Vec<Runner>,
    /// The organization's, which the repository's route does not list.
    pub(crate) org_runners: Vec<Runner>,
    pub(crate) variables: BTreeMap<String, Variable>,
    /// What workflows may use.
    pub(crate) secrets: BTreeMap<String, String>,
    /// Full names of refs and what they point to.
    pub(crate) refs: BTreeMap<String, String>,
    /// The real repository, if there is one.
    pub(crate) origin: Option<PathBuf>,
    /// Where people and git reach the forge.
    pub(crate) server: String,
    /// What a checkout says that it comes from; none for the real repository.
    pub(crate) clone_url: Option<String>,
    /// The commit of the default branch whose files were read last.
    read_at: Option<String>,
    /// Files of the default branch, by path.
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) environments: Vec<Environment>,
    /// Checks that branches must have, by branch.
    pub(crate) required_checks: BTreeMap<String, Vec<String>>,
    /// Which of them a commit has, with their conclusions.
    pub(crate) checks: Vec<(String, String, Option<String>)>,
    pub(crate) limits: Limits,
    /// What goes wrong with new runs.
    pub(crate) starts: Starts,
    /// How many lists a new run is missing from.
    pub(crate) list_lag: usize,
    /// After how many looks at a run its cancelling is over.
    pub(crate) cancel_lag: usize,
    /// Whether a dispatch can answer with the run: not on an old Enterprise Server.
    pub(crate) has_run_details: bool,
    next_id: u64,
}

/// How a call's answer is found: the good one, or the one that refuses.
type Answered = Result<Answer, Answer>;

impl GitHub {
    /// A private repository, `owner/name`, with one branch, and a token that may do all that a drill needs.
    pub(crate) fn new(repository: &str) -> Self {
        let (owner, name) = repository.split_once('/').unwrap();
        Self {
            base: String::new(),
            api: String::new(),
            storage: String::new(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            is_private: true,
            is_archived: false,
            former: Vec::new(),
            default_branch: "main".to_owned(),
            tokens: vec![Token::full(TOKEN)],
            workflows: Vec::new(),
            runs: Vec::new(),
            artifacts: Vec::new(),
            caches: Vec::new(),
            runners: Vec::new(),
            org_runners: Vec::new(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            refs: BTreeMap::from([("refs/heads/main".to_owned(), "c0ffee".repeat(7)[..40].to_owned())]),
            origin: None,
            server: "https://github.com".to_owned(),
            clone_url: None,
            read_at: None,
            files: BTreeMap::new(),
            environments: Vec::new(),
            required_checks: BTreeMap::new(),
            checks: Vec::new(),
            limits: Limits::default(),
            starts: Starts::default(),
            list_lag: 0,
            cancel_lag: 0,
            has_run_details: true,
            next_id: 7000,
        }
    }

    /// On an Enterprise Server, whose API is below a path.
    #[must_use]
    pub(crate) fn enterprise(mut self) -> Self {
        self.base = "/api/v3".to_owned();
        self.limits.are_off = true;
        self
    }

    /// With an active workflow, `.github/workflows/{file}`.
    #[must_use]
    pub(crate) fn workflow(self, file: &str) -> Self {
        self.workflow_in(file, "active")
    }

    /// With a workflow in this state.
    #[must_use]
    pub(crate) fn workflow_in(mut self, file: &str, state: &str) -> Self {
        let id = self.new_id();
        self.workflows.push(Workflow::new(id, file, state));
        self.holds(&format!(".github/workflows/{file}"), RELEASE)
    }

    /// With a file of the default branch.
    #[must_use]
    pub(crate) fn holds(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// With a runner of the repository's own, online and idle.
    #[must_use]
    pub(crate) fn runner(mut self, name: &str, labels: &[&str]) -> Self {
        let id = self.new_id();
        let runner = Runner::new(id, name, labels, || self.new_id());
        self.runners.push(runner);
        self
    }

    /// With a run of a workflow in this status, as a push starts it.
    #[must_use]
    pub(crate) fn run(mut self, file: &str, status: &str) -> Self {
        self.add_run(file, "push", status);
        self
    }

    /// Starts a run of a workflow, and gives its id.
    pub(crate) fn add_run(&mut self, file: &str, event: &str, status: &str) -> u64 {
        let (id, job) = (self.new_id(), self.new_id());
        let workflow = self.workflows.iter().find(|workflow| workflow.file() == file).unwrap().clone();
        let sha = self.refs[&format!("refs/heads/{}", self.default_branch)].clone();
        let mut run = Run::new(id, &workflow, event, &self.default_branch, &sha);
        run.number = self.runs.len() as u64 + 1;
        run.jobs.push(Job::new(job, "release", &["ubuntu-latest"]));
        run.set_status(status);
        self.runs.push(run);
        id
    }

    /// The workflow in this file.
    pub(crate) fn the_workflow(&mut self, file: &str) -> &mut Workflow {
        self.workflows.iter_mut().find(|workflow| workflow.file() == file).unwrap()
    }

    /// The runner with this name.
    pub(crate) fn the_runner(&mut self, name: &str) -> &mut Runner {
        let runners = self.runners.iter_mut().chain(&mut self.org_runners);
        runners.into_iter().find(|runner| runner.name == name).unwrap()
    }

    /// Somebody gives it another name.
    pub(crate) fn rename(&mut self, name: &str) {
        self.former.push(self.full_name());
        name.clone_into(&mut self.name);
    }

    /// The usual token, to give it other rights.
    pub(crate) fn token(&mut self) -> &mut Token {
        &mut self.tokens[0]
    }

    /// Takes a permission from the usual token.
    #[must_use]
    pub(crate) fn without(mut self, permission: &str) -> Self {
        self.token().set(permission, None);
        self
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The repository's address in the API.
    fn here(&self) -> String {
        format!("{}/repos/{}", self.api, self.full_name())
    }

    fn route(&mut self, request: &Request) -> Answered {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        self.authenticate(request)?;
        match parts[..] {
            [] | ["meta" | "user" | "rate_limit"] => self.about(request, parts.first().copied()),
            ["repos", owner, name, ref rest @ ..] => {
                self.find(request, owner, name)?;
                self.repository(request, rest)
            }
            ["orgs", owner, "actions", ref rest @ ..] if owner == self.owner => self.of_organization(request, rest),
            _ => Err(not_found()),
        }
    }

    fn repository(&mut self, request: &Request, rest: &[&str]) -> Answered {
        if self.is_archived && !is_get(request) {
            return Err(refusal(403, "Repository was archived so is read-only."));
        }
        match rest {
            [] | ["collaborators" | "contents", ..] => self.about_repository(request, rest),
            ["actions", "workflows", rest @ ..] => self.of_workflows(request, rest),
            ["actions", "runs", rest @ ..] => self.of_runs(request, rest),
            ["actions", "jobs", rest @ ..] => self.of_jobs(request, rest),
            ["actions", "artifacts", rest @ ..] => self.of_artifacts(request, rest),
            ["actions", "runners", rest @ ..] => self.of_runners(request, rest),
            ["actions", "variables", rest @ ..] => self.of_variables(request, rest),
            ["git", rest @ ..] => self.of_refs(request, rest),
            ["environments", rest @ ..] => self.of_environments(request, rest),
            ["branches" | "rules" | "commits", ..] | ["tags"] => self.of_branches(request, rest),
            _ => Err(not_found()),
        }
    }
}

impl World for GitHub {
    const CONTRACT: &'static str = "github";

    fn base(&self) -> &str {
        &self.base
    }

    fn placed(&mut self, address: SocketAddr, storage: SocketAddr) {
        self.api = format!("http://{address}{}", self.base);
        self.storage = format!("http://{storage}/_storage");
    }

    fn answer(&mut self, request: &Request) -> Answer {
        self.refresh();
        let answer = match self.limits.spend() {
            Some(refusal) => self.refuse(request, refusal),
            None => self.route(request).unwrap_or_else(|refused| refused),
        };
        let answer = self.unless_known(request, answer);
        self.with_headers(request, answer)
    }

    fn refuse(&mut self, request: &Request, refusal: Refusal) -> Answer {
        let answer = self.refused(request, refusal);
        self.with_headers(request, answer)
    }

    fn state(&self) -> Value {
        let runs: BTreeMap<_, _> = self.runs.iter().map(|run| (run.id.to_string(), run.standing())).collect();
        let workflows: BTreeMap<_, _> = self.workflows.iter().map(|workflow| (&workflow.path, &workflow.state)).collect();
        let runners = self.runners.iter().chain(&self.org_runners);
        let labels: BTreeMap<_, BTreeSet<_>> = runners.map(|runner| (&runner.name, runner.label_names())).collect();
        let variables: BTreeMap<_, _> = self.variables.iter().map(|(name, variable)| (name, &variable.value)).collect();
        json!({ "workflows": workflows, "runs": runs, "labels": labels, "variables": variables, "refs": self.refs })
    }

    fn stored(&self, path: &str) -> Option<Answer> {
        self.kept(path)
    }

    fn objection(&self, request: &Request) -> Option<String> {
        let versions: Vec<_> = request.headers.get_all("x-github-api-version").iter().collect();
        if versions.len() > 1 || versions.iter().any(|version| *version != "2022-11-28") {
            return Some(format!("X-GitHub-Api-Version is {versions:?}"));
        }
        let is_form = request.is_form && !request.body.is_null();
        let has_agent = request.header("user-agent").is_some_and(|agent| !agent.is_empty());
        (is_form || !has_agent).then(|| format!("as a form: {is_form}, with a User-Agent: {has_agent}"))
    }

    fn tokens(&self) -> Vec<String> {
        self.tokens.iter().map(|token| token.value.clone()).collect()
    }

    fn go_on(world: &Shared<Self>) {
        work::go_on(world);
    }
}

fn not_found() -> Answer {
    refusal(404, "Not Found")
}

/// A refusal in GitHub's shape.
fn refusal(status: u16, message: &str) -> Answer {
    let documentation = "https://docs.github.com/rest";
    Answer::json(status, json!({ "message": message, "documentation_url": documentation, "status": status.to_string() }))
}

/// One page of a list, as `{ total_count, NAME: [..] }`, with the links to the others.
fn listed(request: &Request, url: &str, name: Option<&str>, items: &[Value]) -> Answer {
    let usual = if name == Some("variables") { 10 } else { 30 };
    let (page, length) = request.page(usual);
    let shown: Vec<_> = items.iter().skip((page - 1) * length).take(length).cloned().collect();
    let body = match name {
        Some(name) => json!({ "total_count": items.len(), name: shown }),
        None => json!(shown),
    };
    let last = items.len().div_ceil(length).max(1);
    let to = |page: usize, relation: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| name != "page"));
        query.append_pair("page", &page.to_string());
        format!("<{url}?{}>; rel=\"{relation}\"", query.finish())
    };
    let answer = Answer::json(200, body);
    if page >= last {
        return answer;
    }
    answer.header("link", [to(page + 1, "next"), to(last, "last")].join(", "))
}

fn now() -> Timestamp {
    Timestamp::now()
}

/// Whether this is a call to read.
fn is_get(request: &Request) -> bool {
    request.method == Method::GET
}
