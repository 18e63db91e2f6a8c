//! Every limit of the plan, reached on purpose and just not, on every spare: each ends with a finding that names the
//! limit and the step, and leaves nothing running.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod output;
mod unheld;

use std::fs;

use support::{Canship, Project, Services, engines::On, project::Plan, run::Ran};

/// The spares, each with its name. Podman without rights holds a room to nothing on a machine of this kind: it has no
/// control groups to hand on, and says so.
fn spares(services: &Services) -> Vec<(&'static str, Plan)> {
    vec![
        ("room", Plan::in_clean_room(services).on(On::Docker)),
        ("podman", Plan::in_clean_room(services).on(On::Podman)),
        ("host", Plan::on_host(services)),
    ]
}

/// Drills these steps under these limits on every spare.
fn on_every_spare(limits: &str, steps: &[&str], look: impl Fn(&str, Ran)) {
    for (name, plan) in spares(&Services::get()) {
        let mut plan = plan.run(steps);
        plan.limits = limits.into();
        look(name, Canship::drill(&Project::new(&plan)).run());
    }
}

/// A drill that a limit has ended, which the finding names with its value and the step.
#[track_caller]
fn ends_at(ran: Ran, step: &str, limit: &str) -> Ran {
    let ran = ran.ends(10, "cannot-ship");
    let first = &ran.json["findings"][0];
    let summary = first["summary"].as_str().unwrap();
    assert_eq!(first["rule"], "limit-reached", "{summary}\n{}", ran.stderr);
    assert!(summary.starts_with(step) && summary.contains(limit), "{summary}");
    for engine in [On::Docker, On::Podman] {
        assert_eq!(engine.containers(&ran.drill()), Vec::<String>::new(), "no container is left");
    }
    ran
}

/// A `sleep` that no other test has and that nobody waits for.
fn own_sleep() -> String {
    let now = uuid::Uuid::now_v7();
    format!("sleep {}", 1_000_000 + now.as_u128() % 1_000_000_000)
}

/// The processes of this `sleep`, in whatever room: the engines are on this machine.
fn running(sleep: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let arguments = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&arguments).replace('\0', " "))
    });
    all.filter(|arguments| arguments.trim_end() == sleep).collect()
}

/// Makes what a drill publishes, after the step that is looked at.
const MAKE: &str = "mkdir -p dist && cp tool.sh dist/tool && chmod +x dist/tool";

#[test]
fn a_memory_hog_ends_at_its_limit_and_a_modest_step_does_not() {
    // The shell keeps all of it in one variable.
    let keeps = |bytes: u32| format!("x=$(head -c {bytes} /dev/zero | tr '\\0' x); echo ${{#x}}");
    let limits = "{ memory: 48MiB, disk: 8MiB, time: 2m }";
    on_every_spare(limits, &["true", &keeps(300_000_000)], |_, ran| {
        ends_at(ran, "build step 2", "`build.limits.memory` is 48.0 MiB");
    });
    on_every_spare(limits, &[&keeps(2_000_000), MAKE], |_, ran| drop(ran.ends(0, "can-ship")));
}

#[test]
fn a_step_that_holds_the_memory_that_is_meant_for_files_is_ended() {
    let services = Services::get();
    // The room's own limit leaves room for a full disk, which lies in memory too: the kernel ends nothing.
    let hold = "a=$(head -c 100000000 /dev/zero | tr '\\0' x); sleep 1000; echo $a";
    let plan =
        Plan { limits: "{ memory: 48MiB, disk: 1GiB, time: 5m }".into(), ..Plan::in_clean_room(&services).run(&[hold, MAKE]) };
    let ran = Canship::drill(&Project::new(&plan)).run();
    ends_at(ran, "build step 1", "`build.limits.memory` is 48.0 MiB");
}

#[test]
fn a_part_of_a_pipe_that_the_memory_limit_ended_leaves_a_gap_though_the_step_went_on() {
    let pipe = "head -c 300000000 /dev/zero | tr '\\0' x | { x=$(cat); echo ${#x}; } | cat";
    on_every_spare("{ memory: 48MiB, disk: 8MiB, time: 2m }", &[pipe, MAKE], |name, ran| {
        let ran = ran.ends(11, "degraded");
        assert_eq!(ran.rules(), ["limit-reached"], "{name}");
        let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
        assert!(summary.starts_with("build step 1") && summary.contains("`build.limits.memory` is 48.0 MiB"), "{summary}");
    });
}

