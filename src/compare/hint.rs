//! What a difference looks like, where that shows itself cheaply: a build id, times in an archive, a line of text.
//!
//! A hint is a help for people and never decides anything: what it cannot read gives none.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::{
    Bounds,
    archive::{check_headers, format},
    diff::First,
};
use crate::{
    archive::{Format, open_zip},
    elf::{self, Section},
    record::Digest,
};

/// Names that a hint shows.
const SHOWN: usize = 3;

/// The start of a file that tells text from other content.
const START: u64 = 8 * 1024;

const BUILD_ID: &str = ".note.gnu.build-id";

/// What the difference of two files looks like.
pub(super) fn of(ours: &Path, theirs: &Path, first: First, bounds: &Bounds) -> Option<String> {
    let formats = [ours, theirs].map(|path| format(path).ok().flatten());
    match formats {
        [Some(Format::Gzip), Some(Format::Gzip)] => of_gzip(ours, theirs, bounds),
        [Some(Format::Tar), Some(Format::Tar)] => Some(of_archives(&tar(|| plain(ours, bounds))?, &tar(|| plain(theirs, bounds))?)),
        [Some(Format::Zip), Some(Format::Zip)] => Some(of_archives(&zip(ours)?, &zip(theirs)?)),
        _ => match (elf::sections(ours), elf::sections(theirs)) {
            (Some(ours_has), Some(_)) => of_programs((ours, &ours_has), theirs, first, bounds),
            _ => of_text(ours, theirs, first),
        },
    }
}

fn plain(path: &Path, bounds: &Bounds) -> io::Result<impl Read + use<>> {
    Ok(bounds.over(BufReader::with_capacity(256 * 1024, File::open(path)?)))
}

fn unpacked(path: &Path, bounds: &Bounds) -> io::Result<impl Read + use<>> {
    Ok(bounds.over(MultiGzDecoder::new(BufReader::with_capacity(256 * 1024, File::open(path)?))))
}

fn of_gzip(ours: &Path, theirs: &Path, bounds: &Bounds) -> Option<String> {
    if digest(unpacked(ours, bounds).ok()?).ok()? == digest(unpacked(theirs, bounds).ok()?).ok()? {
        return Some("only the time or the compression of the archive differs, what is in it is the same".to_owned());
    }
    Some(of_archives(&tar(|| unpacked(ours, bounds))?, &tar(|| unpacked(theirs, bounds))?))
}

/// Entries of an archive, each with all that matters of it.
type Entries = BTreeMap<PathBuf, (u64, String)>;

fn of_archives(ours: &Entries, theirs: &Entries) -> String {
    if ours == theirs {
        return "only times, owners or the order in the archive differ, what is in it is the same".to_owned();
    }
    let differ = |(path, entry): &(&PathBuf, &(u64, String))| theirs.get(*path) != Some(entry);
    let changed = ours.iter().filter(differ).map(|(path, _)| path);
    let missing = theirs.keys().filter(|path| !ours.contains_key(*path));
    let all: Vec<_> = changed.chain(missing).collect();
    let shown: Vec<_> = all.iter().take(SHOWN).map(|path| format!("`{}`", path.display())).collect();
    let more = if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    format!("in it, {}{more} differ", shown.join(", "))
}

/// Reads an archive twice: first only to see that it does no harm.
fn tar<R: Read>(open: impl Fn() -> io::Result<R>) -> Option<Entries> {
    check_headers(open().ok()?).ok()?;
    let mut entries = Entries::new();
    for entry in tar::Archive::new(open().ok()?).entries().ok()? {
        let mut entry = entry.ok()?;
        let (path, header) = (entry.path().ok()?.into_owned(), entry.header());
        let about = format!("{:?} {:o} {:?}", header.entry_type(), header.mode().ok()?, entry.link_name().ok()?);
        let size = entry.size();
        entries.insert(path, (size, format!("{about} {}", digest(&mut entry).ok()?)));
    }
    Some(entries)
}

