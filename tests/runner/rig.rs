//! A project whose spare is a runner of a simulated forge, and a drill of it.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use canship::record::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::{
    simulator::{
        github::{self, GitHub},
        gitlab::{self, GitLab},
        runner::Machine,
        server::Simulator,
        world::World,
    },
    support::{
        Canship, Project, Services,
        project::{Plan, unique},
        run::Ran,
    },
};

/// What a forge is to a rig.
pub(crate) trait Forge: World + Sized {
    const TOKEN: &'static str;
    /// The plan's name for what it runs.
    const WORKFLOW: &'static str;
    /// With a real repository, and one spare runner on this machine.
    fn with(origin: &Path, machine: Machine) -> Self;
    /// The plan's key.
    fn primary(url: &str) -> String;
    /// What is in the repository for it.
    fn files() -> Vec<(&'static str, String)>;
    /// Somebody has pushed.
    fn look(&mut self, origin: &Path);
    /// Lists lag behind.
    fn lag(&mut self);
    /// Sets a variable that all jobs get.
    fn variable(&mut self, name: &str, value: &str);
}

impl Forge for GitHub {
    const TOKEN: &'static str = github::TOKEN;
    const WORKFLOW: &'static str = "canship-spare.yml";

    fn with(origin: &Path, machine: Machine) -> Self {
        Self::new("acme/api").on(origin).runner("spare-1", &["spare"]).machine("spare-1", machine)
    }

    fn primary(url: &str) -> String {
        format!("  github: {{ url: \"{url}\", repository: acme/api, workflows: [release.yml], token: TOKEN }}")
    }

    fn files() -> Vec<(&'static str, String)> {
        vec![
            (".github/workflows/canship-spare.yml", pipeline("github/spare.yml")),
            (".github/actions/canship/action.yml", pipeline("github/action/action.yml")),
            (
                ".github/workflows/release.yml",
                "on: { push: { tags: ['v*'] } }\njobs: { ship: { runs-on: ubuntu-latest, steps: [{ run: make ship }] } }\n"
                    .to_owned(),
            ),
        ]
    }

    fn look(&mut self, origin: &Path) {
        *self = self.clone().on(origin);
    }

    fn lag(&mut self) {
        self.list_lag = 3;
    }

    fn variable(&mut self, name: &str, value: &str) {
        self.set_variable(name, value);
    }
}

/// A project's own pipeline on GitLab, whose stages are its own, and whose jobs would be in every pipeline.
const GITLAB: &str = "stages: [build, publish]
build: { stage: build, script: make }
release: { stage: publish, script: make ship }
";

impl Forge for GitLab {
    const TOKEN: &'static str = gitlab::TOKEN;
    const WORKFLOW: &'static str = "canship-spare";

    fn with(origin: &Path, machine: Machine) -> Self {
        Self::new("acme/api").on(origin).runner("spare-1", &["self-hosted", "spare"]).machine("spare-1", machine)
    }

    fn primary(url: &str) -> String {
        format!("  gitlab: {{ url: \"{url}\", project: acme/api, token: TOKEN }}")
    }

    fn files() -> Vec<(&'static str, String)> {
        vec![
            (".gitlab-ci.yml", pipeline("gitlab/gitlab-ci.yml")),
            ("ci/project.yml", GITLAB.to_owned()),
            ("ci/canship.yml", pipeline("gitlab/canship.yml")),
            ("ci/spare.yml", pipeline("gitlab/spare.yml").replace("tags: [spare]", "tags: [self-hosted, spare]")),
        ]
    }

    fn look(&mut self, origin: &Path) {
        *self = self.clone().on(origin);
    }

    fn lag(&mut self) {
        self.list_lag = 3;
    }

    fn variable(&mut self, name: &str, value: &str) {
        self.set_variable(name, value);
    }
}

/// A ready pipeline of ours, for the binary that the runner has.
pub(crate) fn pipeline(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace(&"0".repeat(64), digest())
}

/// A forge with a spare runner, and a project that is drilled there.
pub(crate) struct Rig<F: Forge> {
    pub(crate) project: Project,
    pub(crate) forge: Simulator<F>,
    /// The repository that drills push to.
    pub(crate) scratch: String,
    plan: Plan,
    programs: TempDir,
}

impl<F: Forge> Rig<F> {
    /// One in which all is well.
    pub(crate) fn new() -> Self {
        Self::on(Machine::usual())
    }

