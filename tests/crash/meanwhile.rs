//! What others do while a path is cut, and several who give back at once.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{
    drills::{bounded, ends},
    rig::{Forge, Machine, Rig, Then, end, run},
    simulator::{
        call::When,
        github::GitHub,
        gitlab::GitLab,
        state::differences,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

fn is_active(world: &GitHub, file: &str) -> bool {
    world.workflows.iter().any(|one| one.path.ends_with(file) && one.state == "active")
}

/// Two dead drills on one machine: what the first had turned off last is said to be the second's.
fn two_are_dead() -> Rig<GitHub> {
    let rig = Rig::<GitHub>::new();
    bounded(&rig, "5s", "30s");
    rig.cut_and_die();
    let drills = rig.machine.state().join("canship/drills");
    let first = fs::read_dir(&drills).unwrap().flatten().next().unwrap().path();
    let id = first.file_name().unwrap().to_str().unwrap();
    // By its name it comes after the first.
    let other = format!("{}-ffffffff", id.rsplit_once('-').unwrap().0);
    let second = drills.join(&other);
    fs::create_dir(&second).unwrap();
    fs::set_permissions(&second, fs::Permissions::from_mode(0o700)).unwrap();
    for file in ["lock", "journal.jsonl"] {
        fs::copy(first.join(file), second.join(file)).unwrap();
    }
    let journal = fs::read_to_string(first.join("journal.jsonl")).unwrap();
    let is_last = |line: &&str| line.contains(r#""kind":"cut""#) && line.contains("nightly.yml");
    let (last, all_else): (Vec<&str>, Vec<&str>) = journal.lines().partition(is_last);
    assert_eq!(last.len(), 1, "{journal}");
    fs::write(first.join("journal.jsonl"), format!("{}\n", all_else.join("\n"))).unwrap();
    fs::write(second.join("journal.jsonl"), format!("{}\n{}\n", all_else[0].replace(id, &other), last[0])).unwrap();
    rig.forge.with(|world| {
        let lease = &mut world.variables.get_mut("CANSHIP_LEASE").unwrap().value;
        let mut said: serde_json::Value = serde_json::from_str(lease).unwrap();
        said["was_on"].as_array_mut().unwrap().truncate(1);
        said["begun"] = 1.into();
        *lease = said.to_string();
    });
    rig
}

#[test]
fn a_dead_drill_whose_part_stalls_holds_up_no_other() {
    let rig = two_are_dead();
    let release = rig.forge.with(|world| world.workflows.iter().find(|one| one.path.ends_with("release.yml")).unwrap().id);
    let stalled = rig.forge.stop(When::route("PUT", &format!("/workflows/{release}/enable")), Moment::Before);
    let recovery = rig.recovery().spawn().unwrap();
    rig.forge.await_world(|world| is_active(world, "nightly.yml"));
    stalled.go_on();
    let ran = ends(end(recovery), 0);
    rig.assert_as_before(&ran.stdout);
}

/// Both have seen the lease before one of them gives back.
fn two_machines_give_back_at_once<F: Forge>() {
    let rig = Rig::<F>::cut_and_dead();
    let stop = rig.forge.stop(When::route("PUT", ""), Moment::Before);
    let others = [Machine::new(), Machine::new()];
    let recoveries = [&others[0], &others[1]].map(|other| rig.recovery_elsewhere(other, &["--now"]).spawn().unwrap());
    let parts = rig.wrong().iter().filter(|wrong| !wrong.contains("CANSHIP_LEASE")).count();
    stop.reached_times(parts + 1);
    stop.go_on();
    for recovery in recoveries {
        ends(end(recovery), 0);
    }
    rig.assert_as_before("after both");
    ends(rig.recover_here(), 0);
}

#[test]
fn two_machines_give_back_at_once_on_github() {
    two_machines_give_back_at_once::<GitHub>();
}

#[test]
fn two_machines_give_back_at_once_on_gitlab() {
    two_machines_give_back_at_once::<GitLab>();
}

/// Without the line breaks of a report.
fn in_a_line(report: &str) -> String {
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Nothing of what is gone is away any more, all else is given back, and a person is told once what is gone.
fn what_somebody_removes_meanwhile_is_told_and_all_else_is_given_back<F: Forge>(part: &str, remove: fn(&mut F)) {
    let rig = Rig::<F>::new();
    let mut wanted = F::usual();
    remove(&mut wanted);
    let is_back = |rig: &Rig<F>, said: &str| {
        assert_eq!(differences(&wanted.state(), &rig.forge.state()), [] as [&str; 0], "{said}");
    };
    let json = rig.machine.state().join("drill.json");
    let mut drill = rig.drill();
    drill.arg("--json").arg(&json);
    let (drill, stop) = rig.held(drill, (F::last_off(), Moment::After));
    rig.forge.with(remove);
    stop.go_on();
    let ran = ends(end(drill), 20);
    is_back(&rig, &ran.stdout);
    let said = in_a_line(&ran.stdout);
    assert!(said.contains("somebody REMOVED a part of it meanwhile") && said.contains("[part-gone]"), "{said}");
    assert!(said.contains(&format!("{part}: REMOVED by somebody while it was away")), "{said}");
    rig.machine.await_watchdogs();
    assert!(!ran.stdout.contains("MAY STILL BE CUT"), "{}", ran.stdout);
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let is_part = |seen: &&serde_json::Value| seen["name"] == part;
    let seen = json["primary"]["parts"].as_array().unwrap().iter().find(is_part).unwrap();
    assert!(json["restored"] == "gone" && seen["gone_at"].is_string() && seen["back_at"].is_null(), "{json}");
    ends(rig.recover_here(), 0);

    // Whoever gives back what a dead drill had cut; what its watchdog saw, the next who looks tells.
    for rescuer in [Then::Watchdog, Then::Recover, Then::Elsewhere] {
        let rig = Rig::<F>::new();
        let (drill, stop) = rig.all_off();
        rig.forge.with(remove);
        rig.die(drill, &stop, rescuer);
        rig.machine.await_watchdogs();
        let recover = || if rescuer == Then::Elsewhere { rig.recover_elsewhere(&["--now"]) } else { rig.recover_here() };
        let ran = ends(recover(), 20);
        is_back(&rig, &ran.stdout);
        assert!(ran.stdout.contains(&format!("GONE          {part} of")) && ran.stdout.contains("had cut it at"), "{}", ran.stdout);
        ends(recover(), 0);
    }
}

#[test]
fn a_workflow_that_is_deleted_while_it_is_cut_is_told_to_be_gone() {
    let remove = |world: &mut GitHub| world.workflows.retain(|one| !one.path.ends_with("release.yml"));
    what_somebody_removes_meanwhile_is_told_and_all_else_is_given_back::<GitHub>("workflow `release.yml`", remove);
}

#[test]
fn a_runner_that_is_removed_while_it_is_paused_is_told_to_be_gone() {
    let remove = |world: &mut GitLab| world.runners.retain(|one| one.description != "builder");
    what_somebody_removes_meanwhile_is_told_and_all_else_is_given_back::<GitLab>("runner `builder` (#801)", remove);
}

#[test]
fn a_schedule_that_is_removed_while_it_is_inactive_is_told_to_be_gone() {
    let remove = |world: &mut GitLab| world.schedules.clear();
    what_somebody_removes_meanwhile_is_told_and_all_else_is_given_back::<GitLab>("schedule `nightly` (#802)", remove);
}

fn a_token_that_is_revoked_while_it_is_cut_ends_with_30_and_commands_for_another<F: Forge>() {
    let rig = Rig::<F>::new();
    let (drill, stop) = rig.all_off();
    rig.forge.trouble(When::always(), Trouble::Refused(Refusal::Credentials));
    stop.go_on();
    let ran = ends(end(drill), 30);
    assert!(!rig.wrong().is_empty());
    // The watchdog has the same token, and goes on trying; here it dies.
    assert!(rig.machine.has_watchdog());
    rig.machine.kill_watchdogs();
    ends(rig.recover_here(), 30);
    rig.forge.calm();
    assert!(Rig::<F>::by_hand(&ran.stdout) > 2, "{}", ran.stdout);
    rig.assert_as_before(&ran.stdout);
    ends(rig.recover_here(), 0);
}

#[test]
fn a_token_that_is_revoked_while_it_is_cut_ends_with_30_and_commands_for_another_on_github() {
    a_token_that_is_revoked_while_it_is_cut_ends_with_30_and_commands_for_another::<GitHub>();
}

#[test]
fn a_token_that_is_revoked_while_it_is_cut_ends_with_30_and_commands_for_another_on_gitlab() {
    a_token_that_is_revoked_while_it_is_cut_ends_with_30_and_commands_for_another::<GitLab>();
}

#[test]
fn another_plan_for_the_same_repository_cuts_nothing_while_a_drill_has_cut() {
    let rig = Rig::<GitHub>::new();
    let (drill, stop) = rig.all_off();
    let cut = rig.forge.state();
    // The drill that runs has read its plan.
    let plan = fs::read_to_string(rig.plan()).unwrap();
    fs::write(rig.plan(), plan.replace("release.yml, nightly.yml, old.yml", "spare.yml")).unwrap();
    let ran = ends(run(rig.with_plan(&Machine::new(), &["drill", "--cut", "--yes"])), 20);
    assert!(ran.stdout.contains("[cut-refused]"), "{}", ran.stdout);
    assert_eq!(rig.forge.state(), cut, "{}", ran.stdout);
    stop.go_on();
    ends(end(drill), 20);
    rig.assert_as_before("after the first");
}

/// Whoever gives back by a journal that has the old name, with a plan that has the new one.
fn what_was_renamed_meanwhile_is_given_back_by_its_new_name<F: Forge>() {
    // By the journal; or by the lease, elsewhere, so that the journal is all that is left.
    for is_given_back_elsewhere in [false, true] {
        let rig = Rig::<F>::cut_and_dead();
        if is_given_back_elsewhere {
            ends(rig.recover_elsewhere(&["--now"]), 0);
        }
        rig.forge.with(F::rename);
        // With the old name it is not led to another place, but told where that is.
        let ran = ends(rig.recover_here(), 30);
        assert!(ran.stdout.contains("name it in the plan as it is called today"), "{}", ran.stdout);
        renamed(&rig);
        let ran = ends(rig.recover_here(), 0);
        rig.assert_as_before(&ran.stdout);
        assert!(ran.stdout.contains("is called `acme/next` today"), "{}", ran.stdout);
        let ran = ends(rig.recover_here(), 0);
        assert!(ran.stdout.contains("Nothing of"), "{}", ran.stdout);
    }
}

fn renamed<F: Forge>(rig: &Rig<F>) {
    let plan = fs::read_to_string(rig.plan()).unwrap();
    fs::write(rig.plan(), plan.replace("acme/api", "acme/next")).unwrap();
}

#[test]
fn what_was_renamed_meanwhile_is_given_back_by_its_new_name_on_github() {
    what_was_renamed_meanwhile_is_given_back_by_its_new_name::<GitHub>();
}

#[test]
fn what_was_renamed_meanwhile_is_given_back_by_its_new_name_on_gitlab() {
    what_was_renamed_meanwhile_is_given_back_by_its_new_name::<GitLab>();
}

/// The old name leads nowhere: that both are the same is a guess, whatever the lease says.
#[test]
fn what_a_journal_names_elsewhere_is_told_with_commands_if_nothing_leads_from_there_to_here() {
    let rig = Rig::<GitHub>::cut_and_dead();
    rig.forge.with(|world| "next".clone_into(&mut world.name));
    renamed(&rig);
    let ran = ends(rig.recover_here(), 30);
    assert!(ran.stdout.contains("it is at another place than the one asked for"), "{}", ran.stdout);
}

fn nothing_of_what_is_archived_is_cut<F: Forge>() {
    let rig = Rig::<F>::new();
    rig.forge.with(|world| *world.archived() = true);
    for more in [&["--yes"][..], &["--dry-run"]] {
        let arguments: Vec<_> = ["drill", "--cut"].iter().chain(more).copied().collect();
        let ran = ends(run(rig.with_plan(&rig.machine, &arguments)), 20);
        let said = in_a_line(&ran.stdout);
        assert!(said.contains("it is archived, and nothing in it can be changed: unarchive it first"), "{said}");
        assert!(!said.contains("grant the token"), "{said}");
    }
    assert!(rig.forge.calls().iter().all(|call| !call.is_change()), "{:?}", rig.forge.calls());
}

#[test]
fn nothing_of_what_is_archived_is_cut_on_github() {
    nothing_of_what_is_archived_is_cut::<GitHub>();
}

#[test]
fn nothing_of_what_is_archived_is_cut_on_gitlab() {
    nothing_of_what_is_archived_is_cut::<GitLab>();
}

fn what_is_archived_while_it_is_cut_is_told_with_what_to_do_and_the_commands<F: Forge>() {
    let rig = Rig::<F>::new();
    let (drill, stop) = rig.all_off();
    rig.forge.with(|world| *world.archived() = true);
    stop.go_on();
    let by_drill = ends(end(drill), 30);
    rig.machine.await_watchdogs();
    let by_recover = ends(rig.recover_here(), 30);
    for ran in [&by_drill, &by_recover] {
        let said = in_a_line(&ran.stdout);
        assert!(said.contains("unarchive it first, in its settings"), "{said}");
    }
    rig.forge.with(|world| *world.archived() = false);
    assert!(Rig::<F>::by_hand(&by_recover.stdout) > 1, "{}", by_recover.stdout);
    rig.assert_as_before(&by_recover.stdout);
    ends(rig.recover_here(), 0);
}

#[test]
fn what_is_archived_while_it_is_cut_is_told_with_what_to_do_and_the_commands_on_github() {
    what_is_archived_while_it_is_cut_is_told_with_what_to_do_and_the_commands::<GitHub>();
}

#[test]
fn what_is_archived_while_it_is_cut_is_told_with_what_to_do_and_the_commands_on_gitlab() {
    what_is_archived_while_it_is_cut_is_told_with_what_to_do_and_the_commands::<GitLab>();
}
