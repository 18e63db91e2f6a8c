//! Reads an archive that may have been made to do harm.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Component, Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Format, inside::start};
use crate::record::Digest;

/// Entries that one archive may hold: far more than any release has, far fewer than exhaust a file system's inodes.
const MAX_ENTRIES: usize = 200_000;

/// A file that came out of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its path below the folder it was unpacked into.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its content.
    pub digest: Digest,
    /// Whether it may be executed.
    pub executable: bool,
    /// What it is packed in, if it is: what passed is not what is in it.
    pub format: Option<Format>,
}

/// Looks at what is unpacked as it passes, so that nothing is read twice: at each name, target of a link and piece of
/// content, and at an empty piece at the end of each. Says whether all that it saw may stay.
pub type Look<'l> = &'l mut (dyn FnMut(&[u8]) -> bool + Send);

/// Why an archive was not unpacked. What was written before stays below the folder and is removed with it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The path is absolute or leaves the folder.
    #[error("the archive has an entry `{0}`, which would be written outside of its folder")]
    Path(String),
    /// A link, hard or symbolic, that leads out of the folder.
    #[error("the archive has a link `{path}` to `{target}`, which leads out of its folder")]
    Link {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// Neither file, folder nor link.
    #[error("the archive has an entry `{path}` that is neither file, folder nor link: {kind}")]
    Kind {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// Whoever looks at what passes does not let this through.
    #[error("the {part} of `{path}` holds a secret of the plan")]
    Secret {
        /// The entry.
        path: String,
        /// What of it.
        part: &'static str,
    },
    /// In the layer of an image such a name deletes another file (OCI image specification, layer.md, "Whiteouts").
    #[error(
        "the archive has an entry `{0}`: in an image, a name that begins with `.wh.` deletes a file, and nobody would get this one"
    )]
    Whiteout(String),
    /// An entry stands where another does, or below something that is no folder.
    #[error("the archive has an entry `{0}` where there is another already")]
    Clash(String),
    /// More bytes than may be written.
    #[error("the archive holds more than the {limit} bytes that may be written")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// More entries than any release has.
    #[error("the archive holds more than {MAX_ENTRIES} entries")]
    TooMany,
    /// It is no archive, or could not be read to its end.
    #[error("the archive cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It could not be written to this machine's disk.
    #[error("`{path}` cannot be written: {reason}")]
    Write {
        /// The file.
        path: String,
        /// The system's words.
        #[source]
        reason: io::Error,
    },
}

/// Unpacks files, folders and inward links below `into` (an existing folder), at most `limit` bytes. Every file is
/// hashed as it is written and shown to `look`. Returns the files in the archive's order.
///
/// # Errors
/// The archive is broken or would do harm; see [`Refused`].
pub fn unpack(archive: impl Read, into: &Path, limit: u64, look: Look<'_>) -> Result<Vec<Unpacked>, Refused> {
    unpack_with(archive, into, (limit, Links::Inward), look)
}

/// Unpacks like [`unpack`], but with symbolic links that lead anywhere: a source may have them, and whoever checks it
/// out gets them too. Nothing is written through them either.
///
/// # Errors
/// The archive is broken or would do harm; see [`Refused`].
pub fn unpack_source(archive: impl Read, into: &Path, limit: u64) -> Result<Vec<Unpacked>, Refused> {
    unpack_with(archive, into, (limit, Links::Anywhere), &mut |_| true)
}

/// Where symbolic links may lead. Hard links always stay inside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Inward,
    Anywhere,
}

