//! Drills that are interrupted, politely and not, in every phase.

#![cfg(test)]

#[path = "support/on_each_engine.rs"]
mod on_each_engine;
mod support;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use on_each_engine::on_each_engine;
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::Signal,
};
use support::{Canship, Project, Services, engines::On, project::Plan, run::Running};

/// A step that goes on until it is ended.
const ENDLESS: &str = "echo running; sleep 100000";

fn phase_started(running: &mut Running, phase: &str) {
    running.await_event(|event| event["event"] == "phase-started" && event["phase"] == phase);
}

fn ctrl_c_in_any_phase_ends_with_everything_given_back(on: On) {
    let plan = Plan::in_clean_room(&Services::get()).on(on);
    for drill in gives_everything_back(&plan) {
        assert_eq!(on.containers(&drill), Vec::<String>::new());
    }
}

#[test]
fn ctrl_c_in_any_phase_ends_with_everything_given_back_on_this_machine() {
    gives_everything_back(&Plan::on_host(&Services::get()));
}

/// Interrupts a drill in each phase, and gives the drills.
fn gives_everything_back(plan: &Plan) -> Vec<String> {
    let interrupted = ["probe", "fetch", "build", "tag", "publish", "smoke", "clean"].map(|phase| {
        let project = Project::new(plan);
        // Else the last phase may be over before the signal comes.
        project.hold_tags();
        let mut running = Canship::drill(&project).start();
        phase_started(&mut running, phase);
        running.signal(Signal::INT);
        project.let_tags_go();
        let ran = running.finish();
        assert_eq!(ran.code, Some(130), "in {phase}: {}\n{}", ran.stderr, ran.stdout);
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "in {phase}: {}", ran.stdout);
        assert_eq!(project.mirror_refs(), "refs/heads/main\n", "in {phase}");
        ran.drill()
    });
    interrupted.into()
}

fn a_step_under_way_is_ended_by_a_signal_and_the_answer_is_unknown(on: On) {
    ends_a_step(&Plan::in_clean_room(&Services::get()).on(on));
}

#[test]
fn a_step_under_way_is_ended_by_a_signal_and_the_answer_is_unknown_on_this_machine() {
    ends_a_step(&Plan::on_host(&Services::get()));
}

fn ends_a_step(plan: &Plan) {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143), (Signal::QUIT, 143)] {
        let project = Project::new(&plan.clone().run(&[ENDLESS]));
        let mut running = Canship::drill(&project).start();
        running.await_event(|event| event["event"] == "step-output");
        running.signal(signal);
        let ran = running.finish().ends(code, "unknown");
        assert!(ran.stdout.contains("interrupted"), "{}", ran.stdout);
    }
}

fn a_killed_drill_leaves_nothing_running_and_a_log_that_says_unknown(on: On) {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services).on(on).run(&[ENDLESS]));
    let mut running = Canship::drill(&project).start();
    running.await_event(|event| event["event"] == "step-output");
    running.signal(Signal::KILL);
    let ran = running.finish();
    assert_eq!(ran.code, Some(-9));
    on.await_nothing_runs(&ran.drill());

    let log = project.beside("log.jsonl");
    std::fs::write(&log, &ran.log[..ran.log.len() - 20]).unwrap();
    let report = Canship::new(&["report", "--from"]).argument(&log).run_as_is();
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(report.stdout.contains("UNKNOWN"), "{}", report.stdout);
}

/// A step that says more than fits into a pipe.
const MUCH: &str =
    "mkdir -p dist && cp tool.sh dist/tool && chmod +x dist/tool && yes 0123456789012345678901234567890123456789 | head -n 20000";

#[test]
fn a_log_that_nobody_reads_is_given_up_and_the_drill_goes_on() {
    let project = Project::new(&Plan::on_host(&Services::get()).run(&[MUCH]));
    let log = project.beside("log");
    mkfifoat(CWD, &log, Mode::RUSR | Mode::WUSR).unwrap();
    let call = Canship::drill(&project).argument("--events").argument(&log);

    let ran = call.run_as_is();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("it is a pipe that nobody reads"), "{}", ran.stderr);

    // One that holds it open and does not read it.
    let reader = std::fs::File::options().read(true).write(true).open(&log).unwrap();
    let ran = call.run_as_is();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody read it for 5.0 s"), "{}", ran.stderr);
    assert_eq!(project.mirror_refs(), "refs/heads/main\n");
    drop(reader);
}

#[test]
fn a_signal_ends_a_drill_that_is_over_though_nobody_reads_what_it_prints() {
    let project = Project::new(&Plan::on_host(&Services::get()).run(&[MUCH]));
    let call = Canship::drill(&project);
    let (_unread, pipe) = std::io::pipe().unwrap();
    let mut drill = call.command().stdout(Stdio::null()).stderr(pipe).spawn().unwrap();
    let folders = |call: &Canship| std::fs::read_dir(call.temporary()).unwrap().count();
    await_that("its folder is there", || folders(&call) == 1);
    await_that("its folder is gone", || folders(&call) == 0);
    assert_eq!(project.mirror_refs(), "refs/heads/main\n");
    rustix::process::kill_process(rustix::process::Pid::from_child(&drill), Signal::INT).unwrap();
    assert_eq!(drill.wait().unwrap().code(), Some(130));
}

/// Waits until it is so.
fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(2), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn run_on(on: On, test: fn(On)) {
    test(on);
}

on_each_engine!(
    ctrl_c_in_any_phase_ends_with_everything_given_back,
    a_step_under_way_is_ended_by_a_signal_and_the_answer_is_unknown,
    a_killed_drill_leaves_nothing_running_and_a_log_that_says_unknown,
);
