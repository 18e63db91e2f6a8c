//! Drills that are interrupted, politely and not, in every phase.

mod support;

use rustix::process::Signal;
use support::{Canship, Project, Services, project::Plan, run::Running};

/// A step that goes on until it is ended.
const ENDLESS: &str = "echo running; sleep 100000";

fn phase_started(running: &mut Running, phase: &str) {
    running.await_event(|event| event["event"] == "phase-started" && event["phase"] == phase);
}

#[test]
fn ctrl_c_in_any_phase_ends_with_everything_given_back() {
    let services = Services::get();
    for phase in ["probe", "fetch", "build", "tag", "publish", "smoke", "clean"] {
        for plan in [Plan::in_clean_room(&services), Plan::on_host(&services)] {
            let project = Project::new(&plan);
            let mut running = Canship::drill(&project).start();
            phase_started(&mut running, phase);
            running.signal(Signal::INT);
            let ran = running.finish();
            assert_eq!(ran.code, Some(130), "in {phase}: {}\n{}", ran.stderr, ran.stdout);
            assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "in {phase}: {}", ran.stdout);
            assert_eq!(project.mirror_refs(), "refs/heads/main\n", "in {phase}");
            assert!(!support::run::containers(&ran.drill()).any(), "in {phase}: no container is left");
        }
    }
}

#[test]
fn a_step_under_way_is_ended_by_a_signal_and_the_answer_is_unknown() {
    let services = Services::get();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for plan in [Plan::in_clean_room(&services), Plan::on_host(&services)] {
            let project = Project::new(&plan.run(&[ENDLESS]));
            let mut running = Canship::drill(&project).start();
            running.await_event(|event| event["event"] == "step-output");
            running.signal(signal);
            let ran = running.finish().ends(code, "unknown");
            assert!(ran.stdout.contains("interrupted"), "{}", ran.stdout);
        }
    }
}

#[test]
fn a_killed_drill_leaves_no_container_and_a_log_that_says_unknown() {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services).run(&[ENDLESS]));
    let mut running = Canship::drill(&project).start();
    running.await_event(|event| event["event"] == "step-output");
    running.signal(Signal::KILL);
    let ran = running.finish();
    assert_eq!(ran.code, Some(-9));
    support::run::containers(&ran.drill()).await_gone();

    let log = project.beside("log.jsonl");
    std::fs::write(&log, &ran.log[..ran.log.len() - 20]).unwrap();
    let report = Canship::new(&["report", "--from"]).argument(&log).run_as_is();
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(report.stdout.contains("UNKNOWN"), "{}", report.stdout);
}
