//! The cache: files that a run leaves for later ones of the same repository.

use super::{super::runner::files::Kept, GitHub};

/// What a run left.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) key: String,
    pub(crate) files: Kept,
}

impl GitHub {
    /// What was left under this key, or else the newest under a key that begins with one of these.
    pub(super) fn cached(&self, key: &str, beginnings: &[String]) -> Option<&Cache> {
        let newest = |beginning: &String| self.caches.iter().rev().find(|cache| cache.key.starts_with(beginning.as_str()));
        self.caches.iter().find(|cache| cache.key == key).or_else(|| beginnings.iter().find_map(newest))
    }

    /// Keeps files under a key; what is there under it stays.
    pub(super) fn cache(&mut self, key: &str, files: Kept) {
        if !self.caches.iter().any(|cache| cache.key == key) {
            self.caches.push(Cache { key: key.to_owned(), files });
        }
    }
}
