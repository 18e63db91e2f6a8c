//! A secret that the plan does not have.

use crate::audit::{
    Rule, Severity, Subject,
    found::{Found, Say as _},
    publishing::Publishing,
};

use super::secret_other_name::Names;

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
    let Some(names) = Names::of(subject) else { return };
    let publishing = Publishing::of(subject);
    for secret in subject.secrets() {
        if names.covers(secret.value) || names.other(&secret).is_some() {
            continue;
        }
        let upper = secret.value.to_ascii_uppercase();
        let is_beside = BESIDE.iter().any(|word| upper.contains(word));
        let severity = if is_beside {
            Severity::Note
        } else if secret.sites.iter().any(|site| publishing.job(site)) {
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
