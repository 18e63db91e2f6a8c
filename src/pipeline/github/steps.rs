//! The steps of a job, those of local actions among them, and what they come to together.

use super::{
    recorded::RawStep,
    scope::{Scope, Secrets},
    uses::{self, Uses},
    walk::{Here, Walk, given},
};
use crate::pipeline::{
    model::{Sure, Topic},
    notes::Published,
    publish::Target,
    yaml::{Place, Yaml},
};

/// What the steps of one job come to together.
#[derive(Default)]
pub(super) struct Sum {
    /// Repositories of others that the job may change, and where they are named.
    pub(super) others: Vec<(String, Place)>,
    pub(super) pushes_git: bool,
    /// Scripts of the repository, and where they are run.
    pub(super) scripts: Vec<(String, Place)>,
    /// What is prepared and not yet seen to be published.
    pub(super) prepared: Vec<(Target, Place)>,
    /// Where npm's registry is set up.
    pub(super) npm: Option<Place>,
    /// The file or task that by its name publishes.
    pub(super) promise: Option<String>,
    /// How many things were published before this job.
    begins: usize,
}

/// How many local actions may be read, and how deep within each other; GitHub allows ten levels.
const USES: usize = 2_000;
const NESTED: usize = 16;

impl Walk<'_> {
    /// Reads the steps of a job.
    pub(super) fn steps(&mut self, job: &Yaml, here: Here<'_>) {
        let mut sum = Sum { begins: self.notes.published.len(), ..Sum::default() };
        let never = here.never(job.get("if"));
        for step in job.get("steps").map(|steps| steps.items()).unwrap_or_default() {
            self.step(step, here, (&mut sum, never));
        }
        self.settle(&sum, here);
    }

    fn step(&mut self, step: &Yaml, around: Here<'_>, (sum, never): (&mut Sum, bool)) {
        let env: Vec<Yaml> = step.get("env").into_iter().chain(around.env).cloned().collect();
        let here = around.with_env(&env);
        for entry in step.entries() {
            if !matches!(&*entry.key, "uses" | "name" | "id") {
                self.scan_map(&entry.node, &entry.key, here);
            }
        }
        let (job, defaults) = (self.notes.files.shared(here.job), self.defaults.clone());
        self.steps.push(RawStep { job, node: step.clone(), env: env.clone(), defaults });
        let never = never || here.never(step.get("if"));
        if let Some(uses) = step.get("uses") {
            self.uses(step, uses, here, (sum, never));
        }
        if let Some(run) = step.get("run").filter(|_| !never) {
            self.script(run, here, sum);
        }
    }

    fn uses(&mut self, step: &Yaml, uses: &Yaml, here: Here<'_>, (sum, never): (&mut Sum, bool)) {
        let Some(text) = uses.as_str() else { return };
        match uses::read(text) {
            Uses::Local(path) => self.local_action(&path, (step, uses), here, (sum, never)),
            Uses::Image(image) => self.notes.fact(Topic::Images, &image, (uses.place, Sure::Read, "action", Some(here.job))),
            Uses::Remote { name, version } => {
                let owner = name.split('/').next().unwrap_or_default().to_ascii_lowercase();
                if !matches!(owner.as_str(), "actions" | "github") {
                    self.notes.fact(Topic::ActionsThirdParty, &name, (uses.place, Sure::Read, &version, Some(here.job)));
                }
                if !never {
                    self.action(&name, (step, uses), here, sum);
                }
            }
        }
    }

    fn local_action(&mut self, path: &str, (step, uses): (&Yaml, &Yaml), here: Here<'_>, (sum, never): (&mut Sum, bool)) {
        let Some(file) = uses::action(path, self.notes.files) else {
            self.notes.open(uses.place, format!("there is no action in `{path}`"));
            return;
        };
        if self.stack.contains(&file) {
            self.notes.open(uses.place, format!("`{file}` uses itself in a circle: not followed"));
            return;
        }
        self.actions += 1;
        if self.stack.len() > NESTED || self.actions > USES {
            let what = format!("`{file}` is used after {USES} others or within {NESTED}: not followed");
            self.notes.files.unfinished(uses.place, what);
            return;
        }
        let Some(action) = self.notes.files.yaml(&file).and_then(|file| file.documents.first().cloned()) else { return };
        if !self.notes.files.spend(action.size()) {
            let what = format!("`{file}` is used too often to be read each time: not followed");
            self.notes.files.unfinished(uses.place, what);
            return;
        }
        self.files.insert(file.clone());
        let inputs = given(action.get("inputs"), step.get("with"), here);
        let scope = Scope::called(Secrets::Passed(std::collections::HashMap::new()), inputs);
        let inner = Here { scope: &scope, ..here };
        self.stack.push(file);
        // Those of the workflow are not the action's.
        let outer = std::mem::take(&mut self.defaults);
        let runs = action.get("runs");
        for step in runs.and_then(|runs| runs.get("steps")).map(|steps| steps.items()).unwrap_or_default() {
            self.step(step, inner, (sum, never));
        }
        self.defaults = outer;
        self.stack.pop();
        if let Some(runs) = runs {
            self.program(runs, uses, here);
        }
    }

    /// What a local action runs that is no list of steps: an image, or a program that is not read.
    fn program(&mut self, runs: &Yaml, uses: &Yaml, here: Here<'_>) {
        let said = |key: &str| runs.get(key).and_then(|node| Some((node.as_str()?, node.place)));
        match (said("image"), said("main")) {
            (Some((image, place)), _) => match image.strip_prefix("docker://") {
                Some(image) => self.notes.fact(Topic::Images, image, (uses.place, Sure::Read, "action", Some(here.job))),
                None => self.notes.open(place, format!("what the image of `{image}` does is not read")),
            },
            (None, Some((main, place))) => self.notes.open(place, format!("what `{main}` does is not read")),
            (None, None) => {}
        }
    }

    pub(super) fn publishes(&mut self, target: Target, sure: Sure, (place, role): (Place, &str), here: Here<'_>) {
        let (role, job) = (self.notes.files.shared(role), self.notes.files.shared(here.job));
        self.notes.publishes(Published { target, sure, place, role, job });
    }

    /// What this job has published so far.
    fn own(&self, sum: &Sum) -> &[Published] {
        self.notes.published.get(sum.begins..).unwrap_or_default()
    }

    /// What the steps of a job come to together.
    fn settle(&mut self, sum: &Sum, here: Here<'_>) {
        if sum.pushes_git || !sum.scripts.is_empty() {
            for (repository, place) in &sum.others {
                if let Some(target) = beside(repository) {
                    self.publishes(target, Sure::Computed, (*place, repository), here);
                }
            }
        }
        for (target, place) in &sum.prepared {
            let done = self.own(sum).iter().any(|published| published.target == *target);
            if !done {
                let file = sum.scripts.last().map_or_else(|| "a script".to_owned(), |(file, _)| file.clone());
                self.publishes(*target, Sure::Delegated(file), (*place, "token"), here);
            }
        }
        let npm = self.own(sum).iter().any(|published| published.target == Target::Npm);
        if let (Some(place), Some(file), false) = (sum.npm, &sum.promise, npm) {
            self.publishes(Target::Npm, Sure::Delegated(file.clone()), (place, "registry-url"), here);
        }
        for (file, place) in &sum.scripts {
            self.script_file(file, *place, here);
        }
    }
}

/// What a repository of others is for, by its name; none if that does not tell.
fn beside(repository: &str) -> Option<Target> {
    let name = repository.trim_end_matches(".git").rsplit(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
    if name.contains("${{") || name.rsplit('.').next() == Some("wiki") {
        return None;
    }
    if name.starts_with("homebrew-") {
        return Some(Target::HomebrewTap);
    }
    if name == "versions" || name.ends_with("-versions") {
        return Some(Target::VersionsRepo);
    }
    if name == "docs" || name.ends_with("-docs") || name == "documentation" {
        return Some(Target::DocsRepo);
    }
    let is_site = name.contains('.')
        || matches!(name.as_str(), "website" | "site" | "www")
        || name.ends_with("-website")
        || name.ends_with("-site");
    is_site.then_some(Target::SiteRepo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_tells_by_its_name_what_it_is_for() {
        assert_eq!(beside("acme/acme.github.io"), Some(Target::SiteRepo));
        assert_eq!(beside("https://x@github.com/acme/docs.git"), Some(Target::DocsRepo));
        assert_eq!(beside("acme/homebrew-tap"), Some(Target::HomebrewTap));
        assert_eq!(beside("acme/acme.wiki"), None);
        assert_eq!(beside("acme/other"), None);
    }
}
