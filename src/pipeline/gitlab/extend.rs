//! Jobs as they run: `extends` followed, `!reference` filled in, defaults added.
//!
//! Invariants: circles and chains longer than GitLab's (11 levels of `extends`, 10 of `!reference`) end; each job is
//! computed once; what is copied altogether is bounded.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use super::merge;
use crate::pipeline::{
    notes::Notes,
    yaml::{Entry, Node, Tag, Value, Yaml},
};

const DEEPEST: usize = 11;
/// Nodes that references may copy: what one leads to counts each time.
const COPIED: usize = 100_000;
/// What a reference counts in depth, so that ten of them within each other are the most.
const REFERENCE: usize = 20;

/// Keys at the top that are no jobs.
const NO_JOBS: &[&str] = &[
    "default",
    "include",
    "stages",
    "types",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
    "pages:deploy",
];

/// Keys that jobs take from `default`, or from the top.
const DEFAULTS: &[&str] = &[
    "image",
    "services",
    "before_script",
    "after_script",
    "tags",
    "cache",
    "artifacts",
    "id_tokens",
    "interruptible",
    "retry",
    "timeout",
    "hooks",
    "identity",
];

/// A configuration whose jobs are asked for.
pub(super) struct Config {
    root: Yaml,
    by_name: HashMap<Rc<str>, Yaml>,
    /// What jobs take that do not say it themselves.
    defaults: Vec<Entry>,
    done: HashMap<Rc<str>, Yaml>,
    copied: Cell<usize>,
    /// Nodes whose references are filled in, by the node, which is kept so that no other takes its place.
    whole: RefCell<HashMap<*const Node, (Yaml, Yaml)>>,
    /// Whether a reference was left as it is.
    is_cut: Cell<bool>,
}

impl Config {
    pub(super) fn new(root: Yaml) -> Self {
        let by_name = root.entries().iter().map(|entry| (Rc::clone(&entry.key), Rc::clone(&entry.node))).collect();
        let default = root.get("default");
        let defaults = DEFAULTS
            .iter()
            .filter_map(|key| default.and_then(|default| default.entry(key)).or_else(|| root.entry(key)).cloned())
            .collect();
        let (copied, whole, is_cut) = (Cell::new(0), RefCell::default(), Cell::new(false));
        Self { root, by_name, defaults, done: HashMap::new(), copied, whole, is_cut }
    }

    pub(super) fn root(&self) -> &Yaml {
        &self.root
    }

    /// The jobs that can run, in order; templates and keywords are none.
    pub(super) fn jobs(&self) -> Vec<Entry> {
        let is_job = |entry: &&Entry| !entry.key.starts_with('.') && entry.node.is_map() && !NO_JOBS.contains(&&*entry.key);
        self.root.entries().iter().filter(is_job).cloned().collect()
    }

    /// Keywords at the top that are written as if they were jobs, each with what makes it look so.
    pub(super) fn keywords_like_jobs(&self) -> impl Iterator<Item = (&Entry, &str)> {
        let keywords = self.root.entries().iter().filter(|entry| NO_JOBS.contains(&&*entry.key));
        keywords.filter_map(|entry| {
            // A variable may have any name, and is no list.
            let is_variable = &*entry.key == "variables";
            let does = |key: &&&str| entry.node.get(key).is_some_and(|node| node.is_list() || !is_variable);
            Some((entry, *["script", "run", "trigger"].iter().find(does)?))
        })
    }

    /// A job as it runs.
    pub(super) fn job(&mut self, name: &str, notes: &mut Notes<'_>) -> Option<Yaml> {
        let extended = self.extended(name, &mut Vec::new(), notes)?;
        // What is looked at is the whole of it, with what it refers to, once more for each job.
        let filled = self.filled(&extended, 0);
        let defaults = self.defaults.iter().map(|default| default.node.size()).fold(filled.size(), u64::saturating_add);
        if !notes.files.spend(defaults) {
            notes.files.unfinished(extended.place, super::TOO_MUCH.to_owned());
            return None;
        }
        let mut entries: Vec<Entry> = filled.entries().to_vec();
        let inherit = extended.get("inherit").and_then(|inherit| inherit.get("default"));
        let takes = |key: &str| match inherit {
            Some(list) if list.is_list() => list.texts().iter().any(|(name, _)| *name == key),
            Some(said) => said.as_str() != Some("false"),
            None => true,
        };
        for default in &self.defaults {
            if takes(&default.key) && !entries.iter().any(|entry| entry.key == default.key) {
                entries.push(Entry { node: self.filled(&default.node, 0), ..default.clone() });
            }
        }
        if self.is_cut.replace(false) {
            let what = format!("the references of `{name}` lead in a circle or to more than GitLab follows: not filled in");
            notes.files.unfinished(extended.place, what);
        }
        Some(Node::made(Value::Map(entries), extended.place))
    }

