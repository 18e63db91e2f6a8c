//! The one connection of ssh that carries all others, and the guard that ends it.
//!
//! Invariant: the connection ends when the pipe to its guard is closed, which happens at the latest when canship's
//! process is no more, by whatever signal. The guard then ends its whole process group at once, without waiting for what
//! an engine that hangs may still owe, and removes the folder.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    process::{ChildStdin, Command},
    sync::watch,
    task::AbortHandle,
};

use super::{
    super::{Fault, HELLO, address::Ssh, locate::Surroundings},
    probe::{self, Seen},
    words,
};
use crate::{process::Child, record::Stream};

/// Runs ssh with the guard before it: `$0` is the folder, `$@` what ssh is told. The input of ssh is the guard's output,
/// to which nothing is ever written. Whichever of the two ends first ends the other.
const GUARD: &str = r#"{ while read -r _; do :; done; rm -rf -- "$0"; kill 0; } 2>/dev/null | { ssh "$@"; kill 0; }"#;

/// Of the user's configuration all is respected but what would ask somebody, run something else there, or say less about
/// a failure.
const OPTIONS: [&str; 20] = [
    "-T",
    "-a",
    "-x",
    "-o",
    "BatchMode=yes",
    "-o",
    "ControlMaster=yes",
    "-o",
    "ControlPersist=no",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "RemoteCommand=none",
    // A network that is gone ends the connection, and with it what waits for it.
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "LogLevel=INFO",
    "-S",
];

/// The most bytes that a socket's path may have on every system, with what ssh adds to it while it makes one.
const LONGEST: usize = 104 - 18;

/// What is kept of what ssh and the other side say.
const KEPT: usize = 16 * 1024;

/// How long ssh may take to tell why a channel did not open.
const TOLD: Duration = Duration::from_secs(2);

/// What was said so far.
#[derive(Debug, Default)]
struct Said {
    out: String,
    err: String,
    /// Whether ssh is no more.
    ended: bool,
}

/// A connection of ssh.
#[derive(Debug)]
pub(super) struct Master {
    ssh: Ssh,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    said: watch::Receiver<Said>,
    /// Holds the process; ending it ends ssh.
    running: AbortHandle,
    /// The guard waits for its end.
    _guard: Option<ChildStdin>,
    folder: TempDir,
}

