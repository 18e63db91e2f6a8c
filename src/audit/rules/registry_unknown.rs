//! A registry that only a variable names.

use std::collections::HashSet;

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{Sure, Topic},
};

pub(super) static RULE: Rule = Rule {
    id: "registry-unknown",
    severity: Severity::Warning,
    title: "a release pushes to a registry that only a variable names",
    detects: "Images that jobs on the release's path push, and logins, whose registry is in a variable, an output or an argument \
              that the files do not give. An image that an action names while the job runs is taken to go where the job logs in to.",
    misses: "Registries that a remote workflow, an action or a script of the repository knows.",
    why: "Whether the plan publishes there cannot be compared: a spare may push elsewhere than users pull from.",
    advice: "Look up what it is at the forge, and see that the plan has it; or write the name into the pipeline.",
    check,
};

/// The registry of a GitLab project itself: of that one the forge says where it is.
const OWN: &str = "$CI_REGISTRY";

fn check(subject: &Subject<'_>, found: &mut Found) {
    let (mut known, mut dynamic) = (HashSet::new(), HashSet::new());
    let mut told = HashSet::new();
    for registry in subject.facts(Topic::Registries) {
        let is_open = |sure: &Sure| matches!(sure, Sure::Dynamic) && registry.value != OWN;
        for site in &registry.sites {
            if let Some(job) = site.job.as_deref().filter(|_| &*site.role == "login") {
                if is_open(&site.sure) { &mut dynamic } else { &mut known }.insert(job);
            }
        }
        let Some(site) = registry.sites.iter().find(|site| is_open(&site.sure)) else { continue };
        told.insert((&site.at.file, site.at.line));
        let message = format!("the release uses the registry `{}`, which the files do not name", registry.value);
        tell(found.add(Severity::Warning, spot(Some(&site.at), ""), message), subject);
    }
    let jobs: HashSet<&str> = subject.jobs().map(|(_, job)| job.id.as_str()).collect();
    for open in &subject.pipeline.open {
        let Some((topic, job)) = &open.of else { continue };
        // An image whose name is made while the job runs goes to where the job has logged in to.
        let is_told_by_login = *topic == Topic::Images && known.contains(&**job) && !dynamic.contains(&**job);
        if jobs.contains(&**job) && !is_told_by_login && told.insert((&open.at.file, open.at.line)) {
            tell(found.add(Severity::Warning, spot(Some(&open.at), ""), open.what.clone()), subject);
        }
    }
}

fn tell(finding: Option<&mut crate::audit::Finding>, subject: &Subject<'_>) {
    let registries = subject.plan_registries();
    let known: Vec<&str> = registries.iter().take(3).map(String::as_str).collect();
    if !known.is_empty() {
        let _told = finding.doubt(format!("it may be one that the plan has: {}", known.join(", ")));
    }
}
