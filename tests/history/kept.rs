//! What drills leave on record, whatever becomes of them.

use std::{fs, path::PathBuf, process::Command};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Canship, Project, Services, project::Plan, run::Ran};

/// A plan for this machine whose one step waits for a file, so that a test can act meanwhile.
fn waits(services: &Services, gate: &str) -> Plan {
    let step =
        format!("mkdir dist; cp tool.sh dist/tool; chmod +x dist/tool; echo waits; until [ -e '{gate}' ]; do sleep 0.05; done");
    Plan::on_host(services).run(&[&step])
}

fn records(project: &Project) -> Vec<PathBuf> {
    let folder = project.path().join(".canship/history");
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    paths.sort();
    paths
}

fn status(project: &Project) -> Ran {
    Canship::new(&["status", "--plan"]).argument(project.plan_file()).run_as_is()
}

fn json(project: &Project) -> Value {
    let ran = Canship::new(&["status", "--format", "json", "--plan"]).argument(project.plan_file()).run_as_is();
    serde_json::from_str(&ran.stdout).unwrap()
}

fn waiting(event: &Value) -> bool {
    event["event"] == "step-output" && event["line"] == "waits"
}

#[test]
fn a_drill_keeps_its_log_where_git_does_not_see_it() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    let ran = Canship::drill(&project).run().ends(0, "can-ship");
    assert!(ran.stderr.trim_end().ends_with(&format!("history: kept in {}", project.path().join(".canship/history").display())));
    let [record] = records(&project).try_into().unwrap();
    assert_eq!(record.file_name().unwrap().to_str().unwrap(), format!("{}.jsonl", ran.drill()));
    assert_eq!(fs::read_to_string(&record).unwrap(), ran.log, "it is the event log");
    assert_eq!(project.git(&["status", "--porcelain"]), "", "git sees nothing of it");
    let status = status(&project);
    assert_eq!(status.code, Some(0), "{}", status.stdout);
    assert!(status.stdout.starts_with("CAN SHIP: tool 1.2.3"), "{}", status.stdout);
    let report = Canship::new(&["report", "--from"]).argument(&record).run_as_is();
    assert_eq!(report.code, Some(0), "{}", report.stderr);
}

#[test]
fn a_killed_drill_keeps_what_it_had_seen_and_harms_nothing_that_was_there() {
    let services = Services::get();
    let project = Project::new(&Plan::on_host(&services));
    Canship::drill(&project).run().ends(0, "can-ship");
    let [first] = records(&project).try_into().unwrap();
    let before = fs::read(&first).unwrap();
    let gate = project.beside("gate");
    project.plan(&waits(&services, &gate.to_string_lossy()));
    let mut drill = Canship::drill(&project).start();
    drill.await_event(waiting);
    let running = json(&project);
    assert_eq!((&running["running"][0], &running["verdict"]), (&drill.drill().into(), &"degraded".into()), "of another plan");
    drill.signal(Signal::KILL);
    let killed = drill.drill().to_owned();
    drill.finish();
    fs::write(&gate, "").unwrap();
    let told = json(&project);
    assert_eq!((&told["exit_code"], &told["running"]), (&20.into(), &Value::Array(Vec::new())), "{told:#}");
    let last = &told["spares"][0]["last"];
    assert_eq!((&last["drill"], &last["finished"]), (&killed.as_str().into(), &false.into()));
    let log = fs::read_to_string(project.path().join(format!(".canship/history/{killed}.live.jsonl"))).unwrap();
    assert!(log.contains("\"waits\""), "all that was told is there: {log}");
    Canship::drill(&project).run().ends(0, "can-ship");
    assert_eq!(fs::read(&first).unwrap(), before);
    assert_eq!((json(&project)["exit_code"].clone(), records(&project).len()), (0.into(), 3));
}

