//! An engine of the test's own, which is killed as well. Needs root, as any engine of its own does.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    ground::{Cleaned, ENDLESS, Host, event, in_clean_room, kill, run},
    lab::Lab,
    support::{Project, Services},
};

/// A second engine beside the shared one.
struct Engine {
    child: Child,
    bridge: String,
    folder: tempfile::TempDir,
}

impl Engine {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let number = std::process::id();
        let bridge = format!("csh{number}");
        run("ip", &["link", "add", "name", &bridge, "type", "bridge"]);
        let address = format!("10.{}.{}.1/24", 200 + number % 50, number / 50 % 250);
        run("ip", &["addr", "add", &address, "dev", &bridge]);
        run("ip", &["link", "set", &bridge, "up"]);
        let child = launch(folder.path(), &bridge);
        let engine = Self { child, bridge, folder };
        engine.await_answer();
        let image = engine.folder.path().join("image.tar").display().to_string();
        run("docker", &["save", "-o", &image, &Services::get().image]);
        engine.lines(&["load", "-i", &image]);
        engine
    }

    fn address(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["-H", &self.address()]).args(arguments);
        command
    }

    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.client(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Not a deadline of the test: an engine that does not start at all must not hang it.
    fn await_answer(&self) {
        let until = Instant::now() + Duration::from_mins(2);
        while !self.client(&["version"]).output().unwrap().status.success() {
            assert!(Instant::now() < until, "the engine does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        // Its containerd ends with it. Where nobody reaps that, its id would be taken for one that still runs.
        for file in ["pid", "exec/containerd/containerd.pid"] {
            fs::remove_file(self.folder.path().join(file)).ok();
        }
        self.child = launch(self.folder.path(), &self.bridge);
        self.await_answer();
    }

    /// Everything that has a drill's label, with its state.
    fn everything(&self) -> Vec<String> {
        let filter = ["--filter", "label=dev.canship.drill"];
        let containers = self.lines(&[&["ps", "-a", "--format", "{{.Names}} {{.State}}"], &filter[..]].concat());
        let volumes = self.lines(&[&["volume", "ls", "-q"], &filter[..]].concat());
        containers.into_iter().chain(volumes).collect()
    }
}

fn launch(folder: &Path, bridge: &str) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    Command::new("dockerd")
        .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
        .args(["-H", &format!("unix://{}", at("docker.sock")), "--bridge", bridge])
        .args(["--iptables=false", "--ip-masq=false", "--storage-driver=vfs"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("`dockerd` is needed")
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Politely, so that it ends its own containerd.
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, Signal::TERM).ok();
        self.child.wait().ok();
        Command::new("ip").args(["link", "del", &self.bridge]).status().ok();
    }
}

#[test]
fn an_engine_that_was_killed_with_the_drill_is_cleaned_when_it_is_back() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let lab = Lab::open();
    let mut engine = Engine::start();
    let (host, project) = (Host::new(), Project::new(&in_clean_room(&lab).run(&[ENDLESS])));
    let mut running = host.drill(&project).variable("DOCKER_HOST", engine.address()).start();
    running.await_event(event("step-output"));
    assert!(!engine.everything().is_empty());
    // It sees nothing of the engine's end before its own.
    running.signal(Signal::STOP);
    engine.kill();
    kill(running);

    // While it is down it is named, in bounded time, and everything else is cleaned.
    let clean = |engine: &Engine| Cleaned::new(&host.clean(&project).variable("DOCKER_HOST", engine.address()));
    let cleaned = clean(&engine);
    assert_eq!((cleaned.ran.code, cleaned.left().len()), (Some(11), 1), "{}", cleaned.ran.stdout);
    assert!(cleaned.left()[0].contains(&engine.address()), "{:?}", cleaned.left());
    assert_eq!((project.mirror_refs().as_str(), host.folders().len()), ("refs/heads/main\n", 0));

    engine.start_again();
    let cleaned = clean(&engine);
    assert_eq!((cleaned.ran.code, cleaned.left()), (Some(0), Vec::new()), "{}", cleaned.ran.stdout);
    assert_eq!(engine.everything(), Vec::<String>::new());
    assert_eq!(host.journals(), Vec::<String>::new());
    engine.kill();
    engine.start_again();
    assert_eq!(engine.everything(), Vec::<String>::new(), "nothing comes back");
}
