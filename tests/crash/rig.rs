//! A drill of nothing that really cuts, and everything that is done to it.

use std::{
    ffi::OsString,
    fs,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::simulator::{
    call::When,
    github::GitHub,
    gitlab::GitLab,
    server::Simulator,
    state::differences,
    stop::{Moment, Stop},
    world::World,
};

/// The variable that the plan's token comes from.
const VARIABLE: &str = "FORGE_TOKEN";

/// What a forge is to a rig.
pub(crate) trait Forge: World + Sized {
    const TOKEN: &'static str;
    /// A path with parts of every kind, and some that a cut must leave.
    fn usual() -> Self;
    /// The plan's key, but for `running` and the like.
    fn primary(url: &str) -> String;
    /// The arguments that name the place without a plan.
    fn named() -> [&'static str; 2];
    /// The call of a usual drill that turns the last part off.
    fn last_off() -> When;
    /// So much later that the forge takes requests again.
    fn later(&mut self);
    /// Somebody renames it to `acme/next`.
    fn rename(&mut self);
    /// Somebody archives it, or unarchives it.
    fn archived(&mut self) -> &mut bool;
}

impl Forge for GitHub {
    const TOKEN: &'static str = crate::simulator::github::TOKEN;

    fn usual() -> Self {
        Self::new("acme/api")
            .workflow("release.yml")
            .workflow("nightly.yml")
            .workflow_in("old.yml", "disabled_manually")
            .workflow("spare.yml")
    }

    fn primary(url: &str) -> String {
        format!(
            "  github: {{ url: \"{url}\", repository: acme/api, workflows: [release.yml, nightly.yml, old.yml], token: TOKEN }}"
        )
    }

    fn named() -> [&'static str; 2] {
        ["--github", "acme/api"]
    }

    fn last_off() -> When {
        When::route("PUT", "/disable").nth(2)
    }

    fn later(&mut self) {
        self.limits.used = 0;
    }

    fn rename(&mut self) {
        self.rename("next");
    }

    fn archived(&mut self) -> &mut bool {
        &mut self.is_archived
    }
}

impl Forge for GitLab {
    const TOKEN: &'static str = crate::simulator::gitlab::TOKEN;

    fn usual() -> Self {
        Self::new("acme/api").runner("builder", &["release"]).schedule("nightly", "release-captain", true)
    }

    fn primary(url: &str) -> String {
        format!("  gitlab: {{ url: \"{url}\", project: acme/api, runners: [builder], schedules: true, token: TOKEN }}")
    }

    fn named() -> [&'static str; 2] {
        ["--gitlab", "acme/api"]
    }

    fn last_off() -> When {
        // The proof of the way back puts the schedule once before.
        When::route("PUT", "/pipeline_schedules/").nth(2)
    }

    fn later(&mut self) {
        self.limits.used = 0;
    }

    fn rename(&mut self) {
        self.rename("acme/next");
    }

    fn archived(&mut self) -> &mut bool {
        &mut self.is_archived
    }
}

/// A forge, a project that is released through it, and a machine.
pub(crate) struct Rig<F: Forge> {
    pub(crate) forge: Simulator<F>,
    pub(crate) before: serde_json::Value,
    pub(crate) machine: Machine,
    plan: PathBuf,
}

/// A home, a state folder and a folder for temporary files.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

/// Who gives back what a killed drill has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Its watchdog.
    Watchdog,
    /// `recover` on the same machine: the watchdog is killed too.
    Recover,
    /// `recover` on another machine: all local files are gone as well.
    Elsewhere,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "state", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with these arguments, with nothing in its environment but this machine's folders.
    pub(crate) fn canship(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_canship"));
        command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path("home"));
        command.env("TMPDIR", self.path("tmp")).env("XDG_STATE_HOME", self.state());
        command.current_dir(self.folder.path());
        command
    }

    /// The watchdogs that this machine runs.
    fn watchdogs(&self) -> Vec<Pid> {
        let home = OsString::from(format!("HOME={}", self.path("home").display()));
        let is_one = |pid: &i32| {
            let read = |name| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let is_watchdog = read("cmdline").split(|byte| *byte == 0).nth(1) == Some(b"watchdog");
            is_watchdog && read("environ").split(|byte| *byte == 0).any(|variable| variable == home.as_encoded_bytes())
        };
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(is_one).filter_map(Pid::from_raw).collect()
    }

    /// Waits for the end of every watchdog.
    pub(crate) fn await_watchdogs(&self) {
        self.await_ends(&self.handles());
    }

    /// The watchdogs, also when they have no command line any more, as they end.
    fn handles(&self) -> Vec<OwnedFd> {
        self.watchdogs().into_iter().filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect()
    }

    fn await_ends(&self, watchdogs: &[OwnedFd]) {
        for handle in watchdogs {
            let mut waited = [rustix::event::PollFd::new(handle, rustix::event::PollFlags::IN)];
            let limit = rustix::event::Timespec { tv_sec: 60, tv_nsec: 0 };
            let ended = rustix::event::poll(&mut waited, Some(&limit)).unwrap();
            assert_eq!(ended, 1, "the watchdog goes on: {}", self.log());
        }
    }

    pub(crate) fn kill_watchdogs(&self) {
        let watchdogs = self.handles();
        for watchdog in &watchdogs {
            pidfd_send_signal(watchdog, Signal::KILL).unwrap_or_default();
        }
        self.await_ends(&watchdogs);
    }

    pub(crate) fn signal_watchdogs(&self, signal: Signal) {
        for pid in self.watchdogs() {
            kill_process(pid, signal).unwrap_or_default();
        }
    }

    /// Whether a watchdog runs.
    pub(crate) fn has_watchdog(&self) -> bool {
        !self.watchdogs().is_empty()
    }

    /// What watchdogs have told.
    pub(crate) fn log(&self) -> String {
        self.of_drills("watchdog.log")
    }

    /// What drills have noted.
    pub(crate) fn journal(&self) -> String {
        self.of_drills("journal.jsonl")
    }

    fn of_drills(&self, file: &str) -> String {
        let drills = fs::read_dir(self.state().join("canship/drills")).into_iter().flatten().flatten();
        drills.map(|entry| fs::read_to_string(entry.path().join(file)).unwrap_or_default()).collect()
    }

    /// Waits until the locks of drills that were killed are free: a child that one was about to start has its lock until it
    /// has become its program.
    pub(crate) fn await_death(&self) {
        let drills = fs::read_dir(self.state().join("canship/drills")).into_iter().flatten().flatten();
        for lock in drills.filter_map(|entry| fs::File::open(entry.path().join("lock")).ok()) {
            let begun = Instant::now();
            while lock.try_lock_shared().is_err() {
                assert!(begun.elapsed() < Duration::from_mins(1), "a drill that was killed lives");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Takes away all that this machine knows.
    pub(crate) fn forget(&self) {
        fs::remove_dir_all(self.state()).unwrap();
        fs::create_dir(self.state()).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill_watchdogs();
    }
}

impl<F: Forge> Rig<F> {
    pub(crate) fn new() -> Self {
        Self::of(F::usual(), "")
    }

    /// A rig with this forge, and more under `primary`.
    pub(crate) fn of(forge: F, more: &str) -> Self {
        let forge = Simulator::start(forge);
        let machine = Machine::new();
        let plan = project().join(format!("{}.yaml", uuid::Uuid::now_v7().simple()));
        let text = format!(
            "version: 1\nrelease: tool\nbuild:\n  run: [mkdir dist && cp tool.sh dist/tool]\n  artifacts: [dist/tool]\n\
             publish:\n  - crate: tool\nsecrets:\n  TOKEN: {{ env: {VARIABLE} }}\nspares:\n  - {{ name: by-hand, host: {{}} }}\n\
             history: none\ntimeouts: {{ api: 5s, retry_after_max: 1s }}\nprimary:\n{}\n  late_effect: 5s\n{more}",
            F::primary(forge.url())
        );
        fs::write(&plan, text).unwrap();
        let before = forge.state();
        Self { forge, before, machine, plan }
    }

    /// The plan file.
    pub(crate) fn plan(&self) -> &Path {
        &self.plan
    }

    /// A drill that cuts, ready to be started.
    pub(crate) fn drill(&self) -> Command {
        self.with_plan(&self.machine, &["drill", "--cut", "--yes"])
    }

    /// The same drill, to which a file that may not grow is an error, as a full disk is: else it would be its death.
    pub(crate) fn drill_that_sees_a_full_disk(&self) -> Command {
        self.drill_through_env("--ignore-signal=XFSZ")
    }

    /// The same drill, which a terminal that hangs up ends, also where whoever started the tests outlives theirs.
    pub(crate) fn drill_at_a_terminal(&self) -> Command {
        self.drill_through_env("--default-signal=HUP")
    }

    fn drill_through_env(&self, option: &str) -> Command {
        let drill = self.drill();
        let mut command = Command::new("env");
        command.arg(option).arg(drill.get_program()).args(drill.get_args());
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(drill.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = drill.get_current_dir() {
            command.current_dir(folder);
        }
        command
    }

    pub(crate) fn with_plan(&self, machine: &Machine, arguments: &[&str]) -> Command {
        let mut command = machine.canship(arguments);
        command.arg("--plan").arg(&self.plan).env(VARIABLE, F::TOKEN);
        command
    }

    /// Gives back on the machine that has the drill's journal.
    pub(crate) fn recover_here(&self) -> Ran {
        run(self.recovery())
    }

    /// The same, ready to be started.
    pub(crate) fn recovery(&self) -> Command {
        self.with_plan(&self.machine, &["recover"])
    }

    /// Gives back on a machine that knows nothing but the place and the token.
    pub(crate) fn recover_elsewhere(&self, more: &[&str]) -> Ran {
        run(self.recovery_elsewhere(&Machine::new(), more))
    }

    /// The same, ready to be started.
    pub(crate) fn recovery_elsewhere(&self, other: &Machine, more: &[&str]) -> Command {
        let [how, name] = F::named();
        let mut command = other.canship(&["recover", how, name, "--url", self.forge.url()]);
        command.args(more).env("CANSHIP_TOKEN", F::TOKEN);
        command
    }

    /// A drill of which such a call is held.
    #[track_caller]
    pub(crate) fn held(&self, mut drill: Command, (when, moment): (When, Moment)) -> (Child, Stop) {
        let stop = self.forge.stop(when, moment);
        let mut drill = drill.spawn().unwrap();
        assert!(stop.reached_by(&mut drill).is_some(), "no such call came: {:?}", end(drill));
        (drill, stop)
    }

    /// A drill whose last call that turns something off is held, after its effect.
    pub(crate) fn all_off(&self) -> (Child, Stop) {
        self.held(self.drill(), (F::last_off(), Moment::After))
    }

    /// Whoever has a call held dies, and the drill's watchdog too if somebody else is to give back. Gives when.
    pub(crate) fn die(&self, child: Child, held: &Stop, then: Then) -> Instant {
        if then != Then::Watchdog {
            // Stopped first, so that the watchdog goes before it can see that the drill is dead.
            signal(&child, Signal::STOP);
            self.machine.kill_watchdogs();
        }
        signal(&child, Signal::KILL);
        let died = Instant::now();
        held.go_on();
        assert_eq!(end(child).code, -9);
        self.machine.await_death();
        died
    }

    /// A drill that died when everything was off, and its watchdog with it.
    pub(crate) fn cut_and_dead() -> Self {
        let rig = Self::new();
        rig.cut_and_die();
        rig
    }

    /// The same of a rig that is there.
    pub(crate) fn cut_and_die(&self) {
        let (drill, stop) = self.all_off();
        self.die(drill, &stop, Then::Recover);
    }

    /// What is not as it was before.
    pub(crate) fn wrong(&self) -> Vec<String> {
        differences(&self.before, &self.forge.state())
    }

    /// Asserts that everything is as it was.
    #[track_caller]
    pub(crate) fn assert_as_before(&self, about: &str) {
        let wrong = self.wrong();
        assert!(wrong.is_empty(), "{about}: {}\n{}", wrong.join("\n"), self.machine.log());
    }

    /// Runs the commands that were printed, or told to a log, as a person does: one after the other.
    pub(crate) fn by_hand(printed: &str) -> usize {
        let command = |line: &'_ str| line.strip_prefix("    ").or_else(|| line.strip_prefix("by hand: ")).map(str::len);
        let commands = printed.lines().filter_map(|line| command(line).map(|length| &line[line.len() - length..]));
        let commands: Vec<_> = commands.filter(|command| command.contains(" | curl ")).collect();
        for command in &commands {
            let mut sh = Command::new("sh");
            sh.arg("-c").arg(command).env_clear().env("CANSHIP_TOKEN", F::TOKEN);
            sh.env("PATH", std::env::var_os("PATH").unwrap());
            // What is back already, or gone, may refuse: the state is what counts.
            run(sh);
        }
        commands.len()
    }
}

/// One project for all: plans lie beside each other in it.
fn project() -> &'static Path {
    static PROJECT: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = PROJECT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tool.sh"), "#!/bin/sh\necho tool\n").unwrap();
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]).args(arguments);
            git.current_dir(folder.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
            assert!(git.output().unwrap().status.success(), "git {arguments:?}");
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "tool.sh"]);
        git(&["commit", "-q", "-m", "Start"]);
        folder
    });
    folder.path()
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Ran {
    ended(command.output().unwrap())
}

/// Waits for the end of what was started.
pub(crate) fn end(child: Child) -> Ran {
    ended(child.wait_with_output().unwrap())
}

fn ended(output: Output) -> Ran {
    let status = output.status;
    Ran {
        code: status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Sends a signal to what was started.
pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}