fn unpack_with(archive: impl Read, into: &Path, (limit, may_lead): (u64, Links), look: Look<'_>) -> Result<Vec<Unpacked>, Refused> {
    let mut archive = tar::Archive::new(archive);
    let (mut files, mut links, mut left) = (Vec::new(), Vec::new(), limit);
    for (seen, entry) in archive.entries().map_err(Refused::Read)?.enumerate() {
        let mut entry = entry.map_err(Refused::Read)?;
        if seen >= MAX_ENTRIES {
            return Err(Refused::TooMany);
        }
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = inward(&entry.path().map_err(Refused::Read)?).ok_or_else(|| Refused::Path(shown.clone()))?;
        look_at(&entry.path_bytes(), "name", &shown, look)?;
        if path.iter().any(|name| name.as_bytes().starts_with(b".wh.")) {
            return Err(Refused::Whiteout(shown));
        }
        match entry.header().entry_type() {
            tar::EntryType::Directory => make_folder(into, &path, &shown)?,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                left = left.checked_sub(entry.size()).ok_or(Refused::TooLarge { limit })?;
                make_folder(into, path.parent().unwrap_or(Path::new("")), &shown)?;
                let executable = entry.header().mode().map_err(Refused::Read)? & 0o111 != 0;
                files.push(write_file(&mut entry, (into, path, executable), &shown, look)?);
            }
            kind @ (tar::EntryType::Symlink | tar::EntryType::Link) => {
                let target = entry.link_name().map_err(Refused::Read)?.unwrap_or_default().into_owned();
                look_at(target.as_os_str().as_bytes(), "target", &shown, look)?;
                links.push(Link { path, target, hard: kind == tar::EntryType::Link, shown });
            }
            other => return Err(Refused::Kind { path: shown, kind: kind_name(other) }),
        }
    }
    make_links(&links, &files, into, may_lead)?;
    Ok(files)
}

fn look_at(text: &[u8], part: &'static str, shown: &str, look: Look<'_>) -> Result<(), Refused> {
    if look(text) && look(&[]) { Ok(()) } else { Err(Refused::Secret { path: shown.to_owned(), part }) }
}

/// A link of the archive. Links are made last, so that nothing is ever written through one.
struct Link {
    path: PathBuf,
    target: PathBuf,
    hard: bool,
    shown: String,
}

fn make_links(links: &[Link], files: &[Unpacked], into: &Path, may_lead: Links) -> Result<(), Refused> {
    let places: HashSet<&Path> = links.iter().map(|link| link.path.as_path()).collect();
    let regular: HashSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    for link in links {
        let refused = || Refused::Link { path: link.shown.clone(), target: link.target.display().to_string() };
        let folder = link.path.parent().unwrap_or(Path::new(""));
        let from = if link.hard { Path::new("") } else { folder };
        let leads_to = match resolve(from, &link.target, &places) {
            Some(inside) => inside,
            None if !link.hard && may_lead == Links::Anywhere => PathBuf::new(),
            None => return Err(refused()),
        };
        // A hard link to anything but a file of this archive could reach a file of this machine.
        if link.hard && !regular.contains(leads_to.as_path()) {
            return Err(refused());
        }
        make_folder(into, folder, &link.shown)?;
        let at = into.join(&link.path);
        let made = if link.hard { fs::hard_link(into.join(leads_to), at) } else { std::os::unix::fs::symlink(&link.target, at) };
        made.map_err(|reason| clash_or_write(reason, link.shown.clone()))?;
    }
    Ok(())
}

