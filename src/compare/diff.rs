//! What differs between two trees.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    Bounds, Tree, hint,
    tree::{Entry, FileEntry},
};
use crate::record::{Difference, DifferenceKind, Text};

/// Differences that are told one by one; the rest is counted.
const TOLD: usize = 20;

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first ones, by path.
    pub told: Vec<Difference>,
    /// How many there are in all.
    pub total: u64,
}

impl Differences {
    /// The same, below a folder or name.
    pub fn add_below(&mut self, name: &Path, other: Self) {
        self.total += other.total;
        let room = TOLD.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room).map(|difference| {
            let path = name.join(difference.path.as_str());
            // Of a single file the path is empty, and joining it would leave a slash.
            let path = if difference.path.is_empty() { name.to_owned() } else { path };
            Difference { path: shown(&path), ..difference }
        }));
    }
}

/// Tells what differs between this build's tree and another's. What is missing or extra with all that is in it is one
/// difference. Blocks.
///
/// # Errors
/// A file cannot be read.
pub fn differences(ours: &Tree, theirs: &Tree, bounds: &Bounds) -> io::Result<Differences> {
    let paths: BTreeSet<&PathBuf> = ours.0.keys().chain(theirs.0.keys()).collect();
    let mut found = Differences::default();
    let mut told_whole: Option<&Path> = None;
    for path in paths {
        if told_whole.is_some_and(|folder| path.starts_with(folder)) {
            continue;
        }
        let kind = match (ours.0.get(path), theirs.0.get(path)) {
            (Some(_), None) => Some(DifferenceKind::Extra),
            (None, Some(_)) => Some(DifferenceKind::Missing),
            (Some(ours), Some(theirs)) => of_entries(ours, theirs, (found.told.len() < TOLD).then_some(bounds))?,
            (None, None) => None,
        };
        let Some(kind) = kind else { continue };
        if matches!(kind, DifferenceKind::Extra | DifferenceKind::Missing | DifferenceKind::Kind { .. }) {
            told_whole = Some(path);
        }
        found.total += 1;
        if found.told.len() < TOLD {
            found.told.push(Difference { path: shown(path), kind });
        }
    }
    Ok(found)
}

fn shown(path: &Path) -> Text {
    Text::new(&path.to_string_lossy())
}

/// How two entries of one path differ; looked into their content only if `look` says within which bounds.
fn of_entries(ours: &Entry, theirs: &Entry, look: Option<&Bounds>) -> io::Result<Option<DifferenceKind>> {
    Ok(match (ours, theirs) {
        (Entry::Folder, Entry::Folder) => None,
        (Entry::Link(ours), Entry::Link(theirs)) => {
            (ours != theirs).then(|| DifferenceKind::Target { ours: shown(ours), theirs: shown(theirs) })
        }
        (Entry::File(ours), Entry::File(theirs)) if ours.digest != theirs.digest => Some(of_content(ours, theirs, look)?),
        (Entry::File(ours), Entry::File(theirs)) => match (ours.executable, theirs.executable) {
            (Some(executable), Some(other)) if executable != other => Some(DifferenceKind::Mode { executable }),
            _ => None,
        },
        (ours, theirs) => Some(DifferenceKind::Kind { ours: name(ours).into(), theirs: name(theirs).into() }),
    })
}

fn name(entry: &Entry) -> &'static str {
    match entry {
        Entry::Folder => "a folder",
        Entry::Link(_) => "a link",
        Entry::File(_) => "a file",
    }
}

fn of_content(ours: &FileEntry, theirs: &FileEntry, look: Option<&Bounds>) -> io::Result<DifferenceKind> {
    let (mut offset, mut hint) = (None, None);
    if let Some(bounds) = look {
        let first = first_difference(bounds.over(File::open(&ours.at)?), bounds.over(File::open(&theirs.at)?))?;
        hint = hint::of(&ours.at, &theirs.at, first, bounds).map(|hint| Text::new(&hint));
        offset = Some(first.offset);
    }
    Ok(DifferenceKind::Content { ours: ours.size, theirs: Some(theirs.size), offset, hint })
}

