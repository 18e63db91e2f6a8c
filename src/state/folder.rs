//! The state folder: this host's id, the drills that have a journal, and those that were cleaned up after.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Damaged, Dead, Journal, StateError,
    journal::LOCK,
    read::{self, Found},
};
use crate::{
    erase,
    record::{Claim, DrillId, HostId},
};

/// How long a drill that was cleaned up after is still known as dead: a request that was on its way when it was killed
/// may have been carried out later.
const BURIED: Duration = Duration::from_hours(24);

/// What the folder of a drill begins with until it is complete, and while it is removed.
const UNFINISHED: &str = ".new-";

/// Canship's own state on this machine.
#[derive(Clone, Debug)]
pub struct State {
    root: PathBuf,
}

/// What is known of the drills of this state folder.
#[derive(Debug, Default)]
pub struct Drills {
    /// Those that live.
    pub living: BTreeSet<DrillId>,
    /// Those that live no more and have a journal.
    pub dead: Vec<Dead>,
    /// Those that live no more and were cleaned up after.
    pub buried: BTreeSet<DrillId>,
    /// What cannot be read.
    pub damaged: Vec<Damaged>,
}

impl State {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// It cannot be made, or is not this user's own.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StateError> {
        let root = root.into();
        let strange = |what| StateError::Strange { path: root.clone(), what };
        if let Some(above) = root.parent() {
            fs::create_dir_all(above).map_err(StateError::io("making the folder", above))?;
        }
        make(&root)?;
        let seen = root.symlink_metadata().map_err(StateError::io("looking at", &root))?;
        if seen.is_symlink() && !root.is_dir() || !seen.is_symlink() && !seen.is_dir() {
            return Err(strange("is no folder"));
        }
        let seen = root.metadata().map_err(StateError::io("looking at", &root))?;
        // Whoever can write there could say what is to be removed.
        if seen.uid() != rustix::process::geteuid().as_raw() {
            return Err(strange("belongs to another user"));
        }
        if seen.mode() & 0o022 != 0 {
            return Err(strange("can be written by other users"));
        }
        let state = Self { root };
        make(&state.drills_folder())?;
        make(&state.buried_folder())?;
        Ok(state)
    }

    /// The id of this host, drawn at the first call.
    ///
    /// # Errors
    /// It can be neither read nor made.
    pub fn host(&self) -> Result<HostId, StateError> {
        let path = self.root.join("host");
        match fs::read_to_string(&path) {
            Ok(text) => HostId::try_from(text.trim().to_owned())
                .map_err(|_| StateError::Strange { path, what: "holds no host id: remove it, and a new one is drawn" }),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => self.draw_host(&path),
            Err(reason) => Err(StateError::io("reading", path)(reason)),
        }
    }

    fn draw_host(&self, path: &Path) -> Result<HostId, StateError> {
        let failed = |what| StateError::io(what, path);
        let id = HostId::new(random());
        let mut file = tempfile::NamedTempFile::new_in(&self.root).map_err(failed("making"))?;
        file.write_all(format!("{}\n", id.as_str()).as_bytes()).map_err(failed("writing"))?;
        file.as_file().sync_all().map_err(failed("writing"))?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(id),
            // Another drill was first; what is there by now is whole.
            Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => self.host(),
            Err(lost) => Err(failed("making")(lost.error)),
        }
    }

    /// Begins the journal of a drill, which lives from now on.
    ///
    /// # Errors
    /// The journal cannot be made, locked or written. Nothing of it is left then.
    pub fn begin(&self, drill: &DrillId, claim: &Claim) -> Result<Journal, StateError> {
        let drills = self.drills_folder();
        let unfinished = drills.join(format!("{UNFINISHED}{drill}"));
        DirBuilder::new().mode(0o700).create(&unfinished).map_err(StateError::io("making the folder", &unfinished))?;
        let begun = (|| {
            let path = unfinished.join(LOCK);
            let lock = File::options().write(true).create_new(true).mode(0o600).open(&path);
            let lock = lock.map_err(StateError::io("making the lock", &path))?;
            let taken = lock.try_lock().map_err(io::Error::from);
            taken.map_err(StateError::io("taking the lock", &path))?;
            let journal = Journal::begin(&unfinished, drill, claim, lock)?;
            // Complete and locked: from now on it is seen.
            let folder = drills.join(drill.as_str());
            fs::rename(&unfinished, &folder).map_err(StateError::io("making", &folder))?;
            let flushed = File::open(&folder).and_then(|folder| folder.sync_all());
            let flushed = flushed.and_then(|()| File::open(&drills)?.sync_all());
            flushed.map_err(StateError::io("writing", &folder))?;
            Ok(journal.moved(folder))
        })();
        if begun.is_err() {
            drop(erase::folder(&unfinished));
            drop(erase::folder(&drills.join(drill.as_str())));
        }
        begun
    }

    /// Looks at every drill of this state folder. `now` only tells how long a drill has been buried.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn drills(&self, now: Timestamp) -> Result<Drills, StateError> {
        let mut drills = Drills { buried: self.buried(now)?, ..Drills::default() };
        let folder = self.drills_folder();
        for name in names(&folder)? {
            if let Some(id) = name.strip_prefix(UNFINISHED) {
                remove_unfinished(&folder.join(&name), id, now);
                continue;
            }
            let Some(id) = DrillId::made(&name) else { continue };
            match read::look(&folder.join(&name), &id) {
                Found::Living => drop(drills.living.insert(id)),
                Found::Dead(dead) => drills.dead.push(dead),
                Found::Damaged(damaged) => drills.damaged.push(damaged),
                Found::Nothing => {}
            }
        }
        Ok(drills)
    }

    /// Removes the journal of a drill after which all was cleaned up; it is known as dead for some time yet.
    ///
    /// # Errors
    /// The system does not let that be.
    pub fn bury(&self, dead: &Dead) -> Result<(), StateError> {
        let path = self.buried_folder().join(dead.drill().as_str());
        File::create(&path).map_err(StateError::io("making", &path))?;
        dead.remove()
    }

    /// Notes that what a drill had cut, which lives no more or never lived here, is back.
    ///
    /// # Errors
    /// The system does not let that be.
    pub fn note_given_back(&self, drill: &DrillId) -> Result<(), StateError> {
        let folder = self.given_back_folder();
        make(&folder)?;
        let path = folder.join(drill.as_str());
        File::create(&path).map(drop).map_err(StateError::io("making", &path))
    }

    /// Whether what this drill had cut was given back without it, as far as this machine knows.
    #[must_use]
    pub fn was_given_back(&self, drill: &DrillId) -> bool {
        self.given_back_folder().join(drill.as_str()).is_file()
    }

    /// Those that are buried; forgets those that have been for long.
    fn buried(&self, now: Timestamp) -> Result<BTreeSet<DrillId>, StateError> {
        let folder = self.buried_folder();
        let mut buried = BTreeSet::new();
        for name in names(&folder)? {
            let path = folder.join(&name);
            let Some(id) = DrillId::made(&name) else { continue };
            if is_older(&path, BURIED, now) {
                fs::remove_file(&path).unwrap_or_default();
            } else {
                buried.insert(id);
            }
        }
        Ok(buried)
    }

    /// Where the empty repository is that git wants to stand in while it removes tags.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.root.join("empty.git")
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn drills_folder(&self) -> PathBuf {
        self.root.join("drills")
    }

    /// As old as the records are whose drills it names: nothing of it is ever forgotten.
    fn given_back_folder(&self) -> PathBuf {
        self.root.join("given-back")
    }

    fn buried_folder(&self) -> PathBuf {
        self.root.join("buried")
    }
}

