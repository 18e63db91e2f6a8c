//! What an archive or image holds, by path, and which part of that stands for an artifact.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path, PathBuf},
};

/// Entries that are listed: more than any release has, so few that a list of them fits into memory.
pub(super) const MOST: usize = 400_000;

/// Where canship puts artifacts in an image.
const OWN_FOLDER: &str = "app";

/// Places that a message names.
const SHOWN: usize = 5;

/// Why a release could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// What is looked for is not in it, or not only once.
    #[error("{0}")]
    NotFound(String),
    /// It is of a kind that is not read.
    #[error("{0}")]
    Kind(String),
    /// It is broken, or was made to do harm.
    #[error("it cannot be read: {0}")]
    Broken(#[from] io::Error),
}

/// Which part of an archive or image is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The artifact's name.
    pub name: String,
    /// Whether it is a folder with things in it.
    pub folder: bool,
    /// Its path, if the plan says.
    pub inside: Option<PathBuf>,
}

/// Where the content of a file stands: the layer, and the place among that layer's entries.
pub(super) type Place = (usize, usize);

/// Something that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Folder,
    Link(PathBuf),
    File { place: Place, executable: bool },
}

/// Everything by its path.
#[derive(Debug, Default)]
pub(super) struct Listing(BTreeMap<PathBuf, Seen>);

impl Listing {
    /// Adds an entry, in place of what stood at its path. The folders on the way to it are there then.
    pub(super) fn add(&mut self, path: PathBuf, seen: Seen) -> io::Result<()> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        for folder in path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty()) {
            match self.0.get(folder) {
                Some(Seen::Folder) => break,
                // A file or link that is a folder now.
                Some(_) | None => drop(self.0.insert(folder.to_owned(), Seen::Folder)),
            }
        }
        if seen != Seen::Folder && self.0.get(&path) == Some(&Seen::Folder) {
            self.remove_below(&path);
        }
        self.0.insert(path, seen);
        if self.0.len() > MOST { Err(io::Error::other(format!("it has more than {MOST} entries"))) } else { Ok(()) }
    }

    /// The same content at one more path.
    pub(super) fn link(&mut self, path: PathBuf, to: &Path) -> io::Result<()> {
        match self.0.get(to).cloned() {
            Some(seen @ Seen::File { .. }) => self.add(path, seen),
            _ => Err(io::Error::other(format!("it has a link `{}` to `{}`, which is no file of it", path.display(), to.display()))),
        }
    }

    /// Removes a path with all that is below it.
    pub(super) fn remove(&mut self, path: &Path) {
        self.remove_below(path);
        self.0.remove(path);
    }

    /// Removes all that is below a path; an empty one is the root.
    pub(super) fn remove_below(&mut self, path: &Path) {
        let below: Vec<_> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.0.remove(&path);
        }
    }

    /// All that is below a path.
    fn below<'l>(&'l self, path: &'l Path) -> impl Iterator<Item = (&'l PathBuf, &'l Seen)> {
        // Paths are ordered part by part: what is below a path follows it.
        let after = (std::ops::Bound::Excluded(path.to_owned()), std::ops::Bound::Unbounded);
        self.0.range(after).take_while(move |(below, _)| below.starts_with(path))
    }

    /// The part that stands for an artifact: each path below it, the part itself being the empty one.
    pub(super) fn part(&self, wanted: &Wanted) -> Result<Vec<(PathBuf, Seen)>, Unread> {
        let root = self.root(wanted)?;
        let own = self.0.get(&root).map(|seen| (PathBuf::new(), seen.clone()));
        let own = own.or_else(|| root.as_os_str().is_empty().then_some((PathBuf::new(), Seen::Folder)));
        let below = self.below(&root).filter_map(|(path, seen)| Some((path.strip_prefix(&root).ok()?.to_owned(), seen.clone())));
        Ok(own.into_iter().chain(below).collect())
    }

    fn root(&self, wanted: &Wanted) -> Result<PathBuf, Unread> {
        let name = &wanted.name;
        if let Some(inside) = &wanted.inside {
            let below = inside.join(name);
            return match self.0.get(inside) {
                Some(Seen::Folder) if !wanted.folder && self.0.contains_key(&below) => Ok(below),
                Some(_) => Ok(inside.clone()),
                None => Err(Unread::NotFound(format!("there is no `{}` in it", inside.display()))),
            };
        }
        let fits = |seen: &Seen| (*seen == Seen::Folder) == wanted.folder;
        let own = Path::new(OWN_FOLDER).join(name);
        if self.0.get(&own).is_some_and(fits) {
            return Ok(own);
        }
        let named = self.0.iter().filter(|(path, seen)| path.ends_with(name) && fits(seen));
        let mut found: Vec<&PathBuf> = named.map(|(path, _)| path).take(SHOWN + 1).collect();
        // A folder within the folder of that name is a part of it.
        if wanted.folder
            && let Some(first) = found.first().map(|first| (*first).clone())
        {
            found.retain(|path| **path == first || !path.starts_with(&first));
        }
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] if wanted.folder => Ok(self.top()),
            [] => Err(Unread::NotFound(format!("there is no `{name}` in it"))),
            several => {
                let shown: Vec<_> = several.iter().take(SHOWN).map(|path| format!("`{}`", path.display())).collect();
                let more = if several.len() > SHOWN { " and others" } else { "" };
                let shown = shown.join(", ");
                Err(Unread::NotFound(format!("there is more than one `{name}` in it, {shown}{more}: say which with `inside`")))
            }
        }
    }

    /// The one folder that everything is in, else the root.
    fn top(&self) -> PathBuf {
        let mut tops = self.0.iter().filter(|(path, _)| path.components().count() == 1);
        match (tops.next(), tops.next()) {
            (Some((only, Seen::Folder)), None) => only.clone(),
            _ => PathBuf::new(),
        }
    }
}

