//! Which engine is meant: the plan, Docker's variables, and contexts as Docker's own client makes them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    digest, plan,
    support::{Canship, Project, services::service},
};

/// A folder of Docker's configuration with these contexts, made by Docker's own client.
pub(crate) fn contexts(project: &Project, contexts: &[(&str, &str)]) -> PathBuf {
    let folder = project.beside("docker");
    fs::create_dir_all(&folder).unwrap();
    for (name, docker) in contexts {
        let made = Command::new("docker")
            .arg("--config")
            .arg(&folder)
            .args(["context", "create", name, "--docker", docker])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    folder
}

/// Makes a context the current one.
pub(crate) fn make_current(folder: &Path, name: &str) {
    fs::write(folder.join("config.json"), serde_json::json!({ "auths": {}, "currentContext": name }).to_string()).unwrap();
}

/// What `canship plan` says of the engine.
fn planned(call: &Canship) -> String {
    let ran = call.run_as_is();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout.lines().find(|line| line.contains("container.engine")).unwrap().to_owned()
}

#[test]
fn the_engine_is_chosen_as_dockers_own_client_does() {
    let project = Project::new(&plan(""));
    let folder = contexts(&project, &[("spare", "host=ssh://spare.example"), ("other", "host=unix:///other.sock")]);
    make_current(&folder, "spare");
    let call = || Canship::new(&["plan", "--plan"]).argument(project.plan_file()).variable("DOCKER_CONFIG", &folder);
    for (call, address, way) in [
        (call(), "ssh://spare.example", "the Docker context `spare`, named by `currentContext` of"),
        (call().variable("DOCKER_CONTEXT", "other"), "unix:///other.sock", "the Docker context `other`, named by DOCKER_CONTEXT"),
        (call().variable("DOCKER_CONTEXT", "default"), "unix:///var/run/docker.sock", "Docker's usual socket"),
        (call().variable("DOCKER_CONTEXT", "other").variable("DOCKER_HOST", "tcp://h:1"), "tcp://h:1", "named by DOCKER_HOST"),
    ] {
        let line = planned(&call);
        assert!(line.contains(&format!("({address}: {way}")), "{line}");
    }
    project.plan(&plan("ssh://of.the.plan"));
    let line = planned(&call().variable("DOCKER_HOST", "tcp://h:1"));
    assert!(line.contains("= ssh://of.the.plan ") && line.contains("canship.yaml:"), "{line}");
}

#[test]
fn a_drill_works_on_the_engine_of_the_current_context_and_says_so() {
    let podman = service("CANSHIP_TEST_PODMAN");
    let project = Project::new(&plan(""));
    let folder = contexts(&project, &[("spare", &format!("host={podman}"))]);
    make_current(&folder, "spare");
    let ran = Canship::drill(&project).variable("DOCKER_CONFIG", &folder).run().ends(0, "can-ship");
    assert!(ran.json["room"]["engine"]["name"].as_str().unwrap().contains("Podman"), "{}", ran.json["room"]);
    let place = &ran.json["spare"]["engine"];
    assert_eq!(place["address"], podman.as_str());
    assert!(place["way"].as_str().unwrap().starts_with("the Docker context `spare`"), "{place}");
    let first = ran.stderr.lines().next().unwrap();
    assert!(first.contains(&podman) && first.contains("the Docker context `spare`"), "{first}");
    assert!(!digest(&ran.json).is_empty());
}

#[test]
fn a_context_that_is_not_there_or_broken_is_named_with_its_file() {
    let project = Project::new(&plan(""));
    let folder = contexts(&project, &[("spare", "host=ssh://spare.example")]);
    let meta = fs::read_dir(folder.join("contexts/meta")).unwrap().next().unwrap().unwrap().path().join("meta.json");
    let told = |name: &str, words: &[&str]| {
        let call = Canship::drill(&project).variable("DOCKER_CONFIG", &folder).variable("DOCKER_CONTEXT", name);
        let ran = call.run().ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "engine-unreachable", "{}", ran.stdout);
        let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
        assert!(words.iter().all(|word| summary.contains(word)), "{words:?}: {summary}");
        assert!(
            ran.first_advice().contains("DOCKER_CONTEXT") || ran.first_advice().contains("DOCKER_HOST"),
            "{}",
            ran.first_advice()
        );
        assert_eq!(ran.json["spare"]["engine"]["address"], "unknown");
    };
    told("absent", &["no Docker context `absent`", "contexts/meta/", "meta.json"]);
    for (content, words) in [
        ("{ \"Name\": ", "line 1"),
        ("{ \"Name\": \"spare\", \"Endpoints\": {} }", "names no address"),
        ("{ \"Name\": \"other\" }", "about a context `other`"),
        ("{ \"Name\": \"spare\", \"Endpoints\": { \"docker\": { \"Host\": \"npipe:////./pipe/x\" } } }", "npipe:////./pipe/x"),
    ] {
        fs::write(&meta, content).unwrap();
        told("spare", &["`spare` is broken", &meta.display().to_string(), words]);
    }
    // Logins lie in that file: none of it may be told.
    fs::write(
        folder.join("config.json"),
        "{ \"auths\": { \"r\": { \"auth\": \"c2VjcmV0OnNlY3JldA==\" } }, \"currentContext\": 7 }",
    )
    .unwrap();
    told("", &["which Docker context is in use cannot be read", "docker/config.json"]);
}
