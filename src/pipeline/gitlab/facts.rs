//! What a job of a release says: secrets, registries, runners, environments, images, targets.

use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

use super::{
    judge::Found,
    scripts::{Line, Script, Variables},
    variables,
};
use crate::pipeline::{
    model::{Sure, Topic},
    notes::{Notes, Published},
    publish::{Target, commands::Effect, hosts, shell::Command},
    source::{Files, weight},
    yaml::{Place, Yaml},
};

/// The work of putting one value of a matrix into one tag.
const VALUE: u64 = 4;
/// The longest text that values of variables are put into.
const LONGEST: usize = 4096;

/// A job that is looked at.
pub(super) struct JobHere<'j> {
    pub(super) name: &'j str,
    pub(super) job: &'j Yaml,
    pub(super) found: &'j Found,
    pub(super) scripts: &'j [Rc<Script>],
    pub(super) variables: &'j Variables,
    /// Names that are set somewhere else: by the pipeline, by other jobs' reports.
    pub(super) declared: &'j BTreeSet<String>,
}

/// Takes in all that a job says.
pub(super) fn take(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    secrets(notes, here);
    tokens(notes, here);
    runner(notes, here);
    place(notes, here);
    effects(notes, here);
    if here.job.get("when").and_then(|when| when.as_str()) == Some("manual") {
        let place = here.job.get("when").map_or(here.job.place, |when| when.place);
        notes.fact(Topic::Approvals, here.name, (place, Sure::Read, "when: manual", Some(here.name)));
    }
}

/// Takes in what a release needs of a job that it only waits for: secrets, environment and images. What such a job
/// publishes is no part of the release, and its runner is whatever builds.
pub(super) fn take_needs(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    secrets(notes, here);
    tokens(notes, here);
    place(notes, here);
}

/// A text with the values of variables put in, those that GitLab gives aside; what is not known stays as `$X`, and so does
/// what would make it too long.
pub(super) fn expand(text: &str, variables: &Variables) -> String {
    let mut done = text.to_owned();
    if !done.contains('$') || done.len() > LONGEST {
        return done;
    }
    for _ in 0..6 {
        let mut next = String::with_capacity(done.len());
        let mut at = 0;
        for read in variables::in_value(&done) {
            if read.at < at || done.as_bytes().get(read.at + 1) == Some(&b'(') {
                continue;
            }
            let braced = done.as_bytes().get(read.at + 1) == Some(&b'{');
            let end = read.at + 1 + read.name.len() + if braced { 2 } else { 0 };
            let whole = done.get(read.at..end).unwrap_or_default();
            let plain = !braced || whole.ends_with('}');
            next.push_str(done.get(at..read.at).unwrap_or_default());
            match variables.get(&read.name).filter(|_| plain && !variables::is_given(&read.name)) {
                Some(value) if !value.contains(&format!("${}", read.name)) && !value.contains(&format!("${{{}}}", read.name)) => {
                    next.push_str(value);
                }
                _ if plain => next.extend(["$", &read.name]),
                _ => next.push_str(whole),
            }
            if next.len() > LONGEST {
                return done;
            }
            at = end.min(done.len());
        }
        next.push_str(done.get(at..).unwrap_or_default());
        if next == done {
            return next;
        }
        done = next;
    }
    done
}

fn secrets(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    let files = notes.files;
    let set: HashSet<&str> = here.scripts.iter().flat_map(|script| &script.sets).map(String::as_str).collect();
    let in_script = files.shared("script");
    let reads = here.scripts.iter().flat_map(|script| &script.reads);
    let mut queue: Vec<(Rc<str>, Place, Rc<str>)> =
        reads.map(|(name, place)| (Rc::clone(name), *place, Rc::clone(&in_script))).collect();
    for (key, topmost) in
        [("variables", true), ("image", false), ("services", false), ("release", false), ("environment", false), ("secrets", true)]
    {
        let Some(node) = here.job.get(key) else { continue };
        for scalar in node.scalars().into_iter().filter(|_| topmost || !matches!(key, "environment")) {
            for read in variables::in_value(scalar.as_str().unwrap_or_default()) {
                queue.push((files.shared(&read.name), scalar.place, files.shared(key)));
            }
        }
    }
    let mut seen = BTreeSet::new();
    while let Some((name, place, role)) = queue.pop() {
        if variables::is_given(&name) {
            if matches!(&*name, "CI_REGISTRY_PASSWORD" | "CI_JOB_TOKEN" | "CI_DEPLOY_PASSWORD") {
                notes.fact(Topic::Variables, &name, (place, Sure::Read, &role, Some(here.name)));
            }
            continue;
        }
        // What a variable's value reads is read by who reads the variable.
        if let Some(value) = here.variables.get(&name) {
            if seen.insert(name.clone()) {
                let role = files.shared(&format!("variable {name}"));
                let reads = variables::in_value(value).into_iter().filter(|read| *read.name != *name);
                queue.extend(reads.map(|read| (files.shared(&read.name), place, Rc::clone(&role))));
            }
            continue;
        }
        if set.contains(&*name) || here.declared.contains(&*name) || !variables::is_outside_name(&name) {
            continue;
        }
        let sure = if matches!(&*role, "script" | "variables") { Sure::Read } else { Sure::Computed };
        notes.fact(Topic::Secrets, &name, (place, sure, &role, Some(here.name)));
    }
}

