//! GitHub's workflows: which of them make releases, and what those say.

mod actions;
mod eval;
mod expr;
mod matrix;
mod names;
mod place;
mod recorded;
mod release;
mod scope;
mod scripts;
mod steps;
mod triggers;
mod uses;
mod walk;

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
};

use release::Candidate;
use scope::Scope;
use triggers::Triggers;
use walk::Walk;

use super::{
    graph,
    model::{Forge, Pipeline, ReleaseWorkflow, Schedule, Topic, Trigger},
    notes::Notes,
    source::Files,
    yaml::Yaml,
};

/// Where GitHub looks for workflows; not in folders below.
const FOLDER: &str = ".github/workflows";

/// Reads the workflows of a repository into `pipeline`.
pub(super) fn read(files: &Files, pipeline: &mut Pipeline) {
    let paths = files.list(FOLDER, &[".yml", ".yaml"]);
    if paths.is_empty() {
        return;
    }
    pipeline.forges.insert(Forge::Github);
    let own = own_name(files);
    let work = Cell::new(0);
    let mut walks = BTreeMap::new();
    let mut candidates = Vec::new();
    for path in paths {
        let Some(workflow) = files.yaml(&path).and_then(|file| file.documents.first().cloned()) else { continue };
        if !workflow.is_map() {
            files.problem(workflow.place, "this is no workflow: it is not a map".to_owned(), false);
            continue;
        }
        let triggers = Triggers::read(&workflow);
        if triggers.events.is_empty() {
            files.problem(workflow.place, "nothing starts this workflow: it has no `on`".to_owned(), false);
            continue;
        }
        if triggers.only_called() {
            continue;
        }
        if !files.spend(workflow.size()) {
            files.unfinished(workflow.place, "the workflows before this one come to too much: not read".to_owned());
            continue;
        }
        let mut walk = Walk::new(Notes::new(files), own.as_deref(), &work);
        walk.workflow(&path, &Scope::started(dispatch_inputs(&triggers)), None);
        schedules(pipeline, files, (&path, &triggers));
        candidates.push(candidate(&path, &workflow, triggers, &mut walk));
        walks.insert(path, walk);
    }
    for (path, reasons) in release::choose(&candidates) {
        if let (Some(walk), Some(candidate)) = (walks.remove(&path), candidates.iter().find(|candidate| candidate.path == path)) {
            add(pipeline, (candidate, reasons), walk);
        }
    }
}

fn candidate(path: &str, workflow: &Yaml, triggers: Triggers, walk: &mut Walk<'_>) -> Candidate {
    let name = workflow.get("name").and_then(|name| Some((name.as_str()?.to_owned(), name.place)));
    let has_registry = walk.notes.facts.of(Topic::Registries).flat_map(|(_, sites)| sites).any(|site| &*site.role == "login");
    let logs_in = has_registry.then(|| triggers.events.first().map(|event| event.place).unwrap_or_default());
    Candidate {
        path: path.to_owned(),
        name,
        triggers,
        published: std::mem::take(&mut walk.notes.published),
        called: walk.called.clone(),
        logs_in,
    }
}

fn add(pipeline: &mut Pipeline, (candidate, reasons): (&Candidate, release::Reasons), walk: Walk<'_>) {
    let Walk { mut notes, mut jobs, files: read, steps, .. } = walk;
    let files = notes.files;
    graph::mark(&mut jobs, &candidate.published);
    notes.facts.mark(&graph::on_path(&jobs));
    recorded::fill(&mut jobs, &steps, files);
    let triggers = candidate.triggers.events.iter().map(|event| Trigger {
        event: event.name.clone(),
        filters: event.filters(),
        at: files.at(event.place),
    });
    pipeline.releases.push(ReleaseWorkflow {
        forge: Forge::Github,
        file: candidate.path.clone(),
        name: candidate.name.as_ref().map(|(name, _)| name.clone()),
        reasons: reasons.into_iter().map(|(reason, place)| (reason, files.at(place))).collect(),
        triggers: triggers.collect(),
        jobs,
        gates: Vec::new(),
        files: read.into_iter().collect(),
    });
    pipeline.facts.merge(notes.facts);
    pipeline.open.extend(notes.open);
    pipeline.refused.extend(notes.refused);
}

/// Takes in the times at which a workflow is started.
fn schedules(pipeline: &mut Pipeline, files: &Files, (path, triggers): (&str, &Triggers)) {
    let Some(node) = triggers.get("schedule").and_then(|event| event.node.clone()) else { return };
    for cron in node.items().iter().filter_map(|item| item.get("cron")) {
        let at = files.at(cron.place);
        pipeline.schedules.push(Schedule { file: path.to_owned(), cron: cron.as_str().unwrap_or_default().to_owned(), at });
    }
}

/// What a person can choose when starting a workflow: the options of a choice, and the default.
fn dispatch_inputs(triggers: &Triggers) -> HashMap<String, Vec<eval::Val>> {
    let Some(inputs) =
        triggers.get("workflow_dispatch").and_then(|event| event.node.clone()).and_then(|node| node.get("inputs").cloned())
    else {
        return HashMap::new();
    };
    let values = |input: &Yaml| -> Option<Vec<eval::Val>> {
        let options = input.get("options").map(|options| options.texts()).unwrap_or_default();
        (!options.is_empty()).then(|| options.into_iter().map(|(text, _)| eval::Val::Known(text.to_owned())).collect())
    };
    inputs.entries().iter().filter_map(|entry| Some((entry.key.to_ascii_lowercase(), values(&entry.node)?))).collect()
}

/// `owner/name` of this repository, from where it was cloned from.
fn own_name(files: &Files) -> Option<String> {
    let config = files.text(".git/config")?;
    let origin = config.split("[remote \"origin\"]").nth(1)?;
    let url = origin.lines().find_map(|line| line.trim().strip_prefix("url")?.trim_start().strip_prefix('='))?.trim();
    let path = url.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{name}"))
}
