//! GitLab's CI files, read as GitLab reads them, and what they say about releases.

mod extend;
mod facts;
mod include;
mod judge;
mod merge;
mod variables;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use extend::Config;
use facts::{JobHere, Variables};
use include::Loader;
use judge::Found;

use super::{
    graph,
    model::{Forge, Job, Pipeline, ReleaseWorkflow, Step, Sure, Topic, Trigger, Words},
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
/// The most child pipelines.
const CHILDREN: usize = 30;

/// A job as it runs, with what was found in it.
struct Seen {
    name: String,
    place: Place,
    job: Yaml,
    variables: Variables,
    found: Found,
}

/// Reads the CI files of a repository into `pipeline`.
pub(super) fn read(files: &Files, pipeline: &mut Pipeline) {
    for path in entries(files) {
        pipeline.forges.insert(Forge::Gitlab);
        let mut notes = Notes::new(files);
        let mut loader = Loader::new(&mut notes);
        let Some(root) = loader.load(&path, None) else { continue };
        let mut read = std::mem::take(&mut loader.files);
        read.remove(&path);
        let mut all = Vec::new();
        let mut declared = BTreeSet::new();
        pipeline_of(root, &mut notes, (&mut all, &mut declared, &mut read), 0);
        add(pipeline, (&path, read), notes, (&all, &declared));
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
fn pipeline_of(
    root: Yaml,
    notes: &mut Notes<'_>,
    (all, declared, read): (&mut Vec<Seen>, &mut BTreeSet<String>, &mut BTreeSet<String>),
    depth: usize,
) {
    let mut config = Config::new(root);
    let workflow = config.root().get("workflow").map(|workflow| config.filled(workflow, 0));
    let global = facts::values(config.root().get("variables"));
    declared.extend(global.keys().cloned());
    for rule in workflow.iter().filter_map(|workflow| workflow.get("rules")).flat_map(|rules| rules.items()) {
        declared.extend(facts::values(rule.get("variables")).into_keys());
    }
    for entry in config.jobs().into_iter().take(JOBS) {
        let variables = u64::try_from(global.len()).unwrap_or(u64::MAX);
        if !notes.files.spend(variables.saturating_mul(2)) {
            notes.open(entry.key_place, TOO_MUCH.to_owned());
            break;
        }
        let Some(job) = config.job(&entry.key, notes) else { continue };
        child(&job, notes, (all, declared, read), depth);
        all.push(seen(&entry, job, &global, (notes, declared)));
    }
}

fn seen(entry: &Entry, job: Yaml, global: &Variables, (notes, declared): (&mut Notes<'_>, &mut BTreeSet<String>)) -> Seen {
    let inherits =
        job.get("inherit").and_then(|inherit| inherit.get("variables")).is_none_or(|said| said.as_str() != Some("false"));
    let mut variables = if inherits { global.clone() } else { Variables::new() };
    variables.extend(facts::values(job.get("variables")));
    declared.extend(facts::values(job.get("variables")).into_keys());
    for rule in job.get("rules").map(|rules| rules.items()).unwrap_or_default() {
        declared.extend(facts::values(rule.get("variables")).into_keys());
    }
    for row in job.get("parallel").and_then(|parallel| parallel.get("matrix")).map(|matrix| matrix.items()).unwrap_or_default() {
        declared.extend(row.entries().iter().map(|entry| entry.key.to_string()));
    }
    declared
        .extend(job.get("id_tokens").map(|tokens| tokens.entries()).unwrap_or_default().iter().map(|entry| entry.key.to_string()));
    // A job that reports variables sets them for those after it.
    if job.get("artifacts").and_then(|artifacts| artifacts.get("reports")?.get("dotenv")).is_some() {
        for script in judge::scripts(&job) {
            declared.extend(variables::set_in_script(script.as_str().unwrap_or_default()));
        }
    }
    let expand = |word: &str| facts::expand(word, &variables);
    let found = judge::job(&entry.key, &job, &expand, &mut |node, found| facts::places_in(notes, node, found));
    Seen { name: entry.key.to_string(), place: entry.key_place, job, variables, found }
}

/// Follows a job that starts a pipeline of this repository.
fn child(
    job: &Yaml,
    notes: &mut Notes<'_>,
    (all, declared, read): (&mut Vec<Seen>, &mut BTreeSet<String>, &mut BTreeSet<String>),
    depth: usize,
) {
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
            continue;
        };
        if depth > 3 || read.len() > CHILDREN * 5 || read.contains(&path) {
            continue;
        }
        let mut loader = Loader::new(notes);
        let root = loader.load(&path, item.get("inputs"));
        read.append(&mut loader.files);
        if let Some(root) = root {
            pipeline_of(root, notes, (all, declared, read), depth + 1);
        }
    }
}

fn add(
    pipeline: &mut Pipeline,
    (path, read): (&str, BTreeSet<String>),
    mut notes: Notes<'_>,
    (all, declared): (&[Seen], &BTreeSet<String>),
) {
    let mut reasons: Vec<(String, Place)> = Vec::new();
    for seen in all {
        if let Some((reason, place)) = &seen.found.reason {
            reasons.push((format!("of the job `{}`: {reason}", seen.name), *place));
            let here = JobHere { name: &seen.name, job: &seen.job, found: &seen.found, variables: &seen.variables, declared };
            facts::take(&mut notes, &here);
        }
    }
    let makes = !reasons.is_empty();
    for seen in waited_for(all) {
        let here = JobHere { name: &seen.name, job: &seen.job, found: &seen.found, variables: &seen.variables, declared };
        facts::take_needs(&mut notes, &here);
    }
    components(&mut notes, all);
    let files = notes.files;
    if makes {
        let mut jobs: Vec<Job> = all.iter().map(|seen| job(seen, files)).collect();
        graph::mark(&mut jobs, &notes.published);
        for (job, seen) in jobs.iter_mut().zip(all) {
            job.on_release_path |= seen.found.reason.is_some();
        }
        notes.facts.mark(&jobs);
        pipeline.releases.push(ReleaseWorkflow {
            forge: Forge::Gitlab,
            file: path.to_owned(),
            name: None,
            reasons: reasons.iter().take(20).map(|(reason, place)| (reason.clone(), files.at(*place))).collect(),
            triggers: triggers(all, files),
            jobs,
            files: read.into_iter().collect(),
        });
        pipeline.facts.merge(notes.facts);
    }
    pipeline.open.extend(notes.open);
}

/// The jobs that are no release themselves and that one waits for by `needs` or `dependencies`, over whatever steps.
fn waited_for(all: &[Seen]) -> Vec<&Seen> {
    let by_name: BTreeMap<&str, &Seen> = all.iter().map(|seen| (seen.name.as_str(), seen)).collect();
    let mut open: Vec<&Seen> = all.iter().filter(|seen| seen.found.reason.is_some()).collect();
    let mut known: BTreeSet<&str> = open.iter().map(|seen| seen.name.as_str()).collect();
    let mut found = Vec::new();
    while let Some(seen) = open.pop() {
        if seen.found.reason.is_none() {
            found.push(seen);
        }
        for need in needs(&seen.job) {
            if let Some(next) = by_name.get(need).filter(|_| known.insert(need)) {
                open.push(next);
            }
        }
    }
    found
}

/// The names of the jobs that a job waits for.
fn needs(job: &Yaml) -> impl Iterator<Item = &str> {
    let needs = job.get("needs").or_else(|| job.get("dependencies"));
    let needs = needs.map(|needs| needs.items()).unwrap_or_default();
    needs.iter().filter_map(|need| need.as_str().or_else(|| need.get("job")?.as_str()))
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
            notes.publishes(Published { target: *target, sure, place, role: (*start).to_owned(), job: String::new() });
        }
    }
}