fn tokens(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    for entry in here.job.get("id_tokens").map(|tokens| tokens.entries()).unwrap_or_default() {
        notes.fact(Topic::Oidc, &entry.key, (entry.key_place, Sure::Read, "id_tokens", Some(here.name)));
    }
    for entry in here.job.get("secrets").map(|secrets| secrets.entries()).unwrap_or_default() {
        notes.fact(Topic::Secrets, &entry.key, (entry.key_place, Sure::Outside, "secrets", Some(here.name)));
    }
}

/// The tags of the runner.
fn runner(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    for (tag, place) in here.job.get("tags").map(|tags| tags.texts()).unwrap_or_default() {
        for tag in in_matrix(tag, here.job, notes.files) {
            let sure = if tag.contains('$') { Sure::Dynamic } else { Sure::Read };
            if !notes.fact_under(Topic::RunnerLabels, &tag, (place, sure, "tags", Some(here.name)), None) {
                return;
            }
        }
    }
}

/// What the job runs in, and for.
fn place(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    let job = Some(here.name);
    if let Some(environment) = here.job.get("environment") {
        let name = if environment.is_map() { environment.get("name") } else { Some(environment) };
        if let Some((text, node)) = name.and_then(|name| Some((name.as_str()?, name))) {
            let sure = if text.contains('$') { Sure::Dynamic } else { Sure::Read };
            notes.fact(Topic::Environments, text, (node.place, sure, "environment", job));
        }
    }
    for (key, role) in [("image", "container"), ("services", "service")] {
        let Some(node) = here.job.get(key) else { continue };
        let all: Vec<&Yaml> = if node.is_list() { node.items().iter().collect() } else { vec![node] };
        for image in all {
            let name = if image.is_map() { image.get("name") } else { Some(image) };
            if let Some((text, node)) = name.and_then(|name| Some((name.as_str()?, name))) {
                let sure = if text.contains('$') { Sure::Dynamic } else { Sure::Read };
                notes.fact(Topic::Images, text, (node.place, sure, role, job));
            }
        }
    }
}

/// A tag for each value that the job's own matrix gives it, as far as there is room for them.
fn in_matrix(tag: &str, job: &Yaml, files: &Files) -> Vec<String> {
    if !tag.contains('$') {
        return vec![tag.to_owned()];
    }
    let matrix = job.get("parallel").and_then(|parallel| parallel.get("matrix"));
    let (without, mut found) = (expand(tag, &Variables::default()), BTreeSet::new());
    let entries = matrix.map(|matrix| matrix.items()).unwrap_or_default().iter().flat_map(|row| row.entries());
    let values = entries
        .filter(|entry| tag.contains(&*entry.key))
        .flat_map(|entry| entry.node.texts().into_iter().map(|(value, _)| (Rc::clone(&entry.key), value)));
    let work = VALUE + weight(tag.len());
    for (key, value) in values.take_while(|_| files.spend(work)) {
        let done = expand(tag, &Variables(vec![Variables::of([(key, Rc::from(value))])]));
        if done != without {
            found.insert(done);
        }
    }
    if found.is_empty() { vec![tag.to_owned()] } else { found.into_iter().collect() }
}

