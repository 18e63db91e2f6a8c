//! The journal of a drill that lives: lines of JSON, each flushed to the disk before what it speaks of is done.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{Item, StateError, folder::remove};
use crate::{
    record::{Claim, DrillId},
    secret::Known,
};

/// The version of the journal's form. A reader passes over a journal with another one.
pub(super) const VERSION: u32 = 1;

/// The file's name in the drill's folder.
pub(super) const FILE: &str = "journal.jsonl";

/// The lock's name in the drill's folder.
pub(super) const LOCK: &str = "lock";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) journal: u32,
    pub(super) drill: DrillId,
    pub(super) claim: Claim,
    /// The version of canship that writes it.
    pub(super) canship: String,
}

/// Every other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Line {
    /// This is about to be put outside, or has become this.
    Put { entry: u64, item: Box<Item> },
    /// It is outside no more, or never was.
    Gone { entry: u64 },
}

/// Names a line's thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry(pub(super) u64);

/// What a living drill writes down, and the lock that says that it lives.
#[derive(Debug)]
pub struct Journal {
    drill: DrillId,
    claim: Claim,
    folder: PathBuf,
    file: Mutex<File>,
    open: Mutex<Vec<Entry>>,
    last: AtomicU64,
    known: OnceLock<Known>,
    /// Released by the end of this process, whatever ends it.
    _lock: File,
}

impl Journal {
    /// Begins a journal in `folder`, which is there and empty but for the lock.
    pub(super) fn begin(folder: &Path, drill: &DrillId, claim: &Claim, lock: File) -> Result<Self, StateError> {
        let path = folder.join(FILE);
        let failed = |what| StateError::io(what, &path);
        let mut file = File::options().append(true).create_new(true).open(&path).map_err(failed("making the journal"))?;
        let head =
            Head { journal: VERSION, drill: drill.clone(), claim: claim.clone(), canship: env!("CARGO_PKG_VERSION").to_owned() };
        write(&mut file, &head).and_then(|()| file.sync_all()).map_err(failed("writing the journal"))?;
        Ok(Self {
            drill: drill.clone(),
            claim: claim.clone(),
            folder: folder.to_owned(),
            file: Mutex::new(file),
            open: Mutex::default(),
            last: AtomicU64::new(0),
            known: OnceLock::new(),
            _lock: lock,
        })
    }

    /// The same journal in the folder's last place.
    pub(super) fn moved(self, folder: PathBuf) -> Self {
        Self { folder, ..self }
    }

    /// The drill.
    #[must_use]
    pub fn drill(&self) -> &DrillId {
        &self.drill
    }

    /// Who uses what it lists, and until when.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Its folder, which goes with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// From now on nothing that a server says is written with a secret in it.
    pub fn keep_out(&self, known: Known) {
        drop(self.known.set(known));
    }

    /// Writes down what is about to be put outside; once this returns, it is on the disk.
    ///
    /// # Errors
    /// It could not be written: then it must not be put outside.
    pub fn put(&self, item: &Item) -> io::Result<Entry> {
        let entry = Entry(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        self.change(entry, item)?;
        self.open().push(entry);
        Ok(entry)
    }

    /// Writes down what it has become, as safely.
    ///
    /// # Errors
    /// It could not be written: the journal has what it had before.
    pub fn change(&self, entry: Entry, item: &Item) -> io::Result<()> {
        let mut item = item.clone();
        if let Some(known) = self.known.get() {
            item.keep_out(known);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut file, &Line::Put { entry: entry.0, item: Box::new(item) })?;
        file.sync_data()
    }

    /// Notes that it is outside no more. Not flushed: if that is lost, it is looked for once more.
    pub fn gone(&self, entry: Entry) {
        self.open().retain(|open| *open != entry);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        drop(write(&mut file, &Line::Gone { entry: entry.0 }));
    }

    /// Ends the journal: it is removed with its folder if nothing is outside any more, else it stays for whoever cleans
    /// next.
    ///
    /// # Errors
    /// The folder could not be removed.
    pub fn finish(&self) -> Result<(), StateError> {
        if !self.open().is_empty() {
            return Ok(());
        }
        remove(&self.folder)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line at once, so that two writers never mix theirs.
pub(super) fn write(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}
