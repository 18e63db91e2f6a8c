//! `canship demo`: a real drill with nothing but the binary, git and a shell, and what a no looks like.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should stop it there")]

mod support;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use support::{Canship, Services, run::Ran};

/// A place for a demo: a folder that is not there yet.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("demo")
    }

    fn demo(&self) -> Canship {
        Canship::new(&["demo"]).argument(self.folder())
    }
}

/// The paths below `Look at`.
fn to_look_at(ran: &Ran) -> Vec<&Path> {
    let lines = ran.stdout.lines().skip_while(|line| *line != "Look at").skip(1);
    lines.take_while(|line| line.starts_with("  ")).map(|line| Path::new(line.trim())).collect()
}

/// The commands below `Try next`, without what they are for.
fn to_try(ran: &Ran) -> Vec<Vec<&str>> {
    let lines = ran.stdout.lines().skip_while(|line| *line != "Try next").skip(1).map(str::trim);
    let commands = lines.filter_map(|line| line.strip_prefix("canship "));
    commands.map(|line| line.split("   ").next().unwrap().split_whitespace().collect()).collect()
}

#[track_caller]
fn ships(place: &Place, demo: &Canship, spare: &str) {
    let ran = demo.run().ends(0, "can-ship");
    assert!(ran.stdout.contains(&format!("spare `{spare}`")), "{}", ran.stdout);
    for phase in ["probe", "fetch", "build", "tag", "publish", "smoke", "clean"] {
        assert_eq!(ran.phase(phase), "passed", "{phase}");
    }
    assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
    assert!(!ran.json["limits"].as_array().unwrap().is_empty(), "its limits are told");
    let look = to_look_at(&ran);
    assert_eq!(look[0], place.folder().join("project/canship.yaml"));
    for path in &look {
        assert!(path.is_file(), "{} is told to be looked at", path.display());
    }
    let tries = to_try(&ran);
    assert_eq!(tries.len(), 4, "{tries:?}");
    for arguments in tries.iter().filter(|arguments| arguments[0] != "demo") {
        let call = Canship::new(arguments).run_as_is();
        assert_eq!((call.code, call.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
    assert!(tries.iter().any(|arguments| arguments[0] == "report") && tries.iter().any(|arguments| arguments[0] == "plan"));
}

#[test]
fn it_ships_from_this_machine() {
    let place = Place::new();
    // Its own log, where it says that it lies.
    let ran = place.demo().argument("--host").run_as_is();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
    let log = place.folder().join("drill.jsonl");
    assert!(to_look_at(&ran).contains(&log.as_path()), "{}", ran.stdout);
    let report = Canship::new(&["report", "--from"]).argument(&log).run_as_is();
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(ran.stdout.contains(&report.stdout), "the same report later");

    let place = Place::new();
    ships(&place, &place.demo().argument("--host"), "this-machine");
}

#[test]
fn it_ships_from_a_clean_room() {
    let place = Place::new();
    let image = Services::get().image;
    ships(&place, &place.demo().argument("--image").argument(image), "clean-room");
}

#[test]
fn without_an_engine_it_builds_on_this_machine() {
    let place = Place::new();
    ships(&place, &place.demo().variable("DOCKER_HOST", "unix:///nowhere/docker.sock"), "this-machine");
}

#[test]
fn it_needs_no_folder_and_leaves_nothing_but_its_own() {
    let canship = Canship::new(&["demo", "--host"]);
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
    let made: Vec<_> = fs::read_dir(canship.temporary()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(to_look_at(&ran).iter().all(|path| path.starts_with(&made[0])), "{}", ran.stdout);
}

#[test]
fn an_empty_folder_is_taken_and_may_be_named_from_where_one_stands() {
    let canship = Canship::new(&["demo", "--host", "--quiet", "here/below"]);
    fs::create_dir_all(canship.folder().join("here/below")).unwrap();
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.starts_with("CAN SHIP") && !ran.stdout.contains("Look at"), "just the report: {}", ran.stdout);
    assert!(canship.folder().join("here/below/drill.jsonl").is_file());
}

#[test]
fn what_is_broken_is_the_first_finding_on_every_spare() {
    let image = Services::get().image;
    for (what, rule, told) in [
        ("registry", "registry-forbidden", "this user may only pull"),
        ("secret", "secret-missing", "REGISTRY_PASSWORD"),
        ("build", "build-step-failed", "greeted with: Hullo, Ada!"),
        ("tag", "tag-refused", "tags are protected: ask the release managers"),
    ] {
        for spare in [&["--host"][..], &["--image", &image]] {
            let place = Place::new();
            let demo = spare.iter().fold(place.demo().argument("--break").argument(what), Canship::argument);
            let ran = demo.run().ends(10, "cannot-ship");
            assert_eq!(ran.rules()[0], rule, "{what}: {}", ran.stdout);
            assert!(ran.json["findings"][0].to_string().contains(told), "{what}: {}", ran.stdout);
            assert!(!ran.first_advice().is_empty(), "{what}");
            assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{what}: {}", ran.stdout);
            assert!(to_try(&ran).contains(&vec!["demo"]), "{}", ran.stdout);
        }
    }
}

#[test]
fn a_place_that_is_taken_is_refused_and_left_as_it_is() {
    let place = Place::new();
    fs::create_dir(place.folder()).unwrap();
    fs::write(place.folder().join("thesis.txt"), "years of work").unwrap();
    let file = place.0.path().join("file");
    fs::write(&file, "a file").unwrap();
    for taken in [place.folder(), file.clone()] {
        let ran = Canship::new(&["demo", "--host"]).argument(&taken).run_as_is();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(&*taken.to_string_lossy()), "{}", ran.stderr);
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    }
    let names: Vec<_> = fs::read_dir(place.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["thesis.txt"]);
    assert_eq!(fs::read_to_string(place.folder().join("thesis.txt")).unwrap(), "years of work");
    assert_eq!(fs::read_to_string(file).unwrap(), "a file");
}

#[test]
fn without_git_it_says_so() {
    let place = Place::new();
    let tools = tempfile::tempdir().unwrap();
    symlink("/bin/sh", tools.path().join("sh")).unwrap();
    let ran = place.demo().argument("--host").variable("PATH", tools.path()).run_as_is();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("install git"), "{}", ran.stderr);
    assert!(!place.folder().exists(), "nothing is left of it");
}

#[test]
fn the_password_of_its_registry_is_for_its_owner_only() {
    let place = Place::new();
    let ran = place.demo().argument("--host").run().ends(0, "can-ship");
    let file = place.folder().join("registry-password");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let password = fs::read_to_string(file).unwrap();
    assert!(password.len() >= 32 && !ran.everything().contains(&password), "{}", ran.stdout);
}

#[test]
fn the_users_own_git_settings_take_no_part() {
    let place = Place::new();
    let demo = place.demo().argument("--host");
    let home = demo.folder().join("home");
    let hooks = home.join("hooks");
    fs::create_dir(&hooks).unwrap();
    for hook in ["pre-commit", "post-checkout", "pre-push"] {
        fs::write(hooks.join(hook), "#!/bin/sh\necho this hook ran >&2\nexit 1\n").unwrap();
        fs::set_permissions(hooks.join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let settings = format!(
        "[core]\n\thooksPath = {}\n[commit]\n\tgpgSign = true\n[tag]\n\tgpgSign = true\n[gpg]\n\tprogram = /bin/false\n[init]\n\tdefaultBranch = trunk\n",
        hooks.display()
    );
    fs::write(home.join(".gitconfig"), settings).unwrap();
    ships(&place, &demo.variable("GIT_DIR", "/nowhere").variable("GIT_WORK_TREE", "/nowhere"), "this-machine");
}
