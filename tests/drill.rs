//! Whole drills through the binary, on a real engine, real registries and real git.

#![cfg(test)]

#[path = "support/on_each_engine.rs"]
mod on_each_engine;
mod support;

use std::fs;

use on_each_engine::on_each_engine;
use support::{
    Canship, Project, Services,
    engines::On,
    project::{Plan, oci},
};

fn basic_login(services: &Services, plan: Plan) -> Plan {
    plan.publish(oci(&services.basic, Some((&services.user, "PASSWORD")))).secret("PASSWORD", "{ env: TEST_PASSWORD }")
}

fn a_release_ships_from_a_clean_room_and_nothing_is_left(on: On) {
    let services = Services::get();
    let project = Project::new(&basic_login(&services, Plan::in_clean_room(&services).on(on)));
    let ran = Canship::drill(&project).variable("TEST_PASSWORD", &services.password).run().ends(0, "can-ship");
    for phase in ["probe", "fetch", "build", "tag", "publish", "smoke", "clean"] {
        assert_eq!(ran.phase(phase), "passed", "{phase}: {}", ran.json);
    }
    assert_eq!(project.mirror_refs(), "refs/heads/main\n", "the drill's tag is gone");
    assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0);
    assert!(ran.stdout.contains("CAN SHIP"), "{}", ran.stdout);
    assert!(ran.stdout.contains("network"), "that the network is not sealed is said: {}", ran.stdout);
    assert_eq!(on.containers(&ran.drill()), Vec::<String>::new(), "no container of the drill is left");
}

#[test]
fn a_release_ships_from_this_machine_and_nothing_is_left() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let ran = Canship::drill(&project).run().ends(0, "can-ship");
    assert_eq!(ran.phase("smoke"), "passed");
    assert_eq!(project.mirror_refs(), "refs/heads/main\n");
}

#[test]
fn an_artifact_that_is_a_file_of_the_source_as_it_was_is_told_and_is_no_gap() {
    let services = Services::get();
    let told = |steps: &[&str], artifacts: &[&str]| {
        let artifacts = artifacts.iter().map(ToString::to_string).collect();
        let plan = Plan { artifacts, smoke: vec!["./tool.sh".into()], ..Plan::on_host(&services).run(steps) };
        let ran = Canship::drill(&Project::new(&plan)).run().ends(0, "can-ship");
        let limits = ran.json["limits"].as_array().unwrap().iter().map(|limit| limit.as_str().unwrap().to_owned());
        limits.filter(|limit| limit.contains("of the source")).collect::<Vec<_>>()
    };
    let made = "mkdir -p dist && cp tool.sh dist/tool";
    assert_eq!(
        told(&[made, "chmod +x tool.sh"], &["dist/tool", "tool.sh"]),
        ["`tool.sh` is a file of the source as it was: that the build makes it was not shown"]
    );
    assert_eq!(
        told(&["chmod +x tool.sh"], &["./tool.sh", "VERSION"]),
        ["`./tool.sh`, `VERSION` are files of the source as they were: that the build makes them was not shown"]
    );
    assert_eq!(told(&["echo : >>tool.sh", "chmod +x tool.sh"], &["tool.sh"]), Vec::<String>::new());
}

