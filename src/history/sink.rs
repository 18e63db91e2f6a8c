//! One drill's log, written as it happens.
//!
//! Invariants: while a drill runs its log has a name that says so and is locked, so that a drill that was killed is told
//! from one that runs; the name of a whole log is given only to one that has its last event and is on the disk.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    folder::{LIVE, WHOLE},
    log::LogSink,
};
use crate::record::{Event, EventKind, Sink, Text};

/// Writes the log of a drill into a folder.
#[derive(Debug)]
pub(super) struct FolderSink {
    folder: PathBuf,
    open: Option<Open>,
}

/// The log of a drill that runs. Its file is locked as long as it is open.
#[derive(Debug)]
struct Open {
    log: LogSink,
    live: PathBuf,
    whole: PathBuf,
}

impl FolderSink {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: None }
    }

    fn create(&self, drill: &str) -> io::Result<Open> {
        let live = self.folder.join(format!("{drill}{LIVE}"));
        let whole = self.folder.join(format!("{drill}{WHOLE}"));
        if whole.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a log of that name is there already"));
        }
        // It gets its name when it is locked: a log without a lock is taken for one of a drill that was killed.
        let new = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        new.as_file().try_lock().map_err(io::Error::from)?;
        let file = new.persist_noclobber(&live).map_err(|refused| refused.error)?;
        sync_folder(&self.folder)?;
        Ok(Open { log: LogSink::over(file, &live), live, whole })
    }
}

impl Sink for FolderSink {
    fn name(&self) -> String {
        let path = self.open.as_ref().map_or(&self.folder, |open| &open.live);
        format!("the history {}", Text::new(&path.to_string_lossy()))
    }

    fn take(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::DrillStarted(facts) = &event.kind {
            self.open = Some(self.create(facts.drill.as_str())?);
        }
        let Some(open) = &mut self.open else {
            return Err(io::Error::other("the drill told nothing of its start"));
        };
        open.log.take(event)?;
        match event.kind {
            EventKind::PhaseFinished { .. } => open.log.sync(),
            EventKind::DrillFinished { .. } => {
                open.log.sync()?;
                fs::rename(&open.live, &open.whole)?;
                sync_folder(&self.folder)
            }
            _ => Ok(()),
        }
    }
}

/// Waits until names that were given or taken are on the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
