//! A runner that its forge will refuse.

use crate::{
    audit::{Rule, Severity, Subject, found::Found, subject::spot},
    pipeline::Topic,
};

pub(super) static RULE: Rule = Rule {
    id: "runner-version-pinned",
    severity: Severity::Warning,
    title: "a runner of one's own is pinned to a version that GitHub soon refuses",
    detects: "Images of GitHub's runner with a version or digest, downloads of one version of it, and `--disableupdate`, in Dockerfiles \
              and scripts of the release's path.",
    misses: "Charts, machine images and scripts that are kept elsewhere: most runners are.",
    why: "GitHub takes no job to a runner that is more than 30 days behind its newest version: \"is deprecated and cannot receive \
          messages\". A spare that was built once and left alone is refused on the day it is needed.",
    advice: "Let the runner update itself, or build its image at least every two weeks.",
    check,
};

/// Images that are GitHub's runner.
const IMAGES: &[&str] =
    &["actions/actions-runner", "myoung34/github-runner", "summerwind/actions-runner", "actions-runner-controller/actions-runner"];

fn check(subject: &Subject<'_>, found: &mut Found) {
    for image in subject.pipeline.facts.of(Topic::Images) {
        let (value, sites) = image;
        let name = value.split(['@']).next().unwrap_or(value);
        let slash = name.rfind('/').unwrap_or(0);
        let (name, tag) = name[slash..].find(':').map_or((name, ""), |colon| (&name[..slash + colon], &name[slash + colon + 1..]));
        let is_pinned = value.contains("@sha256:") || tag.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        if IMAGES.iter().any(|known| name == *known || name.ends_with(&format!("/{known}"))) && is_pinned {
            let message = format!("`{value}` is refused by GitHub 30 days after a newer version is out");
            found.add(Severity::Warning, spot(sites.first().map(|site| &site.at), value), message);
        }
    }
    for (_, step) in subject.steps() {
        for command in &*step.commands {
            let told = command.words.iter().find(|word| *word == "--disableupdate" || is_download(word));
            if let Some(word) = told {
                let message = format!("`{word}`: a runner of one version is refused by GitHub 30 days after a newer one is out");
                found.add(Severity::Warning, spot(Some(&command.at), ""), message);
            }
        }
    }
}

/// `actions-runner-linux-x64-2.300.0.tar.gz`
fn is_download(word: &str) -> bool {
    word.contains("actions-runner-") && word.contains("-2.") && [".tar.gz", ".zip"].iter().any(|ending| word.ends_with(ending))
}
