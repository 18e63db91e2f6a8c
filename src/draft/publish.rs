//! Where a release lands: images with their logins, and what else is published.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, place, sheet};
use crate::pipeline::{At, Job, Site, Step, Sure, Topic};

/// The kinds of targets in a plan: of which target, which key, and the manifest that names it.
const KINDS: &[(&str, &str, &str)] = &[
    ("crates.io", "crate", "Cargo.toml"),
    ("npm", "npm", "package.json"),
    ("pypi", "pypi", "pyproject.toml"),
    ("maven-central", "maven", ""),
    ("maven-staging", "maven", ""),
    ("nuget.org", "nuget", ""),
    ("rubygems", "gem", ""),
    ("homebrew-core", "homebrew", ""),
    ("homebrew-tap", "homebrew", ""),
    ("winget", "winget", ""),
    ("github-release", "github_release", ""),
    ("gitlab-release", "gitlab_release", ""),
    ("s3", "s3", ""),
    ("cloudflare-r2", "s3", ""),
    ("gcs", "s3", ""),
];

/// The most images that a draft lists.
const IMAGES: usize = 20;

/// An image repository that releases are pushed to.
struct Image {
    at: At,
    /// Whether all of its name is known.
    is_whole: bool,
}

/// Who logs in to a registry: the user's name as it is written, the secret, and where.
struct Login {
    user: Option<String>,
    secret: Option<String>,
    at: At,
}

