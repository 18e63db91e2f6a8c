//! YAML as pipelines are written in: a tree that knows where everything stands, shared where aliases share.
//!
//! Invariants: reading never recurses and is bounded by what the text comes to when every alias is followed, so nothing
//! that walks a tree has to count; order is kept; of a key that is there twice the last one holds; merge keys are followed.

mod build;

use std::rc::Rc;

pub(super) use build::read;

/// A place in a text: the file's number and the byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) offset: u32,
}

/// A node that may stand in several places.
pub(super) type Yaml = Rc<Node>;

/// One value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    /// The byte after its text; of a collection, after its first character.
    pub(super) end: u32,
    pub(super) tag: Tag,
    pub(super) value: Value,
    /// Nodes and bytes within, aliases followed.
    size: u64,
    depth: u16,
    /// Whether it is a reference, or has one within.
    refers: bool,
}

/// What a node is marked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tag {
    #[default]
    None,
    /// `!reference`
    Reference,
}

#[derive(Debug)]
pub(super) enum Value {
    /// A scalar, whatever it stands for.
    Scalar {
        text: Rc<str>,
        style: Style,
    },
    List(Vec<Yaml>),
    Map(Vec<Entry>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    Block,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Rc<str>,
    pub(super) key_place: Place,
    pub(super) node: Yaml,
}

/// Whether a value has a reference within.
fn refers(value: &Value) -> bool {
    match value {
        Value::Scalar { .. } => false,
        Value::List(items) => items.iter().any(|item| item.refers),
        Value::Map(entries) => entries.iter().any(|entry| entry.node.refers),
    }
}

/// What walking a value comes to, the value itself counted.
fn size_of(value: &Value) -> u64 {
    let within: &mut dyn Iterator<Item = &Yaml> = match value {
        Value::Scalar { text, .. } => return 1 + u64::try_from(text.len()).unwrap_or(u64::MAX) / 16,
        Value::List(items) => &mut items.iter(),
        Value::Map(entries) => &mut entries.iter().map(|entry| &entry.node),
    };
    within.fold(1, |sum, node| sum.saturating_add(node.size))
}

impl Node {
    /// A node that nobody wrote, standing where `place` says.
    pub(super) fn made(value: Value, place: Place) -> Yaml {
        let (size, refers) = (size_of(&value), refers(&value));
        Rc::new(Self { place, end: place.offset, tag: Tag::None, value, size, depth: 0, refers })
    }

    /// A text that nobody wrote.
    pub(super) fn text(text: &str, place: Place) -> Yaml {
        Self::made(Value::Scalar { text: text.into(), style: Style::Quoted }, place)
    }

    /// The same node with another value.
    pub(super) fn with(&self, value: Value) -> Self {
        let (size, refers) = (size_of(&value), self.tag == Tag::Reference || refers(&value));
        Self { place: self.place, end: self.end, tag: self.tag, value, size, depth: 0, refers }
    }

    /// What walking it comes to: nodes and bytes within, aliases followed.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is a reference, or has one within.
    pub(super) fn refers(&self) -> bool {
        self.refers
    }

    /// The value of this key.
    pub(super) fn get(&self, key: &str) -> Option<&Yaml> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// This key with its value.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| &*entry.key == key)
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> &[Yaml] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The text of a scalar that is not null.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether it is there and says nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, style: Style::Plain } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// Whether it is written as true.
    pub(super) fn is_true(&self) -> bool {
        self.as_str().is_some_and(|text| matches!(text, "true" | "True" | "TRUE" | "yes" | "on"))
    }

    /// What is there as one text or as a list of texts.
    pub(super) fn texts(&self) -> Vec<(&str, Place)> {
        match self.as_str() {
            Some(text) => vec![(text, self.place)],
            None => self.items().iter().filter_map(|item| Some((item.as_str()?, item.place))).collect(),
        }
    }

    /// Every scalar within, keys aside, in order.
    pub(super) fn scalars(self: &Rc<Self>) -> Vec<&Yaml> {
        let (mut found, mut open) = (Vec::new(), vec![self]);
        while let Some(node) = open.pop() {
            match &node.value {
                Value::Scalar { .. } => found.push(node),
                Value::List(items) => open.extend(items.iter().rev()),
                Value::Map(entries) => open.extend(entries.iter().rev().map(|entry| &entry.node)),
            }
        }
        found
    }
}
