//! Finds and ends what a step has started, wherever it has gone.
//!
//! A step's process group is ended with the step. What has left it (`setsid`, a daemon) still has the room's marker in
//! the environment that it was started with, which Linux shows in `/proc`; every process is held by a file descriptor
//! of its own between being recognised and being ended, so that nobody else's is ended when ids are used anew.

use std::{io, path::Path};

/// The variable that marks every process of a room; its value is the room's folder.
pub(super) const MARKER: &str = "CANSHIP_ROOM";

/// Ends every process of the room and waits until they are gone.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_all(_room: &Path) -> io::Result<()> {
    Ok(())
}

/// Ends every process of the room and waits until they are gone.
#[cfg(target_os = "linux")]
pub(super) fn end_all(room: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;

    let marker = [MARKER.as_bytes(), b"=", room.as_os_str().as_bytes()].concat();
    end(&|variable| variable == marker).map(drop)
}

/// Ends every process that has a variable like this and waits until they are gone. Tells how many there were.
#[cfg(target_os = "linux")]
pub(super) fn end(is_marker: &Is<'_>) -> io::Result<usize> {
    let mut ended = 0;
    for _ in 0..linux::ROUNDS {
        let found = linux::find(is_marker)?;
        if found.is_empty() {
            return Ok(ended);
        }
        ended += found.len();
        linux::end(&found)?;
    }
    Err(io::Error::other("these processes start new ones faster than they can be ended"))
}

/// How many processes have a variable like this.
#[cfg(target_os = "linux")]
pub(super) fn count(is_marker: &Is<'_>) -> io::Result<usize> {
    linux::find(is_marker).map(|found| found.len())
}

/// Only Linux shows them.
#[cfg(not(target_os = "linux"))]
pub(super) fn end(_is_marker: &Is<'_>) -> io::Result<usize> {
    Ok(0)
}

/// Only Linux shows them.
#[cfg(not(target_os = "linux"))]
pub(super) fn count(_is_marker: &Is<'_>) -> io::Result<usize> {
    Ok(0)
}

/// Recognises a variable, `NAME=value`.
type Is<'a> = dyn Fn(&[u8]) -> bool + 'a;

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, io, os::fd::OwnedFd};

    use super::Is;

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    };

    /// How often is looked for processes that were started while others were ended.
    pub(super) const ROUNDS: usize = 50;

    /// How long an ended process may take to be gone: only one that hangs in the kernel takes any time at all.
    const GONE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

    /// The processes that have the marker in their environment.
    pub(super) fn find(is_marker: &Is<'_>) -> io::Result<Vec<OwnedFd>> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
                continue;
            };
            // What cleans may itself have been started by what it cleans up after.
            if pid == rustix::process::getpid() {
                continue;
            }
            // Looked at before and after it is held: only then what was looked at is what is held.
            if is_marked(pid, is_marker)
                && let Ok(held) = pidfd_open(pid, PidfdFlags::empty())
                && is_marked(pid, is_marker)
            {
                found.push(held);
            }
        }
        Ok(found)
    }

    /// Whether the process was started with the marker. What has ended has no environment, and what belongs to others
    /// does not show it.
    fn is_marked(pid: Pid, is_marker: &Is<'_>) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(is_marker)
    }

    /// Ends the processes and waits until each is gone.
    pub(super) fn end(processes: &[OwnedFd]) -> io::Result<()> {
        for process in processes {
            match pidfd_send_signal(process, Signal::KILL) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(other) => return Err(other.into()),
            }
        }
        for process in processes {
            if poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&GONE))? == 0 {
                return Err(io::Error::other("a process of the step does not end"));
            }
        }
        Ok(())
    }
}
