//! A secret that the plan has under another name.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::OnPath,
    },
    plan::{Plan, SecretName, SecretSource},
};

pub(super) static RULE: Rule = Rule {
    id: "secret-other-name",
    severity: Severity::Warning,
    title: "the plan has a secret of the release under another name",
    detects: "A secret of the release's path whose name the plan does not have, where the plan has the name of the variable or input \
              that it is given under, or one of the same words in another order or almost the same letters.",
    misses: "Names that have nothing in common; names that are almost alike, where the plan has more than 300.",
    why: "Who fills the secrets of a spare in an outage looks for the name that the forge shows, and finds another.",
    advice: "Give it one name everywhere, or write beside the plan's entry which secret of the forge it is, and suppress this there.",
    check,
};

/// The most names of the plan that are compared letter by letter.
const COMPARED: usize = 300;

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(names) = Names::of(subject) else { return };
    for secret in subject.secrets() {
        let Some((name, certain)) = names.other(&secret) else { continue };
        let message = format!("the plan has this secret as `{name}`; the pipelines know it as `{}`", secret.value);
        let finding = found
            .add(Severity::Warning, secret.spot(), message)
            .related(subject.in_plan(&format!("secrets.{name}")), "the plan's name");
        if !certain {
            let _told = finding.doubt("the names are alike; whether the values are the same is not known");
        }
    }
}

/// The plan's secrets by what they are called.
pub(super) struct Names<'s> {
    /// Every name by which the plan has a secret: its own, and that of the variable or file it comes from.
    covered: HashSet<String>,
    /// The names that no secret of the release has, by how they compare, and by their words.
    free: HashMap<String, &'s str>,
    by_words: HashMap<BTreeSet<String>, &'s str>,
}

impl<'s> Names<'s> {
    pub(super) fn of(subject: &Subject<'s>) -> Option<Self> {
        let plan = subject.plan()?;
        // A name that another secret of the release already has does not mean this one.
        let taken: HashSet<String> = subject.secrets().map(|secret| plain(secret.value)).collect();
        let names = plan.secrets.keys().map(SecretName::as_str).filter(|name| !taken.contains(&plain(name)));
        let free: HashMap<String, &str> = names.map(|name| (plain(name), name)).collect();
        let by_words = free.values().map(|name| (words(name), *name)).collect();
        Some(Self { covered: covered(plan), free, by_words })
    }

    /// Whether the plan has a secret of this name, or takes one from a variable of this name.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.covered.contains(&plain(name))
    }

    /// The plan's name for a secret that it has under another one, and whether that is certain.
    pub(super) fn other(&self, secret: &OnPath<'_>) -> Option<(&'s str, bool)> {
        if self.covers(secret.value) {
            return None;
        }
        if let Some(name) = secret.sites.iter().find_map(|site| self.free.get(&plain(site.under.as_deref()?))) {
            return Some((name, true));
        }
        let alike = || {
            let few = Some(&self.free).filter(|free| free.len() <= COMPARED)?;
            few.values().filter(|name| is_alike(name, secret.value)).min()
        };
        self.by_words.get(&words(secret.value)).or_else(alike).map(|name| (*name, false))
    }
}

/// Forges do not tell large letters from small ones, and plans have no hyphens.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect()
}

fn covered(plan: &Plan) -> HashSet<String> {
    let mut found = HashSet::new();
    for (name, source) in &plan.secrets {
        found.insert(plain(name.as_str()));
        match source {
            SecretSource::Env(variable) => found.extend([plain(variable)]),
            SecretSource::File(file) => found.extend(file.file_name().map(|file| plain(&file.to_string_lossy()))),
            SecretSource::Command(words) => {
                found.extend(words.iter().map(|word| plain(word.rsplit('/').next().unwrap_or_default())));
            }
        }
    }
    found
}

fn is_alike(a: &str, b: &str) -> bool {
    // So many letters apart cannot be almost the same.
    a.len().abs_diff(b.len()) * 6 <= a.len().max(b.len()) && strsim::normalized_levenshtein(a, b) > 0.85
}

fn words(name: &str) -> BTreeSet<String> {
    name.split(['_', '-']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase).collect()
}