fn effects(notes: &mut Notes<'_>, here: &JobHere<'_>) {
    let publish = |notes: &mut Notes<'_>, target, sure, place, role: &str| {
        let (role, job) = (notes.files.shared(role), notes.files.shared(here.name));
        notes.publishes(Published { target, sure, place, role, job });
    };
    if let Some(release) = here.job.entry("release").filter(|release| release.node.is_map()) {
        publish(notes, Target::GitlabRelease, Sure::Read, release.key_place, "release");
    }
    if here.name == "pages" || here.job.get("pages").is_some_and(|pages| pages.is_true() || pages.is_map()) {
        publish(notes, Target::GitlabPages, Sure::Read, here.job.place, "pages");
    }
    let mut logins: Vec<String> = Vec::new();
    for line in &here.found.lines {
        let role = line.role();
        for effect in &*line.effects {
            match effect {
                Effect::Publishes(target) => publish(notes, *target, Sure::Read, line.place, &role),
                Effect::Delegates(target, file) => publish(notes, *target, Sure::Delegated(file.clone()), line.place, &role),
                Effect::RunsScript(file)
                    if ["publish", "release", "deploy", "upload"].iter().any(|word| file.to_ascii_lowercase().contains(word)) =>
                {
                    publish(notes, Target::Unknown, Sure::Delegated(file.clone()), line.place, &role);
                }
                Effect::PushesImage(image) => {
                    publish(notes, Target::ContainerImage, Sure::Read, line.place, &role);
                    pushed(notes, here, image.as_deref(), (line.place, &role));
                }
                Effect::PushesChart(to) => pushed(notes, here, Some(to), (line.place, &role)),
                Effect::PullsFrom(host) => registry(notes, here, Some(host.clone()), (line.place, "copy from")),
                Effect::LogsIn(address) => {
                    logins.push(address.clone());
                    registry(notes, here, hosts::of_login(address), (line.place, "login"));
                }
                _ => {}
            }
        }
        if let Some(store) = store(&line.command) {
            notes.open(line.place, format!("a secret comes from {store}: no variable of the project names it"));
        }
        handed_on(notes, here, line, &logins, &publish);
    }
}

/// The store that a command reads a secret from.
fn store(command: &Command) -> Option<&'static str> {
    match command.program() {
        "aws" if command.has("ssm") && command.words.iter().any(|word| word.starts_with("get-parameter")) => {
            Some("AWS's parameter store")
        }
        "aws" if command.has("get-secret-value") => Some("AWS's secrets manager"),
        "vault" if command.has("read") || command.has("get") => Some("Vault"),
        "gcloud" if command.has("secrets") && command.has("access") => Some("Google's secret manager"),
        "az" if command.has("keyvault") => Some("Azure's key vault"),
        _ => None,
    }
}

/// A program of the repository that is given the name of an image where the job has logged in: it pushes there.
fn handed_on(
    notes: &mut Notes<'_>,
    here: &JobHere<'_>,
    line: &Line,
    logins: &[String],
    publish: &dyn Fn(&mut Notes<'_>, Target, Sure, Place, &str),
) {
    let program = line.command.words.first().map_or("", String::as_str);
    if !program.starts_with("./") {
        return;
    }
    let is_image = |word: &String| {
        word.starts_with("$CI_REGISTRY_IMAGE")
            || logins.iter().any(|login| !login.is_empty() && word.starts_with(login.as_str()) && word.contains('/'))
    };
    if line.command.words.iter().skip(1).any(is_image) && !here.name.is_empty() {
        publish(notes, Target::ContainerImage, Sure::Computed, line.place, program);
    }
}

/// The registry that an image is pushed to.
fn pushed(notes: &mut Notes<'_>, here: &JobHere<'_>, image: Option<&str>, (place, role): (Place, &str)) {
    // The name of a tool's own variable stands in none of the words.
    let image = image.map(|image| expand(image, here.variables));
    match image.as_deref() {
        None => {
            notes.open_registry(place, format!("which registry `{role}` pushes to, its words do not say"), here.name);
        }
        Some(image) if image.starts_with('$') && hosts::of_image(image).is_none() => {
            notes.open_registry(place, format!("the registry that is pushed to is decided by `{image}`"), here.name);
        }
        Some(image) => registry(notes, here, hosts::of_image(image), (place, "push")),
    }
}

/// A registry, by the name that a project knows it by.
fn registry(notes: &mut Notes<'_>, here: &JobHere<'_>, host: Option<String>, (place, role): (Place, &str)) {
    let Some(host) = host else { return };
    // The image's name begins with the registry's own.
    let host = if host.starts_with("$CI_REGISTRY") { "$CI_REGISTRY".to_owned() } else { host };
    if host.starts_with('$') && role != "login" && host != "$CI_REGISTRY" {
        return notes.open_registry(place, format!("the registry of `{role}` is decided by `{host}`"), here.name);
    }
    let sure = if host.starts_with('$') { Sure::Dynamic } else { Sure::Read };
    notes.fact(Topic::Registries, &host, (place, sure, role, Some(here.name)));
}
