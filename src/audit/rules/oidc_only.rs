//! Publishing that only the usual CI can do.

use std::collections::{HashMap, HashSet};

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        publishing::Publishing,
        subject::spot,
    },
    pipeline::{At, Job, Step, Topic},
    plan::SettingOrigin,
};

pub(super) static RULE: Rule = Rule {
    id: "oidc-only",
    severity: Severity::Error,
    title: "publishing works only through a token that the usual CI signs: no spare can do it",
    detects: "Packages that are published by trusted publishing (PyPI, npm, crates.io, RubyGems, NuGet), keys of clouds that are taken \
              by OIDC in jobs that publish, and provenance that only the forge can sign. An error where the plan has that target \
              without a token, a warning without a plan, a note where the plan has a token: only a drill shows that it is accepted.",
    misses: "Whether the package registry accepts tokens besides: npm and crates.io can be told not to, and the files do not show it.",
    why: "The identity belongs to the workflow. With the forge out nobody has it, and registries take hours to days to change it.",
    advice: "Keep a token that may publish, tried and outside of the forge, and name it in the plan; or write down who publishes by \
             hand with a second factor.",
    check,
};

/// A way to publish with the forge's identity.
struct Way<'s> {
    /// What is published, as plans name the kind; none for a cloud or a proof.
    kind: Option<&'static str>,
    what: String,
    at: &'s At,
    doubt: Option<&'static str>,
}

fn check(subject: &Subject<'_>, found: &mut Found) {
    let (signers, tokens) = (Signers::of(subject), with_token(subject));
    for (_, job) in subject.jobs() {
        let mut told: HashSet<String> = HashSet::new();
        let signs = signers.has(job);
        for way in job.steps.iter().filter_map(|step| way(job, step, signs)) {
            if told.insert(way.what.clone()) {
                tell(subject, found, (&way, &tokens));
            }
        }
    }
    let publishing = Publishing::of(subject);
    for token in subject.facts(Topic::Oidc).filter(|token| token.value != "id-token") {
        if token.sites.iter().any(|site| publishing.job(site)) {
            let message = format!("a job that publishes uses the token `{}`, which GitLab signs", token.value);
            let _told = found
                .add(Severity::Warning, token.spot(), message)
                .doubt("what it opens is not in the files")
                .advise(key_instead(subject, "what it opens"));
        }
    }
}

fn tell(subject: &Subject<'_>, found: &mut Found, (way, tokens): (&Way<'_>, &HashSet<&str>)) {
    let Way { kind, what, at, doubt } = way;
    let spot = spot(Some(at), "");
    let Some(kind) = kind else {
        let is_proof = what.starts_with("provenance");
        let severity = if is_proof { Severity::Note } else { Severity::Warning };
        let finding = found.add(severity, spot, format!("{what}: only this CI can do that"));
        let finding = finding.advise(if is_proof {
            format!(
                "Sign on a spare with a key of your own, in a step of `build.run` in `{}` that names it under its `secrets`, and publish \
                 the public part beforehand; or tell who verifies provenance that a hotfix may have none.",
                subject.plan_file()
            )
        } else {
            key_instead(subject, what.split(' ').next().unwrap_or("the cloud"))
        });
        if let Some(doubt) = doubt {
            let _told = finding.doubt(*doubt);
        }
        return;
    };
    let with_token = tokens.contains(kind);
    let severity = match (subject.plan.is_some(), with_token) {
        (true, true) => Severity::Note,
        (true, false) => Severity::Error,
        (false, _) => Severity::Warning,
    };
    let finding = found.add(severity, spot, format!("{what} with the identity of this workflow: no spare has that"));
    let (file, place) = (subject.plan_file(), what.split(' ').next().unwrap_or_default());
    let finding = finding.advise(match subject.plan {
        None => format!("Make a token at {place} that may publish, keep it outside of the forge, and name it in the plan that `canship init` writes."),
        Some(_) if with_token => format!("Publish with the token of the plan once, by hand and from elsewhere, and see that {place} accepts it."),
        Some(_) => format!(
            "Make a token at {place} that may publish, keep it outside of the forge, and name it in `{file}`: `token: NAME` at the \
             `{kind}` entry of `publish`, and `NAME: {{ file: … }}` under `secrets`; or write down who publishes by hand with a second \
             factor."
        ),
    });
    if with_token {
        let _told = finding.doubt("the plan has a token; that the registry accepts it, only a drill shows");
    } else if let Some(doubt) = doubt {
        let _told = finding.doubt(*doubt);
    }
}

/// What to do where a job opens something by a token that the forge signs.
fn key_instead(subject: &Subject<'_>, what: &str) -> String {
    format!(
        "Keep a key that opens {what} outside of the forge, name it under `secrets` in `{}`, and give it to the step of `build.run` \
         that uses it.",
        subject.plan_file()
    )
}

