//! A secret that the plan does not have.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    plan::SecretSource,
};

pub(super) static RULE: Rule = Rule {
    id: "secret-not-covered",
    severity: Severity::Error,
    title: "a release uses a secret that the plan does not have",
    detects: "Secrets that jobs on the release's path read, by the name that the repository's settings know, and that are neither \
              a name nor an environment variable under the plan's `secrets`. In a job that publishes it is an error, else a \
              warning; by its name for messages or coverage only, a note. Tokens that the forge makes for each run are none.",
    misses: "Secrets that only a remote workflow, an action or a script names, and those of a vault.",
    why: "The spare path stops where the secret is missing, and on that day nobody may be able to fetch it from the forge.",
    advice: "Add it under `secrets` with where it is found outside of the forge, and to the step or login that needs it.",
    check,
};

/// Words in the names of secrets with which nothing is built or published.
const BESIDE: &[&str] = &[
    "SLACK",
    "DISCORD",
    "CODECOV",
    "COVERALLS",
    "SENTRY",
    "TEAMS",
    "TELEGRAM",
    "NOTIF",
    "WEBHOOK",
    "MATRIX",
    "MASTODON",
    "TWITTER",
    "BLUESKY",
    "SNYK",
    "SONAR",
    "DATADOG",
];

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(plan) = subject.plan() else { return };
    for secret in subject.secrets() {
        if is_covered(plan, secret.value) || super::secret_other_name::other(subject, &secret).is_some() {
            continue;
        }
        let upper = secret.value.to_ascii_uppercase();
        let is_beside = BESIDE.iter().any(|word| upper.contains(word));
        let severity = if is_beside {
            Severity::Note
        } else if secret.sites.iter().any(|site| subject.publishes(site)) {
            Severity::Error
        } else {
            Severity::Warning
        };
        let message = format!("the release uses the secret `{}`, and the plan has none of that name", secret.value);
        let finding = found.add(severity, secret.spot(), message);
        if is_beside {
            let _told = finding.doubt("by its name it is not needed to publish");
        }
    }
}

/// Whether the plan has a secret of this name, or takes one from a variable of this name.
pub(super) fn is_covered(plan: &crate::plan::Plan, name: &str) -> bool {
    let is = |known: &str| same(known, name);
    plan.secrets.iter().any(|(known, source)| {
        is(known.as_str())
            || match source {
                SecretSource::Env(variable) => is(variable),
                SecretSource::File(file) => file.file_name().is_some_and(|file| is(&file.to_string_lossy())),
                SecretSource::Command(words) => words.iter().any(|word| word.rsplit('/').next().is_some_and(is)),
            }
    })
}

/// Whether two names mean the same: forges do not tell large letters from small ones, and plans have no hyphens.
pub(super) fn same(a: &str, b: &str) -> bool {
    let plain = |c: char| if c == '-' { '_' } else { c.to_ascii_uppercase() };
    a.chars().map(plain).eq(b.chars().map(plain))
}
