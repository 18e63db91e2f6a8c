//! Child processes that do not outlive what started them.
//!
//! Invariants: a child stands in a session of its own, so that it has no terminal to ask a person on; its whole
//! process group is ended by [`Child::finish`] and when it is dropped, as long as the group's id is certainly still
//! its own.

use std::{io, ops::ControlFlow, os::fd::AsFd, process::ExitStatus, time::Duration};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessSession};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    task::{JoinHandle, spawn_blocking},
};

use crate::record::Stream;

/// Takes what a child prints as it comes; breaks when it has seen enough.
pub(crate) type OnChunk<'a> = dyn FnMut(Stream, &[u8]) -> ControlFlow<()> + Send + 'a;

/// A running child and the process group that it leads.
#[derive(Debug)]
pub(crate) struct Child {
    inner: Box<dyn ChildWrapper>,
    /// None once the child was waited for: then its id may belong to somebody else.
    group: Option<Pid>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// Ends when the child has ended. Leaves it unreaped, so that its id stays taken until its group has been ended.
    watch: Option<JoinHandle<io::Result<()>>>,
}

impl Child {
    /// Starts the command in a session of its own.
    pub(crate) fn start(command: Command) -> io::Result<Self> {
        let mut inner = CommandWrap::from(command).wrap(ProcessSession).wrap(KillOnDrop).spawn()?;
        let group = inner.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let watch = group.map(|pid| spawn_blocking(move || watch(pid)));
        let (stdout, stderr) = (inner.stdout().take(), inner.stderr().take());
        Ok(Self { inner, group, stdout, stderr, watch })
    }

    /// Passes on what the child prints until the child itself has ended; what it started may still run and hold the
    /// pipes open. May be cancelled and called again. Returns early when `on` breaks.
    ///
    /// # Errors
    /// A kind of [`io::ErrorKind::TimedOut`] if nothing at all is printed for as long as `silence`.
    pub(crate) async fn follow(&mut self, silence: Duration, on: &mut OnChunk<'_>) -> io::Result<()> {
        let (mut out, mut err) = (vec![0; CHUNK], vec![0; CHUNK]);
        loop {
            let Self { stdout, stderr, watch, .. } = self;
            let next = async {
                tokio::select! {
                    biased;
                    read = next(stdout, &mut out) => read.map(|read| (Stream::Stdout, read)),
                    read = next(stderr, &mut err) => read.map(|read| (Stream::Stderr, read)),
                    ended = join(watch) => ended.map(|()| (Stream::Stdout, None)),
                }
            };
            let flow = match tokio::time::timeout(silence, next).await.map_err(io::Error::from)?? {
                (Stream::Stdout, Some(n)) => on(Stream::Stdout, &out[..n]),
                (Stream::Stderr, Some(n)) => on(Stream::Stderr, &err[..n]),
                (_, None) => return self.drain(on),
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    /// Passes on what the child has printed already.
    pub(crate) fn drain(&mut self, on: &mut OnChunk<'_>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        drain(self.stdout.as_ref(), &mut buffer, |chunk| on(Stream::Stdout, chunk))?;
        drain(self.stderr.as_ref(), &mut buffer, |chunk| on(Stream::Stderr, chunk))
    }

    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin().take()
    }

    /// Ends the child's whole process group, if the child still runs or has left something behind, and tells how the
    /// child ended.
    pub(crate) async fn finish(&mut self) -> io::Result<ExitStatus> {
        self.end();
        join(&mut self.watch).await?;
        let status = self.inner.wait().await;
        self.group = None;
        status
    }

    /// Asks the child's process group to end, without waiting for it.
    pub(crate) fn ask_to_end(&self) {
        if let Some(group) = self.group {
            kill_process_group(group, Signal::TERM).unwrap_or_default();
        }
    }

    /// The child's id, as long as it certainly is its own.
    pub(crate) fn id(&self) -> Option<Pid> {
        self.group
    }

    /// Sends the end to the child's process group, without waiting for it.
    fn end(&self) {
        if let Some(group) = self.group {
            // A group that is gone already is what is wanted.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
    }
}

/// The next chunk of a stream; never, once it has ended: only the child's own end counts.
async fn next(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    if let Some(open) = stream {
        let n = open.read(buffer).await?;
        if n > 0 {
            return Ok(Some(n));
        }
        *stream = None;
    }
    std::future::pending().await
}

async fn join(watch: &mut Option<JoinHandle<io::Result<()>>>) -> io::Result<()> {
    let Some(running) = watch else {
        return Ok(());
    };
    let ended = running.await.map_err(io::Error::from)?;
    *watch = None;
    ended
}

/// Reads what is in a pipe now. Its reading end does not block, and all that an ended process wrote is in it.
fn drain(stream: Option<&impl AsFd>, buffer: &mut [u8], mut on: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let Some(stream) = stream else {
        return Ok(());
    };
    // At most what a pipe can hold: what processes left behind go on writing is not waited for.
    for _ in 0..PIPE / CHUNK {
        match rustix::io::read(stream, &mut *buffer) {
            Ok(0) | Err(Errno::AGAIN) => break,
            Ok(n) if on(&buffer[..n]).is_break() => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Bytes that a pipe can hold: at most 1 MiB unless an administrator allows more, and 64 KiB without asking.
const PIPE: usize = 1024 * 1024;

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
