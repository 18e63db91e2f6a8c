//! What a drill that was killed has left on this machine: processes, and its folder for temporary files.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{group, processes};
use crate::{
    erase::{self, Kept},
    record::DrillId,
};

/// The variable that marks programs which a drill starts beside its steps; its value is the drill's id.
pub const DRILL_MARKER: &str = "CANSHIP_DRILL";

/// Whether what is left of a drill may be taken away.
pub type IsDead<'a> = &'a (dyn Fn(&DrillId) -> bool + Sync);

/// How many processes drills have left running that live no more.
///
/// # Errors
/// The system does not show its processes.
pub fn count_left(is_dead: IsDead<'_>) -> io::Result<usize> {
    let mut left = processes::list(&|variable| drill_of(variable).is_some_and(|drill| is_dead(&drill)))?;
    left.extend(group::list_left(is_dead)?);
    left.sort_unstable();
    left.dedup();
    Ok(left.len())
}

/// Ends all processes that drills have left running that live no more, and removes the control groups that held them.
/// Tells how many processes there were.
///
/// # Errors
/// One does not end, or the system does not show its processes.
pub fn end_left(is_dead: IsDead<'_>) -> io::Result<usize> {
    let ended = processes::end(&|variable| drill_of(variable).is_some_and(|drill| is_dead(&drill)))?;
    Ok(ended + group::remove_left(is_dead)?)
}

/// The drill that a variable marks a process as one of.
fn drill_of(variable: &[u8]) -> Option<DrillId> {
    let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
    match name {
        DRILL_MARKER => DrillId::made(value),
        // A room's folder is named by drill and purpose.
        processes::MARKER => DrillId::made(Path::new(value).file_name()?.to_str()?.rsplit_once('-')?.0),
        _ => None,
    }
}

/// Removes a folder of temporary files with all that is in it, but for what is mounted there.
///
/// # Errors
/// Something in it cannot be removed, or it is no folder of this user's.
pub async fn remove_folder(folder: PathBuf) -> Result<(), Kept> {
    if is_own_folder(&folder) {
        return erase::folder_aside(folder).await;
    }
    Err(Kept::Refused { path: folder, reason: io::Error::other("it is no folder of this user") })
}

/// Whether it is a folder, no link to one, and this user's.
#[must_use]
pub fn is_own_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|seen| seen.is_dir() && seen.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_room_or_its_drill() {
        let id = "20261120-233512-1f0c9a7e";
        let drill = |variable: String| drill_of(variable.as_bytes()).map(String::from);
        assert_eq!(drill(format!("CANSHIP_DRILL={id}")), Some(id.to_owned()));
        assert_eq!(drill(format!("CANSHIP_ROOM=/tmp/canship-{id}/{id}-build")), Some(id.to_owned()));
        for other in [format!("CANSHIP_ROOM=/tmp/{id}"), format!("ROOM=/tmp/{id}-build"), "CANSHIP_DRILL=mine".to_owned()] {
            assert_eq!(drill(other.clone()), None, "{other}");
        }
    }
}
