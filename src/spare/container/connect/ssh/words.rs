//! Why ssh, or what is behind it, does not lead to an engine: ssh's own words sorted by what to do about them.
//! Source of the words: OpenSSH's `sshconnect.c`, `sshconnect2.c`, `mux.c`, `channels.c`.

use std::{io, time::Duration};

use super::super::{Fault, address::Ssh};
use crate::record::{Measure, Text};

/// The last line that is none of the usual empty or closing ones, made harmless.
pub(super) fn last_line(said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    Text::new(line.unwrap_or_default()).one_line()
}

/// The line that says it, made harmless.
fn line_with(said: &str, part: &str) -> Option<String> {
    said.lines().rev().find(|line| line.contains(part)).map(|line| Text::new(line.trim()).one_line())
}

/// Why ssh did not get to the other side, or was refused there.
pub(super) fn connection(ssh: &Ssh, said: &str, printed: &str) -> Fault {
    let machine = ssh.machine();
    let by_hand = by_hand(ssh);
    let quoted = |part: &str| line_with(said, part).unwrap_or_default();
    let fault = |what: String, part: &str, advice: String| Some(Fault::new(format!("{what}: {}", quoted(part)), advice));
    let says = |part: &str| said.contains(part);
    let sorted = if says("ssh: not found") || says("ssh: command not found") {
        let advice = "install OpenSSH's client (the package `openssh-client`) on this machine".to_owned();
        Some(Fault::new("`ssh` cannot be started: it is not in PATH", advice))
    } else if says("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let advice = format!(
            "find out why: if the machine was set up anew, compare its fingerprint there, remove the old key as ssh says, and connect \
             once by hand: {by_hand}"
        );
        fault(format!("the host key of `{machine}` is not the one that is known"), "has changed and", advice)
    } else if says("Host key verification failed") {
        let advice = format!("connect once by hand and compare the fingerprint that it shows: {by_hand}");
        fault(format!("the host key of `{machine}` is not known"), "ost key", advice)
    } else if says("Permission denied (") || says("Too many authentication failures") {
        let part = if says("Permission denied (") { "Permission denied (" } else { "Too many authentication failures" };
        let advice = format!(
            "give whoever runs canship a key that is accepted there without a passphrase being asked (in an agent or without one): {by_hand}"
        );
        fault(format!("`{machine}` does not let this user in"), part, advice)
    } else if says("Could not resolve hostname") {
        let advice = "correct the host in the address, or give it an entry in ssh's configuration".to_owned();
        fault(format!("the host of `{machine}` is not known"), "Could not resolve hostname", advice)
    } else {
        let unreachable = [
            "Connection refused",
            "timed out",
            "No route to host",
            "Network is unreachable",
            "Connection closed",
            "Connection reset",
        ];
        let part = unreachable.into_iter().find(|part| says(part));
        let advice = || format!("see that the machine is up, that its sshd listens there, and this network's way to it: {by_hand}");
        part.and_then(|part| fault(format!("`{machine}` cannot be reached"), part, advice()))
    };
    sorted.unwrap_or_else(|| {
        let words = Some(last_line(said)).filter(|line| !line.is_empty()).unwrap_or_else(|| last_line(printed));
        let words = if words.is_empty() { String::from("it ended without a word") } else { words };
        Fault::new(format!("ssh to `{machine}` failed: {words}"), format!("see what is wrong by hand: {by_hand}"))
    })
}

/// How a person does the same, so far as it is about ssh.
fn by_hand(ssh: &Ssh) -> String {
    let port = ssh.port.map(|port| format!("-p {port} ")).unwrap_or_default();
    format!("ssh {port}{} true", ssh.destination())
}

pub(super) fn no_shell(e: &io::Error) -> Fault {
    Fault::new(format!("`sh`, which runs ssh, cannot be started: {e}"), "see that `sh` is in PATH")
}

/// The other side takes the connection and then says nothing that is understood.
pub(super) fn silent(ssh: &Ssh, patience: Duration, printed: &str) -> Fault {
    let said = Some(last_line(printed)).filter(|line| !line.is_empty());
    let said = said.map(|line| format!(", only `{line}`")).unwrap_or_default();
    Fault::new(
        format!("`{}` did not say within {} what engine it has{said}", ssh.machine(), Measure(patience)),
        format!("see that this user may run commands there, in a POSIX shell: {}", by_hand(ssh)),
    )
}

pub(super) fn nothing_there(ssh: &Ssh) -> Fault {
    Fault::new(
        format!("on `{}` there is neither the socket of an engine nor `docker` or `podman`", ssh.machine()),
        "install Docker or Podman there, or name the engine's socket: ssh://user@host/path/to/engine.sock",
    )
}

pub(super) fn not_running(ssh: &Ssh) -> Fault {
    let what = ssh.socket.as_ref().map_or_else(
        || format!("no engine runs on `{}`: this user sees none of its usual sockets there", ssh.machine()),
        |path| format!("no engine runs on `{}`: this user sees no socket `{path}` there", ssh.machine()),
    );
    Fault::new(what, START)
}

/// What starts an engine.
const START: &str = "start it there (`systemctl start docker`, `systemctl start podman.socket`, or as a user `systemctl --user start \
                     podman.socket`), or name its socket: ssh://user@host/path/to/engine.sock";

pub(super) fn socket_denied(ssh: &Ssh, path: &str) -> Fault {
    let user = ssh.user.as_ref().map_or_else(|| String::from("this user"), |user| format!("the user `{user}`"));
    Fault::new(
        format!("{user} may not use the engine's socket `{path}` on `{}`", ssh.machine()),
        "add that user to the group that owns the socket there (usually `docker`), or run an engine of that user's own (rootless)",
    )
}

/// sshd did not connect to the socket, and there is no program that would tell why.
pub(super) fn not_opened(ssh: &Ssh, path: &str, said: &str) -> Fault {
    Fault::new(
        format!("sshd on `{}` does not connect to the engine's socket `{path}`: {}", ssh.machine(), last_line(said)),
        "if an engine runs there, allow this user the forwarding of sockets (`AllowStreamLocalForwarding local` in sshd_config), or \
         install the engine's client there",
    )
}

/// Why the program that should connect to the engine there did not, or what the engine answered.
pub(super) fn engine(ssh: &Ssh, said: &str) -> Fault {
    let machine = ssh.machine();
    let lower = said.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|part| lower.contains(part));
    if says(&["permission denied"]) {
        return Fault::new(
            format!("this user may not use the engine's socket on `{machine}`: {said}"),
            "add that user to the group that owns the socket there (usually `docker`)",
        );
    }
    if says(&["session open refused", "session request failed"]) {
        return Fault::new(
            format!("sshd on `{machine}` allows too few sessions in one connection: {said}"),
            "allow ten (`MaxSessions` in its sshd_config), or the forwarding of sockets (`AllowStreamLocalForwarding local`)",
        );
    }
    if says(&["no such file", "connection refused", "cannot connect", "unable to connect"]) {
        return Fault::new(format!("no engine runs on `{machine}`: {said}"), START);
    }
    Fault::new(
        format!("the engine on `{machine}` does not answer: {said}"),
        "look into the engine's own log there, then drill again",
    )
}
