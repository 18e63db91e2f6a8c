//! The binary, in an environment of nothing but what a test gives it: CI variables of the machine that runs the tests
//! (`GITHUB_STEP_SUMMARY`, tokens, `DOCKER_CONFIG`, `NO_COLOR`) would change what it does.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead as _, BufReader, Read},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::JoinHandle,
};

use serde_json::Value;

use super::Project;

/// A call of the binary.
pub(crate) struct Canship {
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    /// A command that runs it, as `nsenter` does.
    wrapper: Vec<String>,
    own: tempfile::TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The JSON report, if one was written.
    pub(crate) json: Value,
    /// The event log's text.
    pub(crate) log: String,
}

impl Canship {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let own = tempfile::tempdir().unwrap();
        for folder in ["home", "tmp"] {
            fs::create_dir(own.path().join(folder)).unwrap();
        }
        Self { arguments: arguments.iter().map(OsString::from).collect(), variables: Vec::new(), wrapper: Vec::new(), own }
    }

    /// A drill of this project.
    pub(crate) fn drill(project: &Project) -> Self {
        Self::new(&["drill"]).argument("--plan").argument(project.plan_file())
    }

    #[must_use]
    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    #[must_use]
    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it by this command.
    #[must_use]
    pub(crate) fn wrapped(mut self, wrapper: Vec<String>) -> Self {
        self.wrapper = wrapper;
        self
    }

    /// The folder that the call has for its temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.own.path().join("tmp")
    }

    /// The folder it works in, which has its home, its temporary files and what it is told to write by a relative path.
    pub(crate) fn folder(&self) -> PathBuf {
        self.own.path().to_owned()
    }

    /// The call itself, to start it in another way.
    pub(crate) fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_canship");
        let mut command = Command::new(self.wrapper.first().map_or(program, String::as_str));
        if !self.wrapper.is_empty() {
            command.args(&self.wrapper[1..]).arg(program);
        }
        command.args(&self.arguments).env_clear().stdin(Stdio::null()).current_dir(self.own.path());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.own.path().join("home"));
        command.env("TMPDIR", self.temporary());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end; a drill also writes its log and its JSON report, which are read.
    pub(crate) fn run(&self) -> Ran {
        let is_drill = matches!(self.arguments.first().and_then(|word| word.to_str()), Some("drill" | "demo"));
        let (log, json) = (self.own.path().join("drill.jsonl"), self.own.path().join("drill.json"));
        let mut command = self.command();
        if is_drill {
            command.arg("--events").arg(&log).arg("--json").arg(&json);
        }
        let output = command.output().unwrap();
        let ran = Ran::new(output, &log, &json);
        assert_eq!(left_in(&self.temporary()), Vec::<String>::new(), "temporary files are left");
        ran
    }

    /// Runs it with just the arguments it was given.
    pub(crate) fn run_as_is(&self) -> Ran {
        let output = self.command().output().unwrap();
        Ran::new(output, Path::new("/nowhere"), Path::new("/nowhere"))
    }

    /// Runs it on a terminal, and gives what it shows there.
    pub(crate) fn on_terminal(&self) -> String {
        let call = self.command();
        let quoted = |word: &OsStr| format!("'{}'", word.to_str().unwrap());
        let line: Vec<_> = std::iter::once(call.get_program()).chain(call.get_args()).map(quoted).collect();
        let mut terminal = Command::new("script");
        terminal.args(["-q", "-c", &line.join(" "), "/dev/null"]).current_dir(self.folder()).env_clear().stdin(Stdio::null());
        terminal.env("SHELL", "/bin/sh").env("TERM", "xterm-256color");
        let output = terminal.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?)))).output();
        let output = output.expect("`script` is needed (Debian: bsdutils)");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts it with its event log going through a pipe, to see each event as it happens.
    pub(crate) fn start(self) -> Running {
        let log = self.own.path().join("events");
        rustix::fs::mknodat(rustix::fs::CWD, &log, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let json = self.own.path().join("drill.json");
        let mut command = self.command();
        command.arg("--events").arg(&log).arg("--json").arg(&json);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Read from the start: a drill passes over whoever does not read for a while.
        let printed = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
        let events = BufReader::new(fs::File::open(&log).unwrap());
        Running { child, printed, events, json, seen: Vec::new(), own: self.own }
    }
}

