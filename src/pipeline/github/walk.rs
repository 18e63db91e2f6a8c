//! A workflow with all that it calls in this repository.
//!
//! Invariants: calls that go in circles end; the number of calls is bounded; the same file called twice with other inputs
//! is read twice; what a caller does not pass is not there.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use super::{
    eval::{self, Eval, Val},
    expr,
    matrix::{self, Combo},
    recorded::{self, RawStep},
    scope::{Scope, Secrets},
    triggers::Triggers,
    uses::{self, Uses},
};
use crate::pipeline::{
    graph,
    locate::Locator,
    model::{Job, Sure, Topic},
    notes::Notes,
    publish::{Target, actions},
    source::weight,
    yaml::{Entry, Node, Place, Yaml},
};

/// More calls than GitHub allows in one run (50), since more than one event is looked at.
const CALLS: usize = 200;
/// The most jobs of one workflow, those of all that it calls among them.
const JOBS: usize = 10_000;
/// GitHub nests ten levels.
const DEEPEST: usize = 12;

/// A walk through one workflow.
pub(super) struct Walk<'f> {
    pub(super) notes: Notes<'f>,
    pub(super) own: Option<&'f str>,
    pub(super) jobs: Vec<Job>,
    /// The local files that are read beside the one it starts from.
    pub(super) files: BTreeSet<String>,
    /// The local workflows that are called.
    pub(super) called: BTreeSet<String>,
    pub(super) work: &'f Cell<u32>,
    pub(super) stack: Vec<String>,
    pub(super) steps: Vec<RawStep>,
    /// `defaults` of the job and of the workflow that are looked at.
    pub(super) defaults: [Option<Yaml>; 2],
    calls: usize,
    /// How often a local action was read.
    pub(super) actions: usize,
}

/// Where steps stand: the job and what names mean in it.
#[derive(Clone, Copy)]
pub(super) struct Here<'s> {
    pub(super) job: &'s str,
    pub(super) scope: &'s Scope,
    /// Maps of `env`, the innermost first.
    pub(super) env: &'s [Yaml],
    pub(super) combos: &'s [Combo],
    pub(super) work: &'s Cell<u32>,
    /// The key that is looked at, of a variable or an input.
    pub(super) under: Option<&'s str>,
}

impl<'s> Here<'s> {
    /// Everything that a text can come to in the combinations of the job.
    pub(super) fn values(self, text: &str) -> Vec<Val> {
        let eval = Eval { scope: self.scope, env: self.env, combo: None, work: self.work, depth: 0 };
        if !text.contains("${{") {
            return vec![Val::Known(text.to_owned())];
        }
        let is_same = !(text.contains("matrix") || text.contains("env."));
        if self.combos.is_empty() || is_same || !eval::has_room(self.work) {
            return eval.text(text);
        }
        let of = |combo| Eval { combo: Some(combo), ..eval }.text(text);
        eval::distinct(self.combos.iter().flat_map(of).collect())
    }

    /// Whether a condition can never hold.
    pub(super) fn never(self, condition: Option<&Yaml>) -> bool {
        let Some(condition) = condition.and_then(|node| node.as_str()) else { return false };
        let eval = Eval { scope: self.scope, env: self.env, combo: None, work: self.work, depth: 0 };
        let bare = condition.trim();
        let values = if bare.starts_with("${{") { eval.text(bare) } else { eval.expression(bare) };
        eval::truth(&values) == Some(false)
    }

    pub(super) fn with_env(self, env: &'s [Yaml]) -> Self {
        Self { env, ..self }
    }
}

impl<'f> Walk<'f> {
    pub(super) fn new(notes: Notes<'f>, own: Option<&'f str>, work: &'f Cell<u32>) -> Self {
        Self {
            notes,
            own,
            jobs: Vec::new(),
            files: BTreeSet::new(),
            called: BTreeSet::new(),
            work,
            stack: Vec::new(),
            steps: Vec::new(),
            defaults: [None, None],
            calls: 0,
            actions: 0,
        }
    }

