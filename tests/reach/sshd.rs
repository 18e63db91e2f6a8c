//! A real sshd on loopback with keys, known hosts and configuration of the test's own, and an `ssh` in front of it.
//!
//! The test takes each connection itself and gives it to an sshd of its own: so it needs no port that must be free, and
//! knows how many connections there were and when they ended.

use std::{
    fs,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt as _, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use rustix::process::Pid;

use crate::support::Canship;

const SSHD: &str = "/usr/sbin/sshd";

/// How many connections there were, and how many of them are open.
#[derive(Default)]
struct Count {
    all: usize,
    open: usize,
    /// The process groups of those that are open.
    groups: Vec<Pid>,
}

/// An sshd and its client's configuration.
pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    count: Arc<(Mutex<Count>, Condvar)>,
}

impl Sshd {
    /// One that lets this user in, with more lines in its configuration.
    pub(crate) fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for name in ["host", "user", "other"] {
            let key = path(name);
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]));
        }
        fs::copy(path("user.pub"), path("authorized")).unwrap();
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel ERROR\n{more}\n",
            path("host"),
            path("authorized")
        );
        fs::write(path("sshd_config"), config).unwrap();
        // It insists on this empty folder, which Debian makes when the service starts.
        fs::create_dir_all("/run/sshd").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sshd = Self { folder, port, count: Arc::default() };
        let (count, config) = (Arc::clone(&sshd.count), sshd.path("sshd_config"));
        thread::spawn(move || serve(&listener, &config, &count));
        sshd.know(&["host"]);
        sshd.configure("user");
        sshd
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the client know the machine by these keys, or by none.
    pub(crate) fn know(&self, keys: &[&str]) {
        let key = |name: &&str| fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        let lines: Vec<_> = keys.iter().map(|name| format!("[127.0.0.1]:{} {}", self.port, key(name))).collect();
        fs::write(self.path("known_hosts"), lines.concat()).unwrap();
    }

    /// Writes the client's configuration, in which the machine is called `box`, and the client that reads it.
    pub(crate) fn configure(&self, key: &str) {
        let user = String::from_utf8(run(Command::new("id").arg("-un"))).unwrap();
        let config = format!(
            "Host box\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            self.port,
            user.trim(),
            self.path(key).display(),
            self.path("known_hosts").display()
        );
        fs::write(self.path("config"), config).unwrap();
        let client = self.path("bin/ssh");
        fs::create_dir_all(client.parent().unwrap()).unwrap();
        fs::write(&client, format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", self.path("config").display())).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The same call with this `ssh` as the user's.
    pub(crate) fn for_call(&self, call: Canship) -> Canship {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        call.variable("PATH", path)
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.count.0.lock().unwrap().all
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        for sshd in &self.count.0.lock().unwrap().groups {
            // One that has ended is cut.
            rustix::process::kill_process_group(*sshd, rustix::process::Signal::KILL).unwrap_or_default();
        }
    }

    /// Waits until no connection is open.
    pub(crate) fn await_none_open(&self) {
        let open = self.count.0.lock().unwrap();
        drop(self.count.1.wait_while(open, |count| count.open > 0).unwrap());
    }
}

fn serve(listener: &TcpListener, config: &Path, count: &Arc<(Mutex<Count>, Condvar)>) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        let mut sshd = Command::new(SSHD);
        sshd.arg("-i").arg("-f").arg(config).stderr(Stdio::null()).process_group(0);
        sshd.stdin(OwnedFd::from(stream.try_clone().unwrap())).stdout(OwnedFd::from(stream));
        let mut child = sshd.spawn().expect("this test needs sshd: install openssh-server");
        drop(sshd);
        {
            let mut now = count.0.lock().unwrap();
            (now.all, now.open) = (now.all + 1, now.open + 1);
            now.groups.push(Pid::from_child(&child));
        }
        let count = Arc::clone(count);
        let own = Pid::from_child(&child);
        thread::spawn(move || {
            child.wait().unwrap();
            {
                let mut now = count.0.lock().unwrap();
                now.open -= 1;
                now.groups.retain(|group| *group != own);
            }
            count.1.notify_all();
        });
    }
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
