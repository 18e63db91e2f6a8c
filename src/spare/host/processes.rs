//! Finds and ends what a step has started, wherever it has gone.
//!
//! A step's process group is ended with the step. What has left it (`setsid`, a daemon) still has the room's marker in
//! the environment that it was started with, which Linux shows in `/proc`; every process is held by a file descriptor
//! of its own between being recognised and being ended, so that nobody else's is ended when ids are used anew.

use std::{io, path::Path};

/// The variable that marks every process of a room; its value is the room's folder.
pub(super) const MARKER: &str = "CANSHIP_ROOM";

/// Recognises a variable, `NAME=value`.
type Is<'a> = dyn Fn(&[u8]) -> bool + 'a;

/// What gives the ids of processes.
type List<'a> = dyn Fn() -> io::Result<Vec<i32>> + 'a;

/// Ends every process of the room and waits until they are gone.
pub(super) fn end_all(room: &Path) -> io::Result<()> {
    let marker = marker(room);
    end(&|variable| variable == marker).map(drop)
}

/// How many processes the room has.
pub(super) fn count_of(room: &Path) -> u64 {
    let marker = marker(room);
    list(&|variable| variable == marker).map_or(0, |found| found.len() as u64)
}

fn marker(room: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;

    [MARKER.as_bytes(), b"=", room.as_os_str().as_bytes()].concat()
}

/// Ends every process that has a variable like this and waits until they are gone. Tells how many there were.
#[cfg(target_os = "linux")]
pub(super) fn end(is_marker: &Is<'_>) -> io::Result<usize> {
    end_those(&|| linux::marked(is_marker))
}

/// The ids of the processes that have a variable like this.
#[cfg(target_os = "linux")]
pub(super) fn list(is_marker: &Is<'_>) -> io::Result<Vec<i32>> {
    linux::marked(is_marker)
}

/// Ends the processes of this list, and those that they start meanwhile, and waits until they are gone. Tells how many
/// there were.
#[cfg(target_os = "linux")]
pub(super) fn end_those(list: &List<'_>) -> io::Result<usize> {
    let mut ended = 0;
    for _ in 0..linux::ROUNDS {
        let stopped = linux::stop(list)?;
        if stopped.is_empty() {
            return Ok(ended);
        }
        linux::end(&stopped, list)?;
        ended += stopped.len();
    }
    Err(io::Error::other("these processes start new ones faster than they can be ended"))
}

/// Only Linux shows them.
#[cfg(not(target_os = "linux"))]
pub(super) fn end(_is_marker: &Is<'_>) -> io::Result<usize> {
    Ok(0)
}

/// Only Linux shows them.
#[cfg(not(target_os = "linux"))]
pub(super) fn list(_is_marker: &Is<'_>) -> io::Result<Vec<i32>> {
    Ok(Vec::new())
}

/// Only Linux has control groups.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_those(_list: &List<'_>) -> io::Result<usize> {
    Ok(0)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeSet, fs, io, os::fd::OwnedFd};

    use super::{Is, List};

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::Errno,
        process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    };

    /// How often is looked for processes that were started while others were stopped or ended.
    pub(super) const ROUNDS: usize = 50;

    /// How long an ended process may take to be gone: only one that hangs in the kernel takes any time at all.
    const GONE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

    /// Processes that are held at once: each takes a file descriptor.
    const BATCH: usize = 200;

    /// Stops every process of the list until no new one is in it: what is stopped starts nothing more. Gives their ids.
    pub(super) fn stop(list: &List<'_>) -> io::Result<Vec<i32>> {
        let mut stopped = BTreeSet::new();
        for _ in 0..ROUNDS {
            let fresh: Vec<_> = list()?.into_iter().filter(|id| stopped.insert(*id)).collect();
            if fresh.is_empty() {
                break;
            }
            for ids in fresh.chunks(BATCH) {
                hold(ids, list)?.iter().try_for_each(|process| signal(process, Signal::STOP))?;
            }
        }
        Ok(stopped.into_iter().collect())
    }

    /// Holds the processes with these ids, as far as they are in the list.
    fn hold(ids: &[i32], list: &List<'_>) -> io::Result<Vec<OwnedFd>> {
        let mut held = Vec::new();
        for id in ids {
            match Pid::from_raw(*id).map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
                Some(Ok(process)) => held.push((id, process)),
                None | Some(Err(Errno::SRCH)) => {}
                Some(Err(other)) => return Err(other.into()),
            }
        }
        // Looked at before and after it is held: only then what was looked at is what is held.
        let still = list()?;
        Ok(held.into_iter().filter(|(id, _)| still.contains(id)).map(|(_, process)| process).collect())
    }

    /// The processes that were started with such a variable. What has ended has no environment, and
    /// what belongs to others does not show it.
    pub(super) fn marked(is_marker: &Is<'_>) -> io::Result<Vec<i32>> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            // What cleans may itself have been started by what it cleans up after.
            if id != rustix::process::getpid().as_raw_nonzero().get() && environment.split(|byte| *byte == 0).any(is_marker) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Ends the processes with these ids, as far as they are in the list, and waits until each is gone.
    pub(super) fn end(ids: &[i32], list: &List<'_>) -> io::Result<()> {
        for ids in ids.chunks(BATCH) {
            let held = hold(ids, list)?;
            held.iter().try_for_each(|process| signal(process, Signal::KILL))?;
            for process in &held {
                if poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&GONE))? == 0 {
                    return Err(io::Error::other("a process of the step does not end"));
                }
            }
        }
        Ok(())
    }

    fn signal(process: &OwnedFd, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(process, signal) {
            // What is gone already is what is wanted.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}
