//! Files of a source as they pass into a room: what a build gives back may be one of them.

use std::{
    collections::HashMap,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use crate::record::Digest;

/// The digests of the files that have passed, of those at or below some paths.
#[derive(Clone, Debug, Default)]
pub struct Passing {
    watched: Vec<PathBuf>,
    passed: Arc<Mutex<HashMap<PathBuf, Digest>>>,
}

impl Passing {
    /// Watches for these paths of the source.
    #[must_use]
    pub fn below(paths: &[PathBuf]) -> Self {
        let watched = paths.iter().map(|path| named(path).to_owned()).collect();
        Self { watched, passed: Arc::default() }
    }

    /// Whether a file with just this content has passed there.
    #[must_use]
    pub fn had(&self, path: &Path, digest: &Digest) -> bool {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).get(named(path)) == Some(digest)
    }

    /// The content of a file, hashed as it is read if the file is watched.
    pub(super) fn watch<R: Read>(&self, path: &Path, content: R) -> Hashed<R> {
        let is_watched = self.watched.iter().any(|watched| path.starts_with(watched));
        Hashed { content, hash: is_watched.then(Sha256::new) }
    }

    /// A file has passed.
    pub(super) fn note<R>(&self, path: PathBuf, content: Hashed<R>) {
        if let Some(hash) = content.hash {
            let digest = Digest::from_sha256(&hash.finalize());
            self.passed.lock().unwrap_or_else(PoisonError::into_inner).insert(path, digest);
        }
    }
}

/// A path as an archive names it.
fn named(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

pub(super) struct Hashed<R> {
    content: R,
    hash: Option<Sha256>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..n]);
        }
        Ok(n)
    }
}
