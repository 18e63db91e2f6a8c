//! What the scripts of a step do, and the scripts of the repository that they run.

use super::{
    eval::Val,
    names::{as_expressions, before_slash},
    steps::Sum,
    walk::{Here, Walk},
};
use crate::pipeline::{
    locate::Locator,
    model::{Sure, Topic},
    publish::{
        Target,
        commands::{self, Effect},
        hosts, shell,
    },
    yaml::{Place, Yaml},
};

impl Walk<'_> {
    /// What a script does.
    pub(super) fn script(&mut self, run: &Yaml, here: Here<'_>, sum: &mut Sum) {
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
                self.pushed(image.as_deref(), (place, role), here);
            }
            Effect::PushesChart(to) => self.pushed(Some(&to), (place, role), here),
            Effect::PullsFrom(host) => {
                for (known, sure) in self.known(&host, (place, "the registry that is copied from"), here) {
                    self.host(&known, (place, sure, "copy from"), here);
                }
            }
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
                for (known, sure) in self.known(&image, (place, "the image that is run"), here) {
                    self.notes.fact(Topic::Images, &known, (place, sure, "run", Some(here.job)));
                }
            }
        }
    }

    /// What a word of a script can be, each with how sure that is; what cannot be known is told.
    fn known(&mut self, word: &str, (place, what): (Place, &str), here: Here<'_>) -> Vec<(String, Sure)> {
        if !word.contains('$') {
            return vec![(word.to_owned(), Sure::Read)];
        }
        let values = here.values(&as_expressions(word)).into_iter();
        let all: Vec<Option<String>> = values
            .map(|value| match value {
                Val::Known(text) if !text.contains('$') => Some(text),
                _ => None,
            })
            .collect();
        if all.contains(&None) {
            self.notes.open(place, format!("{what} is decided by `{word}`"));
        }
        all.into_iter().flatten().filter(|text| !text.is_empty()).map(|text| (text, Sure::Computed)).collect()
    }

    /// The registry that an image is pushed to, which its name says up to the first slash.
    fn pushed(&mut self, image: Option<&str>, (place, role): (Place, &str), here: Here<'_>) {
        let Some(image) = image else {
            let what = format!("which registry `{role}` pushes to, its words do not say");
            return self.notes.open_registry(place, what, here.job);
        };
        let (host, is_path) = before_slash(image);
        let whole = if is_path { format!("{host}/") } else { host.to_owned() };
        let sure = if host.contains('$') { Sure::Computed } else { Sure::Read };
        for value in here.values(&as_expressions(&whole)) {
            match value {
                Val::Known(name) if !name.contains('$') => {
                    if let Some(host) = hosts::of_image(&name) {
                        self.host(&host, (place, sure.clone(), "push"), here);
                    }
                }
                _ => {
                    let what = format!("the registry that is pushed to is decided by `{host}`");
                    self.notes.open_registry(place, what, here.job);
                }
            }
        }
    }

    fn login(&mut self, address: &str, place: Place, here: Here<'_>) {
        for value in here.values(&as_expressions(address)) {
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

    /// A script whose name tells what it is for.
    pub(super) fn script_file(&mut self, file: &str, place: Place, here: Here<'_>) {
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