#[test]
fn the_same_source_gives_the_same_digest_on_every_spare_and_engine_all_at_once() {
    let services = Services::get();
    let digest = |plan: Plan| {
        let project = Project::new(&plan);
        let ran = Canship::drill(&project).run().ends(0, "can-ship");
        ran.json["published"][0]["digest"].as_str().unwrap().to_owned()
    };
    let rooms = [On::Docker, On::Docker, On::Podman, On::RootlessPodman].map(|on| Plan::in_clean_room(&services).on(on));
    let digests = std::thread::scope(|scope| {
        let drills: Vec<_> =
            rooms.into_iter().chain([Plan::on_host(&services)]).map(|plan| scope.spawn(move || digest(plan))).collect();
        drills.into_iter().map(|drill| drill.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

fn a_step_that_fails_is_named_with_its_last_lines(on: On) {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services).on(on).run(&["true", "echo linker not found; exit 3", "true"]));
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "build-step-failed");
    assert!(ran.stdout.contains("build step 2") && ran.stdout.contains("exit code 3"), "{}", ran.stdout);
    assert!(ran.stdout.contains("linker not found"), "{}", ran.stdout);
    assert_eq!((ran.phase("publish"), ran.phase("smoke"), ran.phase("tag")), ("skipped", "skipped", "passed"));
}

#[test]
fn a_missing_secret_is_named_first_and_the_rest_is_still_looked_at() {
    let services = Services::get();
    let plan = basic_login(&services, Plan::in_clean_room(&services).run(&["exit 4"]));
    let project = Project::new(&plan);
    let ran = Canship::drill(&project).variable("TEST_PASSWORD", "").run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "secret-missing");
    assert!(ran.first_advice().contains("TEST_PASSWORD"), "{}", ran.first_advice());
    assert!(ran.rules().contains(&"build-step-failed"), "{:?}", ran.rules());
}

#[test]
fn a_login_without_the_right_to_push_is_told_apart_from_a_wrong_one() {
    let services = Services::get();
    let plan = Plan::in_clean_room(&services);
    let may_not = plan.clone().publish(oci(&services.token, Some((&services.reader, "PASSWORD"))));
    let project = Project::new(&may_not.secret("PASSWORD", "{ env: TEST_PASSWORD }"));
    let ran = Canship::drill(&project).variable("TEST_PASSWORD", &services.reader_password).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "registry-forbidden", "{}", ran.stdout);
    assert!(ran.first_advice().contains("push"), "{}", ran.first_advice());
    assert_eq!(ran.phase("build"), "passed", "the build is looked at all the same");

    let project = Project::new(&basic_login(&services, plan));
    let ran = Canship::drill(&project).variable("TEST_PASSWORD", "wrong-password").run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "registry-unauthorized", "{}", ran.stdout);
}

#[test]
fn a_token_service_gives_each_act_the_scope_it_needs() {
    let services = Services::get();
    let publish = oci(&services.token, Some((&services.user, "PASSWORD")));
    let project = Project::new(&Plan::in_clean_room(&services).publish(publish).secret("PASSWORD", "{ file: ../password }"));
    fs::write(project.beside("password"), format!("{}\n", services.password)).unwrap();
    let ran = Canship::drill(&project).run().ends(0, "can-ship");
    assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
}

#[test]
fn a_server_that_refuses_the_tag_is_quoted() {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services));
    project.hook("#!/bin/sh\necho 'GH013: tags are protected here' >&2\nexit 1\n");
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["tag-refused"], "{}", ran.stdout);
    assert!(ran.json["findings"][0].to_string().contains("GH013: tags are protected here"), "{}", ran.stdout);
    assert_eq!(ran.phase("publish"), "passed", "the rest is looked at all the same");
}

#[test]
fn without_an_engine_the_spare_is_named_and_what_to_do() {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services));
    let ran = Canship::drill(&project).variable("DOCKER_HOST", "unix:///nowhere/docker.sock").run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["engine-unreachable"], "{}", ran.stdout);
    assert!(ran.stdout.contains("/nowhere/docker.sock") && ran.first_advice().contains("--spare"), "{}", ran.stdout);
    assert_eq!(ran.phase("tag"), "passed", "the tag is looked at all the same");
}

#[test]
fn without_a_scratch_repository_the_answer_is_degraded_and_nothing_is_pushed() {
    let services = Services::get();
    let repository = support::project::unique();
    let plan = Plan::in_clean_room(&services).publish(format!("  - oci: {}/{repository}/tool\n", services.open));
    let project = Project::new(&plan);
    let ran = Canship::drill(&project).run().ends(11, "degraded");
    assert!(ran.rules().contains(&"push-not-rehearsed"), "{:?}", ran.rules());
    assert_eq!(ran.phase("smoke"), "skipped");
    Canship::drill(&project).argument("--accept").argument("degraded").run().ends(0, "degraded");
}