#[test]
fn two_drills_at_once_are_both_on_record() {
    let services = Services::get();
    let gate = tempfile::tempdir().unwrap();
    let gate = gate.path().join("gate");
    let project = Project::new(&waits(&services, &gate.to_string_lossy()));
    let mut drills = [Canship::drill(&project).start(), Canship::drill(&project).start()];
    for drill in &mut drills {
        drill.await_event(waiting);
    }
    assert_eq!(json(&project)["running"].as_array().unwrap().len(), 2);
    fs::write(&gate, "").unwrap();
    for drill in drills {
        // What they come to is not the point: they make the same image, in the same scratch repository.
        drill.finish();
    }
    let told = json(&project);
    assert_eq!((&told["spares"][0]["drills_total"], &told["damaged"]), (&2.into(), &Value::Array(Vec::new())));
}

#[test]
fn a_drill_that_a_signal_ended_is_on_record_as_that() {
    let services = Services::get();
    let project = Project::new(&waits(&services, "/nowhere"));
    let mut drill = Canship::drill(&project).start();
    drill.await_event(waiting);
    drill.signal(Signal::INT);
    assert_eq!(drill.finish().code, Some(130));
    let told = json(&project);
    assert_eq!((&told["exit_code"], &told["spares"][0]["last"]["interrupted"]), (&20.into(), &"SIGINT".into()));
}

#[test]
fn a_plan_may_keep_no_records_or_keep_them_elsewhere() {
    let services = Services::get();
    let project = Project::new(&Plan { more: "history: none\n".into(), ..Plan::on_host(&services) });
    let ran = Canship::drill(&project).run().ends(0, "can-ship");
    assert!(!project.path().join(".canship").exists() && !ran.stderr.contains("history:"), "{}", ran.stdout);
    project.plan(&Plan { more: "history: ../proofs\n".into(), ..Plan::on_host(&services) });
    Canship::drill(&project).run().ends(0, "can-ship");
    let names: Vec<_> = fs::read_dir(project.beside("proofs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.len() == 1 && !project.path().join(".canship").exists(), "a folder of one's own may be committed: {names:?}");
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_done() {
    let services = Services::get();
    let project = Project::new(&Plan { more: "history: VERSION/x\n".into(), ..Plan::on_host(&services) });
    let ran = Canship::drill(&project).run();
    assert_eq!((ran.code, ran.log.as_str()), (Some(20), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("VERSION/x` : ") || ran.stderr.contains("VERSION/x`: Not a directory"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
}

#[test]
fn a_link_in_canships_own_folder_is_refused_and_nothing_is_written_where_it_leads() {
    let services = Services::get();
    for link in [".canship", ".canship/history"] {
        let project = Project::new(&Plan::on_host(&services));
        let elsewhere = project.beside("elsewhere");
        fs::create_dir_all(elsewhere.join("history")).unwrap();
        fs::create_dir_all(project.path().join(link).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, project.path().join(link)).unwrap();
        let ran = Canship::drill(&project).run();
        assert_eq!((ran.code, ran.log.as_str()), (Some(20), ""), "{}", ran.stderr);
        for ran in [ran, status(&project)] {
            assert!(ran.stderr.contains(&format!("/{link}` is a link")), "{}", ran.stderr);
        }
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
        assert_eq!(fs::read_dir(elsewhere.join("history")).unwrap().count(), 0);
    }
}

#[test]
fn a_yes_that_could_be_kept_nowhere_is_no_success() {
    let services = Services::get();
    // The step takes the folder away that the record goes to.
    let project = Project::new(&Plan::on_host(&services));
    let folder = project.path().join(".canship");
    let step = format!("mkdir dist; cp tool.sh dist/tool; chmod +x dist/tool; rm -rf '{}'", folder.display());
    project.plan(&Plan::on_host(&services).run(&[&step]));
    let ran = Canship::drill(&project).run();
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("error: the history ") && ran.stderr.contains("error: exit code 1: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("history: kept"), "{}", ran.stdout);
}

#[test]
fn a_demo_keeps_its_record_in_its_own_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    let call = Canship::new(&["demo", "--host"]).argument(&demo);
    let ran = call.run().ends(0, "can-ship");
    let found = Command::new("find").arg(call.folder()).args(["-name", ".canship"]).output().unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "");
    assert!(demo.join("project/.canship/history").join(format!("{}.jsonl", ran.drill())).exists());
}