/// The path without `.`; none if it is absolute or has `..`.
fn inward(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Where a link leads, seen from the root of the archive; none if that is outside of it, or if the way there passes
/// through another link, where `..` would not mean what it says.
fn resolve(from: &Path, target: &Path, links: &HashSet<&Path>) -> Option<PathBuf> {
    let mut at = from.to_owned();
    let mut components = target.components().peekable();
    while let Some(component) = components.next() {
        match component {
            Component::Normal(name) => at.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !at.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
        if components.peek().is_some() && links.contains(at.as_path()) {
            return None;
        }
    }
    Some(at)
}

fn make_folder(into: &Path, path: &Path, shown: &str) -> Result<(), Refused> {
    let mut at = into.to_owned();
    for name in path.components() {
        at.push(name);
        match fs::create_dir(&at) {
            Ok(()) => {}
            // Looked at without following: a link to a folder is no folder.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let is_folder = fs::symlink_metadata(&at).is_ok_and(|seen| seen.is_dir());
                if !is_folder {
                    return Err(Refused::Clash(shown.to_owned()));
                }
            }
            Err(reason) => return Err(Refused::Write { path: shown.to_owned(), reason }),
        }
    }
    Ok(())
}

fn write_file(
    content: &mut impl Read,
    (into, path, executable): (&Path, PathBuf, bool),
    shown: &str,
    look: Look<'_>,
) -> Result<Unpacked, Refused> {
    let write = |reason| clash_or_write(reason, shown.to_owned());
    let mode = if executable { 0o755 } else { 0o644 };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(into.join(&path)).map_err(write)?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(write)?;
    let start = start(content).map_err(Refused::Read)?;
    let format = Format::of(&start);
    let mut content = io::Cursor::new(start).chain(content);
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 128 * 1024]);
    loop {
        let n = content.read(&mut buffer).map_err(Refused::Read)?;
        if !look(&buffer[..n]) {
            return Err(Refused::Secret { path: shown.to_owned(), part: "content" });
        }
        if n == 0 {
            return Ok(Unpacked { path, size, digest: Digest::from_sha256(&hash.finalize()), executable, format });
        }
        hash.update(&buffer[..n]);
        file.write_all(&buffer[..n]).map_err(write)?;
        size += n as u64;
    }
}

fn clash_or_write(reason: io::Error, path: String) -> Refused {
    if reason.kind() == io::ErrorKind::AlreadyExists { Refused::Clash(path) } else { Refused::Write { path, reason } }
}

