//! A secret that the plan has under another name.

use std::collections::BTreeSet;

use super::secret_not_covered::{is_covered, same};
use crate::audit::{
    Rule, Severity, Subject,
    found::{Found, Say as _},
    subject::OnPath,
};

pub(super) static RULE: Rule = Rule {
    id: "secret-other-name",
    severity: Severity::Warning,
    title: "the plan has a secret of the release under another name",
    detects: "A secret of the release's path whose name the plan does not have, where the plan has the name of the variable or input \
              that it is given under, or one of the same words in another order or almost the same letters.",
    misses: "Names that have nothing in common.",
    why: "Who fills the secrets of a spare in an outage looks for the name that the forge shows, and finds another.",
    advice: "Give it one name everywhere, or write beside the plan's entry which secret of the forge it is, and suppress this there.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    for secret in subject.secrets() {
        let Some((name, certain)) = other(subject, &secret) else { continue };
        let message = format!("the plan has this secret as `{name}`; the pipelines know it as `{}`", secret.value);
        let finding = found
            .add(Severity::Warning, secret.spot(), message)
            .related(subject.in_plan(&format!("secrets.{name}")), "the plan's name");
        if !certain {
            let _told = finding.doubt("the names are alike; whether the values are the same is not known");
        }
    }
}

/// The plan's name for a secret that it has under another one, and whether that is certain.
pub(super) fn other(subject: &Subject<'_>, secret: &OnPath<'_>) -> Option<(String, bool)> {
    let plan = subject.plan()?;
    if is_covered(plan, secret.value) {
        return None;
    }
    // A name that another secret of the release already has does not mean this one.
    let taken = |name: &str| subject.secrets().any(|other| same(other.value, name));
    let names: Vec<&str> = plan.secrets.keys().map(crate::plan::SecretName::as_str).filter(|name| !taken(name)).collect();
    let under = secret.sites.iter().filter_map(|site| site.under.as_deref());
    if let Some(name) = under.flat_map(|under| names.iter().filter(move |name| same(name, under))).next() {
        return Some(((*name).to_owned(), true));
    }
    let alike = |name: &&&str| words(name) == words(secret.value) || strsim::normalized_levenshtein(name, secret.value) > 0.85;
    names.iter().find(alike).map(|name| ((*name).to_owned(), false))
}

fn words(name: &str) -> BTreeSet<String> {
    name.split(['_', '-']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase).collect()
}
