//! Engines over ssh: one connection that carries all, and ends with canship.

use std::{fs, os::unix::net::UnixListener};

use rustix::process::Signal;

use crate::{
    digest, digest_on, plan,
    sshd::Sshd,
    support::{Canship, Project, engines::On, services::service},
};

fn socket(service_name: &str) -> String {
    service(service_name).trim_start_matches("unix://").to_owned()
}

#[test]
fn a_release_ships_over_one_connection_of_ssh_and_is_the_same_on_every_engine() {
    let here = digest_on("");
    let podman = format!("ssh://box{}", socket("CANSHIP_TEST_PODMAN"));
    for (address, engine) in [("ssh://box", "Docker"), (podman.as_str(), "Podman")] {
        let sshd = Sshd::start("");
        let project = Project::new(&plan(address));
        let ran = sshd.for_call(Canship::drill(&project)).run().ends(0, "can-ship");
        assert_eq!(digest(&ran.json), here, "{address}");
        assert_eq!(sshd.connections(), 2, "{address}: one to look for leftovers, one for all of the drill");
        sshd.await_none_open();
        let about = &ran.json["room"]["engine"];
        assert!(about["name"].as_str().unwrap().contains(engine), "{about}");
        assert!(about["address"].as_str().unwrap().starts_with(&format!("{address}/").replace("sock/", "sock")), "{about}");
        assert_eq!(ran.json["spare"]["engine"]["address"], address);
        assert!(ran.stderr.contains(&format!("`{address}` (named by the plan)")), "{}", ran.stderr);
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0);
    }
}

#[test]
fn where_sshd_forwards_no_sockets_the_engines_own_program_connects() {
    let here = digest_on("");
    let podman = format!("ssh://box{}", socket("CANSHIP_TEST_PODMAN"));
    for address in ["ssh://box", &podman] {
        let sshd = Sshd::start("AllowStreamLocalForwarding no");
        let project = Project::new(&plan(address));
        let ran = sshd.for_call(Canship::drill(&project)).run().ends(0, "can-ship");
        assert_eq!((digest(&ran.json), sshd.connections()), (here.clone(), 2), "{address}");
        sshd.await_none_open();
    }
}

#[test]
fn a_killed_drill_leaves_nothing_running_there_and_no_ssh_here() {
    for more in ["", "AllowStreamLocalForwarding no"] {
        let sshd = Sshd::start(more);
        let project = Project::new(&plan("ssh://box").run(&["echo waiting; sleep 300"]));
        let mut running = sshd.for_call(Canship::drill(&project)).start();
        running.await_event(|event| event["event"] == "step-output");
        let drill = running.drill().to_owned();
        assert!(!On::Docker.containers(&drill).is_empty());
        running.signal(Signal::KILL);
        await_none_running(&drill);
        // The guard ends ssh after it has removed its folder.
        sshd.await_none_open();
        let left = fs::read_dir(running.folder().join("tmp")).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("canship-ssh-")).collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(running.finish().code, Some(-9));
    }
}

/// Waits until no container of the drill runs, and removes those that were made but never started: no end of a connection
/// removes these.
fn await_none_running(drill: &str) {
    let label = format!("label=dev.canship.drill={drill}");
    while let Some(running) = On::Docker.ask(&["ps", "--quiet", "--filter", &label]).lines().next() {
        // It may be gone by now.
        On::Docker.client(&["wait", running]).output().unwrap();
    }
    for made in On::Docker.containers(drill) {
        On::Docker.client(&["rm", "--force", "--volumes", &made]).output().unwrap();
    }
}

#[test]
fn what_keeps_ssh_from_the_other_side_is_told_apart() {
    let sshd = Sshd::start("");
    let told = |address: &str, words: &[&str], advice: &str| {
        let project = Project::new(&plan(address));
        let ran = sshd.for_call(Canship::drill(&project)).run().ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "engine-unreachable", "{}", ran.stdout);
        let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
        assert!(words.iter().all(|word| summary.contains(word)), "{words:?}: {summary}");
        assert!(ran.first_advice().contains(advice), "{advice}: {}", ran.first_advice());
    };
    sshd.know(&[]);
    told("ssh://box", &["is not known", "Host key verification failed"], "compare the fingerprint");
    sshd.know(&["other"]);
    told("ssh://box", &["is not the one that is known", "has changed"], "find out why");
    sshd.know(&["host"]);
    sshd.configure("other");
    told("ssh://box", &["does not let this user in", "Permission denied (publickey)"], "a key that is accepted");
    sshd.configure("user");
    told("ssh://nowhere.invalid", &["Could not resolve hostname"], "correct the host");
    told("ssh://box:1", &["cannot be reached", "Connection refused"], "sshd listens");

    told("ssh://box/nowhere/engine.sock", &["no engine runs", "/nowhere/engine.sock"], "start it there");
    // A socket stays when nobody listens any more.
    let dead = sshd.path("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    told(&format!("ssh://box{}", dead.display()), &["no engine runs", "connection refused"], "start it there");
}

#[test]
fn without_ssh_on_this_machine_that_is_told() {
    let sshd = Sshd::start("");
    let tools = sshd.path("tools");
    fs::create_dir(&tools).unwrap();
    for tool in ["sh", "git", "rm"] {
        let found =
            std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|folder| folder.join(tool)).find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap(), tools.join(tool)).unwrap();
    }
    let project = Project::new(&plan("ssh://box"));
    let ran = Canship::drill(&project).variable("PATH", &tools).run().ends(10, "cannot-ship");
    assert!(ran.stdout.contains("`ssh` cannot be started"), "{}", ran.stdout);
    assert!(ran.first_advice().contains("openssh-client"), "{}", ran.first_advice());
}

#[test]
fn when_ssh_breaks_off_what_may_be_left_is_named_with_the_client_that_reaches_it() {
    let podman = format!("ssh://box{}", socket("CANSHIP_TEST_PODMAN"));
    let over_ssh = format!("ssh box podman --url unix://{} ", socket("CANSHIP_TEST_PODMAN"));
    for (address, client) in [("ssh://box", "docker -H ssh://box "), (podman.as_str(), over_ssh.as_str())] {
        let sshd = Sshd::start("");
        let project = Project::new(&plan(address).run(&["echo waiting; sleep 300"]));
        let mut running = sshd.for_call(Canship::drill(&project)).start();
        running.await_event(|event| event["event"] == "step-output");
        sshd.cut();
        let ran = running.finish();
        assert!(ran.stdout.contains("the connection of ssh has ended"), "{}", ran.stdout);
        let left = ran.json["leftovers"].as_array().unwrap();
        assert!(!left.is_empty(), "{}", ran.stdout);
        assert!(left.iter().all(|left| left["remedy"].as_str().unwrap().starts_with(client)), "{left:?}");
    }
}
