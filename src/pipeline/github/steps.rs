//! The steps of a job: which actions they use, what their scripts do.

use super::{
    eval::Val,
    recorded::RawStep,
    scope::{Scope, Secrets},
    uses::{self, Uses},
    walk::{Here, Walk, given},
};
use crate::pipeline::{
    locate::Locator,
    model::{Sure, Topic},
    notes::Published,
    publish::{
        Target,
        actions::{self, Does},
        commands::{self, Effect},
        hosts, shell,
    },
    yaml::{Place, Yaml},
};

/// What the steps of one job come to together.
#[derive(Default)]
pub(super) struct Sum {
    /// Repositories of others that the job may change, and where they are named.
    others: Vec<(String, Place)>,
    pushes_git: bool,
    /// Scripts of the repository, and where they are run.
    scripts: Vec<(String, Place)>,
    /// What is prepared and not yet seen to be published.
    prepared: Vec<(Target, Place)>,
    /// Where npm's registry is set up.
    npm: Option<Place>,
    /// The file or task that by its name publishes.
    promise: Option<String>,
}

impl Walk<'_> {
    /// Reads the steps of a job.
    pub(super) fn steps(&mut self, job: &Yaml, here: Here<'_>) {
        let mut sum = Sum::default();
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
        self.steps.push(RawStep {
            job: here.job.to_owned(),
            node: step.clone(),
            env: env.clone(),
            defaults: self.defaults.clone(),
        });
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
        self.actions += 1;
        if self.stack.contains(&file) || self.stack.len() > 16 || self.actions > 2_000 {
            self.notes.open(uses.place, format!("`{file}` uses itself in a circle, or too often: not followed"));
            return;
        }
        let Some(action) = self.notes.files.yaml(&file).and_then(|file| file.documents.first().cloned()) else { return };
        if !self.notes.files.spend(action.size()) {
            self.notes.open(uses.place, format!("`{file}` is used too often to be read each time: not followed"));
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
        if let Some(image) = runs
            .and_then(|runs| runs.get("image"))
            .and_then(|image| image.as_str())
            .and_then(|image| image.strip_prefix("docker://"))
        {
            self.notes.fact(Topic::Images, image, (uses.place, Sure::Read, "action", Some(here.job)));
        }
        self.defaults = outer;
        self.stack.pop();
    }

    /// What an action of others does.
    fn action(&mut self, name: &str, (step, uses): (&Yaml, &Yaml), here: Here<'_>, sum: &mut Sum) {
        let with = step.get("with");
        let input = |key: &str| with.and_then(|with| with.get(key));
        let place = uses.place;
        match actions::does(name) {
            Some(Does::Publishes(target)) => self.publishes(target, Sure::Read, (place, name), here),
            Some(Does::PublishesIf(target, words)) => {
                let said = with
                    .map(|with| with.scalars().iter().filter_map(|node| node.as_str()).collect::<Vec<_>>().join(" "))
                    .unwrap_or_default();
                if words.iter().any(|word| said.contains(word)) {
                    self.publishes(target, Sure::Read, (place, name), here);
                }
            }
            Some(Does::Prepares(target)) => sum.prepared.push((target, place)),
            Some(Does::Tool(target, config)) => self.tool(target, config, (step, place, name), here),
            Some(Does::Pypi) => {
                let url =
                    input("repository-url").or_else(|| input("repository_url")).and_then(|url| url.as_str()).unwrap_or_default();
                let target = if url.contains("test.pypi.org") { Target::TestPypi } else { Target::Pypi };
                self.publishes(target, Sure::Read, (place, name), here);
            }
            Some(Does::PushesImage) => self.pushes_image(with, (place, name), here),
            Some(Does::PushesImageAlways) => {
                self.publishes(Target::ContainerImage, Sure::Read, (place, name), here);
                if let Some(registry) = input("registry") {
                    self.registry(registry, "push", here);
                }
            }
            Some(Does::LogsIn(key, default)) => match input(key) {
                Some(registry) => self.registry(registry, "login", here),
                None => self.host(default, (place, Sure::Read, "login"), here),
            },
            Some(Does::ChecksOut) => {
                let has_key = ["token", "ssh-key"].iter().any(|key| input(key).is_some());
                if let Some(repository) = input("repository").filter(|_| has_key).and_then(|node| node.as_str()) {
                    sum.others.push((repository.to_owned(), place));
                }
            }
            Some(Does::MakesToken) => {
                let names = input("repositories").and_then(|node| node.as_str()).unwrap_or_default();
                sum.others.extend(
                    names.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty()).map(|name| (name.to_owned(), place)),
                );
            }
            Some(Does::Runs(key)) => {
                if let Some(command) = input(key) {
                    self.script(command, here, sum);
                }
            }
            Some(Does::Asks) => self.notes.fact(Topic::Approvals, name, (place, Sure::Read, "asks", Some(here.job))),
            Some(Does::Fetches(store)) => {
                self.notes.fact(Topic::Remote, name, (place, Sure::Outside, "secrets", Some(here.job)));
                self.notes.open(place, format!("secrets come from {store}, by `{name}`: what they are called is not known here"));
            }
            Some(Does::SetsUpNode) => {
                if input("registry-url").and_then(|url| url.as_str()).is_some_and(|url| url.contains("registry.npmjs.org")) {
                    sum.npm = Some(place);
                }
            }
            None => self.unknown_action(name, with, place, here),
        }
    }

    /// An action that nobody here knows: what its inputs are called may still tell.
    fn unknown_action(&mut self, name: &str, with: Option<&Yaml>, place: Place, here: Here<'_>) {
        for entry in with.map(|with| with.entries()).unwrap_or_default() {
            if let Some(host) = hosts::of_name(&entry.key) {
                self.notes.fact(Topic::Registries, host, (entry.key_place, Sure::Outside, "login", Some(here.job)));
            }
            if matches!(&*entry.key, "command" | "run" | "script")
                && entry.node.as_str().is_some_and(|text| text.contains("docker login"))
            {
                self.script(&entry.node, here, &mut Sum::default());
            }
        }
        let promises = ["publish", "release", "deploy"].iter().any(|word| name.to_ascii_lowercase().contains(word));
        let has_secret = with.is_some_and(|with| {
            with.scalars()
                .iter()
                .any(|node| node.as_str().is_some_and(|text| text.contains("secrets.") || text.contains("github.token")))
        });
        if promises && has_secret {
            self.publishes(Target::Unknown, Sure::Delegated(name.to_owned()), (place, name), here);
            self.notes.open(place, format!("where `{name}` publishes is not in this repository"));
        }
    }

    fn tool(&mut self, target: Target, config: &[&str], (step, place, name): (&Yaml, Place, &str), here: Here<'_>) {
        let with = step.get("with");
        let said = |key: &str| with.and_then(|with| with.get(key)).and_then(|node| node.as_str()).unwrap_or_default();
        if with.and_then(|with| with.get("install-only")).is_some_and(|node| node.is_true()) || said("dry_run") == "true" {
            return;
        }
        if target == Target::Goreleaser {
            let releases = |value: &Val| match value {
                Val::Known(args) => args.contains("release") && !args.contains("--snapshot") && !args.contains("--skip=publish"),
                Val::Open(args) => args.contains("release") && !args.contains("--snapshot"),
                Val::Node(_) => false,
            };
            let has_token =
                here.env.iter().any(|env| env.entries().iter().any(|entry| entry.key.to_ascii_uppercase().ends_with("TOKEN")));
            if !here.values(said("args")).iter().any(releases) || !has_token {
                return;
            }
        }
        // `jreleaser`'s own variables tell which registries it pushes to.
        for entry in here.env.iter().flat_map(|env| env.entries()).filter(|_| target == Target::Jreleaser) {
            if entry.key.starts_with("JRELEASER_DOCKER_") {
                self.notes.fact(
                    Topic::Registries,
                    hosts::DOCKER_HUB,
                    (entry.key_place, Sure::Delegated(self.config(config)), "login", Some(here.job)),
                );
            }
        }
        self.publishes(target, Sure::Read, (place, name), here);
        if target != Target::Unknown {
            self.publishes(Target::GithubRelease, Sure::Delegated(self.config(config)), (place, name), here);
        }
    }

    /// The first of these files that is there, else the one it would be.
    pub(super) fn config(&self, files: &[&str]) -> String {
        files.iter().find(|file| self.notes.files.has(file)).or(files.first()).map_or_else(String::new, |file| (*file).to_owned())
    }

    fn pushes_image(&mut self, with: Option<&Yaml>, (place, name): (Place, &str), here: Here<'_>) {
        let text = |key: &str| with.and_then(|with| with.get(key)).and_then(|node| node.as_str()).unwrap_or_default();
        let outputs = format!("{} {}", text("outputs"), text("set"));
        let pushed = here.values(text("push"));
        let can = pushed.iter().any(|value| !matches!(value, Val::Known(text) if matches!(text.as_str(), "" | "false")));
        let by_outputs = outputs.contains("push=true") || outputs.contains("type=registry");
        if !can && !by_outputs {
            return;
        }
        self.publishes(Target::ContainerImage, Sure::Read, (place, name), here);
        if let Some(tags) = with.and_then(|with| with.get("tags")) {
            for value in here.values(tags.as_str().unwrap_or_default()) {
                let Val::Known(text) = value else { continue };
                for image in text.split([',', '\n']).map(str::trim).filter(|image| image.contains('/')) {
                    if let Some(host) = hosts::of_image(image).filter(|host| !host.contains('$')) {
                        self.host(&host, (tags.place, Sure::Computed, "push"), here);
                    }
                }
            }
        }
    }

    /// A registry in an input.
    fn registry(&mut self, node: &Yaml, role: &str, here: Here<'_>) {
        let text = node.as_str().unwrap_or_default();
        let sure = if text.contains("${{") { Sure::Computed } else { Sure::Read };
        for value in here.values(text) {
            match value {
                Val::Known(address) => {
                    if let Some(host) = hosts::of_login(&address) {
                        self.host(&host, (node.place, sure.clone(), role), here);
                    }
                }
                Val::Open(text) => {
                    self.notes.fact(Topic::Registries, &text, (node.place, Sure::Dynamic, role, Some(here.job)));
                    self.notes.open(node.place, format!("the registry is decided by `{text}`"));
                }
                Val::Node(_) => {}
            }
        }
    }

    fn host(&mut self, host: &str, (place, sure, role): (Place, Sure, &str), here: Here<'_>) {
        self.notes.fact(Topic::Registries, host, (place, sure, role, Some(here.job)));
    }

    pub(super) fn publishes(&mut self, target: Target, sure: Sure, (place, role): (Place, &str), here: Here<'_>) {
        self.notes.publishes(Published { target, sure, place, role: role.to_owned(), job: here.job.to_owned() });
    }

    /// What a script does.
    fn script(&mut self, run: &Yaml, here: Here<'_>, sum: &mut Sum) {
        let Some(text) = run.as_str() else { return };
        let mut locator = Locator::new(run);
        for command in shell::commands(text) {
            let place = self.notes.place(&mut locator, run, command.offset);
            let role: String = command.words.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(" ");
            for effect in commands::effects(&command) {
                self.effect(effect, (place, &role), here, sum);
            }
        }
    }

    fn effect(&mut self, effect: Effect, (place, role): (Place, &str), here: Here<'_>, sum: &mut Sum) {
        match effect {
            Effect::Publishes(Target::S3) if Self::endpoint(here).is_some_and(|url| url.contains("r2.cloudflarestorage.com")) => {
                self.publishes(Target::CloudflareR2, Sure::Computed, (place, role), here);
            }
            Effect::Publishes(target) => self.publishes(target, Sure::Read, (place, role), here),
            Effect::Delegates(target, file) => {
                sum.promise = Some(file.clone());
                self.publishes(target, Sure::Delegated(file), (place, role), here);
            }
            Effect::PushesImage(image) => {
                self.publishes(Target::ContainerImage, Sure::Read, (place, role), here);
                if let Some(host) = image.filter(|image| !image.contains('$')).and_then(|image| hosts::of_image(&image)) {
                    self.host(&host, (place, Sure::Read, "push"), here);
                }
            }
            Effect::PullsFrom(host) if !host.contains('$') => self.host(&host, (place, Sure::Read, "copy from"), here),
            Effect::PullsFrom(_) => {}
            Effect::LogsIn(address) => self.login(&address, place, here),
            Effect::PushesGit => sum.pushes_git = true,
            Effect::Clones(url) => sum.others.push((url, place)),
            Effect::RunsScript(file) => {
                if ["publish", "release"].iter().any(|word| file.to_ascii_lowercase().contains(word)) {
                    sum.promise = Some(file.clone());
                }
                sum.scripts.push((file, place));
            }
            Effect::RunsImage(image) => {
                if !image.contains('$') {
                    self.notes.fact(Topic::Images, &image, (place, Sure::Read, "run", Some(here.job)));
                }
            }
        }
    }

    fn login(&mut self, address: &str, place: Place, here: Here<'_>) {
        let variable = address.trim_start_matches('$').trim_matches(['{', '}']);
        let text = if address.starts_with('$') && !address.starts_with("${{") {
            format!("${{{{ env.{variable} }}}}")
        } else {
            address.to_owned()
        };
        for value in here.values(&text) {
            match value {
                Val::Known(address) => {
                    if let Some(host) = hosts::of_login(&address) {
                        self.host(&host, (place, Sure::Read, "login"), here);
                    }
                }
                Val::Open(text) => {
                    self.notes.fact(Topic::Registries, &text, (place, Sure::Dynamic, "login", Some(here.job)));
                    self.notes.open(place, format!("the registry is decided by `{text}`"));
                }
                Val::Node(_) => {}
            }
        }
    }

    /// The object store that the environment names.
    fn endpoint(here: Here<'_>) -> Option<String> {
        here.env
            .iter()
            .find_map(|env| env.get("AWS_ENDPOINT_URL").or_else(|| env.get("AWS_ENDPOINT_URL_S3"))?.as_str().map(str::to_owned))
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
            let done = self.notes.published.iter().any(|published| published.job == here.job && published.target == *target);
            if !done {
                let file = sum.scripts.last().map_or_else(|| "a script".to_owned(), |(file, _)| file.clone());
                self.publishes(*target, Sure::Delegated(file), (*place, "token"), here);
            }
        }
        let npm = self.notes.published.iter().any(|published| published.job == here.job && published.target == Target::Npm);
        if let (Some(place), Some(file), false) = (sum.npm, &sum.promise, npm) {
            self.publishes(Target::Npm, Sure::Delegated(file.clone()), (place, "registry-url"), here);
        }
        for (file, place) in &sum.scripts {
            self.script_file(file, *place, here);
        }
    }

    /// A script whose name tells what it is for.
    fn script_file(&mut self, file: &str, place: Place, here: Here<'_>) {
        let lower = file.to_ascii_lowercase();
        let has = |word: &str| lower.contains(word);
        let holds_token =
            here.env.iter().any(|env| env.entries().iter().any(|entry| entry.key.contains("TOKEN") || entry.key.contains("KEY")));
        if has("choco") {
            self.publishes(Target::Chocolatey, Sure::Computed, (place, file), here);
        } else if ["publish", "release", "deploy", "upload"].iter().any(|word| has(word)) && (holds_token || has("publish")) {
            self.publishes(Target::Unknown, Sure::Delegated(file.to_owned()), (place, file), here);
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
