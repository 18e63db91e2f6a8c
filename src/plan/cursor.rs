//! A way through the tree that remembers its name, and leads on where the plan says nothing.

use super::tree::{Node, Place, Value};

/// One value of the plan, written or not.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'t> {
    node: Option<&'t Node>,
    /// The value's place, or that of the nearest thing around it that is written.
    place: Place,
    key_place: Option<Place>,
    path: String,
}

impl<'t> Cursor<'t> {
    pub(super) fn root(node: &'t Node) -> Self {
        Self { node: Some(node), place: node.place, key_place: None, path: String::new() }
    }

    /// The value of this key.
    pub(super) fn key(&self, key: &str) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Self { node: Some(&entry.node), place: entry.node.place, key_place: Some(entry.key_place), path },
            None => Self { node: None, place: self.key_place.unwrap_or(self.place), key_place: self.key_place, path },
        }
    }

    /// The item of this list, counted from 0.
    pub(super) fn item(&self, index: usize) -> Self {
        let node = self.node.and_then(|node| match &node.value {
            Value::List(items) => items.get(index),
            _ => None,
        });
        let place = node.map_or(self.place, |node| node.place);
        Self { node, place, key_place: None, path: format!("{}[{index}]", self.path) }
    }

    pub(super) fn node(&self) -> Option<&'t Node> {
        self.node
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where the value is, or would be.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Where its key is.
    pub(super) fn key_place(&self) -> Place {
        self.key_place.unwrap_or(self.place)
    }
}