/// Removes what a drill left that was killed while it began its journal or removed it: nothing of it was outside. One that is being
/// begun right now is far younger.
fn remove_unfinished(folder: &Path, id: &str, now: Timestamp) {
    if DrillId::made(id).is_some() && is_older(folder, Duration::from_hours(1), now) {
        drop(erase::folder(folder));
    }
}

/// Removes the folder of a drill. Nobody sees a part of it: what has lost its lock or its journal would be taken for damaged.
pub(super) fn remove(folder: &Path) -> Result<(), StateError> {
    let mut name = OsString::from(UNFINISHED);
    name.push(folder.file_name().unwrap_or_default());
    let unfinished = folder.with_file_name(name);
    match fs::rename(folder, &unfinished) {
        // Somebody else who cleans was first.
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(StateError::io("removing", folder))?,
    }
    erase::folder(&unfinished).map_err(|kept| StateError::io("removing", &unfinished)(kept.into()))
}

/// By the clock only: for what does no harm if that jumps.
fn is_older(path: &Path, age: Duration, now: Timestamp) -> bool {
    let seen = path.symlink_metadata().ok();
    let changed = seen.and_then(|seen| Timestamp::from_second(seen.mtime()).ok());
    changed.and_then(|changed| changed.checked_add(age).ok()).is_some_and(|end| end < now)
}

fn names(folder: &Path) -> Result<Vec<String>, StateError> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect());
    let listed: Vec<_> = listed.map_err(StateError::io("reading the folder", folder))?;
    let mut names: Vec<_> = listed.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Makes a folder that only its owner may look into, unless it is there.
fn make(folder: &Path) -> Result<(), StateError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(reason) if reason.kind() != io::ErrorKind::AlreadyExists => Err(StateError::io("making the folder", folder)(reason)),
        _ => Ok(()),
    }
}

fn random() -> u64 {
    // The last eight bytes of a version 7 UUID are random but for two bits.
    uuid::Uuid::now_v7().as_bytes()[8..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
