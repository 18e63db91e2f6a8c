//! Looks into what is packed: archives, and archives in those.
//!
//! Invariants: memory does not grow with what is read; no more bytes are unpacked than may be; nothing is written but an
//! archive that must be read from its end, into a file without a name. What cannot be opened is said, never passed over.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek as _},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::{Format, Look};

/// How deep archives in archives are opened.
const DEEPEST: usize = 5;

const CHUNK: usize = 128 * 1024;

/// What came of looking into something packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// All of it was looked at.
    Seen,
    /// Whoever looks does not let it through.
    Refused,
    /// Some of it could not be looked at, and why.
    Closed(String),
}

/// Makes who looks at one stream: archives in archives are looked at side by side.
pub type Looks<'l> = &'l dyn Fn() -> Box<dyn FnMut(&[u8]) -> bool + Send>;

/// Looks at everything in the packed file at `path`; what stands in it as it is, whoever unpacked it has seen already.
/// At most `limit` bytes are unpacked; `beside` is where a file without a name may be written. Blocks.
#[must_use]
pub fn look_inside(path: &Path, (limit, beside): (u64, &Path), looks: Looks<'_>) -> Inside {
    let walk = Walk { looks, limit, left: Cell::new(limit), beside, refused: Cell::new(false), closed: RefCell::default() };
    let walked = File::open(path).and_then(|file| walk.file(file));
    match (walk.refused.get(), walked.err().map(|error| error.to_string()).or(walk.closed.into_inner())) {
        (true, _) => Inside::Refused,
        (false, Some(reason)) => Inside::Closed(reason),
        (false, None) => Inside::Seen,
    }
}

/// Once something is refused, every reading fails.
struct Walk<'w> {
    looks: Looks<'w>,
    limit: u64,
    left: Cell<u64>,
    beside: &'w Path,
    refused: Cell<bool>,
    /// The first thing that could not be opened.
    closed: RefCell<Option<String>>,
}

impl Walk<'_> {
    fn file(&self, mut file: File) -> io::Result<()> {
        let start = start(&mut file)?;
        file.rewind()?;
        match Format::of(&start) {
            Some(Format::Zip) => self.zip(file, 0),
            _ => self.content(&mut BufReader::with_capacity(CHUNK, file), 0),
        }
    }

    /// Opens `content` if it is packed. Its own bytes are looked at by who gives it, and may be left unread.
    fn content(&self, content: &mut dyn Read, depth: usize) -> io::Result<()> {
        let start = start(content)?;
        let format = Format::of(&start);
        let whole = BufReader::with_capacity(CHUNK, Cursor::new(start).chain(content));
        match format {
            None => {}
            Some(Format::Other(name)) => self.close(&format!("it is packed by {name}, which is not opened here")),
            Some(_) if depth == DEEPEST => self.close(&format!("archives lie in archives more than {DEEPEST} deep")),
            Some(Format::Gzip) => self.stream(MultiGzDecoder::new(whole), depth + 1)?,
            Some(Format::Tar) => self.tar(whole, depth + 1)?,
            Some(Format::Zip) => {
                let mut file = tempfile::tempfile_in(self.beside)?;
                io::copy(&mut { whole }, &mut file)?;
                self.zip(file, depth)?;
            }
        }
        Ok(())
    }

    /// Only headers are read as they stand: no name is held in memory, however long.
    fn tar(&self, archive: impl Read, depth: usize) -> io::Result<()> {
        for entry in tar::Archive::new(archive).entries()?.raw(true) {
            self.part(self.content(&mut entry?, depth))?;
        }
        Ok(())
    }

    fn zip(&self, file: File, depth: usize) -> io::Result<()> {
        let mut archive = open_zip(file)?;
        for number in 0..archive.len() {
            let looked = archive.by_index(number).map_err(io::Error::other).and_then(|entry| self.stream(entry, depth + 1));
            self.part(looked)?;
        }
        Ok(())
    }

    /// Looks at all that comes unpacked, and into it.
    fn stream(&self, unpacked: impl Read, depth: usize) -> io::Result<()> {
        let mut look = (self.looks)();
        let mut seen = Seen { unpacked, look: &mut *look, walk: self };
        self.part(self.content(&mut seen, depth))?;
        io::copy(&mut seen, &mut io::sink()).map(|_| ())
    }

    /// What is wrong with a part is no reason not to look at the others.
    fn part(&self, looked: io::Result<()>) -> io::Result<()> {
        match looked {
            Err(error) if self.refused.get() => return Err(error),
            Err(error) => self.close(&error.to_string()),
            Ok(()) => {}
        }
        Ok(())
    }

    fn close(&self, reason: &str) {
        self.closed.borrow_mut().get_or_insert_with(|| reason.to_owned());
    }
}

/// What passes is looked at, and counted.
struct Seen<'s, R> {
    unpacked: R,
    look: Look<'s>,
    walk: &'s Walk<'s>,
}

impl<R: Read> Read for Seen<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.unpacked.read(buffer)?;
        let Walk { limit, left, refused, .. } = self.walk;
        left.set(left.get().checked_sub(n as u64).ok_or_else(|| io::Error::other(format!("it holds more than {limit} bytes")))?);
        if !buffer.is_empty() && !(self.look)(&buffer[..n]) {
            refused.set(true);
            return Err(io::Error::other("it is refused"));
        }
        Ok(n)
    }
}