/// A path as an archive writes it, from its root on; an error if it would lead out.
pub(super) fn inward(path: &Path) -> io::Result<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::Error::other(format!("it has an entry `{}`, which would lead out of it", path.display())));
            }
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        let mut listing = Listing::default();
        for (place, path) in paths.iter().enumerate() {
            let seen = Seen::File { place: (0, place), executable: false };
            let seen = if path.ends_with('/') { Seen::Folder } else { seen };
            listing.add(inward(Path::new(path)).unwrap(), seen).unwrap();
        }
        listing
    }

    fn root(paths: &[&str], name: &str, folder: bool, inside: Option<&str>) -> Result<String, String> {
        let wanted = Wanted { name: name.to_owned(), folder, inside: inside.map(PathBuf::from) };
        let root = listing(paths).root(&wanted);
        root.map(|root| root.display().to_string()).map_err(|unread| unread.to_string())
    }

    #[test]
    fn a_file_is_found_by_its_name_where_there_is_only_one() {
        let paths = ["./usr/bin/tool", "usr/share/tool.conf", "app/other"];
        assert_eq!(root(&paths, "tool", false, None).unwrap(), "usr/bin/tool");
        assert_eq!(root(&paths, "tool", false, Some("usr/bin")).unwrap(), "usr/bin/tool");
        assert_eq!(root(&paths, "tool", false, Some("usr/share/tool.conf")).unwrap(), "usr/share/tool.conf");
        assert!(root(&paths, "none", false, None).unwrap_err().contains("there is no `none`"));
        let two = root(&["a/tool", "b/tool"], "tool", false, None).unwrap_err();
        assert!(two.contains("`a/tool`, `b/tool`: say which with `inside`"), "{two}");
        assert_eq!(root(&["a/tool", "app/tool"], "tool", false, None).unwrap(), "app/tool", "where canship puts it");
    }

    #[test]
    fn a_folder_is_found_by_its_name_or_is_all_there_is() {
        assert_eq!(root(&["x/dist/a", "x/dist/dist/b"], "dist", true, None).unwrap(), "x/dist");
        assert_eq!(root(&["tool-1.2/a", "tool-1.2/b/c"], "dist", true, None).unwrap(), "tool-1.2");
        assert_eq!(root(&["a", "b/c"], "dist", true, None).unwrap(), "");
    }

    #[test]
    fn what_a_later_layer_puts_in_place_of_a_folder_hides_it() {
        let mut listing = listing(&["a/b/c", "a/b/d", "ab"]);
        listing.add("a/b".into(), Seen::File { place: (1, 0), executable: false }).unwrap();
        assert_eq!(listing.0.keys().map(|path| path.display().to_string()).collect::<Vec<_>>(), ["a", "a/b", "ab"]);
        listing.remove(Path::new("a"));
        assert_eq!(listing.0.len(), 1, "what only begins alike stays");
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        assert!(inward(Path::new("a/../../b")).is_err());
        assert_eq!(inward(Path::new("/./a//b/")).unwrap(), Path::new("a/b"));
    }
}
