//! A release that is announced before it is there.

use std::collections::HashSet;

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{Job, ReleaseWorkflow, Site, Step},
};

use super::skipped_green::belongs;

pub(super) static RULE: Rule = Rule {
    id: "announced-early",
    severity: Severity::Warning,
    title: "a release is announced before what it announces is there",
    detects: "A GitHub or GitLab release that is made public (and is no draft) in an earlier step, or in a job that is waited for, than \
              the one that publishes packages or images; workflows that publish once a person has made the release public (a note).",
    misses: "Order within scripts, tools and local actions; drafts that another step makes public.",
    why: "If the later step fails, users are told of a version that they cannot get, and a half-made release has to be taken back.",
    advice: "Publish packages and images first, the release last; or make it a draft and publish that at the end.",
    check,
};

/// What users get from elsewhere than the release itself.
const GOODS: &[&str] = &[
    "crates.io",
    "npm",
    "pypi",
    "container-image",
    "maven-central",
    "nuget.org",
    "rubygems",
    "s3",
    "gcs",
    "cloudflare-r2",
    "gradle-plugin-portal",
    "helm-chart",
    "gitlab-package",
];

/// Tools that make a release public.
const MAKERS: &[&str] =
    &["softprops/action-gh-release", "ncipollo/release-action", "actions/create-release", "elgohr/github-release-action"];

fn check(subject: &Subject<'_>, found: &mut Found) {
    let published = subject.published();
    for release in &subject.pipeline.releases {
        let jobs: HashSet<&str> = release.jobs.iter().map(|job| job.id.as_str()).collect();
        let own = |site: &Site| site.job.as_deref().is_some_and(|job| jobs.contains(job)) && is_of(release, site);
        let goods: Vec<(&str, &Site)> =
            published.iter().copied().filter(|(target, site)| GOODS.contains(target) && own(site)).collect();
        let announced =
            published.iter().filter(|(target, site)| matches!(*target, "github-release" | "gitlab-release") && own(site));
        let late = announced
            .filter(|(_, site)| is_public(release, site))
            .find_map(|(_, site)| goods.iter().find(|(_, good)| comes_before(release, site, good)).map(|good| (*site, *good)));
        if let Some((site, (target, good))) = late {
            let message = format!("the release is made public before {target} is published");
            let _told = found
                .add(Severity::Warning, spot(Some(&site.at), &site.role), message)
                .related(spot(Some(&good.at), ""), format!("{target} is published here"));
        } else if let (Some(trigger), Some((target, good))) = (on_publication(release), goods.first()) {
            let message = format!("a person makes the release public, and {target} is published after that");
            let finding = found.add(Severity::Note, spot(Some(trigger), "release"), message);
            let _told = finding.related(spot(Some(&good.at), ""), format!("{target} is published here"));
        }
    }
}

fn is_of(release: &ReleaseWorkflow, site: &Site) -> bool {
    site.at.file == release.file || release.files.contains(&site.at.file)
}

/// Where a workflow is started by a release that is public already.
fn on_publication(release: &ReleaseWorkflow) -> Option<&crate::pipeline::At> {
    let trigger = release.triggers.iter().find(|trigger| trigger.event == "release")?;
    let only = release.triggers.iter().all(|trigger| matches!(trigger.event.as_str(), "release" | "workflow_dispatch"));
    only.then_some(&trigger.at)
}

fn job<'r>(release: &'r ReleaseWorkflow, site: &Site) -> Option<&'r Job> {
    release.jobs.iter().find(|job| Some(job.id.as_str()) == site.job.as_deref())
}

/// Whether this makes a release that users see at once.
fn is_public(release: &ReleaseWorkflow, site: &Site) -> bool {
    if site.role == "release" {
        return true;
    }
    let Some(job) = job(release, site) else { return false };
    let Some(step) = job.steps.iter().find(|step| step.at.file == site.at.file && belongs(job, step, site.at.line)) else {
        return false;
    };
    if MAKERS.iter().any(|maker| step.is(maker)) {
        let told = |name: &str| step.input(name).is_some_and(|value| !value.trim().is_empty() && value != "false");
        return !told("draft") && !told("allowUpdates");
    }
    makes(step, site)
}

fn makes(step: &Step, site: &Site) -> bool {
    step.commands.iter().filter(|command| command.at == site.at).any(|command| {
        let has = |word: &str| command.words.iter().any(|other| other == word || other.starts_with(&format!("{word}=")));
        // What an array or a variable of options holds may be the draft.
        let is_open = command.words.iter().any(|word| {
            let word = word.to_ascii_lowercase();
            word.contains("[@]")
                || word.contains("[*]")
                || ["flags", "args", "opts", "options", "draft"]
                    .iter()
                    .any(|name| word.contains(&format!("${name}")) || word.contains(&format!("${{{name}")))
        });
        has("release") && has("create") && !has("--draft") && !has("-d") && !is_open
    })
}

/// Whether one is done before the other: earlier in the same job and file, or in a job that is waited for.
fn comes_before(release: &ReleaseWorkflow, first: &Site, then: &Site) -> bool {
    if first.job == then.job {
        return first.at.file == then.at.file && first.at.line < then.at.line;
    }
    let (mut open, mut seen): (Vec<&str>, HashSet<&str>) = (then.job.as_deref().into_iter().collect(), HashSet::new());
    while let Some(id) = open.pop() {
        if Some(id) == first.job.as_deref() {
            return true;
        }
        if seen.insert(id)
            && let Some(job) = release.jobs.iter().find(|job| job.id == id)
        {
            open.extend(job.needs.iter().map(String::as_str));
        }
    }
    false
}
