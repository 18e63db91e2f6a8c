//! Another image to build in.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    pipeline::{Sure, Topic},
    plan::BuildImage,
};

pub(super) static RULE: Rule = Rule {
    id: "image-differs",
    severity: Severity::Warning,
    title: "the plan builds in another image than the release's jobs do",
    detects: "Container images of jobs on the release's path, where the plan's `build.image` is none of them, or one of them at \
              another tag or digest.",
    misses: "Jobs that run on a runner without a container: what the runner's image has is not in the files.",
    why: "What builds in one image may not build in the other, or give something else: in an outage you find out too late.",
    advice: "Build in the image that the pipelines use, or say in a suppression why it differs.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(Some(BuildImage::Image(ours))) = subject.plan().map(|plan| plan.build.image.as_ref()) else { return };
    let theirs: Vec<_> = subject
        .facts(Topic::Images)
        .filter(|image| {
            image.sites.iter().any(|site| &*site.role == "container" && matches!(site.sure, Sure::Read | Sure::Computed))
        })
        .collect();
    if theirs.is_empty() || theirs.iter().any(|image| full(image.value) == full(ours)) {
        return;
    }
    let spot = subject.in_plan("build.image");
    let of_same = theirs.iter().find(|image| name(image.value) == name(ours));
    if let Some(image) = of_same {
        let message = format!("the plan builds in `{ours}`, the pipelines in `{}`", image.value);
        let _told = found.add(Severity::Warning, spot, message).related(image.spot(), "the pipelines' image");
    } else if let Some(image) = theirs.first() {
        let message = format!("the plan builds in `{ours}`, the jobs of the release in {}", list(&theirs));
        let finding = found.add(Severity::Note, spot, message).related(image.spot(), "the pipelines' image");
        let _told = finding.doubt("which of the jobs makes what the plan builds is not known");
    }
}

fn list(images: &[crate::audit::subject::OnPath<'_>]) -> String {
    let shown: Vec<String> = images.iter().take(3).map(|image| format!("`{}`", image.value)).collect();
    let more = images.len() - shown.len();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// The image with the registry and the path that a short name means.
fn full(image: &str) -> String {
    let image = image.strip_prefix("docker://").unwrap_or(image);
    let image = image.strip_prefix("index.docker.io/").or_else(|| image.strip_prefix("docker.io/")).unwrap_or(image);
    image.strip_prefix("library/").unwrap_or(image).to_owned()
}

fn name(image: &str) -> String {
    let full = full(image);
    let name = full.split('@').next().unwrap_or_default();
    let slash = name.rfind('/').unwrap_or(0);
    name[slash..].find(':').map_or(name, |colon| &name[..slash + colon]).to_owned()
}
