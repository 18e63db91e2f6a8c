//! Publishing that only the usual CI can do.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{At, Job, Step, Topic},
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
    for (_, job) in subject.jobs() {
        let mut told: Vec<String> = Vec::new();
        for way in job.steps.iter().filter_map(|step| way(subject, job, step)) {
            if !told.contains(&way.what) {
                told.push(way.what.clone());
                tell(subject, found, &way);
            }
        }
    }
    for token in subject.facts(Topic::Oidc).filter(|token| token.value != "id-token") {
        if token.sites.iter().any(|site| subject.publishes(site)) {
            let message = format!("a job that publishes uses the token `{}`, which GitLab signs", token.value);
            let _told = found.add(Severity::Warning, token.spot(), message).doubt("what it opens is not in the files");
        }
    }
}

fn tell(subject: &Subject<'_>, found: &mut Found, way: &Way<'_>) {
    let Way { kind, what, at, doubt } = way;
    let spot = spot(Some(at), "");
    let Some(kind) = kind else {
        let severity = if what.starts_with("provenance") { Severity::Note } else { Severity::Warning };
        let finding = found.add(severity, spot, format!("{what}: only this CI can do that"));
        if let Some(doubt) = doubt {
            let _told = finding.doubt(*doubt);
        }
        return;
    };
    let with_token = (0..subject.plan().map_or(0, |plan| plan.publish.len())).any(|number| {
        let entry = format!("publish[{number}]");
        !subject.plan_says(&format!("{entry}.{kind}")).is_empty() && !subject.plan_says(&format!("{entry}.token")).is_empty()
    });
    let severity = match (subject.plan.is_some(), with_token) {
        (true, true) => Severity::Note,
        (true, false) => Severity::Error,
        (false, _) => Severity::Warning,
    };
    let finding = found.add(severity, spot, format!("{what} with the identity of this workflow: no spare has that"));
    if with_token {
        let _told = finding.doubt("the plan has a token; that the registry accepts it, only a drill shows");
    } else if let Some(doubt) = doubt {
        let _told = finding.doubt(*doubt);
    }
}

fn way<'s>(subject: &Subject<'s>, job: &Job, step: &'s Step) -> Option<Way<'s>> {
    let at = &step.at;
    let certain = |kind, what: &str| Some(Way { kind: Some(kind), what: what.to_owned(), at, doubt: None });
    let has = |name: &str| step.input(name).is_some_and(|value| !value.is_empty());
    let signs = is_signed(subject, job);
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
    let has_token = step.env.iter().any(|(name, value)| tokens.iter().any(|token| name.contains(token)) && !value.is_empty())
        || step
            .commands
            .iter()
            .any(|command| command.words.iter().any(|word| word.contains("_authToken") || word == "--token" || word == "-p"));
    let doubt = Some("no token is seen, and the job may sign one: a token may be in a file that is not read");
    (!has_token).then(|| Way { kind: Some(kind), what: what.to_owned(), at, doubt })
}

/// Whether the job may have a token signed: it says so, or its workflow does.
fn is_signed(subject: &Subject<'_>, job: &Job) -> bool {
    subject.facts(Topic::Oidc).any(|token| {
        token.sites.iter().any(|site| match &site.job {
            Some(id) => *id == job.id,
            None => site.at.file == job.at.file,
        })
    })
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
