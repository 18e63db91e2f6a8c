//! What others do to a path while it is cut, to its lease and to its token: what is told is true, and nothing stays cut
//! for it.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    fs::{CWD, Mode, OFlags, mkfifoat},
    process::Signal,
};
use serde_json::Value;

use super::{
    drills::ends,
    rig::{Forge, Rig, end, signal},
    simulator::{
        call::When,
        github::GitHub,
        gitlab::GitLab,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

/// Writes over the lease of a drill that is held after everything was turned off.
fn with_lease(rig: &Rig<GitHub>, change: impl FnOnce(&mut Value)) {
    rig.forge.with(|world| {
        let lease = &mut world.variables.get_mut("CANSHIP_LEASE").unwrap().value;
        let mut said: Value = serde_json::from_str(lease).unwrap();
        change(&mut said);
        *lease = said.to_string();
    });
}

/// The lease is that of another drill, which began later.
fn of_another(said: &mut Value, begun: usize) {
    said["drill"] = "29990101-000000-0000000a".into();
    said["host"] = "0000000000000001".into();
    said["who"] = "mallory".into();
    said["cut_at"] = "2999-01-01T00:00:00Z".into();
    said["begun"] = begun.into();
}

#[test]
fn what_a_token_may_see_no_more_is_not_said_to_be_gone() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.all_off();
    // A right that was taken away is answered as if there were nothing.
    rig.forge.trouble(When::route("GET", "/actions/workflows"), Trouble::Refused(Refusal::Hidden));
    rig.forge.trouble(When::route("PUT", "/actions/workflows"), Trouble::Refused(Refusal::Rights));
    stop.go_on();
    let ran = ends(end(drill), 30);
    assert!(ran.stdout.contains("MAY STILL BE CUT") && !ran.stdout.contains("REMOVED"), "{}", ran.stdout);
    assert!(!rig.wrong().is_empty());
    // The watchdog goes on, and gives back once it may again.
    rig.forge.calm();
    rig.machine.await_watchdogs();
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn what_is_left_to_the_drill_that_took_the_lease_over_is_never_said_to_be_back() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.all_off();
    with_lease(&rig, |said| of_another(said, 1));
    stop.go_on();
    let ran = ends(end(drill), 30);
    assert!(ran.stdout.contains("workflow `release.yml` is left to the drill that took the lease over"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("which was read back"), "{}", ran.stdout);
    let wrong = rig.wrong().join("\n");
    assert!(
        wrong.contains("workflows/release.yml: was") && !wrong.contains("workflows/nightly.yml: was"),
        "what the other had not begun is back: {wrong}"
    );
    // It stays noted, and is the other's for as long as that may live.
    let ran = ends(rig.recover_here(), 0);
    assert!(ran.stdout.contains("in the hands of drill 29990101-000000-0000000a"), "{}", ran.stdout);
    with_lease(&rig, |said| said["lease_until"] = "2020-01-01T00:00:00Z".into());
    let ran = ends(rig.recover_here(), 0);
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn a_path_that_was_on_again_while_it_shipped_proves_nothing() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.all_off();
    rig.forge.with(|world| {
        let release = world.workflows.iter_mut().find(|one| one.path.ends_with("release.yml"));
        release.unwrap().state = "active".to_owned();
    });
    stop.go_on();
    let ran = ends(end(drill), 20);
    assert!(ran.stdout.contains("workflow `release.yml` was `active` before it was given back"), "{}", ran.stdout);
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn a_last_look_that_the_forge_does_not_answer_does_not_keep_the_path_cut() {
    let rig = Rig::<GitHub>::new();
    let go = rig.machine.state().join("go");
    mkfifoat(CWD, &go, Mode::RUSR | Mode::WUSR).unwrap();
    let plan = fs::read_to_string(rig.plan()).unwrap();
    let waits = format!("run: [read word <{} && mkdir dist", go.display());
    fs::write(rig.plan(), plan.replace("run: [mkdir dist", &waits).replace("api: 5s", "api: 5m")).unwrap();
    let mut drill = rig.drill().spawn().unwrap();
    // Open once the build reads it, which begins when everything is seen to be off.
    let build = loop {
        match rustix::fs::open(&go, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(build) => break build,
            Err(reason) => assert!(drill.try_wait().unwrap().is_none(), "the drill has ended without its build: {reason}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    rig.forge.trouble(When::route("GET", "/actions/workflows/").times(2), Trouble::Stall);
    File::from(build).write_all(b"go\n").unwrap();
    let ran = ends(end(drill), 20);
    for name in ["release.yml", "nightly.yml"] {
        let told = format!("whether workflow `{name}` was away to the end is not known: no answer came within 5.0 s");
        let said: Vec<_> = ran.stdout.split_whitespace().collect();
        assert!(said.join(" ").contains(&told), "{}", ran.stdout);
    }
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn a_lease_that_runs_longer_than_any_is_written_for_is_no_reason_to_look_away() {
    let rig = Rig::<GitHub>::cut_and_dead();
    with_lease(&rig, |said| {
        for key in ["cut_at", "deadline", "lease_until"] {
            said[key] = "2999-01-01T00:00:00Z".into();
        }
    });
    let ran = ends(rig.recover_elsewhere(&[]), 30);
    assert!(ran.stdout.contains("the clock of that machine or of this one is wrong"), "{}", ran.stdout);
    assert!(ran.stdout.contains("canship recover --now"), "{}", ran.stdout);
    ends(rig.recover_elsewhere(&["--now"]), 0);
    rig.assert_as_before(&ran.stdout);
}

fn a_refusal_that_passes_ends_only_the_drill<F: Forge>(refusal: Refusal) {
    let rig = Rig::<F>::new();
    let (drill, stop) = rig.all_off();
    rig.forge.trouble(When::always(), Trouble::Refused(refusal));
    stop.go_on();
    let ran = ends(end(drill), 30);
    assert!(!rig.wrong().is_empty() && rig.machine.has_watchdog(), "{}", ran.stdout);
    rig.forge.calm();
    rig.machine.await_watchdogs();
    rig.assert_as_before(&ran.stdout);
}

#[test]
fn a_refusal_that_passes_ends_only_the_drill_on_github() {
    a_refusal_that_passes_ends_only_the_drill::<GitHub>(Refusal::Credentials);
}

#[test]
fn a_refusal_that_passes_ends_only_the_drill_on_gitlab() {
    a_refusal_that_passes_ends_only_the_drill::<GitLab>(Refusal::Credentials);
}

#[test]
fn a_drill_that_hangs_in_what_it_prints_leaves_nothing_cut() {
    let rig = Rig::<GitHub>::new();
    let plan = fs::read_to_string(rig.plan()).unwrap();
    let wordy = plan.replace("cp tool.sh dist/tool]", "cp tool.sh dist/tool && seq 1 200000 && sleep 60]");
    assert_ne!(plan, wordy);
    fs::write(rig.plan(), wordy).unwrap();
    // A pipe that nobody reads takes nothing after its first 64 KiB.
    let (mut unread, full) = std::io::pipe().unwrap();
    let mut drill: Command = rig.drill();
    drill.stdout(full.try_clone().unwrap()).stderr(Stdio::from(full));
    let mut drill = drill.spawn().unwrap();
    rig.forge.await_world(|world| world.workflows.iter().filter(|one| one.state == "disabled_manually").count() == 3);
    signal(&drill, Signal::TERM);
    signal(&drill, Signal::TERM);
    let usual = GitHub::usual();
    rig.forge.await_world(|world| {
        let states = |world: &GitHub| world.workflows.iter().map(|one| one.state.clone()).collect::<Vec<_>>();
        states(world) == states(&usual) && !world.variables.contains_key("CANSHIP_LEASE")
    });
    std::thread::spawn(move || drop(unread.read_to_end(&mut Vec::new())));
    let code = drill.wait().unwrap().code();
    assert!(matches!(code, Some(30 | 143)), "{code:?}");
    rig.machine.await_watchdogs();
    rig.assert_as_before("after it was read");
}

#[test]
fn no_secret_of_the_plan_stands_in_the_lease() {
    let rig = Rig::<GitHub>::new();
    let plan = fs::read_to_string(rig.plan()).unwrap();
    let named = plan
        .replace("release: tool", "release: hunter2-correct-horse")
        .replace("secrets:\n", "secrets:\n  OTHER: { env: OTHER }\n");
    fs::write(rig.plan(), named).unwrap();
    let mut drill = rig.drill();
    drill.env("OTHER", "hunter2-correct-horse").env("USER", "hunter2-correct-horse");
    let (drill, stop) = rig.held(drill, (GitHub::last_off(), Moment::After));
    let lease = rig.forge.with(|world| world.variables["CANSHIP_LEASE"].value.clone());
    stop.go_on();
    end(drill);
    assert!(lease.contains("a drill of ***") && !lease.contains("hunter2"), "{lease}");
}