    fn extended(&mut self, name: &str, stack: &mut Vec<Rc<str>>, notes: &mut Notes<'_>) -> Option<Yaml> {
        if let Some(done) = self.done.get(name) {
            return Some(Rc::clone(done));
        }
        let (key, own) = self.by_name.get_key_value(name).map(|(key, own)| (Rc::clone(key), Rc::clone(own)))?;
        if stack.contains(&key) {
            notes.open(own.place, format!("`{name}` extends itself in a circle"));
            return Some(own);
        }
        if stack.len() > DEEPEST {
            notes.open(own.place, format!("`{name}` extends more than {DEEPEST} levels, which GitLab refuses"));
            return Some(own);
        }
        if !notes.files.spend(own.size()) {
            notes.files.unfinished(own.place, super::TOO_MUCH.to_owned());
            return None;
        }
        stack.push(Rc::clone(&key));
        let mut whole: Option<Yaml> = None;
        let parents: Vec<(String, _)> = own
            .get("extends")
            .map(|extends| extends.texts().into_iter().map(|(name, place)| (name.to_owned(), place)).collect())
            .unwrap_or_default();
        for (parent, place) in parents {
            match self.extended(&parent, stack, notes) {
                Some(parent) => {
                    if !notes.files.spend(merge::copied(&parent).saturating_add(whole.as_ref().map_or(0, merge::copied))) {
                        notes.files.unfinished(place, super::TOO_MUCH.to_owned());
                        return None;
                    }
                    whole = Some(whole.map_or_else(|| Rc::clone(&parent), |whole| merge::over(&whole, &parent)));
                }
                None => notes.open(place, format!("`{name}` extends `{parent}`, which is not in this repository")),
            }
        }
        stack.pop();
        let whole = whole.map_or_else(|| Rc::clone(&own), |whole| merge::over(&whole, &own));
        self.done.insert(key, Rc::clone(&whole));
        Some(whole)
    }

    /// The node with its references filled in; a list that a list refers to becomes part of it.
    pub(super) fn filled(&self, node: &Yaml, depth: usize) -> Yaml {
        if !node.refers() {
            return Rc::clone(node);
        }
        if let Some((_, whole)) = self.whole.borrow().get(&Rc::as_ptr(node)) {
            return Rc::clone(whole);
        }
        self.copied.set(self.copied.get() + 1);
        if self.copied.get() > COPIED || depth > 10 * REFERENCE {
            self.is_cut.set(true);
            return Rc::clone(node);
        }
        let was_cut = self.is_cut.replace(false);
        let whole = self.with_references(node, depth);
        if !self.is_cut.get() {
            self.whole.borrow_mut().insert(Rc::as_ptr(node), (Rc::clone(node), Rc::clone(&whole)));
        }
        self.is_cut.set(self.is_cut.get() || was_cut);
        whole
    }

    fn with_references(&self, node: &Yaml, depth: usize) -> Yaml {
        if node.tag == Tag::Reference {
            return self.referred(node, depth).unwrap_or_else(|| Node::text("", node.place));
        }
        match &node.value {
            Value::Scalar { .. } => Rc::clone(node),
            Value::List(items) => {
                let mut filled = Vec::new();
                for item in items {
                    let done = self.filled(item, depth + 1);
                    if item.tag != Tag::Reference || !done.is_list() {
                        filled.push(done);
                        continue;
                    }
                    self.copied.set(self.copied.get() + done.items().len());
                    if self.copied.get() > COPIED {
                        self.is_cut.set(true);
                        break;
                    }
                    filled.extend_from_slice(done.items());
                }
                Rc::new(node.with(Value::List(filled)))
            }
            Value::Map(entries) => {
                let filled = entries.iter().map(|entry| Entry {
                    key: Rc::clone(&entry.key),
                    key_place: entry.key_place,
                    node: self.filled(&entry.node, depth + 1),
                });
                Rc::new(node.with(Value::Map(filled.collect())))
            }
        }
    }

    /// What a reference leads to.
    fn referred(&self, reference: &Yaml, depth: usize) -> Option<Yaml> {
        let path = reference.texts();
        let (first, rest) = path.split_first()?;
        let mut node = self.done.get(first.0).or_else(|| self.by_name.get(first.0)).cloned()?;
        for (key, _) in rest {
            node = node.get(key).cloned()?;
        }
        self.filled(&node, depth + REFERENCE).into()
    }
}
