//! A host: one state folder and one folder for temporary files for all its calls.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    lab::{Lab, REPOSITORIES, held},
    support::{
        Canship, Project, Services,
        project::Plan,
        run::{Ran, Running},
    },
};

/// A step that goes on until it is ended.
pub(crate) const ENDLESS: &str = "echo running; sleep 100000";

/// What calls of the same host share.
pub(crate) struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    /// Another host that has the same folder for temporary files: what is shared over a network, or a machine that lost its
    /// state.
    pub(crate) fn beside(&self) -> Self {
        let other = Self::new();
        fs::remove_dir(other.temporary()).unwrap();
        std::os::unix::fs::symlink(self.temporary(), other.temporary()).unwrap();
        other
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state/canship")
    }

    /// Where the journal of a drill is.
    pub(crate) fn journal(&self, drill: &str) -> PathBuf {
        self.state().join("drills").join(drill).join("journal.jsonl")
    }

    fn on(&self, call: Canship) -> Canship {
        call.variable("XDG_STATE_HOME", self.folder.path().join("state")).variable("TMPDIR", self.temporary())
    }

    pub(crate) fn drill(&self, project: &Project) -> Canship {
        self.on(Canship::drill(project))
    }

    pub(crate) fn clean(&self, project: &Project) -> Canship {
        self.on(Canship::new(&["clean", "--format", "json"]).argument("--plan").argument(project.plan_file()))
    }

    /// Starts a drill, and kills it at the first event that `wanted` accepts. Gives its id.
    pub(crate) fn kill_at(&self, project: &Project, wanted: impl Fn(&Value) -> bool) -> String {
        let mut running = self.drill(project).start();
        running.await_event(wanted);
        kill(running)
    }

    /// The folders of drills that lie in the folder for temporary files.
    pub(crate) fn folders(&self) -> Vec<String> {
        names(&self.temporary())
    }

    /// The drills that have a journal.
    pub(crate) fn journals(&self) -> Vec<String> {
        names(&self.state().join("drills"))
    }

    /// Cleans, with everything gone afterwards.
    #[track_caller]
    pub(crate) fn cleans_all(&self, project: &Project) -> Cleaned {
        let cleaned = Cleaned::new(&self.clean(project));
        assert_eq!(cleaned.ran.code, Some(0), "{}\n{}", cleaned.ran.stdout, cleaned.ran.stderr);
        assert_eq!(cleaned.left(), Vec::<String>::new());
        cleaned
    }
}

/// Kills a drill. Gives its id.
pub(crate) fn kill(running: Running) -> String {
    running.signal(Signal::KILL);
    let ran = running.finish();
    assert_eq!(ran.code, Some(-9), "{}", ran.stderr);
    ran.drill()
}

/// What a cleaning told.
pub(crate) struct Cleaned {
    pub(crate) ran: Ran,
    json: Value,
}

impl Cleaned {
    #[track_caller]
    pub(crate) fn new(call: &Canship) -> Self {
        let ran = call.run_as_is();
        let json = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}\n{}", ran.stdout, ran.stderr));
        Self { ran, json }
    }

    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        self.json[key].as_array().unwrap().iter().map(|what| what.as_str().unwrap().to_owned()).collect()
    }

    /// What is left: each with a reason and a remedy.
    pub(crate) fn left(&self) -> Vec<String> {
        let text = |left: &Value, key: &str| left[key].as_str().filter(|text| !text.is_empty()).unwrap().to_owned();
        let left = self.json["left"].as_array().unwrap();
        left.iter().map(|left| format!("{}: {}; {}", text(left, "what"), text(left, "reason"), text(left, "remedy"))).collect()
    }
}

/// Whether an event is the one that is waited for.
pub(crate) type Wanted = Box<dyn Fn(&Value) -> bool>;

pub(crate) fn event(name: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == name
}

pub(crate) fn phase(name: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == "phase-started" && event["phase"] == name
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Both kinds of spare, publishing to this lab.
pub(crate) fn plans(lab: &Lab) -> [Plan; 2] {
    [in_clean_room(lab), lab.plan()]
}

pub(crate) fn in_clean_room(lab: &Lab) -> Plan {
    Plan::in_clean_room(&Services::get()).publish(lab.target())
}

/// Asserts that nothing of this drill is anywhere.
#[track_caller]
pub(crate) fn nothing_is_left(host: &Host, project: &Project, (lab, drill): (&Lab, &str)) {
    assert_eq!(project.mirror_refs(), "refs/heads/main\n");
    assert_eq!(on_engine(drill), Vec::<String>::new());
    assert_eq!(host.folders(), Vec::<String>::new());
    assert_eq!(host.journals(), Vec::<String>::new());
    assert_eq!(processes_of(drill), Vec::<u32>::new());
    for repository in REPOSITORIES {
        let left = held(&lab.registry, repository);
        assert!(left.is_empty(), "in {repository}: {left:?}");
    }
}

/// What of a drill is on the engine: containers and volumes.
pub(crate) fn on_engine(drill: &str) -> Vec<String> {
    let filter = format!("label=dev.canship.drill={drill}");
    let containers = docker(&["ps", "-aq", "--filter", &filter]);
    let volumes = docker(&["volume", "ls", "-q", "--filter", &filter]);
    containers.lines().chain(volumes.lines()).map(str::to_owned).collect()
}

#[track_caller]
pub(crate) fn docker(arguments: &[&str]) -> String {
    run("docker", arguments)
}

/// Runs a program that must succeed, and gives what it prints.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The processes that have this drill's id in a variable of canship's.
pub(crate) fn processes_of(drill: &str) -> Vec<u32> {
    let is_of_drill = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(b"CANSHIP_") && variable.windows(drill.len()).any(|part| part == drill.as_bytes()))
    };
    names(Path::new("/proc")).iter().filter_map(|name| name.parse().ok()).filter(is_of_drill).collect()
}

/// The bytes of a path, for messages about it.
pub(crate) fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}
