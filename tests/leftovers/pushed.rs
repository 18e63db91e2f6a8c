//! A push that nobody waits for any more: a server may carry it out all the same, and then the tag is there.

use std::{
    fs,
    net::TcpListener,
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use rustix::{
    fs::{CWD, FileType, mknodat},
    process::Signal,
};

use crate::{
    ground::Host,
    lab::Lab,
    support::{Project, project::Plan},
};

/// The project's mirror behind git's own daemon, which goes on when who asked is gone.
fn serve(project: &Project) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("git://{}/mirror.git", listener.local_addr().unwrap());
    let base = format!("--base-path={}", project.beside("").display());
    thread::spawn(move || {
        for caller in listener.incoming() {
            let caller = OwnedFd::from(caller.unwrap());
            let mut call = Command::new("git");
            call.args(["-c", "safe.directory=*", "daemon", "--inetd", "--export-all", "--enable=receive-pack", &base]);
            call.stdin(Stdio::from(caller.try_clone().unwrap())).stdout(Stdio::from(caller)).stderr(Stdio::null());
            let mut running = call.spawn().unwrap();
            thread::spawn(move || running.wait().unwrap());
        }
    });
    address
}

/// A script that the mirror runs; gives where it lies.
fn hook(project: &Project, name: &str, script: &str) -> PathBuf {
    let hook = project.beside("mirror.git/hooks").join(name);
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    hook
}

/// A pipe with a name, through which a script tells or is told something.
fn pipe(path: &Path) -> PathBuf {
    mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
    path.to_owned()
}

#[test]
fn a_tag_whose_push_was_given_up_is_left_until_cleaning_has_removed_it() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (lab, host) = (Lab::open(), Host::new());
        let project = Project::new(&lab.plan());
        project.plan(&Plan { mirror: serve(&project), ..lab.plan() });
        let [came, gate, done] = ["came", "gate", "done"].map(|name| pipe(&project.beside(name)));
        let hooks = [
            ("pre-receive", format!("echo >'{}'; cat '{}'", came.display(), gate.display())),
            ("reference-transaction", format!("[ $1 != committed ] || echo >'{}'", done.display())),
        ];
        let hooks = hooks.map(|(name, script)| hook(&project, name, &script));

        let running = host.drill(&project).start();
        fs::read(&came).unwrap();
        running.signal(signal);
        let ran = running.finish().ends(code, "unknown");
        let left = ran.json["leftovers"].to_string();
        assert!(left.contains("may still come") && left.contains("canship clean"), "{left}");
        assert_eq!(host.journals(), [ran.drill()]);

        fs::write(&gate, "go on").unwrap();
        fs::read(&done).unwrap();
        for hook in hooks {
            fs::remove_file(hook).unwrap();
        }
        assert!(project.mirror_refs().contains(&ran.drill()), "the server carries it out, or there is nothing to test");
        host.cleans_all(&project);
        assert_eq!((project.mirror_refs().as_str(), host.journals()), ("refs/heads/main\n", Vec::new()));
    }
}