impl Master {
    /// Connects, and asks the other side what it has.
    pub(super) async fn start(ssh: &Ssh, around: &Surroundings) -> Result<(Self, Seen), Fault> {
        let folder = folder(&around.temporary)?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(GUARD).arg(folder.path()).args(OPTIONS).arg(control(folder.path()));
        command.arg("-o").arg(format!("ConnectTimeout={}", around.patience.as_secs().max(1)));
        if let Some(port) = ssh.port {
            command.arg("-p").arg(port.to_string());
        }
        command.arg("--").arg(ssh.destination()).arg(probe::command(ssh.socket.as_deref()));
        command.env_clear().envs(around.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Child::start(command).map_err(|e| words::no_shell(&e))?;
        let guard = child.stdin();
        let (tell, said) = watch::channel(Said::default());
        let running = tokio::spawn(follow(child, tell)).abort_handle();
        let master = Self { ssh: ssh.clone(), environment: around.environment.clone(), said, running, _guard: guard, folder };
        let seen = master.hear(around.patience + HELLO).await?;
        Ok((master, seen))
    }

    /// Waits until the other side has said all, or ssh why it does not get there.
    async fn hear(&self, patience: Duration) -> Result<Seen, Fault> {
        let mut said = self.said.clone();
        let heard = tokio::time::timeout(patience, said.wait_for(|said| said.ended || probe::is_whole(&said.out))).await;
        match heard {
            Ok(Ok(said)) if probe::is_whole(&said.out) => Ok(Seen::read(&said.out)),
            Ok(Ok(said)) => Err(words::connection(&self.ssh, &said.err, &said.out)),
            Ok(Err(_)) => Err(words::connection(&self.ssh, "ssh ended", "")),
            Err(_) => Err(words::silent(&self.ssh, patience, &self.said.borrow().out)),
        }
    }

    pub(super) fn ssh(&self) -> &Ssh {
        &self.ssh
    }

    /// An error with its last words if the connection is no more.
    pub(super) fn alive(&self) -> io::Result<()> {
        let said = self.said.borrow();
        if said.ended { Err(ended(&said)) } else { Ok(()) }
    }

    /// Why a connection was not made: the end of ssh, if that is what it comes from.
    pub(super) async fn why_not_connected(&self, error: io::Error) -> io::Error {
        let mut said = self.said.clone();
        match tokio::time::timeout(TOLD, said.wait_for(|said| said.ended)).await {
            Ok(Ok(said)) => ended(&said),
            Ok(Err(_)) | Err(_) => error,
        }
    }

    /// The socket here that leads to the engine's there, after [`Self::forward`].
    pub(super) fn local_socket(&self) -> PathBuf {
        self.folder.path().join("e")
    }

    /// Lets ssh join a socket here with one there.
    pub(super) async fn forward(&self, socket: &str) -> Result<(), Fault> {
        let joined = format!("{}:{socket}", self.local_socket().display());
        let mut command = self.client();
        command.args(["-O", "forward", "-o", "StreamLocalBindUnlink=yes", "-L", &joined, "--", &self.ssh.destination()]);
        let output = tokio::time::timeout(HELLO, command.stdin(Stdio::null()).output()).await;
        let failed = |said: &str| words::connection(&self.ssh, said, "");
        match output {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => Err(failed(&String::from_utf8_lossy(&output.stderr))),
            Ok(Err(e)) => Err(failed(&e.to_string())),
            Err(_) => Err(failed("ssh does not answer its own client")),
        }
    }

    /// What runs a command there in one more session.
    pub(super) fn session(&self, command: &str) -> Command {
        let mut client = self.client();
        client.args(["-T", "--", &self.ssh.destination(), command]);
        client
    }

    /// What ssh says about a channel that did not open.
    pub(super) async fn why_not_opened(&self) -> Option<String> {
        let find = |said: &Said| said.err.lines().rev().find(|line| line.contains("open failed")).map(str::to_owned);
        let mut said = self.said.clone();
        let told = tokio::time::timeout(TOLD, said.wait_for(|said| said.ended || find(said).is_some())).await;
        told.ok()?.ok().and_then(|said| find(&said))
    }

    /// ssh as the client of the connection that is there. It reads no configuration and can make no connection of its own:
    /// that would be a second one, which nothing guards.
    fn client(&self) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-S"]);
        command.arg(control(self.folder.path())).kill_on_drop(true).process_group(0);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Takes what is said until ssh has ended, and then ends its guard.
async fn follow(mut child: Child, tell: watch::Sender<Said>) {
    let mut take = |stream, bytes: &[u8]| {
        tell.send_modify(|said| {
            let text = if stream == Stream::Stdout { &mut said.out } else { &mut said.err };
            text.push_str(&String::from_utf8_lossy(bytes));
            keep(text);
        });
        std::ops::ControlFlow::Continue(())
    };
    // Its end is all that counts: an error of reading is one as well.
    drop(child.follow(Duration::MAX, &mut take).await);
    tell.send_modify(|said| said.ended = true);
}

fn ended(said: &Said) -> io::Error {
    let last = words::last_line(&said.err);
    io::Error::new(io::ErrorKind::NotConnected, format!("the connection of ssh has ended: {last}"))
}

/// Forgets the beginning of what is too long.
fn keep(text: &mut String) {
    if text.len() > KEPT {
        let cut = (text.len() - KEPT / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.drain(..cut);
    }
}

fn control(folder: &Path) -> PathBuf {
    folder.join("m")
}

/// A folder whose sockets have paths short enough for the system.
fn folder(temporary: &Path) -> Result<TempDir, Fault> {
    let make = |below: &Path| tempfile::Builder::new().prefix("canship-ssh-").tempdir_in(below);
    let folder = match make(temporary) {
        Ok(folder) if control(folder.path()).as_os_str().len() <= LONGEST => Ok(folder),
        _ => make(Path::new("/tmp")),
    };
    folder.map_err(|e| {
        Fault::new(format!("no folder for the connection of ssh can be made: {e}"), "make room in TMPDIR, or name another one")
    })
}
