//! The engines that tests run on, and what is asked of them behind canship's back.

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use super::services::service;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Docker,
    /// As root.
    Podman,
    /// As a user without rights.
    RootlessPodman,
}

impl On {
    /// Every one of them.
    pub(crate) const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::RootlessPodman];

    /// Where it listens.
    pub(crate) fn address(self) -> String {
        match self {
            Self::Docker => env::var("DOCKER_HOST").unwrap_or_else(|_| String::from("unix:///var/run/docker.sock")),
            Self::Podman => service("CANSHIP_TEST_PODMAN"),
            Self::RootlessPodman => service("CANSHIP_TEST_PODMAN_ROOTLESS"),
        }
    }

    /// The spare of a plan that is this engine; the first is what canship takes if nothing is said.
    pub(crate) fn spare(self) -> String {
        match self {
            Self::Docker => String::from("{ name: room, container: {} }"),
            Self::Podman | Self::RootlessPodman => format!("{{ name: room, container: {{ engine: '{}' }} }}", self.address()),
        }
    }

    /// Docker's own client at this engine.
    pub(crate) fn client(self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host").arg(self.address()).args(arguments);
        command
    }

    /// What that client says.
    pub(crate) fn ask(self, arguments: &[&str]) -> String {
        let output = self.client(arguments).output().unwrap();
        assert!(output.status.success(), "{self:?}: {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The containers of a drill, in whatever state.
    pub(crate) fn containers(self, drill: &str) -> Vec<String> {
        let said = self.ask(&["ps", "--all", "--quiet", "--filter", &format!("label=dev.canship.drill={drill}")]);
        said.lines().map(str::to_owned).collect()
    }

    /// Waits until nothing of a drill runs: follows the engine's events, from before the drill on, and all of them, as Docker
    /// tells that a container died before its list knows. (A drill that was killed between making a container and starting
    /// it leaves that container, which is for the next one to remove.)
    pub(crate) fn await_nothing_runs(self, drill: &str) {
        let filter = format!("label=dev.canship.drill={drill}");
        let events = ["events", "--since", "1h", "--filter", &filter];
        let mut events = self.client(&events).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(events.stdout.take().unwrap()).lines();
        while !self.ask(&["ps", "--quiet", "--filter", &filter]).is_empty() {
            lines.next().unwrap().unwrap();
        }
        events.kill().unwrap();
        events.wait().unwrap();
    }
}