    /// Reads a workflow; `caller` is the job that calls it.
    pub(super) fn workflow(&mut self, path: &str, scope: &Scope, caller: Option<&str>) {
        let Some(workflow) = self.notes.files.yaml(path).and_then(|file| file.documents.first().cloned()) else { return };
        self.stack.push(path.to_owned());
        let env: Vec<Yaml> = workflow.get("env").cloned().into_iter().collect();
        let here = Here { job: caller.unwrap_or_default(), scope, env: &env, combos: &[], work: self.work, under: None };
        if let Some(env) = workflow.get("env") {
            self.scan_map(env, "env", here);
        }
        let outer = std::mem::replace(&mut self.defaults, [None, workflow.get("defaults").cloned()]);
        let jobs = workflow.get("jobs").map(|jobs| jobs.entries()).unwrap_or_default();
        let inherits = jobs.iter().any(|job| job.node.get("permissions").is_none());
        if let Some(permissions) = workflow.get("permissions").filter(|_| inherits) {
            self.permissions(permissions, here);
        }
        self.refused(jobs);
        for entry in jobs {
            let id = caller.map_or_else(|| entry.key.to_string(), |caller| format!("{caller}/{}", entry.key));
            if self.jobs.len() >= JOBS {
                let what = format!("there are more than {JOBS} jobs up to here: not read from here on");
                self.notes.files.unfinished(entry.key_place, what);
                break;
            }
            if !self.notes.has_room_for(weight(id.len()), entry.key_place) {
                break;
            }
            self.defaults[0] = entry.node.get("defaults").cloned();
            self.job(&id, entry.key_place, &entry.node, here.with_env(&env), caller);
        }
        self.defaults = outer;
        self.stack.pop();
    }