#[test]
fn a_fork_bomb_ends_at_the_limit_of_processes_and_a_modest_step_does_not() {
    let limits = "{ pids: 48, disk: 8MiB, time: 2m }";
    let sleep = own_sleep();
    // Every process starts two; the step itself goes on, and takes what those that were refused have left free.
    let bomb = format!("f() {{ {sleep} & f | f & }}; f; sleep 1; while :; do {sleep} & ls | cat >/dev/null || exit 1; done");
    let bomb = format!("{{ run: {}, time: 20s }}", serde_json::Value::from(bomb));
    on_every_spare(limits, &["true", &bomb], |_, ran| {
        ends_at(ran, "build step 2", "`build.limits.pids` is 48");
        assert_eq!(running(&sleep), Vec::<String>::new());
    });
    let modest = format!("for i in 1 2 3 4 5 6 7 8 9 10; do {sleep} & all=\"$all $!\"; done; kill $all");
    on_every_spare(limits, &[&modest, MAKE], |_, ran| drop(ran.ends(0, "can-ship")));
    assert_eq!(running(&sleep), Vec::<String>::new());
}

#[test]
fn a_disk_filler_ends_at_its_limit_and_a_modest_step_does_not() {
    let limits = "{ disk: 48MiB, time: 2m }";
    on_every_spare(limits, &["true", "cat /dev/zero >big"], |_, ran| {
        ends_at(ran, "build step 2", "`build.limits.disk` is 48.0 MiB");
    });
    on_every_spare(limits, &["head -c 30000000 /dev/zero >big", MAKE], |_, ran| drop(ran.ends(0, "can-ship")));
}

#[test]
fn an_endless_step_that_ignores_a_request_to_end_is_ended_with_all_that_left_its_session() {
    let sleep = own_sleep();
    let stays = format!("trap '' TERM; while :; do {sleep}; done");
    let step = format!("setsid sh -c \"{stays}\" & {stays}");
    let endless = format!("{{ run: {}, time: 2s }}", serde_json::Value::from(step));
    on_every_spare("{ disk: 8MiB, time: 2m }", &["true", &endless], |_, ran| {
        ends_at(ran, "build step 2", "the `time` of `build.run[1]` is 2.0 s");
        assert_eq!(running(&sleep), Vec::<String>::new());
    });
    on_every_spare("{ disk: 8MiB, time: 2s }", &[&format!("exec {sleep}")], |_, ran| {
        ends_at(ran, "build step 1", "`build.limits.time` is 2.0 s for all steps together");
        assert_eq!(running(&sleep), Vec::<String>::new());
    });
}

#[test]
fn what_a_step_leaves_running_with_its_output_open_neither_holds_it_up_nor_stays() {
    let sleep = own_sleep();
    on_every_spare("{ disk: 8MiB, time: 2m }", &[&format!("{sleep} & echo begun"), MAKE], |_, ran| {
        let ran = ran.ends(0, "can-ship");
        assert_eq!(ran.json["steps"][0]["end"], "passed");
        assert_eq!(running(&sleep), Vec::<String>::new());
    });
}

#[test]
fn an_end_by_a_signal_has_its_name_and_is_no_limit() {
    on_every_spare("{ disk: 8MiB, time: 2m }", &["kill -SEGV $$"], |_, ran| {
        let ran = ran.ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "build-step-failed");
        assert!(ran.stdout.contains("exit code 139: SIGSEGV"), "{}", ran.stdout);
    });
}

#[test]
fn a_limit_that_an_earlier_step_reached_and_got_over_is_not_blamed_for_a_later_failure() {
    // Of its sixty processes not all could be started, and those that were are gone before the next step.
    // The shell reads until the last of them has let go of the pipe.
    let gets_over = "x=$(sh -c 'for i in $(seq 60); do sleep 1 & done; wait' 2>/dev/null); true";
    on_every_spare("{ pids: 48, disk: 8MiB, time: 2m }", &[gets_over, "exit 3"], |name, ran| {
        let ran = ran.ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "build-step-failed", "{name}: {}", ran.stdout);
    });
}

#[test]
fn words_about_a_full_disk_alone_are_no_proof_of_one() {
    on_every_spare("{ disk: 8MiB, time: 2m }", &["echo No space left on device; exit 1"], |_, ran| {
        let ran = ran.ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "build-step-failed");
        assert!(ran.first_advice().contains("there is room now"), "{}", ran.first_advice());
    });
}