/// The first bytes, as many as it takes to know the format.
pub(super) fn start(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(Format::START);
    content.take(Format::START as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// The longest list of entries of a zip archive, in bytes: it is held in memory.
const LONGEST_LIST: u32 = 16 << 20;

/// Opens a zip archive. Its list of entries is read whole, so what it says of their number and length is looked at first.
/// Source: APPNOTE.TXT, section 4.3.16 (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>).
///
/// # Errors
/// It is none, or has more entries than any release.
pub fn open_zip(mut file: File) -> io::Result<zip::ZipArchive<BufReader<File>>> {
    const END: u64 = 22;
    let length = file.metadata()?.len();
    file.seek(io::SeekFrom::Start(length.saturating_sub(END + u64::from(u16::MAX))))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06").map(|at| &tail[at..]);
    // A directory of 4 GiB or of 65 535 entries is told in another place, and is that of no release.
    if end.and_then(|end| end.get(8..16)).is_none_or(|counts| counts[2..4] == [0xff; 2] || counts[4..8] == [0xff; 4]) {
        return Err(io::Error::other("it has more entries than any release"));
    }
    let length = end.and_then(|end| end.get(12..16)?.try_into().ok()).map(u32::from_le_bytes);
    if length.is_none_or(|length| length > LONGEST_LIST) {
        return Err(io::Error::other("the list of its entries is longer than that of any release"));
    }
    file.rewind()?;
    zip::ZipArchive::new(BufReader::new(file)).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    type Pack = fn(&[u8]) -> Vec<u8>;

    const SECRET: &[u8] = b"hunter2-hunter2";

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(content).unwrap();
        packed.finish().unwrap()
    }

    fn tar(content: &[u8]) -> Vec<u8> {
        let mut packed = tar::Builder::new(Vec::new());
        for content in [b"before".as_slice(), content, b"after"] {
            let mut header = tar::Header::new_ustar();
            header.set_path("a").unwrap();
            header.set_size(content.len() as u64);
            header.set_cksum();
            packed.append(&header, content).unwrap();
        }
        packed.into_inner().unwrap()
    }

    fn zip(content: &[u8]) -> Vec<u8> {
        let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [("a", b"before".as_slice()), ("b", content), ("c", b"after")] {
            packed.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            packed.write_all(content).unwrap();
        }
        packed.finish().unwrap().into_inner()
    }

    fn look(packed: &[u8], limit: u64) -> Inside {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packed");
        std::fs::write(&path, packed).unwrap();
        let inside = look_inside(&path, (limit, folder.path()), &|| {
            let mut seen = Vec::new();
            Box::new(move |piece| {
                seen.extend_from_slice(piece);
                !seen.windows(SECRET.len()).any(|window| window == SECRET)
            })
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        inside
    }

    #[test]
    fn what_is_packed_is_seen_however_it_is_packed() {
        let packings: [Pack; 3] = [gzip, tar, zip];
        for outer in packings {
            for inner in packings {
                for middle in packings {
                    let pack = |content: &[u8]| outer(&middle(&inner(content)));
                    assert_eq!(look(&pack(b"honest"), 1 << 20), Inside::Seen);
                    // What stands in it as it is, who unpacked it has seen.
                    let is_plain = [outer, middle, inner].iter().all(|pack| Format::of(&pack(b"")) == Some(Format::Tar));
                    assert_eq!(look(&pack(SECRET), 1 << 20), if is_plain { Inside::Seen } else { Inside::Refused });
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_opened_is_said_and_all_else_is_still_seen() {
        let xz = b"\xfd7zXZ\0rest";
        assert_eq!(look(&zip(xz), 1000), Inside::Closed("it is packed by xz, which is not opened here".to_owned()));
        let both = tar(&[&gzip(SECRET)[..], &[0; 512]].concat());
        assert_eq!(look(&gzip(&both), 1 << 20), Inside::Refused, "after content that is no archive's");
        for broken in [&gzip(&[7; 5000])[..20], &zip(b"x")[..30]] {
            assert!(matches!(look(broken, 1 << 20), Inside::Closed(_)));
        }
    }

    #[test]
    fn a_list_of_entries_that_would_not_fit_into_memory_is_not_read() {
        let mut packed = zip(b"honest");
        let end = packed.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
        packed[end + 12..end + 16].copy_from_slice(&(LONGEST_LIST + 1).to_le_bytes());
        let reason = "the list of its entries is longer than that of any release";
        assert_eq!(look(&packed, 1000), Inside::Closed(reason.to_owned()));
    }

    #[test]
    fn no_more_is_unpacked_than_may_be() {
        let bomb = gzip(&vec![0; 100_000]);
        assert!(bomb.len() < 1000);
        assert_eq!(look(&gzip(&bomb), 50_000), Inside::Closed("it holds more than 50000 bytes".to_owned()));
        let deep = (0..8).fold(SECRET.to_vec(), |content, _| gzip(&content));
        assert_eq!(look(&deep, 1 << 20), Inside::Closed("archives lie in archives more than 5 deep".to_owned()));
    }
}