fn zip(path: &Path) -> Option<Entries> {
    let mut archive = open_zip(File::open(path).ok()?).ok()?;
    let number = archive.len();
    let entry = |number| {
        let entry = archive.by_index_raw(number).ok()?;
        Some((PathBuf::from(&*entry.name().ok()?), (entry.size(), format!("{:08x} {:?}", entry.crc32(), entry.unix_mode()))))
    };
    (0..number).map(entry).collect()
}

fn digest(mut content: impl Read) -> io::Result<Digest> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 128 * 1024]);
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(Digest::from_sha256(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn of_programs((ours, sections): (&Path, &[Section]), theirs: &Path, first: First, bounds: &Bounds) -> Option<String> {
    let section = sections.iter().find(|section| section.holds(first.offset))?;
    if section.name == BUILD_ID && same_but(section, ours, theirs, bounds).unwrap_or(false) {
        return Some("only the build id differs".to_owned());
    }
    Some(format!("in the section `{}` of the program", section.name))
}

/// Whether two files of one length are the same outside of a section.
fn same_but(section: &Section, ours: &Path, theirs: &Path, bounds: &Bounds) -> io::Result<bool> {
    let [before, after] = [(0, section.offset), (section.end(), u64::MAX)].map(|(from, to)| {
        let part = |path: &Path| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(from))?;
            digest(bounds.over(file.take(to - from)))
        };
        Ok::<_, io::Error>(part(ours)? == part(theirs)?)
    });
    Ok(before? && after?)
}

fn of_text(ours: &Path, theirs: &Path, first: First) -> Option<String> {
    let is_text = |path: &Path| {
        let mut start = Vec::new();
        File::open(path).and_then(|file| file.take(START).read_to_end(&mut start)).ok()?;
        (!start.contains(&0)).then_some(())
    };
    is_text(ours)?;
    is_text(theirs)?;
    Some(format!("in line {}", first.line))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::compare::diff::first_difference;

    fn hint(ours: &[u8], theirs: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [("ours", ours), ("theirs", theirs)].map(|(name, content)| {
            fs::write(folder.path().join(name), content).unwrap();
            folder.path().join(name)
        });
        let bounds = Bounds { bytes: 1 << 20, stop: CancellationToken::new() };
        of(&one, &other, first_difference(ours, theirs).unwrap(), &bounds)
    }

    fn packed(time: u64, content: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        tar.append_data(&mut header, "bin/tool", content.as_bytes()).unwrap();
        tar.into_inner().unwrap()
    }

    fn compressed(time: u32, content: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::GzBuilder::new().mtime(time).write(Vec::new(), flate2::Compression::new(6));
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn times_in_archives_are_told_from_content() {
        let times = "only times, owners or the order in the archive differ, what is in it is the same";
        assert_eq!(hint(&packed(1, "x"), &packed(2, "x")).unwrap(), times);
        assert_eq!(hint(&packed(1, "x"), &packed(1, "y")).unwrap(), "in it, `bin/tool` differ");
        assert_eq!(hint(&compressed(1, &packed(1, "x")), &compressed(1, &packed(2, "x"))).unwrap(), times);
        let outer = hint(&compressed(1, &packed(1, "x")), &compressed(2, &packed(1, "x"))).unwrap();
        assert!(outer.starts_with("only the time or the compression"), "{outer}");
    }

    #[test]
    fn a_line_of_text_is_named_and_other_content_is_not() {
        assert_eq!(hint(b"a\nb\n", b"a\nc\n").unwrap(), "in line 2");
        assert_eq!(hint(b"a\0b", b"a\0c"), None);
    }

    #[test]
    fn what_only_looks_like_an_archive_or_program_gives_no_hint_and_no_harm() {
        assert_eq!(hint(&[0x1f, 0x8b, 8, 0, 1], &[0x1f, 0x8b, 8, 0, 2]), None);
        let mut broken = [0_u8; 64];
        broken[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        broken[40..64].fill(0xff);
        let mut other = broken;
        other[20] = 1;
        assert_eq!(hint(&broken, &other), None);
    }
}