#[test]
fn a_target_this_version_cannot_drill_makes_the_answer_unknown() {
    let services = Services::get();
    let plan = Plan::in_clean_room(&services);
    let publish = format!("{}  - crate: tool\n    token: TOKEN\n", plan.publish);
    let project = Project::new(&plan.publish(publish).secret("TOKEN", "{ env: TEST_TOKEN }"));
    let ran = Canship::drill(&project).variable("TEST_TOKEN", "long-enough").run().ends(20, "unknown");
    assert_eq!(ran.rules(), ["target-not-verified"], "{}", ran.stdout);
}

#[test]
fn an_empty_artifact_is_a_gap() {
    let services = Services::get();
    let ran =
        Canship::drill(&Project::new(&Plan::on_host(&services).run(&["mkdir -p dist && : >dist/tool && chmod +x dist/tool"])))
            .run();
    let ran = ran.ends(11, "degraded");
    assert_eq!(ran.rules(), ["artifact-empty"], "{}", ran.stdout);
}

#[test]
fn a_release_over_its_target_is_degraded() {
    let services = Services::get();
    let project = Project::new(&Plan { target: "1ms".into(), ..Plan::in_clean_room(&services) });
    let ran = Canship::drill(&project).run().ends(11, "degraded");
    assert_eq!(ran.rules(), ["over-target"]);
}

#[test]
fn one_drill_shows_all_that_is_wrong() {
    let services = Services::get();
    let plan = Plan::in_clean_room(&services).run(&["exit 1"]).secret("ABSENT", "{ env: TEST_ABSENT }");
    let plan = plan.publish(oci("127.0.0.1:1", None));
    let project = Project::new(&plan);
    project.hook("#!/bin/sh\nexit 1\n");
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    for rule in ["secret-missing", "build-step-failed", "tag-refused", "registry-unavailable"] {
        assert!(ran.rules().contains(&rule), "{rule} is missing in {:?}", ran.rules());
    }
}

fn an_artifact_that_was_not_made_is_named(on: On) {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services).on(on).run(&["true"]));
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["artifact-missing"]);
    assert!(ran.stdout.contains("dist/tool"), "{}", ran.stdout);
}

fn a_link_that_leads_out_of_the_source_is_no_artifact(on: On) {
    refuses_a_link(Plan::in_clean_room(&Services::get()).on(on));
}

#[test]
fn a_link_that_leads_out_of_the_source_is_no_artifact_on_this_machine() {
    refuses_a_link(Plan::on_host(&Services::get()));
}

fn refuses_a_link(plan: Plan) {
    let project = Project::new(&plan.run(&["mkdir dist && ln -s /etc/passwd dist/tool"]));
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["artifact-refused"], "{}", ran.stdout);
}

fn a_smoke_step_that_fails_on_what_came_back_is_a_no(on: On) {
    let services = Services::get();
    let project = Project::new(&Plan { smoke: vec!["./tool --version && exit 9".into()], ..Plan::in_clean_room(&services).on(on) });
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["smoke-failed"]);
    assert_eq!(ran.phase("publish"), "passed");
}

fn an_endless_step_is_ended_at_its_limit(on: On) {
    ends_an_endless_step(Plan::in_clean_room(&Services::get()).on(on));
}

#[test]
fn an_endless_step_is_ended_at_its_limit_on_this_machine() {
    ends_an_endless_step(Plan::on_host(&Services::get()));
}

fn ends_an_endless_step(plan: Plan) {
    let project = Project::new(&plan.run(&["{ run: 'sleep 100000 & sleep 100000', time: 500ms }"]));
    let ran = Canship::drill(&project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["limit-reached"], "{}", ran.stdout);
    assert!(ran.stdout.contains("time limit of 500 ms"), "{}", ran.stdout);
}

