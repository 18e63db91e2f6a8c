//! What is wrong with the state folder is named and passed over; a drill that could not be written down does not start.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    ground::{Cleaned, Host, event, nothing_is_left, shown},
    lab::Lab,
    support::{Canship, Project, Services, project::Plan},
};

/// Damages a journal.
type Damage = fn(&Path);

/// Nothing is open at a registry then that only the journal knows.
fn after_probe(event: &serde_json::Value) -> bool {
    event["event"] == "phase-finished" && event["phase"] == "probe"
}

const DAMAGES: &[(&str, Damage)] = &[
    ("cut in the first line", |journal| fs::File::options().write(true).open(journal).unwrap().set_len(20).unwrap()),
    ("empty", |journal| fs::write(journal, "").unwrap()),
    ("no text", |journal| fs::write(journal, [0xff; 4096]).unwrap()),
    ("a line that says nothing", |journal| {
        let text = fs::read_to_string(journal).unwrap();
        fs::write(journal, format!("{text}{{\"put\":{{\"entry\":99,\"item\":{{\"kind\":\"moon\"}}}}}}\n")).unwrap();
    }),
    ("of a later canship", |journal| {
        let text = fs::read_to_string(journal).unwrap();
        fs::write(journal, text.replacen("\"journal\":1", "\"journal\":2", 1)).unwrap();
    }),
    ("huge", |journal| fs::File::options().write(true).open(journal).unwrap().set_len(1 << 40).unwrap()),
    ("a link", |journal| {
        let elsewhere = journal.with_file_name("elsewhere");
        fs::rename(journal, &elsewhere).unwrap();
        symlink(elsewhere, journal).unwrap();
    }),
    ("a folder", |journal| {
        fs::remove_file(journal).unwrap();
        fs::create_dir(journal).unwrap();
    }),
    ("gone", |journal| fs::remove_file(journal).unwrap()),
];

#[test]
fn a_damaged_journal_is_named_and_keeps_nothing_from_being_cleaned() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let mut damaged = Vec::new();
    for (what, damage) in DAMAGES {
        let drill = host.kill_at(&project, after_probe);
        damage(&host.journal(&drill));
        damaged.push((what, drill));
    }
    let whole = host.kill_at(&project, event("image-pulled"));
    let cleaned = Cleaned::new(&host.clean(&project));
    assert_eq!(cleaned.ran.code, Some(11), "{}", cleaned.ran.stdout);
    for (what, drill) in &damaged {
        let journal = shown(&host.journal(drill));
        assert!(cleaned.left().iter().any(|left| left.contains(&journal)), "{what}: {journal}\n{:?}", cleaned.left());
    }
    assert_eq!(cleaned.left().len(), damaged.len());
    let mut drills: Vec<_> = damaged.into_iter().map(|(_, drill)| drill).collect();
    drills.sort();
    assert_eq!(host.journals(), drills, "the one that is whole is done with; no other is touched");
    assert_eq!(host.folders(), Vec::<String>::new(), "what is found without a journal is removed");

    host.drill(&project).run().ends(0, "can-ship");
    for drill in drills {
        fs::remove_dir_all(host.state().join("drills").join(drill)).unwrap();
    }
    host.cleans_all(&project);
    nothing_is_left(&host, &project, (&lab, &whole));
}

#[test]
fn a_line_that_a_drill_was_killed_at_is_no_damage() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let drill = host.kill_at(&project, event("tag-read-back"));
    let journal = host.journal(&drill);
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{{\"put\":{{\"entry\":99,\"it")).unwrap();
    host.cleans_all(&project);
    nothing_is_left(&host, &project, (&lab, &drill));
}

#[test]
fn a_journal_that_names_what_is_not_a_drills_is_not_obeyed() {
    let lab = Lab::open();
    let (host, project) = (Host::new(), Project::new(&lab.plan()));
    let drill = host.kill_at(&project, after_probe);
    let precious = tempfile::tempdir().unwrap();
    fs::write(precious.path().join("mine"), "").unwrap();
    let journal = host.journal(&drill);
    let text = fs::read_to_string(&journal).unwrap();
    let put = |entry: u32, item: serde_json::Value| format!("{}\n", serde_json::json!({ "put": { "entry": entry, "item": item } }));
    let folder = put(90, serde_json::json!({ "kind": "folder", "path": precious.path() }));
    let mirror = project.beside("mirror.git");
    let tag = serde_json::json!({ "kind": "git-tag", "url": mirror, "name": "v1.0.0", "object": "0".repeat(40) });
    fs::write(&journal, format!("{text}{folder}{}", put(91, tag))).unwrap();
    project.git(&["tag", "v1.0.0"]);
    project.git(&["push", "-q", mirror.to_str().unwrap(), "--tags"]);
    let cleaned = Cleaned::new(&host.clean(&project));
    assert_eq!((cleaned.ran.code, cleaned.left().len()), (Some(11), 2), "{}", cleaned.ran.stdout);
    assert!(precious.path().join("mine").exists() && project.mirror_refs().contains("refs/tags/v1.0.0"));
}

#[test]
fn a_state_folder_that_others_own_or_may_write_is_refused() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let host = Host::new();
    fs::create_dir_all(host.state()).unwrap();
    let with_mode = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(host.state(), fs::Permissions::from_mode(mode)).unwrap();
    };
    with_mode(0o777);
    refuses(&host.drill(&project), "can be written by other users");
    with_mode(0o700);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(host.state(), Some(65534), None).unwrap();
        refuses(&host.drill(&project), "belongs to another user");
    }
}

#[track_caller]
fn refuses(call: &Canship, reason: &str) {
    let ran = call.run_as_is();
    assert_eq!(ran.code, Some(20), "{}\n{}", ran.stdout, ran.stderr);
    for words in ["nothing was changed", "XDG_STATE_HOME", reason] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

#[test]
fn without_a_place_for_its_journal_a_drill_does_not_start() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let call = Canship::drill(&project).variable("XDG_STATE_HOME", "/proc");
    refuses(&call, "/proc/canship");
    assert_eq!(fs::read_dir(call.temporary()).unwrap().count(), 0);
    assert_eq!(project.mirror_refs(), "refs/heads/main\n");
}

/// Needs the right to mount; others have no way to a full disk.
#[test]
fn on_a_full_disk_a_drill_does_not_start() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let call = Canship::drill(&project);
    let disk = call.folder().join("disk");
    fs::create_dir(&disk).unwrap();
    // Full but for folders, which need no block of a tmpfs.
    let script =
        r#"mount -t tmpfs -o size=4k,mode=700 full "$0" && head -c 4096 /dev/zero >"$0/taken" && XDG_STATE_HOME="$0" exec "$@""#;
    let inner = call.command();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(&disk).arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(20), "{said}");
    for words in ["nothing was changed", "No space left on device", "make room"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(fs::read_dir(call.temporary()).unwrap().count(), 0);
}

#[test]
fn without_a_home_the_state_lies_with_temporary_files_and_that_is_said() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let call = Canship::drill(&project).variable("HOME", "");
    let ran = call.run_as_is();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let plain = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.contains("what a killed drill left is written down in"), "{}", ran.stdout);
    assert!(
        fs::read_dir(call.temporary()).unwrap().all(|entry| entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("canship-state-"))
    );
}