    /// One whose runner is on such a machine, which also has canship.
    pub(crate) fn on(machine: Machine) -> Self {
        let services = Services::get();
        let programs = tempfile::tempdir().unwrap();
        symlink(env!("CARGO_BIN_EXE_canship"), programs.path().join("canship")).unwrap();
        let own = unique();
        let scratch = format!("{}/{own}/drill", services.open);
        let publish = format!("  - oci: {}/{own}/tool\n    scratch: {scratch}\n", services.open);
        let mut plan = Plan::on_host(&services).publish(publish).secret("TOKEN", "{ env: CANSHIP_TOKEN }");
        let project = Project::new(&plan);
        plan.mirror = project.beside("mirror.git").display().to_string();
        plan.spare = spare(F::WORKFLOW, "2m");
        let forge = Simulator::start(F::with(&project.beside("origin.git"), machine.with_programs(programs.path().to_owned())));
        plan.more = format!("primary:\n{}", F::primary(forge.url()));
        let rig = Self { project, forge, scratch, plan, programs };
        for (name, text) in F::files() {
            rig.project.write(name, &text);
        }
        rig.push();
        rig
    }

    /// How long the spare may take to pick a job up.
    #[must_use]
    pub(crate) fn pick_up(mut self, time: &str) -> Self {
        self.plan.spare = spare(F::WORKFLOW, time);
        self.push();
        self
    }

    /// With another plan.
    #[must_use]
    pub(crate) fn plan(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self.push();
        self
    }

    /// With a file of the repository changed.
    #[must_use]
    pub(crate) fn edit(self, name: &str, change: impl FnOnce(String) -> String) -> Self {
        let text = fs::read_to_string(self.project.path().join(name)).unwrap_or_default();
        self.project.write(name, &change(text));
        self.push();
        self
    }

    /// Plan and files as the forge has them.
    fn push(&self) {
        self.project.plan(&self.plan);
        self.project.git(&["add", "-A"]);
        self.project.git(&["commit", "-q", "--allow-empty", "-m", "Change"]);
        self.project.git(&["push", "-q", "origin", "HEAD:main"]);
        self.forge.with(|world| world.look(&self.project.beside("origin.git")));
    }

    /// A drill on the spare runner, still to be started.
    pub(crate) fn drill(&self) -> Canship {
        Canship::drill(&self.project).argument("--spare").argument("spare-runner").variable("CANSHIP_TOKEN", F::TOKEN)
    }

    pub(crate) fn run(&self) -> Ran {
        let ran = self.drill().run();
        assert!(!ran.everything().contains(F::TOKEN), "the token was told");
        ran
    }

    /// A folder of programs that the runner's machine has before all others.
    pub(crate) fn programs(&self) -> PathBuf {
        self.programs.path().to_owned()
    }

    /// The tags that are in the scratch repository.
    pub(crate) fn pushed(&self) -> Vec<String> {
        let (host, name) = self.scratch.split_once('/').unwrap();
        let url = format!("http://{host}/v2/{name}/tags/list");
        let answer = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            client.get(url).send().await.unwrap().text().await.unwrap()
        });
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["tags"].as_array().into_iter().flatten().map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }
}

fn spare(workflow: &str, pick_up: &str) -> String {
    format!(
        "{{ name: spare-runner, runner: {{ labels: [self-hosted, spare], workflow: {workflow}, pick_up: {pick_up}, poll: 100ms }} }}\n  \
         - {{ name: by-hand, host: {{}} }}"
    )
}

/// The SHA-256 of the binary that the runner has.
fn digest() -> &'static str {
    static DIGEST: OnceLock<String> = OnceLock::new();
    DIGEST.get_or_init(|| {
        let (mut file, mut hash) = (fs::File::open(env!("CARGO_BIN_EXE_canship")).unwrap(), Sha256::new());
        let mut piece = vec![0; 1 << 20];
        loop {
            match file.read(&mut piece).unwrap() {
                0 => return Digest::from_sha256(&hash.finalize()).as_str().trim_start_matches("sha256:").to_owned(),
                length => hash.update(&piece[..length]),
            }
        }
    })
}