fn job(seen: &Seen, files: &Files) -> Job {
    let needs = needs(&seen.job).map(str::to_owned).collect();
    let condition = seen.job.get("rules").map(|rules| {
        let conditions: Vec<&str> = rules.items().iter().filter_map(|rule| rule.get("if")?.as_str()).collect();
        conditions.join(" or ")
    });
    let condition = condition.filter(|text| !text.is_empty());
    let may_fail = seen.job.get("allow_failure").filter(|said| said.as_str() != Some("false")).map(|said| files.at(said.place));
    Job {
        id: seen.name.clone(),
        at: files.at(seen.place),
        needs,
        condition,
        calls: None,
        publishes: BTreeMap::new(),
        on_release_path: false,
        may_fail,
        steps: vec![step(seen, files)],
    }
}

/// The scripts of a job as one step.
fn step(seen: &Seen, files: &Files) -> Step {
    let words = |line: &judge::Line| Words { at: files.at(line.place), words: line.command.words.clone() };
    Step {
        at: files.at(seen.job.place),
        condition: None,
        may_fail: None,
        uses: None,
        with: Vec::new(),
        env: seen.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        folder: None,
        commands: seen.found.lines.iter().map(words).collect(),
    }
}

/// What starts the jobs of a release: the conditions that name a tag, a branch or a schedule.
fn triggers(all: &[Seen], files: &Files) -> Vec<Trigger> {
    let mut found: Vec<Trigger> = Vec::new();
    for seen in all.iter().filter(|seen| seen.found.reason.is_some()) {
        for rule in seen.job.get("rules").map(|rules| rules.items()).unwrap_or_default() {
            let Some(condition) = rule.get("if") else { continue };
            let text = condition.as_str().unwrap_or_default();
            if rule.get("when").and_then(|when| when.as_str()) == Some("never")
                || found.iter().any(|known| known.filters.first().is_some_and(|known| known == text))
            {
                continue;
            }
            if found.len() < 20 {
                found.push(Trigger { event: "rules".to_owned(), filters: vec![text.to_owned()], at: files.at(condition.place) });
            }
        }
        for (text, place) in seen.job.get("only").map(|only| only.get("refs").unwrap_or(only).texts()).unwrap_or_default() {
            if found.len() < 20 && !found.iter().any(|known| known.filters.first().is_some_and(|known| known == text)) {
                found.push(Trigger { event: "only".to_owned(), filters: vec![text.to_owned()], at: files.at(place) });
            }
        }
    }
    found
}
