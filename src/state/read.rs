//! What a drill left that lives no more, read with distrust.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{
    Entry, Item, StateError,
    folder::remove,
    journal::{self, FILE, Head, LOCK, Line, VERSION},
};
use crate::record::DrillId;

/// Far more than any drill writes.
const LONGEST: u64 = 16 << 20;

/// A drill that lives no more. As long as this is held, others that clean may do so too: all they do may be done twice.
#[derive(Debug)]
pub struct Dead {
    drill: DrillId,
    folder: PathBuf,
    items: Vec<(Entry, Item)>,
    file: Mutex<File>,
    _lock: File,
}

/// Something in the state folder that is not, or no more, what canship has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The drill, if it is known to live no more.
    pub drill: Option<DrillId>,
    /// What it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What a drill's folder turned out to be.
pub(super) enum Found {
    /// The drill lives.
    Living,
    /// It lives no more.
    Dead(Dead),
    /// It cannot be read.
    Damaged(Damaged),
    /// It was removed meanwhile.
    Nothing,
}

/// Looks at a drill's folder.
pub(super) fn look(folder: &Path, drill: &DrillId) -> Found {
    let damaged = |drill: Option<&DrillId>, path: PathBuf, reason: String| {
        // What is gone by now was removed by its drill or by somebody else who cleans.
        if folder.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Found::Nothing;
        }
        Found::Damaged(Damaged { drill: drill.cloned(), path, reason })
    };
    if let Err(reason) = is_ours(folder) {
        return damaged(None, folder.to_owned(), reason);
    }
    let path = folder.join(LOCK);
    let lock = match open(&path) {
        Ok(lock) => lock,
        Err(reason) => return damaged(None, path, reason),
    };
    match lock.try_lock_shared() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Found::Living,
        Err(fs::TryLockError::Error(reason)) => return damaged(None, path, reason.to_string()),
    }
    let path = folder.join(FILE);
    let read = open(&path).and_then(|mut file| read(&mut file, drill).map(|items| (file, items)));
    match read {
        Ok((file, items)) => {
            Found::Dead(Dead { drill: drill.clone(), folder: folder.to_owned(), items, file: Mutex::new(file), _lock: lock })
        }
        Err(reason) => damaged(Some(drill), path, reason),
    }
}

/// Whether this user owns it and it is what its name says: no link to something else.
fn is_ours(folder: &Path) -> Result<(), String> {
    let seen = folder.symlink_metadata().map_err(|reason| reason.to_string())?;
    if !seen.is_dir() {
        return Err("is no folder".to_owned());
    }
    owned(&seen)
}

fn owned(seen: &fs::Metadata) -> Result<(), String> {
    let (theirs, ours) = (seen.uid(), rustix::process::geteuid().as_raw());
    if theirs == ours { Ok(()) } else { Err(format!("belongs to user {theirs}, not to user {ours}")) }
}

fn open(path: &Path) -> Result<File, String> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(|reason| reason.to_string())?;
    let file = File::options().read(true).append(true).custom_flags(flags).open(path).map_err(|reason| reason.to_string())?;
    let seen = file.metadata().map_err(|reason| reason.to_string())?;
    if !seen.is_file() {
        return Err("is no file".to_owned());
    }
    owned(&seen)?;
    Ok(file)
}

/// What is still outside, in the order in which it was put there.
fn read(file: &mut File, drill: &DrillId) -> Result<Vec<(Entry, Item)>, String> {
    let length = file.metadata().map_err(|reason| reason.to_string())?.len();
    if length > LONGEST {
        return Err(format!("has {length} bytes, which no drill writes"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|reason| format!("is no text: {reason}"))?;
    // The line that a drill was killed at is not whole; what it speaks of was not begun.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines();
    let head: Head = serde_json::from_str(lines.next().ok_or("has no first line")?)
        .map_err(|reason| format!("does not begin as a journal does: {reason}"))?;
    if head.journal != VERSION {
        return Err(format!("has the form {} of another version of canship ({})", head.journal, head.canship));
    }
    if head.drill != *drill {
        return Err(format!("is of another drill, {}", head.drill));
    }
    let mut items: Vec<(Entry, Item)> = Vec::new();
    for (number, line) in lines.enumerate() {
        match serde_json::from_str(line).map_err(|reason| format!("cannot be read in line {}: {reason}", number + 2))? {
            Line::Put { entry, item } => match items.iter_mut().find(|(known, _)| known.0 == entry) {
                Some((_, old)) => *old = *item,
                None => items.push((Entry(entry), *item)),
            },
            Line::Gone { entry } => items.retain(|(known, _)| known.0 != entry),
        }
    }
    Ok(items)
}

impl Dead {
    /// The drill.
    #[must_use]
    pub fn drill(&self) -> &DrillId {
        &self.drill
    }

    /// The folder with its journal.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it may have left.
    #[must_use]
    pub fn items(&self) -> &[(Entry, Item)] {
        &self.items
    }

    /// Notes that something is gone, for whoever cleans next.
    pub fn gone(&self, entry: Entry) {
        if let Ok(mut file) = self.file.lock() {
            drop(note_gone(&mut file, entry));
        }
    }

    /// Removes the folder, now that nothing is left.
    ///
    /// # Errors
    /// The system does not let it be removed.
    pub fn remove(&self) -> Result<(), StateError> {
        remove(&self.folder)
    }
}

fn note_gone(file: &mut File, entry: Entry) -> io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if end > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // After a line that is not whole there is no place for another: then it is looked for once more.
    if last == *b"\n" { journal::write(file, &Line::Gone { entry: entry.0 }) } else { Ok(()) }
}
