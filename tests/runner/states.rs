//! Everything that keeps a spare runner from its job, each told apart from the others: what the forge shows, and not more.

use crate::{
    rig::{Forge, Rig},
    simulator::{
        github::{GitHub, rights::Level},
        gitlab::GitLab,
        runner::Machine,
    },
    support::run::Ran,
};

/// A drill in which this is wrong ends so; once it is mended, the same spare can ship.
#[track_caller]
fn is_told<F: Forge>(rule: &str, (code, verdict): (i32, &str), wrong: impl FnOnce(&mut F), mended: impl FnOnce(&mut F)) -> Ran {
    let rig = Rig::<F>::new().pick_up("1s");
    rig.forge.with(wrong);
    let ran = rig.run().ends(code, verdict);
    assert_eq!(ran.rules()[0], rule, "{}", ran.stdout);
    assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
    rig.forge.with(mended);
    rig.pick_up("2m").run().ends(0, "can-ship");
    ran
}

const NO: (i32, &str) = (10, "cannot-ship");
const UNKNOWN: (i32, &str) = (20, "unknown");

#[test]
fn a_spare_that_is_offline_is_said_to_be() {
    let offline = |world: &mut GitHub| world.the_runner("spare-1").is_online = false;
    let ran = is_told("runner-offline", NO, offline, |world| world.the_runner("spare-1").is_online = true);
    assert!(ran.json["findings"][0]["evidence"].to_string().contains("`spare-1`: offline"), "{}", ran.stdout);
    let offline = |world: &mut GitLab| {
        let runner = world.the_runner("spare-1");
        (runner.is_alive, runner.status) = (false, "offline".to_owned());
    };
    is_told("runner-offline", NO, offline, |world: &mut GitLab| {
        let runner = world.the_runner("spare-1");
        (runner.is_alive, runner.status) = (true, "online".to_owned());
    });
}

#[test]
fn a_dead_runner_that_gitlab_still_calls_online_is_unknown() {
    let dead = |world: &mut GitLab| world.the_runner("spare-1").is_alive = false;
    let ran = is_told("runner-never-ran", UNKNOWN, dead, |world: &mut GitLab| world.the_runner("spare-1").is_alive = true);
    assert!(ran.stdout.contains("two hours"), "{}", ran.stdout);
}

#[test]
fn labels_that_no_runner_has_are_told() {
    let bare = |world: &mut GitHub| world.the_runner("spare-1").labels.retain(|label| label.name != "spare");
    let labelled = |world: &mut GitHub| {
        let mut label = world.the_runner("spare-1").labels[0].clone();
        "spare".clone_into(&mut label.name);
        label.is_custom = true;
        world.the_runner("spare-1").labels.push(label);
    };
    is_told("runner-no-match", NO, bare, labelled);
    let bare = |world: &mut GitLab| world.the_runner("spare-1").tags.clear();
    let tagged = |world: &mut GitLab| world.the_runner("spare-1").tags = ["self-hosted", "spare"].map(str::to_owned).into();
    is_told("runner-no-match", NO, bare, tagged);
}

#[test]
fn a_spare_that_does_other_work_is_busy() {
    let busy = |is_busy| move |world: &mut GitHub| world.the_runner("spare-1").is_busy = is_busy;
    is_told("runner-busy", NO, busy(true), busy(false));
    let busy = |is_busy| move |world: &mut GitLab| world.the_runner("spare-1").is_busy = is_busy;
    is_told("runner-busy", NO, busy(true), busy(false));
}

#[test]
fn a_spare_that_is_paused_is_said_to_be() {
    let paused = |is_paused| move |world: &mut GitLab| world.the_runner("spare-1").is_paused = is_paused;
    is_told("runner-paused", NO, paused(true), paused(false));
}

#[test]
fn a_token_that_may_not_see_runners_leaves_the_reason_unknown() {
    let blind = |world: &mut GitHub| {
        world.token().set("administration", None);
        world.the_runner("spare-1").is_online = false;
    };
    let ran = is_told("runner-never-ran", UNKNOWN, blind, |world| world.the_runner("spare-1").is_online = true);
    assert!(ran.stdout.contains("administration"), "{}", ran.stdout);
}

#[test]
fn a_workflow_that_is_disabled_is_told_before_anything_is_asked() {
    let set = |state: &'static str| move |world: &mut GitHub| state.clone_into(&mut world.the_workflow("canship-spare.yml").state);
    let ran = is_told("workflow-disabled", NO, set("disabled_manually"), set("active"));
    assert!(ran.json["run"]["nonce"].is_null(), "{:#}", ran.json["run"]);
    let set = |level: &'static str| move |world: &mut GitLab| level.clone_into(&mut world.builds_access_level);
    is_told("workflow-disabled", NO, set("disabled"), set("enabled"));
}

#[test]
fn a_run_that_cannot_start_is_told_from_one_that_never_runs() {
    is_told("startup-failure", NO, |world: &mut GitHub| world.starts.fail = true, |world| world.starts.fail = false);
    let never = |never| move |world: &mut GitHub| world.starts.never_run = never;
    is_told("runner-never-ran", UNKNOWN, never(true), never(false));
}

