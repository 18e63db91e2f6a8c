//! GitLab's CI files, read as GitLab reads them, and what they say about releases.

mod extend;
mod facts;
mod gates;
mod include;
mod judge;
mod merge;
mod order;
mod refused;
mod scripts;
mod triggers;
mod variables;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use extend::Config;
use facts::JobHere;
use include::Loader;
use judge::Found;
use scripts::{Known, Script, Variables};

use super::{
    graph,
    model::{self, Forge, Job, Pipeline, ReleaseWorkflow, Staged, Step, Sure, Topic},
    notes::{Notes, Published},
    source::Files,
    yaml::{Entry, Place, Yaml},
};

/// Where GitLab looks, unless a project's settings say otherwise.
const USUAL: &str = ".gitlab-ci.yml";
/// The most jobs that are looked at.
const JOBS: usize = 10_000;
/// What is said where the jobs of a configuration come to more than is looked at.
const TOO_MUCH: &str = "what the jobs come to with all that they extend is more than is looked at: not read from here on";
/// How deep child pipelines are followed (GitLab allows two levels), and how many files all of them may have.
const DEEPEST: usize = 3;
const FILES: usize = 150;

/// A job as it runs, with what was found in it.
struct Seen {
    name: String,
    place: Place,
    job: Yaml,
    variables: Variables,
    scripts: Vec<Rc<Script>>,
    found: Found,
    /// The names of the jobs that it waits for.
    waits: Vec<String>,
    staged: Option<Staged>,
}

/// What is read so far of a configuration and of the child pipelines that it starts.
#[derive(Default)]
struct All {
    jobs: Vec<Seen>,
    known: Known,
    /// How many pipelines they are of.
    pipelines: usize,
    /// The files that were read beside the one it began with.
    read: BTreeSet<String>,
}

/// Reads the CI files of a repository into `pipeline`.
pub(super) fn read(files: &Files, pipeline: &mut Pipeline) {
    for path in entries(files) {
        pipeline.forges.insert(Forge::Gitlab);
        let mut notes = Notes::new(files);
        let mut loader = Loader::new(&mut notes);
        let Some(root) = loader.load(&path, None) else { continue };
        let mut all = All { read: std::mem::take(&mut loader.files), ..All::default() };
        all.read.remove(&path);
        pipeline_of(root, &mut notes, &mut all, 0);
        add(pipeline, &path, notes, &all);
    }
}

/// The files that pipelines begin at: the usual one, else those at the root that are named and look like one.
fn entries(files: &Files) -> Vec<String> {
    if files.has(USUAL) {
        return vec![USUAL.to_owned()];
    }
    let is_one = |path: &String| {
        let named = path.starts_with('.') && path.trim_end_matches(".yaml").trim_end_matches(".yml").ends_with("-ci");
        let looks = |root: &Yaml| {
            root.get("stages").is_some_and(|stages| stages.is_list())
                && root.entries().iter().any(|entry| entry.node.get("script").is_some())
        };
        named && files.yaml(path).is_some_and(|file| file.documents.iter().any(looks))
    };
    files.list("", &[".yml", ".yaml"]).into_iter().filter(is_one).collect()
}

/// Looks at every job of a configuration and of the child pipelines that it starts.
fn pipeline_of(root: Yaml, notes: &mut Notes<'_>, all: &mut All, depth: usize) {
    let mut config = Config::new(root);
    let workflow = config.root().get("workflow").map(|workflow| config.filled(workflow, 0));
    let global = all.known.variables(config.root().get("variables"));
    for rule in workflow.iter().filter_map(|workflow| workflow.get("rules")).flat_map(|rules| rules.items()) {
        all.known.variables(rule.get("variables"));
    }
    let entries = config.jobs();
    if let Some(entry) = entries.get(JOBS) {
        notes.files.unfinished(entry.key_place, format!("there are more than {JOBS} jobs up to here: not read from here on"));
    }
    let (mut own, mut jobs) = (Vec::new(), Vec::new());
    for entry in entries.iter().take(JOBS) {
        let Some(job) = config.job(&entry.key, notes) else { continue };
        let Some(seen) = seen(entry, &job, &global, (notes, &mut all.known)) else {
            notes.files.unfinished(entry.key_place, TOO_MUCH.to_owned());
            continue;
        };
        own.push((Rc::clone(&entry.key), entry.key_place, Rc::clone(&job)));
        jobs.push(seen);
        child(&job, notes, all, depth);
    }
    order::by_stages(&config, (&mut jobs, all.pipelines), notes);
    all.pipelines += 1;
    all.jobs.append(&mut jobs);
    let is_whole = own.len() == entries.len();
    refused::find(&config, &own, (notes, is_whole));
}

