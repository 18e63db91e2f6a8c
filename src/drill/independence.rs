//! What a spare depends on beside itself: whose machine it works on, and where its source comes from when the forge is
//! out. Only what the plan says is known; the rest is `unknown`, and why.

use url::Url;

use crate::{
    plan::{self, Plan},
    record::{EnginePlace, Independence, SpareFacts, SpareKind},
};

/// Hosts, and all below them, where others keep repositories for the public.
const VENDORS: [&str; 9] = [
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "codeberg.org",
    "dev.azure.com",
    "visualstudio.com",
    "amazonaws.com",
    "googlesource.com",
    "sr.ht",
];

/// A spare of the plan and what it depends on; `engine` is where its engine is sought, if it has one.
#[must_use]
pub fn spare_facts(spare: &plan::Spare, engine: Option<EnginePlace>, plan: &Plan) -> SpareFacts {
    let kind = match &spare.kind {
        plan::SpareKind::Container { .. } => SpareKind::Container,
        plan::SpareKind::Runner { .. } => SpareKind::Runner,
        plan::SpareKind::Host => SpareKind::Host,
    };
    let (independence, why) = match kind {
        SpareKind::Runner => (Independence::SameControlPlane, None),
        SpareKind::Container | SpareKind::Host => of_room(engine.as_ref(), plan),
    };
    SpareFacts { name: spare.name.as_str().into(), kind, independence, why: why.map(Into::into), engine }
}

/// A spare depends on whatever its source and its machine depend on.
fn of_room(engine: Option<&EnginePlace>, plan: &Plan) -> (Independence, Option<String>) {
    let source = of_source(plan);
    let is_elsewhere = engine.is_some_and(|place| !place.address.as_str().starts_with("unix:"));
    if is_elsewhere && source.0 == Independence::NoVendor {
        let why = "the plan does not say whose the machine is that its engine runs on";
        return (Independence::Unknown, Some(why.to_owned()));
    }
    source
}

fn of_source(plan: &Plan) -> (Independence, Option<String>) {
    let Some(mirror) = &plan.source.mirror else {
        let why = "the plan names no `source.mirror`";
        return (Independence::Unknown, Some(why.to_owned()));
    };
    let Some(host) = host(mirror) else { return (Independence::NoVendor, None) };
    let primary = plan.primary.as_ref().and_then(|primary| primary.place.url.host_str().map(forge));
    let why = format!("its source comes from `source.mirror` at {host}");
    if primary.is_some_and(|primary| primary == forge(&host)) {
        (Independence::SameControlPlane, Some(why))
    } else if VENDORS.iter().any(|vendor| is_below(&host, vendor)) {
        (Independence::OtherVendor, Some(why))
    } else {
        (Independence::Unknown, Some(format!("{why}, and the plan does not say whose that is")))
    }
}

/// The host of a repository's address; none if that is on this machine.
fn host(address: &str) -> Option<String> {
    let host = if address.contains("://") {
        Url::parse(address).ok()?.host_str()?.to_owned()
    } else {
        // git takes `user@host:path` for ssh, unless there is a slash before the colon.
        let (place, _) = address.split_once(':').filter(|(place, _)| !place.contains('/'))?;
        place.rsplit('@').next()?.to_owned()
    };
    let host = host.to_ascii_lowercase();
    let is_here = host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || host.starts_with("127.");
    (!host.is_empty() && !is_here).then_some(host)
}

/// A forge by its host: github.com has its API at a host of its own.
fn forge(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if host == "api.github.com" || host == "ssh.github.com" { "github.com".to_owned() } else { host }
}

fn is_below(host: &str, above: &str) -> bool {
    host.strip_suffix(above).is_some_and(|start| start.is_empty() || start.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_on_this_machine_or_at_a_host() {
        for here in ["/srv/api.git", "../api.git", "file:///srv/api.git", "ssh://git@localhost/api.git", "http://127.0.0.1:80/x"] {
            assert_eq!(host(here), None, "{here}");
        }
        for (there, wanted) in
            [("git@GitHub.com:acme/api.git", "github.com"), ("ssh://git@spare.example:22/api.git", "spare.example"), ("b:x", "b")]
        {
            assert_eq!(host(there).as_deref(), Some(wanted), "{there}");
        }
    }

    #[test]
    fn vendors_are_known_by_whole_names() {
        assert!(is_below("git-codecommit.eu-west-1.amazonaws.com", "amazonaws.com") && is_below("sr.ht", "sr.ht"));
        assert!(!is_below("notgithub.com", "github.com"));
        assert_eq!(forge("api.github.com"), forge("GitHub.com"));
    }
}