fn the_version_can_come_from_a_command_in_the_room(on: On) {
    let services = Services::get();
    let project = Project::new(&Plan { version: "{ command: [cat, VERSION] }".into(), ..Plan::in_clean_room(&services).on(on) });
    let ran = Canship::drill(&project).run().ends(0, "can-ship");
    assert_eq!((ran.json["release_version"].as_str(), ran.json["tag"]["release_tag"].as_str()), (Some("1.2.3"), Some("v1.2.3")));
}

#[test]
fn build_output_can_act_neither_on_a_terminal_nor_on_a_ci_log() {
    let services = Services::get();
    let step = r"printf '::set-env name=A::b\n##[set-env name=A]b\n\033]0;title\007\033[31mred\n'; exit 1";
    let project = Project::new(&Plan::in_clean_room(&services).run(&[step]));
    let summary = project.beside("summary.md");
    let ran = Canship::drill(&project).variable("GITHUB_STEP_SUMMARY", &summary).run().ends(10, "cannot-ship");
    let told = format!("{}\n{}\n{}", ran.stdout, ran.stderr, fs::read_to_string(summary).unwrap());
    assert!(told.contains("set-env"), "it is shown");
    assert!(!told.contains('\u{1b}') && !told.contains("##["), "{told}");
    assert!(!told.lines().any(|line| line.trim_start().starts_with("::")), "{told}");
}

#[test]
fn the_same_report_is_rendered_later_from_the_log() {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services));
    let (log, markdown, junit) = (project.beside("log.jsonl"), project.beside("a.md"), project.beside("a.xml"));
    let json = project.beside("a.json");
    let live = Canship::new(&["drill", "--plan"])
        .argument(project.plan_file())
        .argument("--events")
        .argument(&log)
        .argument("--markdown")
        .argument(&markdown)
        .argument("--junit")
        .argument(&junit)
        .argument("--json")
        .argument(&json)
        .run_as_is();
    assert_eq!(live.code, Some(0), "{}", live.stderr);
    let later = |format: &str| {
        let ran = Canship::new(&["report", "--format", format, "--from"]).argument(&log).run_as_is();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    assert_eq!(later("text"), live.stdout);
    assert_eq!(later("markdown"), fs::read_to_string(markdown).unwrap());
    assert_eq!(later("junit"), fs::read_to_string(junit).unwrap());
    assert_eq!(later("json"), fs::read_to_string(json).unwrap());
}

#[test]
fn quiet_prints_nothing_but_the_final_report() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let ran = Canship::drill(&project).argument("--quiet").run().ends(0, "can-ship");
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("CAN SHIP"));
}

#[test]
fn an_unknown_spare_is_refused_with_the_names_there_are() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let ran = Canship::drill(&project).argument("--spare").argument("laptop").run_as_is();
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`laptop`") && ran.stderr.contains("`by-hand`"), "{}", ran.stderr);
}

#[test]
fn a_spare_runner_without_a_forge_to_ask_is_refused_with_its_place() {
    let services = Services::get();
    let plan =
        Plan { spare: "{ name: other, runner: { labels: [spare], workflow: spare.yml } }".into(), ..Plan::on_host(&services) };
    let project = Project::new(&plan);
    let ran = Canship::drill(&project).run_as_is();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("`primary.github` or `primary.gitlab`"), "{}", ran.stderr);
}

fn run_on(on: On, test: fn(On)) {
    test(on);
}

on_each_engine!(
    a_release_ships_from_a_clean_room_and_nothing_is_left,
    a_step_that_fails_is_named_with_its_last_lines,
    an_artifact_that_was_not_made_is_named,
    a_smoke_step_that_fails_on_what_came_back_is_a_no,
    the_version_can_come_from_a_command_in_the_room,
    a_link_that_leads_out_of_the_source_is_no_artifact,
    an_endless_step_is_ended_at_its_limit,
);
