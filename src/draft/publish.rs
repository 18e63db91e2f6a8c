//! Where a release lands: images with their logins, and what else is published.

use std::collections::BTreeSet;

use super::{
    Draft,
    images::{Image, Images},
    login::Login,
    place, sheet,
};
use crate::{
    pipeline::{Job, Site, Step, Sure, Topic},
    record::count,
};

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

/// The formula that an action is told to change, by the input that names it.
fn formula(site: &Site) -> Option<String> {
    let name = ["formula-name: ", "formula: "].iter().find_map(|input| site.role.strip_prefix(input))?;
    Some(name.to_owned()).filter(|name| !name.contains("${{"))
}

/// Who logs in where the files do not say, and whose an image is then: names that nobody has.
const USER: &str = "user.example";
pub(super) const TEAM: &str = "team.example";

/// The most images that a draft lists.
const IMAGES: usize = 20;

impl Draft<'_> {
    pub(super) fn publish(&mut self) {
        self.sheet.line("publish:", "");
        let Images { named: images, unnamed } = self.images();
        for (name, image) in images.iter().take(IMAGES) {
            self.image_target(name, image);
        }
        if let Some((name, image)) = images.iter().nth(IMAGES) {
            let (more, from) = (count(images.len() - IMAGES, "more image"), place(&image.at));
            self.sheet.question(&format!("of {more} that the pipelines push, as `{name}` ({from}): which belong to a release?"));
        }
        if let Some(at) = unnamed.first().filter(|_| !images.is_empty()) {
            let question = "which other images belong to a release? One is pushed under a name that only the pipelines know";
            self.sheet.question(&format!("{question} ({})", place(at)));
        }
        self.charts();
        let others = self.others();
        if images.is_empty() && !others {
            let logins = self
                .pipeline
                .facts
                .of(Topic::Registries)
                .filter(|(host, sites)| !host.contains('$') && sites.iter().any(|site| site.on_path));
            let known: Vec<String> = logins.take(5).map(|(host, _)| format!("`{host}`")).collect();
            let said = if known.is_empty() {
                self.silence("The pipelines do not say")
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

    /// Helm charts are pushed as images are, and are none.
    fn charts(&mut self) {
        let charts = self.pipeline.facts.of(Topic::PublishTargets).find(|(target, _)| *target == "helm-chart");
        let Some(site) = charts.and_then(|(_, sites)| sites.iter().find(|site| site.on_path)) else { return };
        self.sheet.question(&format!(
            "who packs and pushes the Helm chart ({}) on a spare? A drill pushes what the build makes as an image, and no chart",
            place(&site.at)
        ));
    }

    /// Targets that are no images; whether there are any.
    fn others(&mut self) -> bool {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (target, kind, manifest) in KINDS {
            let facts = self.pipeline.facts.of(Topic::PublishTargets).find(|(value, _)| value == target);
            let is_sure = |site: &&Site| site.on_path && matches!(site.sure, Sure::Read | Sure::Computed);
            let sites: Vec<_> = facts.iter().flat_map(|(_, sites)| sites.iter()).filter(is_sure).collect();
            let Some(site) = sites.first() else { continue };
            if !told.insert(kind) {
                continue;
            }
            let origin = self.repository.origin.as_ref().map(|(_, path)| path.clone());
            let name = match *kind {
                "github_release" | "gitlab_release" => origin,
                "homebrew" => sites.iter().find_map(|site| formula(site)),
                _ => self.repository.name_in(manifest),
            };
            let is_known = name.is_some();
            let name = name.unwrap_or_else(|| self.repository.release().0);
            let token = self.token(site).filter(|_| *kind != "s3");
            if let Some(token) = &token {
                self.sheet.want(token, token, &format!("the token for {target}"));
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
        let given = self.secrets_of(job, step, |_| true);
        let mut secrets = if given.is_empty() { self.read_by(job) } else { given }.into_iter();
        let one = secrets.next().filter(|_| secrets.next().is_none())?;
        Some(sheet::variable(&one))
    }

    /// The secrets that the scripts of a job read by their own names, as GitLab's do.
    fn read_by(&self, job: &Job) -> BTreeSet<String> {
        let reads = |site: &Site| &*site.role == "script" && site.job.as_deref() == Some(job.id.as_str());
        let facts = self.pipeline.facts.of(Topic::Secrets).filter(|(name, _)| !super::MADE.contains(name));
        facts.filter(|(_, sites)| sites.iter().any(reads)).map(|(name, _)| name.to_owned()).collect()
    }

    /// The secrets that a step is given under such keys, by the name that their owner knows; the forge's own tokens aside.
    pub(super) fn secrets_of(&self, job: &Job, step: &Step, is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let next = job.steps.iter().filter(|other| other.at.file == step.at.file && other.at.line > step.at.line);
        let end = next.map(|other| other.at.line).min().unwrap_or(u32::MAX);
        let inside = |site: &Site| {
            site.at.file == step.at.file
                && (step.at.line..end).contains(&site.at.line)
                && site.job.as_deref() == Some(job.id.as_str())
                && site.under.as_deref().is_some_and(&is_meant)
        };
        let facts = self.pipeline.facts.of(Topic::Secrets).filter(|(name, _)| !super::MADE.contains(name));
        facts.filter(|(_, sites)| sites.iter().any(inside)).map(|(name, _)| name.to_owned()).collect()
    }

    fn image_target(&mut self, name: &str, image: &Image) {
        let from = place(&image.at);
        let said = match (image.is_whole, &self.repository.origin) {
            (true, _) if image.is_host_guessed => format!("{from}, and a guess at the registry of the origin's forge"),
            (true, _) => from.clone(),
            (false, Some(_)) => format!("what {from} says of it, and the origin's name"),
            (false, None) => format!("an example: {from} says a part of it, the registry at least"),
        };
        self.sheet.line_or(&format!("  - oci: {}", sheet::quoted(name)), &said, "  - oci: registry.example/team/name");
        if !image.is_whole {
            self.sheet.question(&format!("is that its name? {from} says a part of it only while it runs"));
        }
        let host = name.split('/').next().unwrap_or_default();
        if image.is_host_guessed {
            self.sheet.question(&format!(
                "is `{host}` the registry of the forge? Only the forge says what `$CI_REGISTRY` is; ask its administrator"
            ));
        }
        match self.login(host) {
            Some(Login { user, secret, at }) => {
                let is_own = secret.is_none();
                let made = || format!("{}_TOKEN", host.to_ascii_uppercase());
                let password = sheet::variable(&secret.unwrap_or_else(made));
                let at = place(&at);
                let user_known = user.is_some();
                let user = user.unwrap_or_else(|| USER.to_owned());
                let text = format!("    login: {{ username: {}, password: {password} }}", sheet::quoted(&user));
                let from = match (user_known, is_own) {
                    (true, false) => format!("the login at {at}"),
                    (true, true) => format!("the login at {at}, and a secret that is to be made"),
                    (false, false) => format!("the login at {at}, and an example of a user"),
                    (false, true) => format!("examples: the login at {at} says neither user nor secret"),
                };
                self.sheet.line_or(&text, &from, "");
                self.sheet.want(&password, &password, &format!("the login to {host}"));
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
}

fn decides(site: &Site) -> Option<&str> {
    match &site.sure {
        Sure::Delegated(file) => Some(file),
        _ => None,
    }
}