    /// Takes in what makes GitHub refuse a workflow.
    fn refused(&mut self, jobs: &[Entry]) {
        let known: HashSet<String> = jobs.iter().map(|job| job.key.to_ascii_lowercase()).collect();
        let needs = |job: &'_ Entry| -> Vec<(String, Place)> {
            let needs = job.node.get("needs").map(|needs| needs.texts()).unwrap_or_default();
            needs.into_iter().map(|(need, place)| (need.to_ascii_lowercase(), place)).collect()
        };
        let all: Vec<(String, Vec<(String, Place)>)> = jobs.iter().map(|job| (job.key.to_ascii_lowercase(), needs(job))).collect();
        for (job, needs) in &all {
            for (need, place) in needs.iter().filter(|(need, _)| !known.contains(need)) {
                let what = format!("`{job}` needs `{need}`, and there is no such job: GitHub refuses the workflow");
                self.notes.refused(*place, what, None);
            }
        }
        let waits: Vec<(&str, Vec<&str>)> =
            all.iter().map(|(job, needs)| (job.as_str(), needs.iter().map(|(need, _)| need.as_str()).collect())).collect();
        if let Some(job) = graph::circle(&waits).and_then(|at| jobs.get(at)) {
            let what = format!("`{}` waits for itself in a circle: GitHub refuses the workflow", job.key);
            self.notes.refused(job.key_place, what, None);
        }
    }

    fn job(&mut self, id: &str, place: Place, job: &Yaml, around: Here<'_>, caller: Option<&str>) {
        let needs = job.get("needs").map(|needs| needs.texts()).unwrap_or_default();
        let before = needs.len() * caller.map_or(0, str::len);
        if !self.notes.has_room_for(weight(before), place) {
            return;
        }
        let inside = |need: &str| caller.map_or_else(|| need.to_owned(), |caller| format!("{caller}/{need}"));
        let mut needs: Vec<String> = needs.into_iter().map(|(need, _)| inside(need)).collect();
        if let (true, Some(caller)) = (needs.is_empty(), caller) {
            needs.push(caller.to_owned());
        }
        let calls = job.get("uses").and_then(|uses| uses.as_str()).map(str::to_owned);
        let condition = job
            .get("if")
            .and_then(|condition| condition.as_str())
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        let at = self.notes.files.at(place);
        let may_fail = recorded::may_fail(job, self.notes.files);
        let (id_, publishes, steps) = (id.to_owned(), BTreeMap::new(), Vec::new());
        let (on_release_path, hands_on) = (false, Vec::new());
        self.jobs.push(Job {
            id: id_,
            at,
            needs,
            files_from: None,
            staged: None,
            condition,
            calls,
            publishes,
            on_release_path,
            may_fail,
            hands_on,
            steps,
        });

        let combos = matrix::combos(job, around.scope, around.env, around.work);
        let env: Vec<Yaml> = job.get("env").into_iter().chain(around.env).cloned().collect();
        let here = Here { job: id, env: &env, combos: &combos, ..around };
        if let Some(permissions) = job.get("permissions") {
            self.permissions(permissions, here);
        }
        for entry in job.entries() {
            if !matches!(&*entry.key, "steps" | "secrets" | "with" | "permissions" | "needs") {
                self.scan_map(&entry.node, &entry.key, here);
            }
        }
        self.runner(job, here);
        self.environment(job, here);
        self.images(job, here);
        match job.get("uses") {
            Some(uses) => self.call(job, uses, here),
            None => self.steps(job, here),
        }
    }

    fn permissions(&mut self, permissions: &Yaml, here: Here<'_>) {
        let token = permissions.get("id-token").filter(|value| value.as_str() == Some("write"));
        let all = (permissions.as_str() == Some("write-all")).then_some(permissions);
        if let Some(node) = token.or(all) {
            let job = Some(here.job).filter(|job| !job.is_empty());
            self.notes.fact(Topic::Oidc, "id-token", (node.place, Sure::Read, "permissions", job));
        }
    }

    /// Takes in secrets and variables, with the keys of a map that they are given under.
    pub(super) fn scan_map(&mut self, node: &Yaml, role: &str, here: Here<'_>) {
        if !node.is_map() {
            return self.scan(node, role, here);
        }
        for entry in node.entries() {
            self.scan(&entry.node, role, Here { under: Some(&entry.key), ..here });
        }
    }

    /// Takes in secrets and variables, wherever they stand within a node.
    pub(super) fn scan(&mut self, node: &Yaml, role: &str, here: Here<'_>) {
        for scalar in node.scalars() {
            let Some(text) = scalar.as_str() else { continue };
            let mut locator = Locator::new(scalar);
            if role == "if" && !text.contains("${{") {
                self.references(scalar, &mut locator, (text, 0), (role, here));
                continue;
            }
            if !text.contains("${{") {
                continue;
            }
            for piece in expr::pieces(text) {
                if let expr::Piece::Expression(inner, at) = piece {
                    self.references(scalar, &mut locator, (inner, at), (role, here));
                }
            }
        }
    }

    fn references(
        &mut self,
        scalar: &Node,
        locator: &mut Locator<'_>,
        (text, start): (&str, usize),
        (role, here): (&str, Here<'_>),
    ) {
        for reference in expr::references(text) {
            let topic = match reference.context {
                "secrets" => Topic::Secrets,
                "vars" => Topic::Variables,
                "github" if reference.name == "token" => Topic::Secrets,
                _ => continue,
            };
            let place = self.notes.place(locator, scalar, start + reference.at);
            let job = Some(here.job).filter(|job| !job.is_empty());
            if topic == Topic::Variables {
                let _kept = self.notes.fact_under(topic, reference.name, (place, Sure::Read, role, job), here.under);
                continue;
            }
            if reference.context == "github" {
                let _kept = self.notes.fact_under(topic, "GITHUB_TOKEN", (place, Sure::Read, role, job), here.under);
                continue;
            }
            let owners = here.scope.owners(reference.name);
            if owners.is_empty() {
                self.notes.open(place, format!("the secret `{}` is not passed by the caller: it is empty here", reference.name));
            }
            for owner in owners {
                let sure = if owner == reference.name { Sure::Read } else { Sure::Computed };
                let _kept = self.notes.fact_under(topic, &owner, (place, sure, role, job), here.under);
            }
        }
    }

    fn call(&mut self, job: &Yaml, uses: &Yaml, here: Here<'_>) {
        let Some(text) = uses.as_str() else { return };
        for key in ["with", "secrets"] {
            if let Some(node) = job.get(key) {
                self.scan_map(node, key, here);
            }
        }
        let read = uses::read(text);
        self.calls += 1;
        if self.calls > CALLS {
            self.notes.files.unfinished(uses.place, format!("there are more than {CALLS} calls up to here: not followed"));
            return;
        }
        let path = uses::workflow(&read, self.own, self.notes.files);
        let Some(path) = path else {
            if let Uses::Remote { name, .. } = &read {
                self.notes.fact(Topic::Remote, text, (uses.place, Sure::Outside, "reusable workflow", Some(here.job)));
                self.notes.open(uses.place, format!("what `{text}` does is not in this repository"));
                if let Some(does) = actions::does(name) {
                    self.remote_workflow(does, text, uses.place, here);
                } else if job.get("secrets").is_some() && actions::promises(name) {
                    self.publishes(Target::Unknown, Sure::Delegated(text.to_owned()), (uses.place, text), here);
                }
            }
            return;
        };
        if !matches!(read, Uses::Local(_)) {
            self.notes.open(uses.place, format!("`{text}` is read as `{path}` is here; another ref may differ"));
        }
        if self.stack.contains(&path) {
            self.notes.open(uses.place, format!("`{path}` calls itself in a circle"));
            return;
        }
        if self.stack.len() > DEEPEST {
            self.notes.files.unfinished(uses.place, "calls are nested deeper than GitHub allows: not followed".to_owned());
            return;
        }
        let Some(called) = self.notes.files.yaml(&path).and_then(|file| file.documents.first().cloned()) else {
            self.notes.open(uses.place, format!("there is no workflow `{path}` that can be read"));
            return;
        };
        if !self.notes.files.spend(called.size()) {
            let what = format!("`{path}` is called too often to be read each time: not followed");
            self.notes.files.unfinished(uses.place, what);
            return;
        }
        self.files.insert(path.clone());
        self.called.insert(path.clone());
        let scope = Scope::called(passed_secrets(job, here.scope), inputs(&called, job.get("with"), here));
        self.workflow(&path, &scope, Some(here.job));
    }

    fn remote_workflow(&mut self, does: actions::Does, text: &str, place: Place, here: Here<'_>) {
        let mut publishes = |target, sure| self.publishes(target, sure, (place, text), here);
        match does {
            actions::Does::Publishes(target) => {
                publishes(target, Sure::Read);
                if target == Target::SlsaProvenance && text.contains("builder_go") {
                    publishes(Target::GithubRelease, Sure::Delegated(text.to_owned()));
                }
            }
            actions::Does::PushesImage => publishes(Target::ContainerImage, Sure::Outside),
            _ => {}
        }
    }
}