/// A job with what stands in it; none if that is more than is looked at.
fn seen(entry: &Entry, job: &Yaml, global: &model::Variables, (notes, known): (&mut Notes<'_>, &mut Known)) -> Option<Seen> {
    let inherits =
        job.get("inherit").and_then(|inherit| inherit.get("variables")).is_none_or(|said| said.as_str() != Some("false"));
    let own = known.variables(job.get("variables"));
    let variables = Variables(std::iter::once(own).chain(inherits.then(|| Rc::clone(global))).collect());
    for rule in job.get("rules").map(|rules| rules.items()).unwrap_or_default() {
        known.variables(rule.get("variables"));
    }
    let rows = job.get("parallel").and_then(|parallel| parallel.get("matrix")).map(|matrix| matrix.items()).unwrap_or_default();
    let tokens = job.get("id_tokens").map(|tokens| tokens.entries()).unwrap_or_default();
    let named = rows.iter().flat_map(|row| row.entries()).chain(tokens);
    known.declared.extend(named.map(|entry| entry.key.to_string()));
    let scripts = known.scripts(job, notes);
    // A job that reports variables sets them for those after it.
    if job.get("artifacts").and_then(|artifacts| artifacts.get("reports")?.get("dotenv")).is_some() {
        known.declared.extend(scripts.iter().flat_map(|script| script.sets.iter().cloned()));
    }
    let lines = scripts::lines(&scripts, &variables, notes)?;
    let found = judge::job(&entry.key, job, lines);
    let waits = order::named(job).map(str::to_owned).collect();
    let (name, place, job) = (entry.key.to_string(), entry.key_place, Rc::clone(job));
    Some(Seen { name, place, job, variables, scripts, found, waits, staged: None })
}

/// Follows a job that starts a pipeline of this repository.
fn child(job: &Yaml, notes: &mut Notes<'_>, all: &mut All, depth: usize) {
    let Some(trigger) = job.get("trigger") else { return };
    if let Some(project) = trigger
        .as_str()
        .map(|text| (text, trigger.place))
        .or_else(|| trigger.get("project").and_then(|node| Some((node.as_str()?, node.place))))
    {
        notes.fact(Topic::Remote, project.0, (project.1, Sure::Outside, "trigger", None));
        return;
    }
    let Some(include) = trigger.get("include") else { return };
    let items: Vec<Yaml> = if include.is_list() { include.items().to_vec() } else { vec![Rc::clone(include)] };
    for item in items {
        if let Some(artifact) = item.get("artifact") {
            notes.open(
                artifact.place,
                "a job makes the child pipeline while the pipeline runs: it cannot be read before".to_owned(),
            );
            continue;
        }
        let Some(path) = item.as_str().or_else(|| item.get("local")?.as_str()).map(|path| path.trim_start_matches('/').to_owned())
        else {
            notes.open(item.place, "what this child pipeline does is not in this repository".to_owned());
            continue;
        };
        // Read already: as another child, or as a part of this pipeline.
        if all.read.contains(&path) {
            continue;
        }
        if depth > DEEPEST || all.read.len() > FILES {
            let what = format!("child pipelines are more than {DEEPEST} deep or of more than {FILES} files: not read");
            notes.files.unfinished(item.place, what);
            continue;
        }
        let mut loader = Loader::new(notes);
        let root = loader.load(&path, item.get("inputs"));
        all.read.append(&mut loader.files);
        match root {
            Some(root) => pipeline_of(root, notes, all, depth + 1),
            None => notes.open(item.place, format!("there is no file `{path}` that can be read")),
        }
    }
}

impl All {
    fn here<'s>(&'s self, seen: &'s Seen) -> JobHere<'s> {
        let Seen { name, job, found, scripts, variables, .. } = seen;
        JobHere { name, job, found, scripts, variables, declared: &self.known.declared }
    }
}

fn add(pipeline: &mut Pipeline, path: &str, mut notes: Notes<'_>, all: &All) {
    let mut reasons: Vec<(String, Place)> = Vec::new();
    for seen in &all.jobs {
        if let Some((reason, place)) = &seen.found.reason {
            reasons.push((format!("of the job `{}`: {reason}", seen.name), *place));
            facts::take(&mut notes, &all.here(seen));
        }
    }
    let makes = !reasons.is_empty();
    for seen in waited_for(&all.jobs) {
        facts::take_needs(&mut notes, &all.here(seen));
    }
    components(&mut notes, &all.jobs);
    let files = notes.files;
    if makes {
        let mut jobs: Vec<Job> = all.jobs.iter().map(|seen| job(seen, files)).collect();
        graph::mark(&mut jobs, &notes.published);
        notes.facts.mark(&graph::on_path(&jobs));
        let gates = gates::find(&all.jobs, &jobs, files);
        pipeline.releases.push(ReleaseWorkflow {
            forge: Forge::Gitlab,
            file: path.to_owned(),
            name: None,
            reasons: reasons.iter().take(20).map(|(reason, place)| (reason.clone(), files.at(*place))).collect(),
            triggers: triggers::of(&all.jobs, files),
            jobs,
            gates,
            files: all.read.iter().cloned().collect(),
        });
        pipeline.facts.merge(notes.facts);
    }
    pipeline.open.extend(notes.open);
    // One job that is refused keeps all others from running, whatever they do.
    pipeline.refused.extend(notes.refused);
}

/// The jobs that are no release themselves and that one waits for, over whatever steps.
fn waited_for(all: &[Seen]) -> Vec<&Seen> {
    let by_name: BTreeMap<&str, &Seen> = all.iter().map(|seen| (seen.name.as_str(), seen)).collect();
    let mut open: Vec<&Seen> = all.iter().filter(|seen| seen.found.reason.is_some()).collect();
    let mut known: BTreeSet<&str> = open.iter().map(|seen| seen.name.as_str()).collect();
    let mut found = Vec::new();
    while let Some(seen) = open.pop() {
        if seen.found.reason.is_none() {
            found.push(seen);
        }
        for need in &seen.waits {
            if let Some(next) = by_name.get(need.as_str()).filter(|_| known.insert(need)) {
                open.push(next);
            }
        }
    }
    found
}

/// Includes of others that are known to publish.
fn components(notes: &mut Notes<'_>, all: &[Seen]) {
    let remote: Vec<(String, Place)> = all
        .first()
        .map(|seen| seen.place)
        .into_iter()
        .flat_map(|place| notes.facts.of(Topic::Remote).map(move |(value, _)| (value.to_owned(), place)).collect::<Vec<_>>())
        .collect();
    for (name, place) in remote {
        if let Some((start, target)) =
            judge::COMPONENTS.iter().find(|(start, target)| name.starts_with(start) && *target != super::Target::Unknown)
        {
            let sure = Sure::Delegated(name.clone());
            let role = notes.files.shared(start);
            notes.publishes(Published { target: *target, sure, place, role, job: Rc::default() });
        }
    }
}

fn job(seen: &Seen, files: &Files) -> Job {
    let condition = seen.job.get("rules").map(|rules| {
        let conditions: Vec<&str> = rules.items().iter().filter_map(|rule| rule.get("if")?.as_str()).collect();
        conditions.join(" or ")
    });
    let condition = condition.filter(|text| !text.is_empty());
    let may_fail = seen.job.get("allow_failure").filter(|said| said.as_str() != Some("false")).map(|said| files.at(said.place));
    Job {
        id: seen.name.clone(),
        at: files.at(seen.place),
        needs: seen.waits.clone(),
        files_from: order::files_from(&seen.job, &seen.waits),
        staged: seen.staged,
        condition,
        calls: None,
        publishes: BTreeMap::new(),
        on_release_path: seen.found.reason.is_some(),
        may_fail,
        hands_on: order::artifacts(&seen.job).into_iter().map(|(path, place)| (path.to_owned(), files.at(place))).collect(),
        steps: vec![step(seen, files)],
    }
}

/// The scripts of a job as one step.
fn step(seen: &Seen, files: &Files) -> Step {
    Step {
        at: files.at(seen.job.place),
        condition: None,
        may_fail: None,
        uses: None,
        with: model::Variables::default(),
        env: seen.variables.0.clone(),
        folder: None,
        commands: seen.found.lines.iter().map(|line| line.words(files.at(line.place))).collect(),
    }
}
