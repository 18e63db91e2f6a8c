//! Signals while a registry is being talked to: nothing is left, or it is listed.

use axum::http::Method;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    lab::{Lab, drill, leftovers},
    registry::proxy::Trouble,
    support::{Canship, Project, project::Plan, run::Running},
};

/// Longer than any of these tests: whatever ends, ends for another reason.
pub(crate) const NEVER: &str = "timeouts: { api: 10m }\n";

/// A drill that has come to the request that goes wrong.
fn held(lab: &Lab, on: &(Method, &str), trouble: Trouble) -> (Project, Running) {
    lab.proxy.always(on.0.clone(), on.1, trouble);
    // Far more than fits into the buffers on the way.
    let plan =
        lab.plan().run(&["mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool", "head -c 20000000 /dev/urandom > dist/data"]);
    let plan = Plan { artifacts: vec!["dist".into()], smoke: vec!["./dist/tool".into()], more: NEVER.into(), ..plan };
    let project = Project::new(&plan);
    let running = drill(&project).start();
    lab.proxy.await_seen(1, &on.0, on.1);
    (project, running)
}

pub(crate) fn interrupted(event: &Value) -> bool {
    event["event"] == "interrupted"
}

/// A signal in the middle of this request: everything is given back once the registry goes on.
#[track_caller]
fn gives_everything_back(on: &(Method, &str), trouble: Trouble) {
    let lab = Lab::open();
    let (_project, mut running) = held(&lab, on, trouble);
    running.signal(Signal::INT);
    running.await_event(interrupted);
    lab.proxy.repent();
    let ran = running.finish();
    assert_eq!(ran.code, Some(130), "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!(leftovers(&ran), Vec::<String>::new(), "{}", ran.stdout);
    lab.is_empty();
}

#[test]
fn a_push_that_is_interrupted_leaves_nothing() {
    gives_everything_back(&(Method::PATCH, "/blobs/uploads/"), Trouble::SlowRequest);
    gives_everything_back(&(Method::PATCH, "/blobs/uploads/"), Trouble::Hold);
    gives_everything_back(&(Method::PUT, "/blobs/uploads/"), Trouble::Hold);
    gives_everything_back(&(Method::PUT, "/manifests/"), Trouble::Hold);
}

#[test]
fn a_pull_that_is_interrupted_leaves_nothing() {
    gives_everything_back(&(Method::GET, "/manifests/"), Trouble::Hold);
    gives_everything_back(&(Method::GET, "/blobs/sha256"), Trouble::StopAnswer);
}

#[test]
fn cleaning_that_is_interrupted_once_goes_on_to_its_end() {
    gives_everything_back(&(Method::DELETE, "/manifests/"), Trouble::Hold);
}

/// Two signals, the second while cleaning cannot go on: the drill ends, and what may be left is listed.
#[track_caller]
fn ends_with_a_list(on: &(Method, &str), trouble: Trouble, hangs: &[(Method, &str)]) -> (Lab, Vec<String>) {
    let lab = Lab::open();
    let (_project, mut running) = held(&lab, on, trouble);
    for (method, path) in hangs {
        lab.proxy.always(method.clone(), *path, Trouble::StopReading);
    }
    running.signal(Signal::INT);
    running.await_event(interrupted);
    for (method, path) in hangs {
        lab.proxy.await_seen(1, method, path);
    }
    running.signal(Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.code, Some(130), "{}\n{}", ran.stderr, ran.stdout);
    let left = lab.all_left_is_listed(&ran);
    // Lines are broken to the width of a page.
    let plain = ran.stdout.replace(char::is_whitespace, "");
    for what in &left {
        let told = format!("{what}: a second signal ended the wait for its removal").replace(' ', "");
        assert!(plain.contains(&told), "{what}: {}", ran.stdout);
    }
    (lab, left)
}

#[test]
fn a_second_signal_ends_cleaning_that_hangs_and_lists_what_may_be_left() {
    let (_lab, left) = ends_with_a_list(&(Method::GET, "/blobs/sha256"), Trouble::StopAnswer, &[(Method::DELETE, "/manifests/")]);
    for kind in ["manifest sha256:", "tag canship-", "blob sha256:"] {
        assert!(left.iter().any(|what| what.starts_with(kind)), "{left:?}");
    }
}

#[test]
fn a_second_signal_ends_a_push_that_hangs_and_lists_what_may_be_left() {
    let (_lab, left) = ends_with_a_list(&(Method::PATCH, "/blobs/uploads/"), Trouble::StopReading, &[]);
    assert!(left.iter().any(|what| what.starts_with("the open upload ")), "{left:?}");
}

#[test]
fn the_log_of_a_drill_that_was_killed_at_the_registry_says_unknown() {
    for (method, path) in [(Method::PATCH, "/blobs/uploads/"), (Method::GET, "/blobs/sha256"), (Method::DELETE, "/manifests/")] {
        let lab = Lab::open();
        let (project, running) = held(&lab, &(method, path), Trouble::StopReading);
        running.signal(Signal::KILL);
        let ran = running.finish();
        assert_eq!(ran.code, Some(-9));
        let log = project.beside("log.jsonl");
        std::fs::write(&log, &ran.log).unwrap();
        let report = Canship::new(&["report", "--from"]).argument(&log).run_as_is();
        assert_eq!(report.code, Some(0), "{}", report.stderr);
        assert!(report.stdout.contains("UNKNOWN") && report.stdout.contains("the event log ends early"), "{}", report.stdout);
    }
}
