//! All images from one registry.

use std::collections::BTreeMap;

use crate::{
    audit::{
        Rule, Severity, Spot, Subject,
        found::{Found, Say as _},
    },
    pipeline::registry_of,
};

pub(super) static RULE: Rule = Rule {
    id: "images-one-registry",
    severity: Severity::Note,
    title: "every image that a release is built in or on comes from one registry",
    detects: "Images of the plan, of containers on the release's path and after `FROM` in its Dockerfiles that all have the same host.",
    misses: "Mirrors that an engine is set up with; images that are there already.",
    why: "With that registry out, or its limit of pulls reached, nothing is built in a fresh place.",
    advice: "Keep a copy at another registry, and name that one in the plan.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let mut hosts: BTreeMap<String, (Spot, usize)> = BTreeMap::new();
    let mut take = |image: &str, spot: Spot| {
        if let Some(host) = registry_of(image) {
            hosts.entry(host).or_insert((spot, 0)).1 += 1;
        }
    };
    for (path, image) in subject.plan_images() {
        take(image, subject.in_plan(&path));
    }
    for image in super::image_not_pinned::pinnable(subject) {
        take(image.value, image.spot());
    }
    let [(host, (spot, count))] = hosts.iter().collect::<Vec<_>>()[..] else { return };
    let images = if *count == 1 { "the only image".to_owned() } else { format!("all {count} images") };
    let finding =
        found.add(Severity::Note, spot.clone(), format!("{images} that a release is built in or on: from `{host}` alone"));
    let _told = finding.doubt("whether an engine here has a mirror of it is not known");
}
