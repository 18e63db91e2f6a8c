//! Images that may be others tomorrow.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::OnPath,
    },
    pipeline::{Sure, Topic},
};

pub(super) static RULE: Rule = Rule {
    id: "image-not-pinned",
    severity: Severity::Warning,
    title: "a release is built in, or on, an image that can be another tomorrow",
    detects: "Images of the plan (`build.image`, `base`), of containers on the release's path and after `FROM` in its Dockerfiles that \
              have no digest: a warning without a version or with `latest`, else a note.",
    misses: "Images that a build argument or a variable names; Dockerfiles that no job names and that are not at the root.",
    why: "A drill proves what was built today. With another image below, tomorrow's hotfix is built from something never tried.",
    advice: "Add the digest behind the tag: `image:tag@sha256:…`; a bot can keep it fresh.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    for image in pinnable(subject) {
        let Some(severity) = looseness(image.value) else { continue };
        let role = image.sites.first().map_or("", |site| &*site.role);
        let mut finding = found.add(
            severity,
            image.spot(),
            format!("the {} `{}` has no digest: it can be another tomorrow", told(role), image.value),
        );
        for site in image.sites.iter().skip(1).take(5) {
            finding = finding.related(crate::audit::subject::spot(Some(&site.at), image.value), "here too");
        }
    }
    for (path, image) in subject.plan_images() {
        if let Some(severity) = looseness(image) {
            let message = format!("the plan's image `{image}` has no digest: it can be another tomorrow");
            found.add(severity, subject.in_plan(&path), message);
        }
    }
}

fn told(role: &str) -> &str {
    if role == "container" { "container" } else { "base image" }
}

/// The images that a release is built in or on, as the files name them.
pub(super) fn pinnable<'s>(subject: &Subject<'s>) -> Vec<OnPath<'s>> {
    subject
        .facts(Topic::Images)
        .filter(|image| !image.value.contains('$'))
        .filter(|image| {
            image
                .sites
                .iter()
                .any(|site| matches!(&*site.role, "container" | "base image") && matches!(site.sure, Sure::Read | Sure::Computed))
        })
        .collect()
}

/// How much it matters that an image has no digest; none if it has one.
fn looseness(image: &str) -> Option<Severity> {
    if image.contains("@sha256:") {
        return None;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.split_once(':').map_or("", |(_, tag)| tag);
    Some(if tag.is_empty() || tag == "latest" { Severity::Warning } else { Severity::Note })
}
