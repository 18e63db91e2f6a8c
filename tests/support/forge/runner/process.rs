//! Processes of a job.

use std::{
    fs,
    io::{BufRead as _, BufReader, PipeReader},
    os::unix::process::CommandExt as _,
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal},
};

use super::super::world::{Shared, World};

/// The variable by which a runner finds what a job left running.
pub(in super::super) const MARK: &str = "RUNNER_TRACKING_ID";

/// Longer than any test lasts.
const FOR_EVER: Duration = Duration::from_hours(1);

/// When a process is to be ended before it ends by itself.
pub(in super::super) enum Until<'a, W> {
    /// Never: it began after the cancel.
    ItsEnd,
    /// When the world says that its job is cancelled.
    Cancelled(&'a dyn Fn(&W) -> bool, Signals),
    /// When its machine dies, which is once it has written something.
    DeathOfMachine,
}

/// How a forge's runner ends processes.
#[derive(Clone, Copy)]
pub(in super::super) enum Signals {
    /// The one that was started: SIGINT, after 7.5 s SIGTERM, and its end 2.5 s later.
    OfGitHub,
    /// It and its children: SIGTERM, and their end ten minutes later.
    OfGitLab,
}

impl Signals {
    const fn steps(self) -> &'static [(Signal, u64)] {
        match self {
            Self::OfGitHub => &[(Signal::INT, 7500), (Signal::TERM, 2500)],
            Self::OfGitLab => &[(Signal::TERM, 600_000)],
        }
    }

    fn send(self, pid: Pid, signal: Signal) {
        // It may have ended just now.
        let sent = match self {
            Self::OfGitHub => kill_process(pid, signal),
            Self::OfGitLab => kill_process_group(pid, signal),
        };
        sent.unwrap_or_default();
    }
}

/// What came of a process.
pub(in super::super) struct Ended {
    /// None if a signal ended it.
    pub(in super::super) code: Option<i32>,
    pub(in super::super) lines: Vec<String>,
}

/// A command whose environment is all its own, with each signal as it is by default: a shell can trap none that is ignored when
/// it starts, and whoever starts tests in the background ignores some.
fn with_usual_signals(command: &Command) -> Command {
    let mut usual = Command::new("/usr/bin/env");
    usual.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    usual.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        usual.current_dir(folder);
    }
    usual
}

/// Runs a command to its end. It has nothing of this process's environment.
pub(in super::super) fn run<W: World>(command: &Command, world: &Shared<W>, until: &Until<'_, W>) -> Ended {
    let mut command = with_usual_signals(command);
    let (reader, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).process_group(0);
    let child = command.spawn();
    drop(command);
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Ended { code: Some(127), lines: vec![error.to_string()] },
    };
    let pid = Pid::from_child(&child);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let is_read = Arc::new(AtomicBool::new(false));
    collect(reader, (Arc::clone(&lines), Arc::clone(&is_read)), world.clone());
    let ended: Arc<Mutex<Option<ExitStatus>>> = Arc::default();
    let waiting = thread::spawn({
        let (ended, world) = (Arc::clone(&ended), world.clone());
        move || {
            *ended.lock().unwrap() = Some(child.wait().unwrap());
            world.with(|_| ());
        }
    });
    let is_over = || ended.lock().unwrap().is_some();
    let is_due = |now: &W| match until {
        Until::ItsEnd => false,
        Until::Cancelled(is_cancelled, _) => is_cancelled(now),
        Until::DeathOfMachine => !lines.lock().unwrap().is_empty(),
    };
    world.await_so(FOR_EVER, |now| is_over() || is_due(now));
    if let Until::Cancelled(_, signals) = until {
        for (signal, patience) in signals.steps() {
            if !is_over() {
                signals.send(pid, *signal);
                world.await_so(Duration::from_millis(*patience), |_| is_over());
            }
        }
    }
    if !is_over() {
        kill_process_group(pid, Signal::KILL).unwrap_or_default();
    }
    waiting.join().unwrap();
    // What it left running may hold its output open; the job does not wait for that.
    world.await_so(Duration::from_secs(2), |_| is_read.load(Ordering::Acquire));
    let code = ended.lock().unwrap().and_then(|status| status.code());
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    Ended { code, lines }
}

fn collect<W: World>(reader: PipeReader, (lines, is_read): (Arc<Mutex<Vec<String>>>, Arc<AtomicBool>), world: Shared<W>) {
    thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n') {
            let Ok(line) = line else { break };
            lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            world.with(|_| ());
        }
        is_read.store(true, Ordering::Release);
        world.with(|_| ());
    });
}

/// Kills what a job left running, every process whose environment has its mark, and waits until it has ended.
pub(in super::super) fn end_orphans(mark: &str) {
    let wanted = format!("{MARK}={mark}");
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let is_marked = environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes());
        if let (true, Some(pid)) = (is_marked, Pid::from_raw(pid)) {
            // Opened first: then it is the end of this very process that is waited for.
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            pidfd_send_signal(&process, Signal::KILL).unwrap_or_default();
            poll(&mut [PollFd::new(&process, PollFlags::IN)], None).unwrap();
        }
    }
}
