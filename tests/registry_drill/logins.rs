//! Logins that are not in the plan: Docker's configuration and its credential helpers.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    lab::{Lab, drill, leftovers},
    registry::{
        proxy::Trouble,
        server::{PASSWORD, USER},
    },
    support::{Canship, Project, Services, project::Plan},
};

/// A registry with a login, and a project whose plan has none.
struct Scene {
    lab: Lab,
    project: Project,
}

impl Scene {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let lab = Lab::guarded();
        let address = &lab.proxy.address;
        let publish = format!("  - oci: {address}/acme/tool\n    scratch: {address}/acme/drill\n");
        let project = Project::new(&Plan { more: more.to_owned(), ..Plan::on_host(&Services::get()).publish(publish) });
        fs::create_dir(project.beside("docker")).unwrap();
        fs::create_dir(project.beside("bin")).unwrap();
        Self { lab, project }
    }

    fn config(&self, config: &Value) {
        fs::write(self.project.beside("docker/config.json"), config.to_string()).unwrap();
    }

    /// Writes a credential helper.
    fn helper(&self, name: &str, script: &str) -> PathBuf {
        let path = self.project.beside("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.config(&json!({ "credHelpers": { &self.lab.proxy.address: name.strip_prefix("docker-credential-").unwrap() } }));
        path
    }

    fn drill(&self) -> Canship {
        let path = std::env::join_paths(
            std::iter::once(self.project.beside("bin")).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        drill(&self.project).variable("DOCKER_CONFIG", self.project.beside("docker")).variable("PATH", path.unwrap())
    }
}

const GIVES: &str = r#"read server; printf '{"ServerURL":"%s","Username":"acme-bot","Secret":"correct horse"}' "$server""#;

#[test]
fn a_login_that_docker_has_saved_ships() {
    let scene = Scene::new();
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    scene.config(&json!({ "auths": { &scene.lab.proxy.address: { "auth": auth } } }));
    let ran = scene.drill().run().ends(0, "can-ship");
    assert_eq!(leftovers(&ran), Vec::<String>::new());
    assert!(!ran.everything().contains(PASSWORD) && !ran.everything().contains(&auth));

    // Without Docker's folder being named, it is the one in the home.
    let ran = drill(&scene.project).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["registry-unauthorized"]);
    assert!(ran.first_advice().contains(&format!("docker login {}", scene.lab.proxy.address)), "{}", ran.first_advice());
    let home = scene.project.beside("home");
    fs::create_dir(&home).unwrap();
    fs::rename(scene.project.beside("docker"), home.join(".docker")).unwrap();
    drill(&scene.project).variable("HOME", &home).run().ends(0, "can-ship");
}

#[test]
fn a_login_from_a_credential_helper_ships() {
    let scene = Scene::new();
    scene.helper("docker-credential-test", GIVES);
    let ran = scene.drill().run().ends(0, "can-ship");
    assert!(!ran.everything().contains(PASSWORD));
}

#[test]
fn a_credential_helper_that_does_not_give_the_login_is_named() {
    let fails = format!("cat >/dev/null; {GIVES}; echo 'no key for correct horse' >&2; exit 1");
    for (script, says) in
        [(fails.as_str(), "ended with an error"), ("cat >/dev/null; echo '{\"Secret\": \"correct horse\"'", "cannot be understood")]
    {
        let scene = Scene::new();
        let helper = scene.helper("docker-credential-test", script);
        let ran = scene.drill().run().ends(10, "cannot-ship");
        is_named(&ran, says);
        assert!(!ran.everything().contains(PASSWORD), "{}", ran.everything());
        assert_eq!(ran.phase("build"), "passed");

        fs::write(helper, format!("#!/bin/sh\n{GIVES}\n")).unwrap();
        scene.drill().run().ends(0, "can-ship");
    }
}

#[track_caller]
fn is_named(ran: &crate::support::run::Ran, says: &str) {
    assert_eq!(ran.rules(), ["registry-unauthorized"], "{}", ran.stdout);
    let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
    assert!(summary.contains("`docker-credential-test`") && summary.contains(says), "{summary}");
    assert!(ran.first_advice().contains("docker login") && ran.first_advice().contains("helper"), "{}", ran.first_advice());
}

#[test]
fn a_credential_helper_that_is_not_there_or_hangs_is_named() {
    let scene = Scene::with("timeouts: { api: 5s }\n");
    let helper = scene.helper("docker-credential-test", "");
    fs::remove_file(&helper).unwrap();
    is_named(&scene.drill().run().ends(10, "cannot-ship"), "cannot be run");

    let pipe = scene.project.beside("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    scene.helper("docker-credential-test", &format!("exec cat {}", pipe.display()));
    let ran = scene.drill().run();
    release(&pipe);
    is_named(&ran.ends(10, "cannot-ship"), "did not answer within 5.0 s");
}

/// Lets those go on that wait for somebody to write into the pipe.
fn release(pipe: &Path) {
    let nobody = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
    drop(rustix::fs::open(pipe, nobody, rustix::fs::Mode::empty()));
}

#[test]
fn what_a_registry_repeats_of_a_saved_login_is_not_shown() {
    let scene = Scene::new();
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    scene.config(&json!({ "auths": { &scene.lab.proxy.address: { "auth": auth } } }));
    let echo = "you sent correct horse, that is YWNtZS1ib3Q6Y29ycmVjdCBob3JzZQ==, which I do not like";
    assert!(echo.contains(PASSWORD) && echo.contains(&auth));
    scene.lab.proxy.always(Method::POST, "/blobs/uploads/", Trouble::Answer(400, vec![], echo));
    let ran = scene.drill().run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "registry-refused");
    assert!(ran.stdout.contains("which I do not like"), "{}", ran.stdout);
    assert!(!ran.everything().contains(PASSWORD) && !ran.everything().contains("Y29ycmVjdCBob3Jz"), "{}", ran.everything());
}
