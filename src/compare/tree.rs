//! Files, folders and links by their paths.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::Bounds;
use crate::record::Digest;

/// What a build made. The path of a tree that is a single file is empty.
#[derive(Clone, Debug, Default)]
pub struct Tree(pub(super) BTreeMap<PathBuf, Entry>);

/// Something in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    /// Leads there, as it is written.
    Link(PathBuf),
    File(FileEntry),
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileEntry {
    pub(super) size: u64,
    pub(super) digest: Digest,
    /// Whether it may be executed, if that is known: what comes by HTTP has no mode.
    pub(super) executable: Option<bool>,
    /// Where its content lies on this machine.
    pub(super) at: PathBuf,
}

impl Tree {
    /// What lies at a path: a file, or a folder with all that is in it. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(path: &Path, bounds: &Bounds) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.add(path, Path::new(""), bounds)?;
        Ok(tree)
    }

    /// One file of which only the content is known.
    #[must_use]
    pub fn of_file(at: PathBuf, size: u64, digest: Digest) -> Self {
        let file = FileEntry { size, digest, executable: None, at };
        Self(BTreeMap::from([(PathBuf::new(), Entry::File(file))]))
    }

    /// The parts of something that is no folder: each with its name, its content's place, its length and digest.
    #[must_use]
    pub fn of_parts(parts: impl IntoIterator<Item = (String, PathBuf, u64, Digest)>) -> Self {
        let entry = |(name, at, size, digest)| (PathBuf::from(name), Entry::File(FileEntry { size, digest, executable: None, at }));
        Self(parts.into_iter().map(entry).collect())
    }

    /// Its one file, if it is nothing else.
    #[must_use]
    pub fn single_file(&self) -> Option<(u64, &Digest)> {
        match self.0.get(Path::new("")) {
            Some(Entry::File(file)) => Some((file.size, &file.digest)),
            Some(Entry::Folder | Entry::Link(_)) | None => None,
        }
    }

    /// How many files it has, and how many bytes these have.
    #[must_use]
    pub fn extent(&self) -> (u64, u64) {
        let files = self.0.values().filter_map(|entry| if let Entry::File(file) = entry { Some(file.size) } else { None });
        files.fold((0, 0), |(count, bytes), size| (count + 1, bytes.saturating_add(size)))
    }

    fn add(&mut self, at: &Path, path: &Path, bounds: &Bounds) -> io::Result<()> {
        let seen = fs::symlink_metadata(at)?;
        if seen.is_dir() {
            self.0.insert(path.to_owned(), Entry::Folder);
            for entry in fs::read_dir(at)? {
                let name = entry?.file_name();
                self.add(&at.join(&name), &path.join(&name), bounds)?;
            }
        } else if seen.is_symlink() {
            self.0.insert(path.to_owned(), Entry::Link(fs::read_link(at)?));
        } else {
            let digest = digest_of(at, bounds)?;
            let executable = Some(seen.permissions().mode() & 0o111 != 0);
            self.0.insert(path.to_owned(), Entry::File(FileEntry { size: seen.len(), digest, executable, at: at.to_owned() }));
        }
        Ok(())
    }
}

fn digest_of(at: &Path, bounds: &Bounds) -> io::Result<Digest> {
    let (mut file, mut hash, mut buffer) = (File::open(at)?, Sha256::new(), vec![0; 256 * 1024]);
    loop {
        bounds.check()?;
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(Digest::from_sha256(&hash.finalize()));
        }
        hash.update(&buffer[..n]);
    }
}