fn way<'s>(job: &Job, step: &'s Step, signs: bool) -> Option<Way<'s>> {
    let at = &step.at;
    let certain = |kind, what: &str| Some(Way { kind: Some(kind), what: what.to_owned(), at, doubt: None });
    let has = |name: &str| step.input(name).is_some_and(|value| !value.is_empty());
    if step.is("pypa/gh-action-pypi-publish") {
        let is_test = step.input("repository-url").is_some_and(|url| url.contains("test.pypi.org"));
        return if has("password") || is_test { None } else { certain("pypi", "PyPI is published to") };
    }
    if step.is("rust-lang/crates-io-auth-action") {
        return certain("crate", "crates.io is published to");
    }
    if step.is("rubygems/configure-rubygems-credentials") || (step.is("rubygems/release-gem") && signs) {
        return certain("gem", "RubyGems is published to");
    }
    if step.is("nuget/login") {
        return certain("nuget", "NuGet is published to");
    }
    if step.is("actions/attest-build-provenance") || step.is("actions/attest") || step.is("slsa-framework/slsa-github-generator") {
        return Some(Way {
            kind: None,
            what: "provenance is signed with the identity of this workflow".to_owned(),
            at,
            doubt: None,
        });
    }
    if !job.publishes.is_empty() {
        let cloud = [
            ("aws-actions/configure-aws-credentials", "role-to-assume", "aws-access-key-id", "AWS"),
            ("google-github-actions/auth", "workload_identity_provider", "credentials_json", "Google Cloud"),
            ("azure/login", "client-id", "creds", "Azure"),
        ];
        let by_identity = cloud.into_iter().find(|(action, by, not, _)| step.is(action) && has(by) && !has(not) && signs);
        if let Some((_, _, _, name)) = by_identity {
            let what = format!("{name} is opened with the identity of this workflow");
            return Some(Way { kind: None, what, at, doubt: Some("a key of a person may open it too") });
        }
    }
    if !signs {
        return None;
    }
    let (kind, what, tokens) = step.commands.iter().find_map(|command| publisher(&command.words))?;
    let has_token = step.variables().any(|(name, value)| tokens.iter().any(|token| name.contains(token)) && !value.is_empty())
        || step
            .commands
            .iter()
            .any(|command| command.words.iter().any(|word| word.contains("_authToken") || word == "--token" || word == "-p"));
    let doubt = Some("no token is seen, and the job may sign one: a token may be in a file that is not read");
    (!has_token).then(|| Way { kind: Some(kind), what: what.to_owned(), at, doubt })
}

/// The jobs that may have a token signed, and the workflows that let all of theirs.
struct Signers<'s> {
    jobs: HashSet<&'s str>,
    files: HashSet<&'s str>,
}

impl<'s> Signers<'s> {
    fn of(subject: &Subject<'s>) -> Self {
        let mut found = Self { jobs: HashSet::new(), files: HashSet::new() };
        for site in subject.facts(Topic::Oidc).flat_map(|token| token.sites) {
            match &site.job {
                Some(job) => found.jobs.insert(job),
                None => found.files.insert(&site.at.file),
            };
        }
        found
    }

    fn has(&self, job: &Job) -> bool {
        self.jobs.contains(job.id.as_str()) || self.files.contains(&*job.at.file)
    }
}

/// The kinds of targets for which the plan has a token.
fn with_token<'s>(subject: &Subject<'s>) -> HashSet<&'s str> {
    let mut entries: HashMap<&str, Vec<&str>> = HashMap::new();
    let settings = subject.plan.map(|written| written.loaded.settings.as_slice()).unwrap_or_default();
    for setting in settings.iter().filter(|setting| setting.origin != SettingOrigin::Default) {
        if let Some((entry, key)) = setting.path.strip_prefix("publish[").and_then(|rest| rest.split_once("].")) {
            entries.entry(entry).or_default().push(key.split(['.', '[']).next().unwrap_or_default());
        }
    }
    entries.into_values().filter(|keys| keys.contains(&"token")).flatten().collect()
}

/// What a command publishes, and what the variables of its tokens have in their names.
fn publisher(words: &[String]) -> Option<(&'static str, &'static str, &'static [&'static str])> {
    let is = |program: &str, task: &str| {
        words.iter().any(|word| word.rsplit('/').next() == Some(program)) && words.iter().any(|word| word == task)
    };
    if words.iter().any(|word| word.starts_with("--dry-run")) {
        return None;
    }
    if ["npm", "pnpm", "yarn"].iter().any(|program| is(program, "publish")) {
        return Some(("npm", "npm is published to", &["NPM", "NODE_AUTH_TOKEN", "TOKEN"]));
    }
    if is("uv", "publish") || is("twine", "upload") {
        let is_test = words.iter().any(|word| word.contains("test"));
        return (!is_test).then_some(("pypi", "PyPI is published to", &["TWINE", "UV_PUBLISH", "PYPI", "TOKEN"]));
    }
    None
}