impl Draft<'_> {
    pub(super) fn publish(&mut self) {
        self.sheet.line("publish:", "");
        let images = self.images();
        for (name, image) in images.iter().take(IMAGES) {
            self.image_target(name, image);
        }
        if let Some((name, image)) = images.iter().nth(IMAGES) {
            let (more, from) = (images.len() - IMAGES, place(&image.at));
            self.sheet
                .question(&format!("{more} more images are pushed, as `{name}` ({from}): which of them belong to a release?"));
        }
        let others = self.others();
        if images.is_empty() && !others {
            let logins = self
                .pipeline
                .facts
                .of(Topic::Registries)
                .filter(|(host, sites)| !host.contains('$') && sites.iter().any(|site| site.on_path));
            let known: Vec<String> = logins.take(5).map(|(host, _)| format!("`{host}`")).collect();
            let said = if known.is_empty() {
                "The pipelines do not say".to_owned()
            } else {
                format!("The pipelines name {}, and not what is pushed there", known.join(", "))
            };
            self.sheet.question(&format!("where must a release land? {said}:"));
            let name = self.repository.release().0.to_ascii_lowercase();
            self.sheet.line_or(
                &format!("  - oci: registry.example/team/{name}"),
                "an example",
                "  - oci: registry.example/team/name",
            );
        }
        for (target, sites) in self.pipeline.facts.of(Topic::PublishTargets) {
            if let Some((site, by)) = sites.iter().find_map(|site| Some((site, decides(site)?)))
                && site.on_path
                && !sites.iter().any(|site| matches!(site.sure, Sure::Read | Sure::Computed))
            {
                let what = if target == "unknown" { "somewhere".to_owned() } else { format!("to `{target}`") };
                self.sheet.question(&format!("`{by}` may publish {what} ({}): is that part of a release?", place(&site.at)));
            }
        }
    }

    /// Targets that are no images; whether there are any.
    fn others(&mut self) -> bool {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (target, kind, manifest) in KINDS {
            let facts = self.pipeline.facts.of(Topic::PublishTargets).find(|(value, _)| value == target);
            let is_sure = |site: &&Site| site.on_path && matches!(site.sure, Sure::Read | Sure::Computed);
            let Some(site) = facts.and_then(|(_, sites)| sites.iter().find(is_sure)) else { continue };
            if !told.insert(kind) {
                continue;
            }
            let origin = self.repository.origin.as_ref().map(|(_, path)| path.clone());
            let name = match *kind {
                "github_release" | "gitlab_release" => origin,
                _ => self.repository.name_in(manifest),
            };
            let is_known = name.is_some();
            let name = name.unwrap_or_else(|| self.repository.release().0);
            let token = self.token(site).filter(|_| *kind != "s3");
            if let Some(token) = &token {
                self.sheet.want(token, &format!("the token for {target}"));
            }
            let with = token.as_ref().map(|token| format!(", token: {token}")).unwrap_or_default();
            let from = format!("{} ({})", place(&site.at), site.role);
            self.sheet.line_or(&format!("  - {{ {kind}: {}{with} }}", sheet::quoted(&name)), &from, "");
            if !is_known {
                self.sheet.question(&format!("is `{name}` its name at {target}? The files do not say"));
            }
            let is_package = matches!(*kind, "crate" | "npm" | "pypi" | "nuget" | "gem");
            if token.is_none() && matches!(*kind, "github_release" | "gitlab_release") {
                self.sheet.question(&format!(
                    "may a hotfix be without its {target}? If not, with which token would a spare make it once the forge is back?"
                ));
            }
            if token.is_none() && is_package {
                self.sheet.question(&format!("with which token would a spare publish to {target}? The pipelines show none: their identity may be all there is"));
            }
        }
        !told.is_empty()
    }

    /// The secret of the step that publishes, if there is one alone that looks like a token.
    fn token(&self, site: &Site) -> Option<String> {
        let (_, job) = self.pipeline.path().find(|(_, job)| Some(job.id.as_str()) == site.job.as_deref())?;
        let before = |step: &&Step| step.at.file == site.at.file && step.at.line <= site.at.line;
        let step = job.steps.iter().filter(before).max_by_key(|step| step.at.line)?;
        let mut secrets = self.secrets_of(job, step, |_| true).into_iter();
        let one = secrets.next().filter(|_| secrets.next().is_none())?;
        Some(sheet::variable(&one))
    }

    /// The secrets that a step is given under such keys, by the name that their owner knows; the forge's own tokens aside.
    fn secrets_of(&self, job: &Job, step: &Step, is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let next = job.steps.iter().filter(|other| other.at.file == step.at.file && other.at.line > step.at.line);
        let end = next.map(|other| other.at.line).min().unwrap_or(u32::MAX);
        let inside = |site: &Site| {
            site.at.file == step.at.file
                && (step.at.line..end).contains(&site.at.line)
                && site.job.as_deref() == Some(&job.id)
                && site.under.as_deref().is_some_and(&is_meant)
        };
        let facts = self.pipeline.facts.of(Topic::Secrets).filter(|(name, _)| !super::MADE.contains(name));
        facts.filter(|(_, sites)| sites.iter().any(inside)).map(|(name, _)| name.to_owned()).collect()
    }

    fn image_target(&mut self, name: &str, image: &Image) {
        let from = place(&image.at);
        self.sheet.line_or(&format!("  - oci: {}", sheet::quoted(name)), &from, "  - oci: registry.example/team/name");
        if !image.is_whole {
            self.sheet.question(&format!("is that its name? {from} says a part of it only while it runs"));
        }
        let host = name.split('/').next().unwrap_or_default();
        match self.login(host) {
            Some(Login { user, secret, at }) => {
                let is_own = secret.is_none();
                let made = || format!("{}_TOKEN", host.to_ascii_uppercase());
                let password = sheet::variable(&secret.unwrap_or_else(made));
                let at = place(&at);
                let user_known = user.is_some();
                let user = user.unwrap_or_else(|| "canship".to_owned());
                let text = format!("    login: {{ username: {}, password: {password} }}", sheet::quoted(&user));
                self.sheet.line_or(&text, &format!("the login at {at}"), "");
                self.sheet.want(&password, &format!("the login to {host}"));
                if is_own {
                    self.sheet.question(&format!("who logs in to {host} without the forge? Its own token, or one that another step makes, lives only in its runs: make one that may push, and name it here"));
                } else if !user_known {
                    self.sheet.question(&format!("which user is that? {at} has the name in a secret or a variable"));
                }
            }
            None => self.sheet.question(&format!(
                "who logs in to {host}? `login: {{ username: …, password: NAME }}`, the name of a secret below"
            )),
        }
        self.sheet.question("to which repository may a drill push, and delete there? Without one the push is not rehearsed:");
        self.sheet.comment(&format!("    scratch: {name}-drill"));
    }

    /// The repositories of images that jobs on the release's path push, as far as they are named.
    fn images(&self) -> BTreeMap<String, Image> {
        let mut found: BTreeMap<String, Image> = BTreeMap::new();
        let mut take = |names: &str, step: &Step, at: &At| {
            for name in names.split(['\n', ',']).map(str::trim).filter(|name| !name.is_empty() && !name.contains('=')) {
                if let Some((name, is_whole)) = self.image_name(name, step) {
                    found.entry(name).or_insert(Image { at: at.clone(), is_whole });
                }
            }
        };
        for (_, job) in self.pipeline.path().filter(|(_, job)| job.publishes.contains_key("container-image")) {
            for step in &job.steps {
                if step.is("docker/metadata-action") {
                    take(step.input("images").unwrap_or_default(), step, &step.at);
                } else if step.is("docker/build-push-action") {
                    take(step.input("tags").unwrap_or_default(), step, &step.at);
                }
                for command in &step.commands {
                    take(pushed(&command.words).unwrap_or_default(), step, &command.at);
                }
            }
        }
        if found.is_empty() {
            self.by_host(&mut found);
        }
        found
    }

    /// Where only the registry is known, the image is taken to be called as the repository is.
    fn by_host(&self, found: &mut BTreeMap<String, Image>) {
        let path = self.repository.origin.as_ref().map_or("team/name", |(_, path)| path.as_str());
        let published = self.pipeline.facts.of(Topic::PublishTargets).any(|(target, _)| target == "container-image");
        for (host, sites) in self.pipeline.facts.of(Topic::Registries).filter(|_| published) {
            let site = sites.iter().find(|site| site.on_path && matches!(site.role.as_str(), "login" | "push"));
            // The project's own registry is named after its forge, where that is known.
            let own =
                self.repository.origin.as_ref().filter(|_| host == "$CI_REGISTRY").map(|(forge, _)| format!("registry.{forge}"));
            let host = own.unwrap_or_else(|| host.to_owned());
            if let Some(site) = site.filter(|_| !host.contains(['$', '*'])) {
                found.insert(format!("{host}/{}", path.to_ascii_lowercase()), Image { at: site.at.clone(), is_whole: false });
            }
        }
    }

    /// The repository of an image's name without its tag, and whether nothing in it had to be guessed.
    fn image_name(&self, text: &str, step: &Step) -> Option<(String, bool)> {
        let text = self.filled(text, step, 0);
        let text = text.split('@').next().unwrap_or_default();
        let slash = text.rfind('/').unwrap_or(0);
        let name = text[slash..].find(':').map_or(text, |colon| &text[..slash + colon]);
        if name.contains(['$', '{', ' ', '"', '\'']) || name.is_empty() {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let (first, is_path) = name.split_once('/').map_or((name.as_str(), false), |(first, _)| (first, true));
        if first == "localhost" || first.starts_with("127.") {
            return None;
        }
        match (first.contains(['.', ':']), is_path) {
            (true, true) => Some((name, true)),
            (false, true) => Some((format!("docker.io/{name}"), true)),
            // A name without a slash is an official image, or one that is never pushed.
            _ => None,
        }
    }

    /// A text with what is known of the repository and of variables put in.
    fn filled(&self, text: &str, step: &Step, depth: usize) -> String {
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
            for (name, value) in &step.env {
                for spelled in [format!("${{{name}}}"), format!("${name}")] {
                    if out.ends_with(&spelled) || out.contains(&format!("{spelled}/")) || out.contains(&format!("{spelled}:")) {
                        out = out.replace(&spelled, &self.filled(value, step, depth + 1));
                    }
                }
            }
            if let Some((host, path)) = self.repository.origin.as_ref().filter(|_| out.contains("CI_REGISTRY_IMAGE")) {
                let image = format!("registry.{host}/{path}");
                out = out.replace("${CI_REGISTRY_IMAGE}", &image).replace("$CI_REGISTRY_IMAGE", &image);
            }
        }
        out
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

    /// Who logs in to this registry on the release's path.
    fn login(&self, host: &str) -> Option<Login> {
        let steps = self.pipeline.path().flat_map(|(_, job)| job.steps.iter().map(move |step| (job, step)));
        let logins = steps.filter(|(_, step)| step.is("docker/login-action") || step.is("redhat-actions/podman-login"));
        logins.into_iter().find_map(|(job, step)| {
            let registry = self.filled(step.input("registry").unwrap_or("docker.io"), step, 0);
            let registry = registry.trim_start_matches("https://").split('/').next().unwrap_or_default().to_ascii_lowercase();
            let registry =
                if matches!(registry.as_str(), "" | "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { &registry };
            let user = step.input("username").filter(|user| !user.contains("${{") && !user.is_empty()).map(str::to_owned);
            let secret = self.secrets_of(job, step, |key| key == "password").into_iter().next();
            (registry == host).then(|| Login { user, secret, at: step.at.clone() })
        })
    }
}

fn decides(site: &Site) -> Option<&str> {
    match &site.sure {
        Sure::Delegated(file) => Some(file),
        _ => None,
    }
}

/// The image that a command pushes, if it names one.
fn pushed(words: &[String]) -> Option<&str> {
    let is_engine = matches!(words.first().map(String::as_str), Some("docker" | "podman" | "buildah" | "crane"));
    (is_engine && words.get(1).is_some_and(|word| word == "push"))
        .then(|| words.iter().skip(2).find(|word| !word.starts_with('-')).map(String::as_str))?
}
