//! YAML text read into a small tree that knows where everything stands.
//!
//! Invariants: order is kept; every node has its place in the text; tags are refused; a scalar that is no text keeps
//! the characters it was written with. Reading is bounded: what would grow without end is an error, within milliseconds.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Budget, DuplicateKeyPolicy, Options, Spanned, Tagged, budget, options};

use super::{problem::Flaw, yaml_error};

/// A stretch of the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One value of the plan and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    /// A number or a truth value, as it was written.
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

impl Node {
    /// The value of this key, if the node is a map that has it.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Leaves out the key that stands at a place, with its value.
    pub(super) fn remove_key_at(&mut self, place: Place) {
        match &mut self.value {
            Value::Map(entries) => {
                entries.retain(|entry| entry.key_place != place);
                for entry in entries {
                    entry.node.remove_key_at(place);
                }
            }
            Value::List(items) => {
                for item in items {
                    item.remove_key_at(place);
                }
            }
            Value::Null | Value::Plain(_) | Value::Text(_) => {}
        }
    }

    /// The text of a scalar.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where the node ends; a collection's own place is only its first character.
    pub(super) fn end(&self) -> usize {
        let inner = match &self.value {
            Value::List(items) => items.last().map(Self::end),
            Value::Map(entries) => entries.last().map(|entry| entry.node.end().max(entry.key_place.end)),
            _ => None,
        };
        inner.map_or(self.place.end, |end| end.max(self.place.end))
    }

    /// What the node is, for messages. Never the value itself.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Plain(raw) if raw.eq_ignore_ascii_case("true") || raw.eq_ignore_ascii_case("false") => "a truth value",
            Value::Plain(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads the one document of a plan.
pub(super) fn read(text: &str) -> Result<Node, Vec<Flaw>> {
    let loose: Loose =
        serde_saphyr::from_str_with_options(text, reader_options()).map_err(|error| vec![yaml_error::flaw(&error, text)])?;
    let mut flaws = Vec::new();
    let node = settle(loose, text, &mut flaws);
    if flaws.is_empty() { Ok(node) } else { Err(flaws) }
}

/// Strict, and bounded far above what a plan needs and far below what hurts.
fn reader_options() -> Options {
    let limits: Option<Budget> = budget! {
        max_depth: 40,
        max_nodes: 10_000,
        max_events: 50_000,
        max_aliases: 2_000,
        max_anchors: 1_000,
        max_merge_keys: 1_000,
        max_documents: 2,
        max_total_scalar_bytes: 4 * 1024 * 1024,
        max_recorded_anchor_bytes: 4 * 1024 * 1024,
        enforce_alias_anchor_ratio: false,
    };
    options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: options::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false, // it would show neighbouring lines, which may hold secrets
        budget: limits,
    }
}

/// A node as the reader gives it.
type Loose = Spanned<Tagged<LooseValue>>;

enum LooseValue {
    Null,
    Plain,
    Text(String),
    List(Vec<Loose>),
    Map(Vec<(Loose, Loose)>),
}

impl<'de> Deserialize<'de> for LooseValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = LooseValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<LooseValue, E> {
        Ok(LooseValue::Null)
    }

    fn visit_none<E>(self) -> Result<LooseValue, E> {
        Ok(LooseValue::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<LooseValue, E> {
        Ok(LooseValue::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<LooseValue, E> {
        Ok(LooseValue::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<LooseValue, E> {
        Ok(LooseValue::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<LooseValue, E> {
        Ok(LooseValue::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<LooseValue, E> {
        Ok(LooseValue::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<LooseValue, E> {
        Ok(LooseValue::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<LooseValue, E> {
        Ok(LooseValue::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<LooseValue, E> {
        Ok(LooseValue::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LooseValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(LooseValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LooseValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(LooseValue::Map(entries))
    }
}

/// Gives every node its place and raw text; refuses what a plan has no use for.
fn settle(loose: Loose, text: &str, flaws: &mut Vec<Flaw>) -> Node {
    let place = place_of(&loose.defined, text);
    let Tagged(value, tag) = loose.value;
    if tag.is_some() {
        flaws.push(
            Flaw::new(place, "a tag (`!…`) has no meaning in a plan")
                .help("remove it; text that looks like a number goes in quotes"),
        );
    }
    let value = match value {
        LooseValue::Null => Value::Null,
        LooseValue::Plain => Value::Plain(text.get(place.start..place.end).unwrap_or_default().trim().to_owned()),
        LooseValue::Text(text) => {
            if text.contains('\0') {
                flaws.push(Flaw::new(place, "a NUL character cannot be part of a value"));
            }
            Value::Text(text)
        }
        LooseValue::List(items) => Value::List(items.into_iter().map(|item| settle(item, text, flaws)).collect()),
        LooseValue::Map(entries) => {
            Value::Map(entries.into_iter().filter_map(|(key, node)| settle_entry(key, node, text, flaws)).collect())
        }
    };
    Node { place, value }
}

fn settle_entry(key: Loose, node: Loose, text: &str, flaws: &mut Vec<Flaw>) -> Option<Entry> {
    let key = settle(key, text, flaws);
    let node = settle(node, text, flaws);
    match key.value {
        Value::Plain(name) | Value::Text(name) => Some(Entry { key: name, key_place: key.place, node }),
        Value::Null | Value::List(_) | Value::Map(_) => {
            flaws.push(Flaw::new(key.place, "a key must be text"));
            None
        }
    }
}

/// The place a location stands for, kept inside the text and on character borders.
pub(super) fn place_of(location: &serde_saphyr::Location, text: &str) -> Place {
    let span = location.span();
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let (start, length) = match (span.byte_offset(), span.byte_len()) {
        (Some(start), length) => (at(start), at(length.unwrap_or(0))),
        // Some errors know characters only.
        _ => (offset_of(text, location.line(), location.column()), 0),
    };
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary(start.saturating_add(length).min(text.len()));
    Place { start, end }
}

fn offset_of(text: &str, line: u64, column: u64) -> usize {
    let back = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(line) = text.split_inclusive('\n').nth(back(line)) else { return text.len() };
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    start + line.char_indices().nth(back(column)).map_or(line.len(), |(at, _)| at)
}
