//! Writes tar streams in one normal form: one owner, one time, permissions reduced to "may be executed or not".

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Writes content into an archive; how a source, a pulled image or a set of artifacts hands itself on without a
/// temporary copy. Runs on a thread that may block.
pub type Fill = Box<dyn FnOnce(&mut Writer<'_>) -> io::Result<()> + Send>;

/// Says which paths go in.
pub type Keep<'a> = Box<dyn FnMut(&Path) -> bool + 'a>;

/// Writes entries in the order in which they are given.
pub struct Writer<'a> {
    tar: tar::Builder<Box<dyn Write + 'a>>,
    below: PathBuf,
    owner: u64,
    written: u64,
    keep: Option<Keep<'a>>,
}

impl<'a> Writer<'a> {
    /// Everything will lie below `below` (a relative path, may be empty) and belong to the user and group `owner`.
    pub fn new(out: impl Write + 'a, below: impl Into<PathBuf>, owner: u64) -> Self {
        Self { tar: tar::Builder::new(Box::new(out)), below: below.into(), owner, written: 0, keep: None }
    }

    /// Leaves out all but the paths that `keep` says yes to.
    #[must_use]
    pub fn only(self, keep: Keep<'a>) -> Self {
        Self { keep: Some(keep), ..self }
    }

    fn keeps(&mut self, path: &Path) -> bool {
        self.keep.as_mut().is_none_or(|keep| keep(path))
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// The stream does not take it.
    pub fn folder(&mut self, path: &Path) -> io::Result<()> {
        if !self.keeps(path) {
            return Ok(());
        }
        let mut header = self.header(tar::EntryType::Directory, 0o755, 0);
        self.tar.append_data(&mut header, self.below.join(path), io::empty())
    }

    /// Adds a file of exactly `size` bytes.
    ///
    /// # Errors
    /// The content cannot be read or has another size, or the stream does not take it.
    pub fn file(&mut self, path: &Path, size: u64, executable: bool, content: impl Read) -> io::Result<()> {
        if !self.keeps(path) {
            return Ok(());
        }
        let mut header = self.header(tar::EntryType::Regular, if executable { 0o755 } else { 0o644 }, size);
        let mut counted = Counted { inner: content.take(size), seen: 0 };
        self.tar.append_data(&mut header, self.below.join(path), &mut counted)?;
        if counted.seen == size {
            self.written += size;
            return Ok(());
        }
        let problem = format!("`{}` became shorter while it was read: {} of {size} bytes", path.display(), counted.seen);
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))
    }

    /// Adds a symbolic link, as it is.
    ///
    /// # Errors
    /// The stream does not take it.
    pub fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        if !self.keeps(path) {
            return Ok(());
        }
        let mut header = self.header(tar::EntryType::Symlink, 0o777, 0);
        self.tar.append_link(&mut header, self.below.join(path), target)
    }

    /// Bytes of file content so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// The stream does not take the end.
    pub fn finish(mut self) -> io::Result<()> {
        self.tar.finish()?;
        self.tar.into_inner()?.flush()
    }

    fn header(&self, kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(self.owner);
        header.set_gid(self.owner);
        header.set_mtime(EPOCH);
        header
    }
}

/// The time of every entry. Not 0: some tools take that for "no time", and zip files cannot hold a year before 1980.
/// 1980-01-01T00:00:00Z.
const EPOCH: u64 = 315_532_800;

struct Counted<R> {
    inner: R,
    seen: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.seen += n as u64;
        Ok(n)
    }
}
