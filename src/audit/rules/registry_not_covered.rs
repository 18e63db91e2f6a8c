//! A registry that the plan does not publish to.

use std::collections::HashSet;

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    pipeline::{Sure, Topic},
};

pub(super) static RULE: Rule = Rule {
    id: "registry-not-covered",
    severity: Severity::Error,
    title: "a release pushes to a registry that the plan does not publish to",
    detects: "Hosts that images are pushed to, or that are logged in to by jobs that push images, on the release's path, and that no \
              `publish: - oci:` of the plan names. A login in a job that pushes nothing is a note: it may be for pulling only.",
    misses: "Hosts that only a remote workflow, a script or a variable knows (see `registry-unknown`); which image goes to which host.",
    why: "Users pull from where releases usually are. A spare that pushes elsewhere has not shipped.",
    advice: "Add an `oci:` target with its login to the plan's `publish`, or say in a suppression why a hotfix need not be there.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    if subject.plan.is_none() {
        return;
    }
    let known = subject.plan_registries();
    let images = subject.jobs().filter(|(_, job)| job.publishes.contains_key("container-image"));
    let pushing: HashSet<&str> = images.map(|(_, job)| job.id.as_str()).collect();
    for registry in subject.facts(Topic::Registries) {
        if known.contains(registry.value) {
            continue;
        }
        // What only a variable names is told as such; the plan's own registry may be the project's, which the forge names.
        let is_own = registry.value == "$CI_REGISTRY";
        if (is_own && !known.is_empty()) || (!is_own && registry.sites.iter().all(|site| matches!(site.sure, Sure::Dynamic))) {
            continue;
        }
        let pushes = registry.sites.iter().any(|site| {
            &*site.role == "push" || (&*site.role == "login" && site.job.as_deref().is_some_and(|job| pushing.contains(job)))
        });
        let only_from = registry.sites.iter().all(|site| &*site.role == "copy from");
        let (severity, does) = match (pushes, only_from) {
            (true, _) => (Severity::Error, "pushes to"),
            (false, true) => (Severity::Note, "copies from"),
            (false, false) => (Severity::Note, "logs in to"),
        };
        let message = format!("the release {does} `{}`, and the plan publishes nothing there", registry.value);
        let finding = found.add(if is_own { Severity::Warning } else { severity }, registry.spot(), message);
        if is_own {
            let _told = finding.doubt("what it is called is known only while the pipeline runs");
        } else if !pushes {
            let _told = finding.doubt("it may be for pulling only");
        }
    }
}
