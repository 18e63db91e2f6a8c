//! Actions and workflows that may be another tomorrow.

use crate::{
    audit::{
        Rule, Severity, Spot, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::Topic,
};

pub(super) static RULE: Rule = Rule {
    id: "not-pinned",
    severity: Severity::Warning,
    title: "a release uses an action or a remote workflow by a name that can be moved",
    detects: "Actions of others and remote workflows on the release's path whose version is a tag or a branch and no commit. Actions \
              of `actions` and `github` are the forge's own and left out.",
    misses: "Actions that a pinned action uses; GitLab's includes of projects and components.",
    why: "A tag that is moved, by mistake or on purpose, changes what a release does from one day to the next; with the forge in \
          trouble nobody can look what it was.",
    advice: "Pin it to a commit, with the version beside it in a comment.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    for action in subject.facts(Topic::ActionsThirdParty) {
        let loose: Vec<(&str, Spot)> = action
            .sites
            .iter()
            .filter(|site| !is_commit(&site.role) && !site.role.contains("${{"))
            .map(|site| (&*site.role, spot(Some(&site.at), &format!("{}@{}", action.value, site.role))))
            .collect();
        let Some(((version, first), rest)) = loose.split_first() else { continue };
        let message = format!("`{}@{version}` can be another action tomorrow: it is no commit", action.value);
        let mut finding = found.add(Severity::Warning, first.clone(), message);
        for (version, place) in rest {
            finding = finding.related(place.clone(), format!("`{version}` here too"));
        }
    }
    for remote in subject.facts(Topic::Remote) {
        let is_workflow = remote.sites.iter().any(|site| &*site.role == "reusable workflow");
        let version = remote.value.rsplit_once('@').map_or("", |(_, version)| version);
        if is_workflow && !is_commit(version) && !version.contains("${{") {
            let message = format!("`{}` can be another workflow tomorrow: it is no commit", remote.value);
            let finding = found.add(Severity::Warning, remote.spot(), message);
            if remote.value.starts_with("slsa-framework/slsa-github-generator/") {
                let _told = finding.doubt("this workflow must be named by a tag: it refuses a commit");
            }
        }
    }
}

fn is_commit(version: &str) -> bool {
    version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit())
}
