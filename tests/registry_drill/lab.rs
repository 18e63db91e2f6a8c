//! A registry with a proxy before it that can make it misbehave, and drills that publish through the proxy.

use std::{collections::BTreeSet, fs};

use tokio::runtime::Runtime;

use crate::{
    registry::{
        proxy::Proxy,
        server::{Auth, PASSWORD, Registry, USER},
    },
    support::{Canship, Project, Services, project::Plan, run::Ran},
};

/// What a release goes to, and what a drill pushes to.
pub(crate) const REPOSITORIES: [&str; 2] = ["acme/tool", "acme/drill"];

/// An honest registry, and the proxy through which it is seen.
pub(crate) struct Lab {
    pub(crate) registry: Registry,
    pub(crate) proxy: Proxy,
    pub(crate) runtime: Runtime,
    login: bool,
}

impl Lab {
    /// A registry that asks for no login.
    pub(crate) fn open() -> Self {
        Self::new(&Auth::Open)
    }

    /// A registry that asks for user and password, which plans of this lab have.
    pub(crate) fn guarded() -> Self {
        Self::new(&Auth::Htpasswd)
    }

    fn new(auth: &Auth<'_>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let registry = Registry::start(auth);
        let proxy = runtime.block_on(Proxy::before(&registry.address));
        Self { registry, proxy, runtime, login: matches!(auth, Auth::Htpasswd) }
    }

    /// A plan that publishes through the proxy, built on this machine.
    pub(crate) fn plan(&self) -> Plan {
        let plan = Plan::on_host(&Services::get()).publish(self.target());
        if self.login { plan.secret("PASSWORD", "{ env: TEST_PASSWORD }") } else { plan }
    }

    /// The publish target of that plan.
    pub(crate) fn target(&self) -> String {
        let login = if self.login { format!("    login: {{ username: {USER}, password: PASSWORD }}\n") } else { String::new() };
        let [release, scratch] = REPOSITORIES.map(|name| format!("{}/{name}", self.proxy.address));
        format!("  - oci: {release}\n{login}    scratch: {scratch}\n")
    }

    /// Asserts that everything the registry holds is listed as left, and gives what is left.
    #[track_caller]
    pub(crate) fn all_left_is_listed(&self, ran: &Ran) -> Vec<String> {
        let left = leftovers(ran);
        for name in REPOSITORIES {
            for (kind, id) in held(&self.registry, name) {
                let unnamed = format!("perhaps an open upload in {}/{name}", self.proxy.address);
                let listed = |what: &String| what.contains(&id) || (kind == "upload" && *what == unnamed);
                assert!(left.iter().any(listed), "{kind} {id} of {name} is left and not listed: {left:?}\n{}", ran.stdout);
            }
        }
        left
    }

    /// Asserts that the registry holds nothing.
    #[track_caller]
    pub(crate) fn is_empty(&self) {
        for name in REPOSITORIES {
            assert_eq!(held(&self.registry, name), BTreeSet::new(), "in {name}");
        }
    }
}

/// Drills, with everything that plans of a lab need.
pub(crate) fn drill(project: &Project) -> Canship {
    Canship::drill(project).variable("TEST_PASSWORD", PASSWORD)
}

/// What a report lists as left: each with a reason and a remedy.
pub(crate) fn leftovers(ran: &Ran) -> Vec<String> {
    let text = |left: &serde_json::Value, key: &str| left[key].as_str().filter(|text| !text.is_empty()).unwrap().to_owned();
    let all = ran.json["leftovers"].as_array().unwrap();
    all.iter()
        .map(|left| {
            let _reason_and_remedy = (text(left, "reason"), text(left, "remedy"));
            text(left, "what")
        })
        .collect()
}

/// What a repository holds, by kind and name: open uploads, blobs, manifests and tags.
pub(crate) fn held(registry: &Registry, name: &str) -> BTreeSet<(&'static str, String)> {
    let mut held = BTreeSet::new();
    let kinds = [
        ("upload", "_uploads"),
        ("blob", "_layers/sha256"),
        ("manifest", "_manifests/revisions/sha256"),
        ("tag", "_manifests/tags"),
    ];
    for (kind, part) in kinds {
        for entry in fs::read_dir(registry.repository(name).join(part)).into_iter().flatten() {
            let id = entry.unwrap().file_name().into_string().unwrap();
            let files = registry.files(name, &format!("{part}/{id}"));
            let is_there = |file: &std::path::PathBuf| match kind {
                "upload" => file.ends_with("startedat") || file.ends_with("data"),
                "tag" => file.ends_with("current/link"),
                _ => file.ends_with("link"),
            };
            if files.iter().any(is_there) {
                held.insert((kind, id));
            }
        }
    }
    held
}
