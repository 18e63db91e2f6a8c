//! Child processes that do not outlive what started them.
//!
//! Invariants: a child stands in a session of its own, so that it has no terminal to ask a person on; its whole
//! process group is ended by [`Child::finish`] and when it is dropped, as long as the group's id is certainly still
//! its own.

use std::{io, process::ExitStatus};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessSession};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    task::{JoinHandle, spawn_blocking},
};

/// A running child and the process group that it leads.
#[derive(Debug)]
pub(crate) struct Child {
    inner: Box<dyn ChildWrapper>,
    /// None once the child was waited for: then its id may belong to somebody else.
    group: Option<Pid>,
    /// Ends when the child has ended. Leaves it unreaped, so that its id stays taken until its group has been ended.
    watch: Option<JoinHandle<io::Result<()>>>,
}

impl Child {
    /// Starts the command in a session of its own.
    pub(crate) fn start(command: Command) -> io::Result<Self> {
        let inner = CommandWrap::from(command).wrap(ProcessSession).wrap(KillOnDrop).spawn()?;
        let group = inner.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let watch = group.map(|pid| spawn_blocking(move || watch(pid)));
        Ok(Self { inner, group, watch })
    }

    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin().take()
    }

    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.inner.stdout().take()
    }

    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.inner.stderr().take()
    }

    /// Waits until the child itself has ended; what it started may still run. May be cancelled and called again.
    pub(crate) async fn ended(&mut self) -> io::Result<()> {
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        let ended = watch.await.map_err(io::Error::from)?;
        self.watch = None;
        ended
    }

    /// Ends the child's whole process group, if the child still runs or has left something behind, and tells how the
    /// child ended.
    pub(crate) async fn finish(&mut self) -> io::Result<ExitStatus> {
        self.end();
        self.ended().await?;
        let status = self.inner.wait().await;
        self.group = None;
        status
    }

    /// Sends the end to the child's process group, without waiting for it.
    fn end(&self) {
        if let Some(group) = self.group {
            // A group that is gone already is what is wanted.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
    }
}

fn watch(pid: Pid) -> io::Result<()> {
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            other => return other.map(drop).map_err(io::Error::from),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}
