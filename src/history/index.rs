//! What was read once, so that it need not be read again: derived, and thrown away where it does not fit.
//!
//! Invariants: an entry counts only for the file it was made from, told by a stamp that no write leaves as it was; an
//! index that is damaged, or was made by another version, is an empty one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{Brief, Digest};

/// The version of the index's form.
const VERSION: u32 = 1;

/// Briefs by the names of their logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index(BTreeMap<String, Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    stamp: String,
    brief: Brief,
}

/// The first line: without it, or with another one, the rest means nothing.
#[derive(Deserialize, Serialize)]
struct Head {
    index: u32,
    canship: String,
    rest: Digest,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    stamp: String,
    brief: Brief,
}

#[derive(Serialize)]
struct LineRef<'e> {
    name: &'e str,
    stamp: &'e str,
    brief: &'e Brief,
}

impl Index {
    /// What these bytes hold; nothing if they are not exactly what this version wrote.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
        let head: Head = serde_json::from_slice(head).ok()?;
        let fits = head.index == VERSION && head.canship == env!("CARGO_PKG_VERSION") && head.rest == digest(rest);
        if !fits {
            return None;
        }
        let mut entries = BTreeMap::new();
        for line in rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Line { name, stamp, brief } = serde_json::from_slice(line).ok()?;
            entries.insert(name, Entry { stamp, brief });
        }
        Some(Self(entries))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        for (name, Entry { stamp, brief }) in &self.0 {
            // Maps with text keys and no custom serialisation: this cannot fail, and half a line would not be read back.
            serde_json::to_writer(&mut rest, &LineRef { name, stamp, brief }).unwrap_or_default();
            rest.push(b'\n');
        }
        let head = Head { index: VERSION, canship: env!("CARGO_PKG_VERSION").to_owned(), rest: digest(&rest) };
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.append(&mut rest);
        bytes
    }

    /// Takes out what is known of the log of this name, if it still has this stamp.
    pub(super) fn take(&mut self, name: &str, stamp: &str) -> Option<Brief> {
        let entry = self.0.remove(name)?;
        (entry.stamp == stamp).then_some(entry.brief)
    }

    pub(super) fn add(&mut self, name: &str, stamp: &str, brief: &Brief) {
        self.0.insert(name.to_owned(), Entry { stamp: stamp.to_owned(), brief: brief.clone() });
    }

    /// The names of the logs that it knows, in order.
    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_sha256(&Sha256::digest(bytes))
}
