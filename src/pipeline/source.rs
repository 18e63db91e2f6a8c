//! The files of a repository, read once each and never from outside of it.
//!
//! Invariants: no path leaves the root, whatever links say; no file is read that is larger than what either forge reads;
//! all files together are bounded; a file that cannot be read is a problem, and no reason to stop.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    io::Read as _,
    ops::Range,
    path::{Component, Path, PathBuf},
    rc::Rc,
};

use super::{
    model::{At, Problem},
    yaml::{self, Place, Yaml},
};

/// Larger than GitLab reads (2 MiB) and GitHub takes.
const LARGEST: u64 = 2 * 1024 * 1024;
/// What all files together may have.
const ALTOGETHER: u64 = 24 * 1024 * 1024;
/// The most values that all files together may have, aliases followed: twice as many as a thousand usual workflows.
const VALUES: u64 = 800_000;
/// What looking at them may come to: a value that is walked past counts one, as often as what it stands in is used.
const WORK: u64 = 1_200_000;
/// Columns are counted in characters up to here, in bytes behind it.
pub const LONG_LINE: usize = 10_000;
/// The most files that a folder is looked through for.
const FILES: usize = 2_000;

/// The work that so many bytes of a text come to, beside what has the text.
pub(super) fn weight(bytes: usize) -> u64 {
    u64::try_from(bytes / 64).unwrap_or(u64::MAX)
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: Rc<str>,
    pub(super) text: String,
    pub(super) documents: Vec<Yaml>,
    lines: OnceCell<Vec<usize>>,
}

/// The files of one repository.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    known: RefCell<HashMap<String, Option<Rc<File>>>>,
    by_number: RefCell<Vec<Rc<File>>>,
    problems: RefCell<BTreeSet<Problem>>,
    left: Cell<u64>,
    values: Cell<u64>,
    work: Cell<u64>,
    /// Names that stand in many facts, each kept once.
    names: RefCell<HashSet<Rc<str>>>,
}

