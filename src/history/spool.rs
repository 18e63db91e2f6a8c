//! Logs in a folder that wait to be brought elsewhere.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::PathBuf,
};

use super::{
    folder::{Folder, LIVE, WHOLE, open},
    log,
    sink::sync_folder,
};
use crate::record::Brief;

/// A log that no drill writes to any more. That of a drill that was killed is locked as long as this lives.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) drill: String,
    path: PathBuf,
    file: File,
    end: End,
}

/// How the drill of a log ended, by the log's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    Killed,
}

impl Settled {
    /// The whole log and what it says; none if it is damaged, which keeps it where it is.
    pub(super) fn read(&mut self) -> io::Result<Option<(Vec<u8>, Brief)>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        let Ok(record) = log::read_without_output(&self.drill, bytes.as_slice()) else { return Ok(None) };
        let whole = record.finished || self.end == End::Killed;
        Ok(whole.then(|| (bytes, record.into())))
    }
}

impl Folder {
    /// The logs that no drill writes to any more, newest first.
    pub(super) fn settled(&self) -> io::Result<Vec<Settled>> {
        let mut settled = Vec::new();
        for name in self.names()?.into_iter().rev() {
            let path = self.path().join(&name);
            let Ok(file) = open(&path) else { continue };
            let (drill, end) = match name.strip_suffix(LIVE) {
                Some(drill) if file.try_lock().is_ok() => (drill, End::Killed),
                Some(_) => continue,
                None => (name.strip_suffix(WHOLE).unwrap_or(&name), End::Finished),
            };
            settled.push(Settled { drill: drill.to_owned(), path, file, end });
        }
        Ok(settled)
    }

    /// Takes away a log that is kept elsewhere now.
    pub(super) fn remove(&self, settled: &Settled) -> io::Result<()> {
        match fs::remove_file(&settled.path) {
            // Another drill has brought it at the same time.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.and_then(|()| sync_folder(self.path())),
        }
    }
}
