//! How GitLab lays one configuration over another: maps key by key, everything else as a whole.

use std::rc::Rc;

use crate::pipeline::yaml::{Entry, Node, Value, Yaml};

/// How many entries laying something over this, or this over something, copies at most: those of its maps within maps.
pub(super) fn copied(node: &Yaml) -> u64 {
    let entries = node.entries();
    let own = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    entries.iter().fold(own, |sum, entry| sum.saturating_add(copied(&entry.node)))
}

/// What `base` becomes where `over` says more. Depth is bounded by that of the texts.
pub(super) fn over(base: &Yaml, over_it: &Yaml) -> Yaml {
    if !base.is_map() || !over_it.is_map() {
        return Rc::clone(over_it);
    }
    let known: std::collections::HashMap<&str, &Entry> = over_it.entries().iter().map(|entry| (&*entry.key, entry)).collect();
    let mut entries: Vec<Entry> = Vec::with_capacity(base.entries().len());
    let mut seen = std::collections::HashSet::new();
    for entry in base.entries() {
        seen.insert(&*entry.key);
        entries.push(match known.get(&*entry.key) {
            Some(mine) => Entry { key: Rc::clone(&entry.key), key_place: mine.key_place, node: over(&entry.node, &mine.node) },
            None => entry.clone(),
        });
    }
    entries.extend(over_it.entries().iter().filter(|entry| !seen.contains(&*entry.key)).cloned());
    Node::made(Value::Map(entries), over_it.place)
}
