//! A step may mount what is not the drill's: as root it may bind any folder into its room. Nothing of that is ever deleted.
//!
//! Each drill runs with mounts of its own, which go with its last process: what a test leaves can be removed as usual.

use std::{fs, os::fd::AsRawFd as _, path::PathBuf, process::Command};

use crate::{
    ground::{Cleaned, Host, event, kill, processes_of},
    lab::Lab,
    support::{Canship, Project},
};

const OWN_MOUNTS: [&str; 3] = ["unshare", "--mount", "--"];

/// Whether this user may mount. Who may not has no such step either.
#[expect(clippy::print_stderr, reason = "what is skipped is told")]
fn may_mount() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut call = Command::new(OWN_MOUNTS[0]);
    let may = call.args(&OWN_MOUNTS[1..]).args(["mount", "--bind"]).args([folder.path(); 2]).output().unwrap().status.success();
    if !may {
        eprintln!("skipped: this user may not mount");
    }
    may
}

/// Files that are not canship's, and a step that mounts them into the room: a folder and a single file.
struct Precious(tempfile::TempDir);

impl Precious {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        for name in ["data", "below/data"] {
            fs::write(folder.path().join(name), "years of work").unwrap();
        }
        Self(folder)
    }

    fn mounting(&self) -> String {
        let own = self.0.path().display();
        format!("mkdir -p 'root fs/mnt' && touch file && mount --bind {own} 'root fs/mnt' && mount --bind {own}/data file")
    }

    #[track_caller]
    fn is_whole(&self) {
        for name in ["data", "below/data"] {
            assert_eq!(fs::read_to_string(self.0.path().join(name)).unwrap(), "years of work");
        }
    }
}

/// What may be left of a drill's folder: the way to what was mounted.
fn files_of(host: &Host) -> Vec<PathBuf> {
    let (mut files, mut next) = (Vec::new(), vec![host.temporary()]);
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { next.push(entry) } else { files.push(entry) }
        }
    }
    files
}

fn wrapped(call: Canship) -> Canship {
    call.wrapped(OWN_MOUNTS.map(str::to_owned).into())
}

#[test]
fn what_a_step_has_mounted_is_left_alone_and_named() {
    if !may_mount() {
        return;
    }
    let (lab, precious) = (Lab::open(), Precious::new());
    let builds = "mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool";
    let (host, project) = (Host::new(), Project::new(&lab.plan().run(&[&precious.mounting(), builds])));
    let ran = wrapped(host.drill(&project)).run().ends(0, "can-ship");
    precious.is_whole();
    let left = ran.json["leftovers"].to_string();
    for told in ["something is mounted at", "umount -R", "root fs/mnt'", "/src/file, then", "canship clean"] {
        assert!(left.contains(told), "{told}: {left}");
    }
    let names: Vec<_> = files_of(&host).into_iter().filter_map(|file| file.file_name().map(ToOwned::to_owned)).collect();
    assert_eq!(names, ["file"], "all but what is mounted is gone");
    assert_eq!(host.journals().len(), 1, "whoever cleans next looks there");
    host.cleans_all(&project);
    assert_eq!((host.folders(), host.journals()), (Vec::new(), Vec::new()));
    precious.is_whole();
}

#[test]
fn what_a_killed_drill_has_mounted_is_left_alone_by_cleaning() {
    if !may_mount() {
        return;
    }
    let (lab, precious) = (Lab::open(), Precious::new());
    let step = format!("{} && echo running && sleep 100000", precious.mounting());
    let (host, project) = (Host::new(), Project::new(&lab.plan().run(&[&step])));
    let mut running = wrapped(host.drill(&project)).start();
    running.await_event(event("step-output"));
    // Its mounts are there as long as somebody holds them.
    let mounts = fs::File::open(format!("/proc/{}/ns/mnt", running.id())).unwrap();
    let namespace = format!("--mount=/proc/{}/fd/{}", std::process::id(), mounts.as_raw_fd());
    let drill = kill(running);

    let cleans = || host.clean(&project).wrapped(["nsenter", &namespace, "--"].map(str::to_owned).into());
    for _ in 0..2 {
        let cleaned = Cleaned::new(&cleans());
        assert_eq!(cleaned.ran.code, Some(11), "{}", cleaned.ran.stdout);
        let left = cleaned.left();
        assert!(left.len() == 1 && left[0].contains("something is mounted at") && left[0].contains("umount -R"), "{left:?}");
        precious.is_whole();
    }
    assert_eq!(processes_of(&drill), Vec::<u32>::new());
    drop(mounts);
    host.cleans_all(&project);
    assert_eq!(host.folders(), Vec::<String>::new());
    precious.is_whole();
}
