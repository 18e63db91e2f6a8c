//! A registry over TLS, an authority, a cable to where the drill runs, and drills of a small project.

use std::{collections::HashMap, fs};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    certificates::{Authority, Files, Flaw},
    forward::{Forward, Manners},
    git_server,
    namespace::Namespace,
    registry::server::{Auth, PASSWORD, Registry, USER},
    support::{Canship, Project, Services, project::Plan},
};

/// How the servers are called where a proxy finds them.
pub(crate) const REGISTRY: &str = "registry.test:443";
const GIT: &str = "git.test:443";

/// A registry that asks for user and password.
pub(crate) struct Lab {
    pub(crate) runtime: Runtime,
    pub(crate) namespace: Namespace,
    pub(crate) authority: Authority,
    pub(crate) folder: TempDir,
    pub(crate) registry: Registry,
}

impl Lab {
    /// One that is reached directly, with a certificate of this kind.
    pub(crate) fn with(flaw: Flaw) -> Self {
        let namespace = Namespace::new();
        let address = namespace.address.clone();
        Self::new(namespace, &address, &[&address], flaw)
    }

    /// One on this machine's loopback, where only a proxy on this machine reaches it.
    pub(crate) fn behind_a_proxy() -> Self {
        Self::new(Namespace::new(), "127.0.0.1", &["registry.test"], Flaw::None)
    }

    fn new(namespace: Namespace, address: &str, hosts: &[&str], flaw: Flaw) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Acme Test CA");
        let Files { certificate, key } = authority.issue(folder.path(), hosts, flaw);
        let registry = Registry::start_at(address, &Auth::Htpasswd, Some((&certificate, &key)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime, namespace, authority, folder, registry }
    }

    /// A project that publishes to the registry under this name, built on this machine.
    pub(crate) fn project(&self, registry: &str, change: impl FnOnce(Plan) -> Plan) -> Project {
        let target = format!(
            "  - oci: {registry}/acme/tool\n    login: {{ username: {USER}, password: PASSWORD }}\n    scratch: {registry}/acme/drill\n"
        );
        let plan = Plan::on_host(&Services::get()).publish(target).secret("PASSWORD", "{ env: TEST_PASSWORD }");
        let project = Project::new(&change(plan));
        fs::write(project.beside("ca.pem"), self.authority.pem()).unwrap();
        project
    }

    /// A proxy on this machine that knows where the registry and these repositories are.
    pub(crate) fn proxy(&self, repositories: &Project, manners: Manners) -> Forward {
        let folder = self.folder.path().join("git");
        fs::create_dir_all(&folder).unwrap();
        let tls = self.authority.issue(&folder, &["git.test"], Flaw::None).server();
        self.runtime.block_on(async {
            let git = git_server::start(repositories.beside(""), tls).await;
            let mut names = HashMap::from([(REGISTRY.to_owned(), self.registry.address.clone()), (GIT.to_owned(), git)]);
            names.extend(manners.names.clone());
            Forward::start(&self.namespace.address, Manners { names, ..manners }).await
        })
    }

    /// A drill in the namespace, which the cable alone leads out of.
    pub(crate) fn drill_inside(&self, project: &Project) -> Canship {
        drill(project).wrapped(self.namespace.wrapper())
    }
}

/// A drill with all that plans of a lab need.
pub(crate) fn drill(project: &Project) -> Canship {
    Canship::drill(project).variable("TEST_PASSWORD", PASSWORD)
}

/// The plan trusts the lab's authority.
pub(crate) fn trusting(plan: Plan) -> Plan {
    Plan { more: plan.more + "trust: [../ca.pem]\n", ..plan }
}

/// The plan's mirror is reached over https.
pub(crate) fn mirrored_over_https(project: &Project) {
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    fs::write(project.plan_file(), plan.replace("../mirror.git", "https://git.test/mirror.git")).unwrap();
}