/// Reads all of it beside the caller.
fn read(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

/// What lies in a folder for temporary files, but for demos, which stay to be looked at.
fn left_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with("canship-demo-")).collect()
}

/// A call that is under way.
pub(crate) struct Running {
    child: Child,
    /// What comes on standard output and standard error.
    printed: (JoinHandle<Vec<u8>>, JoinHandle<Vec<u8>>),
    events: BufReader<fs::File>,
    json: PathBuf,
    seen: Vec<Value>,
    own: tempfile::TempDir,
}

impl Running {
    /// Waits for the first event that `wanted` accepts.
    pub(crate) fn await_event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().expect("the drill ended without the event that is waited for");
            if wanted(&event) {
                return event;
            }
        }
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        if self.events.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let event: Value = serde_json::from_str(&line).unwrap();
        self.seen.push(event.clone());
        Some(event)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The drill that runs; known from its first event on.
    pub(crate) fn drill(&self) -> &str {
        self.seen[0]["drill"].as_str().unwrap()
    }

    /// The folder it works in.
    pub(crate) fn folder(&self) -> &Path {
        self.own.path()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end. Unless it was killed, no temporary file may be left.
    pub(crate) fn finish(mut self) -> Ran {
        while self.next().is_some() {}
        let log: Vec<_> = self.seen.iter().map(|event| format!("{event}\n")).collect();
        let status = self.child.wait().unwrap();
        let output = Output { status, stdout: self.printed.0.join().unwrap(), stderr: self.printed.1.join().unwrap() };
        let log_file = self.own.path().join("seen.jsonl");
        fs::write(&log_file, log.concat()).unwrap();
        let ran = Ran::new(output, &log_file, &self.json);
        if ran.code.is_some_and(|code| code >= 0) {
            assert_eq!(left_in(&self.own.path().join("tmp")), Vec::<String>::new(), "temporary files are left");
        }
        ran
    }
}

impl Ran {
    fn new(output: Output, log: &Path, json: &Path) -> Self {
        Self {
            code: output.status.code().or_else(|| output.status.signal().map(|signal| -signal)),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            json: fs::read(json).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default(),
            log: fs::read_to_string(log).unwrap_or_default(),
        }
    }

    /// Asserts the exit code and the verdict; shows all output otherwise.
    #[track_caller]
    pub(crate) fn ends(self, code: i32, verdict: &str) -> Self {
        assert_eq!((self.code, self.json["verdict"].as_str()), (Some(code), Some(verdict)), "{}\n{}", self.stderr, self.stdout);
        self
    }

    /// The rules of all findings, in the order of the report.
    pub(crate) fn rules(&self) -> Vec<&str> {
        self.json["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["rule"].as_str()).collect()
    }

    /// What to do first.
    pub(crate) fn first_advice(&self) -> &str {
        self.json["findings"][0]["advice"].as_str().unwrap_or_default()
    }

    /// How a phase ended.
    pub(crate) fn phase(&self, name: &str) -> &str {
        let phases = self.json["phases"].as_array().into_iter().flatten();
        phases.filter(|phase| phase["phase"] == name).find_map(|phase| phase["outcome"].as_str()).unwrap_or("none")
    }

    /// The drill's id.
    pub(crate) fn drill(&self) -> String {
        let first = self.log.lines().next().unwrap_or_default();
        let event: Value = serde_json::from_str(first).unwrap();
        event["drill"].as_str().unwrap().to_owned()
    }

    /// Everything that was told anywhere.
    pub(crate) fn everything(&self) -> String {
        format!("{}{}{}{}", self.stdout, self.stderr, self.json, self.log)
    }
}