/// Where two streams begin to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    /// The byte, from 0.
    pub(super) offset: u64,
    /// The line, from 1.
    pub(super) line: u64,
}

/// The first difference of two streams that differ; the end of the shorter one if it is the beginning of the other.
pub(super) fn first_difference(ours: impl Read, theirs: impl Read) -> io::Result<First> {
    let mut ours = BufReader::with_capacity(256 * 1024, ours);
    let mut theirs = BufReader::with_capacity(256 * 1024, theirs);
    let mut first = First { offset: 0, line: 1 };
    loop {
        let (one, other) = (io::BufRead::fill_buf(&mut ours)?, io::BufRead::fill_buf(&mut theirs)?);
        let both = one.len().min(other.len());
        let same = one[..both].iter().zip(&other[..both]).take_while(|(a, b)| a == b).count();
        first.offset += same as u64;
        first.line += one[..same].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        if same < both || both == 0 {
            return Ok(first);
        }
        io::BufRead::consume(&mut ours, same);
        io::BufRead::consume(&mut theirs, same);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use tokio_util::sync::CancellationToken;

    use super::*;

    fn bounds() -> Bounds {
        Bounds { bytes: 1 << 20, stop: CancellationToken::new() }
    }

    fn tree(fill: impl FnOnce(&Path)) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let tree = Tree::of(folder.path(), &bounds()).unwrap();
        (folder, tree)
    }

    #[test]
    fn every_way_to_differ_is_told_apart() {
        let (_ours, ours) = tree(|folder| {
            fs::create_dir_all(folder.join("extra/deep")).unwrap();
            fs::write(folder.join("extra/deep/file"), "x").unwrap();
            fs::write(folder.join("content"), "one\ntwo\n").unwrap();
            fs::write(folder.join("mode"), "x").unwrap();
            fs::write(folder.join("same"), "x").unwrap();
            fs::set_permissions(folder.join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
            std::os::unix::fs::symlink("here", folder.join("link")).unwrap();
            fs::create_dir(folder.join("kind")).unwrap();
        });
        let (_theirs, theirs) = tree(|folder| {
            fs::write(folder.join("content"), "one\ntoo, and more\n").unwrap();
            fs::write(folder.join("mode"), "x").unwrap();
            fs::set_permissions(folder.join("mode"), fs::Permissions::from_mode(0o644)).unwrap();
            fs::write(folder.join("same"), "x").unwrap();
            fs::write(folder.join("missing"), "x").unwrap();
            std::os::unix::fs::symlink("there", folder.join("link")).unwrap();
            fs::write(folder.join("kind"), "x").unwrap();
        });
        let found = differences(&ours, &theirs, &bounds()).unwrap();
        let told: Vec<_> = found.told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`content` has 8 bytes here and 18 there, the first difference at byte 5: in line 2",
                "`extra` is only here: the other build does not have it",
                "`kind` is a folder here and a file there",
                "`link` leads to `here` here and to `there` there",
                "`missing` is missing here: only the other build has it",
                "`mode` may be executed here, but not there",
            ]
        );
        assert_eq!(found.total, 6);
        assert_eq!(differences(&ours, &ours, &bounds()).unwrap(), Differences::default());
    }

    #[test]
    fn many_differences_are_counted_and_few_are_told() {
        let (_ours, ours) = tree(|folder| (0..50).for_each(|n| fs::write(folder.join(n.to_string()), "a").unwrap()));
        let (_theirs, theirs) = tree(|folder| (0..50).for_each(|n| fs::write(folder.join(n.to_string()), "b").unwrap()));
        let found = differences(&ours, &theirs, &bounds()).unwrap();
        assert_eq!((found.told.len(), found.total), (TOLD, 50));
    }

    #[test]
    fn a_beginning_differs_where_it_ends() {
        let first = first_difference(&b"a\nb"[..], &b"a\nbcd"[..]).unwrap();
        assert_eq!(first, First { offset: 3, line: 2 });
    }
}
