//! Watches what nothing on this machine holds a step to: the disk, and processes where there is no control group.
//!
//! A bound that is watched can be overshot before it is seen. What is looked at often is cheap (the free space of the
//! file system, the number of all processes); only when that moved as far as the bound is the room itself counted.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use rustix::process::Pid;
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit};
use tokio::task::spawn_blocking;

use super::processes;
use crate::record::StepEnd;

/// How often is looked.
const OFTEN: Duration = Duration::from_millis(50);

/// A bound that was overstepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overstepped {
    Disk,
    Processes,
}

impl Overstepped {
    /// The end of a step that this brought about.
    pub(super) fn end(self, code: i64) -> StepEnd {
        match self {
            Self::Disk => StepEnd::OutOfDisk { code },
            Self::Processes => StepEnd::OutOfProcesses { code: Some(code) },
        }
    }
}

/// What a room may use and is only watched for.
#[derive(Debug)]
pub(super) struct Watch {
    room: PathBuf,
    /// Bytes that the room's files may take.
    disk: u64,
    /// Free bytes of the file system below which the room is counted.
    counted_below: Mutex<u64>,
    /// Processes; none where the kernel counts them.
    pids: Option<u64>,
}

impl Watch {
    /// Watches a new, empty room.
    pub(super) fn new(room: PathBuf, disk: u64, pids: Option<u64>) -> Self {
        let counted_below = free(&room).unwrap_or(u64::MAX).saturating_sub(disk);
        Self { room, disk, counted_below: Mutex::new(counted_below), pids }
    }

    /// Ends when a bound is overstepped.
    pub(super) async fn overstepped(&self) -> Overstepped {
        let mut looks = tokio::time::interval(OFTEN);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let others = all_processes().unwrap_or(0);
        loop {
            looks.tick().await;
            if self.is_disk_overstepped().await {
                return Overstepped::Disk;
            }
            if let Some(most) = self.pids
                && all_processes().is_some_and(|all| all > others.saturating_add(most))
                && self.processes().await > most
            {
                return Overstepped::Processes;
            }
        }
    }

    /// Whether the room's files take more than they may, or have filled their file system.
    pub(super) async fn is_disk_overstepped(&self) -> bool {
        let Ok(free) = free(&self.room) else { return false };
        if free > self.counted_below.lock().map_or(0, |below| *below) {
            return false;
        }
        let room = self.room.clone();
        let used = spawn_blocking(move || used(&room)).await.unwrap_or(0);
        if let Ok(mut below) = self.counted_below.lock() {
            // The rest was written by others: so much less may be free before the room is counted again.
            *below = free.saturating_sub(self.disk.saturating_sub(used).max(1));
        }
        used > self.disk
    }

    /// Whether a step that failed may have failed because nothing more could be written.
    pub(super) fn is_disk_full(&self) -> bool {
        rustix::fs::statvfs(&self.room).is_ok_and(|seen| seen.f_bavail.saturating_mul(100) < seen.f_blocks)
    }

    /// Keeps a process, and all that it starts, from having many more processes than are watched for. It is a far bound:
    /// the kernel counts all of the user's, and does not hold root to it.
    #[cfg(target_os = "linux")]
    pub(super) fn bound(&self, process: Pid) -> io::Result<()> {
        let Some(most) = self.pids else { return Ok(()) };
        let all = all_processes().unwrap_or(0).saturating_add(most.saturating_mul(2));
        let hard = rustix::process::getrlimit(Resource::Nproc).maximum;
        let bound = Some(hard.map_or(all, |hard| hard.min(all)));
        rustix::process::prlimit(Some(process), Resource::Nproc, Rlimit { current: bound, maximum: bound })?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn bound(&self, _process: Pid) -> io::Result<()> {
        Ok(())
    }

    async fn processes(&self) -> u64 {
        let room = self.room.clone();
        spawn_blocking(move || processes::count_of(&room)).await.unwrap_or(0)
    }
}

fn free(place: &Path) -> io::Result<u64> {
    let seen = rustix::fs::statvfs(place)?;
    Ok(seen.f_bavail.saturating_mul(seen.f_frsize))
}

/// The number of all processes and threads of this machine, where it is told without counting them. Source:
/// `proc_loadavg(5)`.
fn all_processes() -> Option<u64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

/// Bytes that the files below take on the folder's own disk, each counted once. What vanishes or cannot be read meanwhile
/// is passed over.
fn used(folder: &Path) -> u64 {
    let Ok(own) = fs::metadata(folder).map(|folder| folder.dev()) else { return 0 };
    let (mut folders, mut bytes, mut linked) = (vec![folder.to_owned()], 0, HashSet::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(seen) = entry.metadata() else { continue };
            if seen.dev() != own {
                // Something is mounted there.
            } else if seen.is_dir() {
                folders.push(entry.path());
            } else if seen.nlink() < 2 || linked.insert((seen.dev(), seen.ino())) {
                bytes += seen.blocks() * 512;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_takes_its_place_once_and_a_hole_takes_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/a"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(folder.path().join("below/a"), folder.path().join("b")).unwrap();
        fs::File::create(folder.path().join("hole")).unwrap().set_len(1 << 30).unwrap();
        let used = used(folder.path());
        assert!((1 << 20..2 << 20).contains(&used), "{used}");
    }
}
