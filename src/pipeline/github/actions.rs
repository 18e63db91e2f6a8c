//! What the actions of others do in a step.

use super::{
    eval::Val,
    names::{before_slash, without_tag},
    steps::Sum,
    walk::{Here, Walk},
};
use crate::pipeline::{
    model::{Sure, Topic},
    publish::{
        Target,
        actions::{self, Does},
        hosts,
    },
    yaml::{Place, Yaml},
};

impl Walk<'_> {
    /// What an action of others does.
    pub(super) fn action(&mut self, name: &str, (step, uses): (&Yaml, &Yaml), here: Here<'_>, sum: &mut Sum) {
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
            Some(Does::Brews(formula, tap)) => self.brews(with, (formula, tap), (place, name), here),
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

    /// A formula of Homebrew, by the inputs that name it and its tap; without them it is called as the repository is.
    fn brews(&mut self, with: Option<&Yaml>, (formula, tap): (&str, &str), (place, name): (Place, &str), here: Here<'_>) {
        let entry = |key: &str| with.and_then(|with| with.entry(key)).filter(|entry| entry.node.as_str().is_some());
        let said = entry(tap).and_then(|entry| entry.node.as_str()).unwrap_or_default();
        let target = |value: Val| match value {
            Val::Known(tap) if is_core(&tap) => (Target::HomebrewCore, Sure::Read),
            Val::Known(_) => (Target::HomebrewTap, Sure::Read),
            Val::Node(_) | Val::Open(_) => (Target::HomebrewTap, Sure::Dynamic),
        };
        for (target, sure) in here.values(said).into_iter().map(target) {
            let is_named = |key: &&str| *key == formula || target == Target::HomebrewTap;
            let mut is_told = false;
            for entry in [formula, tap].iter().filter(|key| is_named(key)).filter_map(|key| entry(key)) {
                let role = format!("{}: {}", entry.key, entry.node.as_str().unwrap_or_default());
                self.publishes(target, sure.clone(), (entry.key_place, &role), here);
                is_told = true;
            }
            if !is_told {
                self.publishes(target, sure, (place, name), here);
            }
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
        let has_secret = with.is_some_and(|with| {
            with.scalars()
                .iter()
                .any(|node| node.as_str().is_some_and(|text| text.contains("secrets.") || text.contains("github.token")))
        });
        if actions::promises(name) && has_secret {
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
            self.tagged(tags, here);
        }
    }

    /// The images that an action pushes under these tags.
    fn tagged(&mut self, tags: &Yaml, here: Here<'_>) {
        let text = tags.as_str().unwrap_or_default();
        let mut is_open = false;
        for value in here.values(text) {
            match value {
                Val::Known(text) => text.split([',', '\n']).for_each(|image| self.pushed_to(image, tags.place, here)),
                Val::Node(_) | Val::Open(_) => is_open = true,
            }
        }
        // What a tag is, or one image among others, may be open where the rest is not.
        for image in text.lines().map(str::trim).filter(|image| is_open && !image.is_empty()) {
            let mut is_named = true;
            for value in here.values(without_tag(image)) {
                match value {
                    Val::Known(name) => self.pushed_to(&name, tags.place, here),
                    Val::Node(_) | Val::Open(_) => is_named = false,
                }
            }
            if !is_named {
                self.notes.open_image(tags.place, format!("the image that is pushed is named by `{image}`"), here.job);
                let (host, is_path) = before_slash(image);
                for value in here.values(host) {
                    if let (Val::Known(host), true) = (value, is_path) {
                        self.pushed_to(&format!("{host}/"), tags.place, here);
                    }
                }
            }
        }
    }

    /// The registry of an image that is pushed.
    fn pushed_to(&mut self, image: &str, place: Place, here: Here<'_>) {
        let image = image.trim();
        if let Some(host) = hosts::of_image(image).filter(|host| image.contains('/') && !host.contains('$')) {
            self.host(&host, (place, Sure::Computed, "push"), here);
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

    pub(super) fn host(&mut self, host: &str, (place, sure, role): (Place, Sure, &str), here: Here<'_>) {
        self.notes.fact(Topic::Registries, host, (place, sure, role, Some(here.job)));
    }
}

/// Whether a tap is Homebrew's own repository of formulas, which is meant where none is named.
fn is_core(tap: &str) -> bool {
    matches!(tap.trim().to_ascii_lowercase().as_str(), "" | "homebrew/core" | "homebrew/homebrew-core")
}