#[test]
fn a_token_without_the_right_to_dispatch_is_told_which_it_lacks() {
    let only_reads = |world: &mut GitHub| world.token().set("actions", Some(Level::Read));
    let ran = is_told("forge-forbidden", NO, only_reads, |world| world.token().set("actions", Some(Level::Write)));
    assert!(ran.first_advice().contains("actions"), "{}", ran.stdout);
}

#[test]
fn an_environment_that_asks_for_approval_is_named_with_who_may_give_it() {
    let rig = Rig::<GitHub>::new().pick_up("1s");
    let rig = rig.edit(".github/workflows/canship-spare.yml", |text| {
        text.replace("    timeout-minutes: 120\n", "    timeout-minutes: 120\n    environment: production\n")
    });
    rig.forge.with(|world| *world = world.clone().environment("production", &["second-handle"]));
    let ran = rig.run().ends(20, "unknown");
    assert_eq!(ran.rules()[0], "runner-awaits-approval", "{}", ran.stdout);
    assert!(ran.stdout.contains("`production`") && ran.stdout.contains("second-handle"), "{}", ran.stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "cancelled");
}

#[test]
fn a_job_that_somebody_must_start_by_hand_is_told_and_cancelled() {
    let rig = Rig::<GitLab>::new()
        .pick_up("1s")
        .edit("ci/spare.yml", |text| text.replace("    - if: $CANSHIP_NONCE\n", "    - if: $CANSHIP_NONCE\n      when: manual\n"));
    let ran = rig.run().ends(20, "unknown");
    assert_eq!(ran.rules()[0], "runner-awaits-approval", "{}", ran.stdout);
    let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
    assert!(summary.ends_with("it waits for somebody to start job `canship-spare`"), "{summary}");
    assert_eq!(rig.forge.with(|world| world.pipelines[0].status().to_owned()), "canceled");
}

#[test]
fn a_spare_that_the_organization_has_takes_the_job_and_is_named_with_its_scope() {
    let rig = Rig::<GitHub>::new();
    rig.forge.with(|world| {
        let runners = std::mem::take(&mut world.runners);
        world.org_runners.extend(runners);
    });
    let ran = rig.run().ends(0, "can-ship");
    assert_eq!(ran.json["run"]["runners"][0]["scope"], "organization", "{:#}", ran.json["run"]);
}

#[test]
fn a_run_that_does_not_come_to_its_end_is_cancelled_and_unknown() {
    let rig = Rig::<GitHub>::new().plan(|plan| {
        (plan.target, plan.limits) = ("1s".to_owned(), "{ disk: 64MiB, time: 1s }".to_owned());
    });
    let rig = rig.edit(".github/workflows/canship-spare.yml", |text| {
        text.replace("exec \"$RUNNER_TEMP/canship/canship\" drill", "exec sleep 300 #")
    });
    let ran = rig.run().ends(20, "unknown");
    assert_eq!(ran.rules()[0], "run-not-ended", "{}", ran.stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "cancelled");
}

#[test]
fn a_workflow_that_asks_for_another_machine_than_the_spare_is_refused_and_cancelled() {
    let rig = Rig::<GitHub>::new().edit(".github/workflows/canship-spare.yml", |text| {
        text.replace("runs-on: [self-hosted, spare]", "runs-on: ubuntu-latest")
    });
    let ran = rig.run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "runner-not-the-spare", "{}", ran.stdout);
    assert_eq!(rig.forge.with(|world| world.runs[0].standing().to_owned()), "cancelled");
}

#[test]
fn a_pipeline_in_which_other_jobs_would_run_as_well_is_refused_and_cancelled() {
    let rig = Rig::<GitLab>::new().edit(".gitlab-ci.yml", |text| text + "\nrelease: { script: make ship }\n");
    let ran = rig.run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "runner-not-the-spare", "{}", ran.stdout);
    assert!(ran.stdout.contains("`release`"), "{}", ran.stdout);
    assert_eq!(rig.forge.with(|world| world.pipelines[0].status().to_owned()), "canceled");
}

/// A machine that dies in the middle of its drill.
fn dies<F: Forge>(step: usize, is_gone: impl Fn(&F) -> bool, give_up: impl FnOnce(&mut F)) {
    let rig = Rig::<F>::on(Machine { dies_in: Some(step), ..Machine::usual() });
    let running = rig.drill().start();
    rig.forge.await_world(is_gone);
    rig.forge.with(give_up);
    let ran = running.finish().ends(20, "unknown");
    assert_eq!(ran.rules()[0], "runner-lost", "{}", ran.stdout);
    assert_eq!(ran.json["run"]["runner"], "spare-1");
}

#[test]
fn a_runner_of_github_that_is_lost_midway_is_unknown() {
    let is_gone = |world: &GitHub| world.runners.iter().any(|runner| !runner.is_online);
    // After the checkout, and the two steps of which canship's own action consists.
    dies::<GitHub>(4, is_gone, GitHub::give_up_on_lost);
}

#[test]
fn a_runner_of_gitlab_that_is_lost_midway_is_unknown() {
    dies::<GitLab>(1, |world: &GitLab| world.runners.iter().any(|runner| !runner.is_alive), GitLab::give_up_on_lost);
}