fn kind_name(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Char => "a character device",
        tar::EntryType::Block => "a block device",
        tar::EntryType::Fifo => "a pipe",
        _ => "an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(fill: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        fill(&mut builder);
        builder.into_inner().unwrap()
    }

    /// Writes a header as it is: the builder itself would refuse these names.
    fn entry(kind: tar::EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive(|tar| tar.append(&header, content).unwrap())
    }

    fn refused(bytes: &[u8]) -> Refused {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let refused = unpack(bytes, &inside, 1000, &mut |_| true).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written beside the folder");
        refused
    }

    #[test]
    fn an_honest_archive_comes_out_with_sizes_digests_and_permissions() {
        let mut bytes = Vec::new();
        let mut writer = crate::archive::Writer::new(&mut bytes, "", 1000);
        writer.folder(Path::new("bin")).unwrap();
        writer.file(Path::new("bin/tool"), 5, true, &b"hello"[..]).unwrap();
        writer.file(Path::new("notes"), 0, false, io::empty()).unwrap();
        writer.link(Path::new("tool"), Path::new("bin/tool")).unwrap();
        writer.finish().unwrap();

        let folder = tempfile::tempdir().unwrap();
        let files = unpack(&bytes[..], folder.path(), 5, &mut |_| true).unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!((files[0].path.as_path(), files[0].size, files[0].executable), (Path::new("bin/tool"), 5, true));
        assert_eq!(files[0].digest, Digest::from_sha256(&Sha256::digest(b"hello")));
        assert_eq!(fs::read(folder.path().join("tool")).unwrap(), b"hello");
        assert_eq!(fs::metadata(folder.path().join("bin/tool")).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn whoever_looks_sees_each_name_target_and_content_and_may_refuse_it() {
        let mut bytes = Vec::new();
        let mut writer = crate::archive::Writer::new(&mut bytes, "", 0);
        writer.file(Path::new("tool"), 5, true, &b"hello"[..]).unwrap();
        writer.link(Path::new("also"), Path::new("tool")).unwrap();
        writer.finish().unwrap();
        let unpacked = |refuse: &str| {
            let (folder, mut seen) = (tempfile::tempdir().unwrap(), Vec::new());
            let mut look = |piece: &[u8]| {
                seen.push(String::from_utf8(piece.to_owned()).unwrap());
                piece != refuse.as_bytes()
            };
            let unpacked = unpack(&bytes[..], folder.path(), 5, &mut look);
            (unpacked, seen)
        };
        let (all, seen) = unpacked("nothing");
        assert_eq!((all.unwrap().len(), seen), (1, ["tool", "", "hello", "", "also", "", "tool", ""].map(str::to_owned).to_vec()));
        assert!(matches!(unpacked("hello").0, Err(Refused::Secret { part: "content", .. })));
        assert!(matches!(unpacked("also").0, Err(Refused::Secret { part: "name", .. })));
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for name in ["../out", "/etc/out", "a/../../out", "a/../b"] {
            assert!(matches!(refused(&entry(tar::EntryType::Regular, name, "", b"x")), Refused::Path(_)), "{name}");
        }
    }

    #[test]
    fn a_name_that_deletes_in_an_image_is_refused() {
        for name in [".wh.tool", "dist/.wh..wh..opq", ".wh.dist/tool"] {
            assert!(matches!(refused(&entry(tar::EntryType::Regular, name, "", b"x")), Refused::Whiteout(_)), "{name}");
        }
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
            for target in ["/etc/passwd", "../outside", "a/../../outside"] {
                assert!(matches!(refused(&entry(kind, "link", target, b"")), Refused::Link { .. }), "{kind:?} {target}");
            }
        }
    }

    #[test]
    fn links_that_lead_out_through_other_links_are_refused() {
        let mut symbolic = entry(tar::EntryType::Symlink, "sub/up", "..", b"");
        symbolic.truncate(512);
        symbolic.extend(entry(tar::EntryType::Symlink, "out", "sub/up/..", b""));
        assert!(matches!(refused(&symbolic), Refused::Link { .. }));
        let mut hard = entry(tar::EntryType::Symlink, "up", ".", b"");
        hard.truncate(512);
        hard.extend(entry(tar::EntryType::Link, "out", "up/secret", b""));
        assert!(matches!(refused(&hard), Refused::Link { .. }));
    }

    #[test]
    fn nothing_is_written_through_a_link_of_the_archive() {
        let mut bytes = entry(tar::EntryType::Symlink, "folder", ".", b"");
        bytes.truncate(512);
        bytes.extend(entry(tar::EntryType::Regular, "folder/file", "", b"x"));
        assert!(matches!(refused(&bytes), Refused::Clash(_)));
    }

    #[test]
    fn a_source_may_have_symbolic_links_that_lead_out_but_no_hard_ones() {
        let folder = tempfile::tempdir().unwrap();
        unpack_source(&entry(tar::EntryType::Symlink, "link", "/etc", b"")[..], folder.path(), 0).unwrap();
        assert_eq!(fs::read_link(folder.path().join("link")).unwrap(), Path::new("/etc"));
        let hard = entry(tar::EntryType::Link, "hard", "/etc/passwd", b"");
        assert!(matches!(unpack_source(&hard[..], folder.path(), 0), Err(Refused::Link { .. })));
    }

    #[test]
    fn devices_and_pipes_are_refused() {
        for kind in [tar::EntryType::Char, tar::EntryType::Block, tar::EntryType::Fifo] {
            assert!(matches!(refused(&entry(kind, "dev", "", b"")), Refused::Kind { .. }), "{kind:?}");
        }
    }

    #[test]
    fn more_than_the_limit_is_refused_before_it_is_written() {
        assert!(matches!(refused(&entry(tar::EntryType::Regular, "big", "", &[0; 1001])), Refused::TooLarge { limit: 1000 }));
    }

    #[test]
    fn an_archive_that_ends_early_is_refused() {
        let whole = entry(tar::EntryType::Regular, "file", "", &[1; 600]);
        assert!(matches!(refused(&whole[..900]), Refused::Read(_)));
    }

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let mut bytes = entry(tar::EntryType::Regular, "file", "", b"x");
        bytes.truncate(1024);
        bytes.extend(entry(tar::EntryType::Regular, "file", "", b"y"));
        assert!(matches!(refused(&bytes), Refused::Clash(_)));
    }
}