/// The secrets that a call passes, by their names in the called workflow.
fn passed_secrets(job: &Yaml, scope: &Scope) -> Secrets {
    let Some(secrets) = job.get("secrets") else { return Secrets::Passed(HashMap::new()) };
    if secrets.as_str() == Some("inherit") {
        return scope.secrets.clone();
    }
    let owners = |node: &Yaml| -> Vec<String> {
        let text = node.as_str().unwrap_or_default();
        let inner = expr::pieces(text).into_iter().filter_map(|piece| match piece {
            expr::Piece::Expression(inner, _) => Some(inner),
            expr::Piece::Text(_) => None,
        });
        let named = inner.flat_map(expr::references).filter(|reference| reference.context == "secrets");
        named.flat_map(|reference| scope.owners(reference.name)).collect()
    };
    Secrets::Passed(secrets.entries().iter().map(|entry| (entry.key.to_ascii_lowercase(), owners(&entry.node))).collect())
}

/// What the inputs of a call can be: what is passed, else the default.
fn inputs(called: &Yaml, with: Option<&Yaml>, here: Here<'_>) -> HashMap<String, Vec<Val>> {
    let triggers = Triggers::read(called);
    let declared = triggers.get("workflow_call").and_then(|event| event.node.clone()).and_then(|node| node.get("inputs").cloned());
    given(declared.as_ref(), with, here)
}

/// What is given to inputs that are declared so.
pub(super) fn given(declared: Option<&Yaml>, with: Option<&Yaml>, here: Here<'_>) -> HashMap<String, Vec<Val>> {
    let mut found = HashMap::new();
    for entry in declared.map(|declared| declared.entries()).unwrap_or_default() {
        if let Some(default) = entry.node.get("default") {
            let text = default.as_str().unwrap_or_default();
            found.insert(entry.key.to_ascii_lowercase(), here.values(text));
        }
    }
    for entry in with.map(|with| with.entries()).unwrap_or_default() {
        found.insert(entry.key.to_ascii_lowercase(), here.values(entry.node.as_str().unwrap_or_default()));
    }
    found
}