impl Files {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf()),
            known: RefCell::default(),
            by_number: RefCell::default(),
            problems: RefCell::default(),
            left: Cell::new(ALTOGETHER),
            values: Cell::new(VALUES),
            work: Cell::new(WORK),
            names: RefCell::default(),
        }
    }

    /// What went wrong, and all that was read.
    pub(super) fn into_parts(self) -> (BTreeSet<Problem>, Vec<Rc<File>>) {
        (self.problems.into_inner(), self.by_number.into_inner())
    }

    /// All that was read so far.
    pub(super) fn all(&self) -> Vec<Rc<File>> {
        self.by_number.borrow().clone()
    }

    /// How many files were read.
    pub(super) fn count(&self) -> usize {
        self.by_number.borrow().len()
    }

    /// The YAML file at this path, which starts at the root; none if there is none that can be read.
    pub(super) fn yaml(&self, path: &str) -> Option<Rc<File>> {
        let path = clean(path)?;
        if let Some(known) = self.known.borrow().get(&path) {
            return known.clone();
        }
        let file = self.load(&path);
        self.known.borrow_mut().insert(path, file.clone());
        file
    }

    /// Whether there is still room for so much work; it is taken if so. A small file can use a large one very often, so
    /// whoever follows a use asks first, and says what was not looked at.
    pub(super) fn spend(&self, work: u64) -> bool {
        let left = self.work.get().checked_sub(work);
        left.inspect(|left| self.work.set(*left)).is_some()
    }

    /// The same text, shared with whoever has it already.
    pub(super) fn shared(&self, text: &str) -> Rc<str> {
        let mut names = self.names.borrow_mut();
        if let Some(known) = names.get(text) {
            return Rc::clone(known);
        }
        let name: Rc<str> = text.into();
        names.insert(Rc::clone(&name));
        name
    }

    /// Whether there is a file at this path within the root.
    pub(super) fn has(&self, path: &str) -> bool {
        clean(path).and_then(|path| self.inside(&path)).is_some_and(|path| path.is_file())
    }

    /// Whether there is a file or a folder at this path within the root.
    pub(super) fn is_there(&self, path: &str) -> bool {
        self.inside(path).is_some()
    }

    /// A text file that is no YAML, kept so that places in it can be shown.
    pub(super) fn plain(&self, path: &str) -> Option<(u32, Rc<File>)> {
        let path = clean(path)?;
        let text = self.text(&path)?;
        let number = u32::try_from(self.by_number.borrow().len()).ok()?;
        let file = Rc::new(File { path: path.into(), text, documents: Vec::new(), lines: OnceCell::new() });
        self.by_number.borrow_mut().push(Rc::clone(&file));
        Some((number, file))
    }

    /// The start of a text file that is no YAML of a pipeline.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let path = self.inside(&clean(path)?).filter(|path| path.is_file())?;
        let mut text = String::new();
        fs::File::open(path).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// The names of the files in a folder with one of these endings, sorted; folders and what links out are left out.
    pub(super) fn list(&self, folder: &str, endings: &[&str]) -> Vec<String> {
        let Some(entries) = self.inside(folder).and_then(|path| fs::read_dir(path).ok()) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
            .take(FILES + 1)
            .collect();
        names.sort();
        if names.len() > FILES {
            names.pop();
            self.tell(folder, &format!("the folder has more than {FILES} files: not all of them are read"));
        }
        let at = |name: &String| if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        names.iter().map(at).filter(|path| self.has(path)).collect()
    }

    /// Every file below the root whose path matches, for includes with wildcards; bounded, links not followed.
    pub(super) fn matching(&self, matches: impl Fn(&str) -> bool) -> Vec<String> {
        let (mut found, mut open, mut seen) = (Vec::new(), vec![String::new()], 0_usize);
        while let Some(folder) = open.pop() {
            let Ok(entries) = fs::read_dir(self.root.join(&folder)) else { continue };
            for entry in entries.flatten() {
                seen += 1;
                if seen > 20 * FILES {
                    let what = format!("there are more than {} files here: no more are looked through for includes", 20 * FILES);
                    self.tell(if folder.is_empty() { "." } else { &folder }, &what);
                    return found;
                }
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && path != ".git" => open.push(path),
                    Ok(kind) if kind.is_file() && matches(&path) => found.push(path),
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }

    /// The real path of what is named, if it is within the root.
    fn inside(&self, path: &str) -> Option<PathBuf> {
        let real = fs::canonicalize(self.root.join(path)).ok()?;
        real.starts_with(&self.root).then_some(real)
    }

    fn load(&self, path: &str) -> Option<Rc<File>> {
        let joined = self.root.join(path);
        let Some(real) = self.inside(path) else {
            if fs::symlink_metadata(&joined).is_ok() {
                self.tell(path, "the file is a link that leads nowhere or out of the repository: not read");
            }
            return None;
        };
        if !real.is_file() {
            return None;
        }
        let text = match self.read_text(&real) {
            Ok(text) => text,
            Err(reason) => {
                self.tell(path, &reason);
                return None;
            }
        };
        let number = u32::try_from(self.by_number.borrow().len()).ok()?;
        let values = self.values.get();
        let found = yaml::read(&text, number, values);
        self.values.set(values.saturating_sub(found.size));
        let file = Rc::new(File { path: path.into(), text, documents: found.documents, lines: OnceCell::new() });
        self.by_number.borrow_mut().push(Rc::clone(&file));
        if let Some(broken) = found.broken {
            self.problem(broken.place, format!("the file cannot be read from here on: {}", broken.reason), true);
        }
        for (key, place) in found.twice {
            self.problem(place, format!("the key `{key}` is there twice; this one holds"), false);
        }
        Some(file)
    }

    fn read_text(&self, path: &Path) -> Result<String, String> {
        let mut bytes = Vec::new();
        let left = self.left.get();
        let limit = LARGEST.min(left).saturating_add(1);
        let file = fs::File::open(path).map_err(|error| format!("the file cannot be read: {error}"))?;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("the file cannot be read: {error}"))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > LARGEST {
            return Err("the file is larger than 2MiB, more than a forge reads: not read".to_owned());
        }
        if length > left {
            return Err("the files before this one are larger than 24MiB altogether: not read".to_owned());
        }
        self.left.set(left - length);
        text_of(bytes)
    }

    fn tell(&self, path: &str, what: &str) {
        let at = At { file: path.into(), line: 1, column: 1 };
        self.problems.borrow_mut().insert(Problem { at, what: what.to_owned(), broken: true });
    }

    /// Remembers what is wrong at a place.
    pub(super) fn problem(&self, place: Place, what: String, broken: bool) {
        let at = self.at(place);
        self.problems.borrow_mut().insert(Problem { at, what, broken });
    }

    /// Remembers that reading ended at a place, though more stands there: no check of it is green.
    pub(super) fn unfinished(&self, place: Place, what: String) {
        self.problem(place, what, true);
    }

    /// Line and column of a place.
    pub(super) fn at(&self, place: Place) -> At {
        let files = self.by_number.borrow();
        match usize::try_from(place.file).ok().and_then(|number| files.get(number)) {
            Some(file) => file.at(place.offset),
            None => At { file: Rc::default(), line: 1, column: 1 },
        }
    }

    /// The file that a place is in.
    pub(super) fn file(&self, place: Place) -> Option<Rc<File>> {
        self.by_number.borrow().get(usize::try_from(place.file).ok()?).cloned()
    }
}

impl File {
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at + 1).collect())
    }

    /// The number of the line that this byte is in, from zero.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.lines().partition_point(|start| *start <= offset)
    }

    /// The bytes of a line, its end with them.
    pub(super) fn line(&self, number: usize) -> Option<Range<usize>> {
        let start = number.checked_sub(1).map_or(Some(0), |before| self.lines().get(before).copied())?;
        Some(start..self.lines().get(number).copied().unwrap_or(self.text.len()))
    }

    fn at(&self, offset: u32) -> At {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        let line = self.line_of(offset);
        let start = self.line(line).map_or(0, |line| line.start);
        // Nobody counts the characters of a line that long.
        let column = match self.text.get(start..offset) {
            Some(within) if offset - start <= LONG_LINE => within.chars().count(),
            _ => offset - start,
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { file: Rc::clone(&self.path), line: number(line + 1), column: number(column + 1) }
    }
}

fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("the file is UTF-16: a forge reads UTF-8 only".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', valid).count() + 1;
        format!("the file is not UTF-8 from line {line} on")
    })?;
    match memchr::memchr(0, text.as_bytes()) {
        Some(at) => {
            Err(format!("the file has a NUL character on line {}", memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() + 1))
        }
        None => Ok(text),
    }
}

/// The path without detours; none if it leaves the root.
pub(super) fn clean(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_path_never_leaves_the_root() {
        assert_eq!(clean("./a/../b//c.yml").as_deref(), Some("b/c.yml"));
        assert_eq!(clean("/ci/x.yml").as_deref(), Some("ci/x.yml"));
        assert_eq!(clean("../x.yml"), None);
        assert_eq!(clean("a/../../x.yml"), None);
    }
}
