//! Which images releases are pushed as, by the names that the pipelines write.

use std::collections::BTreeMap;

use super::{Draft, publish::TEAM};
use crate::pipeline::{At, Step, Topic, pushed_by};

/// What a job publishes that pushes to a registry of images.
const IMAGES: &[&str] = &["container-image", "helm-chart"];

/// An image repository that releases are pushed to.
pub(super) struct Image {
    pub(super) at: At,
    /// Whether all of its name is known, but perhaps for the host.
    pub(super) is_whole: bool,
    /// Whether its host is a guess at the registry of the project's own forge.
    pub(super) is_host_guessed: bool,
}

/// The images that releases are pushed as, by their names.
#[derive(Default)]
pub(super) struct Images {
    pub(super) named: BTreeMap<String, Image>,
    /// Where images are pushed of which not even the registry is known.
    pub(super) unnamed: Vec<At>,
}

impl Images {
    fn take(&mut self, name: String, image: Image) {
        let is_whole = image.is_whole;
        self.named.entry(name).or_insert(image).is_whole |= is_whole;
    }
}

impl Draft<'_> {
    /// The repositories of images that jobs on the release's path push, as far as they are named.
    pub(super) fn images(&self) -> Images {
        let mut found = Images::default();
        for (_, job) in self.pipeline.path().filter(|(_, job)| IMAGES.iter().any(|image| job.publishes.contains_key(*image))) {
            for step in &job.steps {
                let meant = step.input("images").filter(|_| step.is("docker/metadata-action")).unwrap_or_default();
                let meant = meant.split(['\n', ',']).map(|name| (name.trim().to_owned(), step.at.clone()));
                for (name, at) in meant.chain(pushed_by(step)).filter(|(name, _)| !name.is_empty() && !name.contains('=')) {
                    match self.image_name(&name, step) {
                        Some((name, is_whole, is_host_guessed)) => found.take(name, Image { at, is_whole, is_host_guessed }),
                        // What another step puts together is named there.
                        None if name.starts_with('$') && !name.contains("steps.") && !name.contains("needs.") => {
                            found.unnamed.push(at);
                        }
                        None => {}
                    }
                }
            }
        }
        if found.named.is_empty() {
            self.by_host(&mut found.named);
        }
        found
    }

    /// Where only the registry is known, the image is taken to be called as the repository is.
    fn by_host(&self, found: &mut BTreeMap<String, Image>) {
        let made = || format!("{TEAM}/{}", self.repository.release().0);
        let path = self.repository.origin.as_ref().map_or_else(made, |(_, path)| path.clone());
        let published = self.pipeline.facts.of(Topic::PublishTargets).any(|(target, _)| IMAGES.contains(&target));
        for (host, sites) in self.pipeline.facts.of(Topic::Registries).filter(|_| published) {
            let site = sites.iter().find(|site| site.on_path && matches!(&*site.role, "login" | "push"));
            let (host, is_host_guessed) = self.with_own_registry(host.to_owned());
            if let Some(site) = site.filter(|_| !host.contains(['$', '*'])) {
                let image = Image { at: site.at.clone(), is_whole: false, is_host_guessed };
                found.insert(format!("{host}/{}", path.to_ascii_lowercase()), image);
            }
        }
    }

    /// The repository of an image's name without its tag, whether nothing in it had to be guessed but perhaps its host, and
    /// whether that was.
    fn image_name(&self, text: &str, step: &Step) -> Option<(String, bool, bool)> {
        let (text, is_host_guessed) = self.with_own_registry(self.filled(text, step, 0));
        let text = text.split('@').next().unwrap_or_default();
        let slash = text.rfind('/').unwrap_or(0);
        let name = text[slash..].find(':').map_or(text, |colon| &text[..slash + colon]);
        let (first, is_path) = name.split_once('/').map_or((name, false), |(first, _)| (first, true));
        let is_open = |part: &str| part.contains(['$', '{', ' ', '"', '\'']);
        if name.is_empty() || is_open(first) || first == "localhost" || first.starts_with("127.") {
            return None;
        }
        let (known, is_whole) = if is_open(name) { (self.guessed(name, is_open)?, false) } else { (name.to_owned(), true) };
        let name = known.to_ascii_lowercase();
        match (first.contains(['.', ':']), is_path) {
            (true, true) => Some((name, is_whole, is_host_guessed)),
            (false, true) => Some((format!("docker.io/{name}"), is_whole, false)),
            // A name without a slash is an official image, or one that is never pushed.
            _ => None,
        }
    }

    /// A name in which the parts that are not known are those that the origin has: its own last, its owner's before that.
    fn guessed(&self, name: &str, is_open: impl Fn(&str) -> bool) -> Option<String> {
        let origin = self.repository.origin.as_ref().map(|(_, path)| path.as_str());
        let parts: Vec<&str> = name.split('/').collect();
        let own = || self.repository.release().0;
        let (host, path) = parts.split_first()?;
        if let [part] = path
            && host.contains(['.', ':'])
            && is_open(part)
        {
            return Some(format!("{host}/{}", origin.map_or_else(|| format!("{TEAM}/{}", own()), str::to_owned)));
        }
        let filled = path.iter().enumerate().map(|(at, part)| match (is_open(part), at + 1 == path.len()) {
            (false, _) => (*part).to_owned(),
            (true, true) => origin.map_or_else(own, |path| super::repository::last(path).to_owned()),
            (true, false) => origin.and_then(|path| path.split('/').next()).unwrap_or(TEAM).to_owned(),
        });
        Some(format!("{host}/{}", filled.collect::<Vec<_>>().join("/")))
    }

    /// A text with what is known of the repository and of variables put in.
    pub(super) fn filled(&self, text: &str, step: &Step, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, expression)) = rest.split_once("${{") {
            out.push_str(before);
            let (inner, after) = expression.split_once("}}").unwrap_or((expression, ""));
            match self.value(inner.trim(), step, depth) {
                Some(value) => out.push_str(&value),
                None => out.push_str("${"),
            }
            rest = after;
        }
        out.push_str(rest);
        if depth < 4 && out.contains('$') && !out.contains("${{") {
            for (name, value) in step.variables() {
                for spelled in [format!("${{{name}}}"), format!("${name}")] {
                    if out.ends_with(&spelled) || out.contains(&format!("{spelled}/")) || out.contains(&format!("{spelled}:")) {
                        out = out.replace(&spelled, &self.filled(value, step, depth + 1));
                    }
                }
            }
        }
        out
    }

    /// A text with the registry of the project's own forge put in, which is taken to be named after it, and whether that was
    /// a guess: only its administrator knows how the registry of a forge of one's own is called.
    pub(super) fn with_own_registry(&self, text: String) -> (String, bool) {
        let Some((forge, path)) = self.repository.origin.as_ref() else { return (text, false) };
        let registry = format!("registry.{forge}");
        let image = format!("{registry}/{path}");
        let put_in = |text: String, (name, value): (&str, &str)| {
            let braced = text.replace(&format!("${{{name}}}"), value);
            let parts: Vec<&str> = braced.split(&format!("${name}")).collect();
            parts.iter().skip(1).fold(parts.first().copied().unwrap_or_default().to_owned(), |done, part| {
                // `$CI_REGISTRY_USER` is another variable.
                let is_longer = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
                if is_longer { format!("{done}${name}{part}") } else { format!("{done}{value}{part}") }
            })
        };
        let filled =
            [("CI_REGISTRY_IMAGE", image.as_str()), ("CI_REGISTRY", registry.as_str())].into_iter().fold(text.clone(), put_in);
        let is_guessed = filled != text && forge != "gitlab.com";
        (filled, is_guessed)
    }

    fn value(&self, expression: &str, step: &Step, depth: usize) -> Option<String> {
        let origin = self.repository.origin.as_ref().map(|(_, path)| path.as_str());
        match expression {
            "github.repository" => origin.map(str::to_owned),
            "github.repository_owner" => origin?.split('/').next().map(str::to_owned),
            "github.event.repository.name" => origin.map(|path| super::repository::last(path).to_owned()),
            _ => {
                let value = step.variable(expression.strip_prefix("env.")?)?;
                (depth < 4).then(|| self.filled(value, step, depth + 1))
            }
        }
    }
}
