//! A project with a Dockerfile, and the engines that build it.

use std::process::Command;

use crate::support::{
    Canship, Project, Services,
    project::Plan,
    run::{Ran, Running},
};

/// An engine, by its address.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) address: String,
    pub(crate) builder: &'static str,
    /// How its own client is called.
    pub(crate) client: &'static str,
}

pub(crate) fn docker() -> Engine {
    Engine { address: "unix:///var/run/docker.sock".to_owned(), builder: "BuildKit", client: "docker -H " }
}

pub(crate) fn podman() -> Engine {
    let address = std::env::var("CANSHIP_TEST_PODMAN").expect("CANSHIP_TEST_PODMAN is not set: run `ci/up` and `. target/ci/env`");
    Engine { address, builder: "Buildah", client: "podman --url " }
}

pub(crate) fn engines() -> [Engine; 2] {
    [docker(), podman()]
}

impl Engine {
    /// A plan whose release is the image of `Dockerfile`.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            image: None,
            dockerfile: Some("Dockerfile".to_owned()),
            run: Vec::new(),
            artifacts: Vec::new(),
            smoke: vec!["sh /tool.sh --version".to_owned()],
            spare: format!("{{ name: room, container: {{ engine: {:?} }} }}", self.address),
            ..Plan::in_clean_room(&Services::get())
        }
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        for _ in 0..20 {
            let output = Command::new("docker").args(["--host", &self.address]).args(arguments).output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            // Podman cannot list images while another test removes one.
            if arguments[0] == "images" && words.contains("not known") {
                continue;
            }
            assert!(output.status.success(), "{arguments:?}: {words}");
            return String::from_utf8(output.stdout).unwrap();
        }
        panic!("{arguments:?} never worked")
    }

    /// The id of an image of the user's.
    pub(crate) fn id(&self, image: &str) -> String {
        self.ask(&["image", "inspect", "--format", "{{.Id}} {{.RepoTags}}", image])
    }

    /// The images of a drill.
    pub(crate) fn images(&self, drill: &str) -> String {
        self.ask(&["images", "-a", "-q", "--filter", &format!("label=dev.canship.drill={drill}")])
    }

    /// Every image and container, whoever made it, that a drill could have left without a label.
    #[track_caller]
    pub(crate) fn has_nothing_of(&self, drill: &str) {
        assert_eq!(self.images(drill), "", "images");
        assert!(!self.ask(&["images", "-a"]).contains(drill), "images by their names");
        assert_eq!(self.ask(&["ps", "-aq", "--filter", &format!("label=dev.canship.drill={drill}")]), "", "containers");
    }

    /// Removes what a killed drill has left.
    pub(crate) fn remove_images(&self, drill: &str) {
        for image in self.images(drill).lines() {
            self.ask(&["rmi", "-f", image]);
        }
    }
}

/// A project of this plan with these instructions on top of the smallest image.
pub(crate) fn project(plan: &Plan, instructions: &str) -> Project {
    let project = Project::new(plan);
    write_dockerfile(&project, &format!("FROM {}\n{instructions}\n", Services::get().image));
    project
}

/// Commits another Dockerfile, and mirrors it.
pub(crate) fn write_dockerfile(project: &Project, text: &str) {
    project.write("Dockerfile", text);
    project.commit("Change the Dockerfile");
    project.git(&["push", "-q", "origin", "main"]);
}

pub(crate) fn drill(project: &Project) -> Ran {
    Canship::drill(project).run()
}

/// A drill that has begun to run `marker` (a line that its Dockerfile prints).
pub(crate) fn drill_until(project: &Project, marker: &str) -> Running {
    let mut running = Canship::drill(project).start();
    running.await_event(|event| event["event"] == "step-output" && event["line"] == marker);
    running
}
