//! The files that a GitLab configuration is made of.
//!
//! What is included comes first and the file itself over it. Invariants: a file is read once, so circles end; no more files
//! than GitLab allows (150); what is in other projects, templates and components is told, not read.

use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

use super::merge;
use crate::pipeline::{
    model::{Sure, Topic},
    notes::Notes,
    yaml::{Node, Value, Yaml},
};

const MOST: usize = 150;
const DEEPEST: usize = 60;

/// A configuration with what it includes.
pub(super) struct Loader<'n, 'f> {
    pub(super) notes: &'n mut Notes<'f>,
    /// The files that were read, the one it began with among them.
    pub(super) files: BTreeSet<String>,
    stack: Vec<String>,
    /// How often a file was laid in.
    loads: usize,
}

impl<'n, 'f> Loader<'n, 'f> {
    pub(super) fn new(notes: &'n mut Notes<'f>) -> Self {
        Self { notes, files: BTreeSet::new(), stack: Vec::new(), loads: 0 }
    }

    /// The whole configuration that begins at this file.
    pub(super) fn load(&mut self, path: &str, inputs: Option<&Yaml>) -> Option<Yaml> {
        if self.stack.iter().any(|open| open == path) {
            return None;
        }
        self.loads += 1;
        let file = self.notes.files.yaml(path)?;
        self.files.insert(file.path.to_string());
        let size = file.documents.iter().map(|document| document.size()).fold(0, u64::saturating_add);
        if !self.notes.files.spend(size) {
            let place = file.documents.first().map_or_else(Default::default, |document| document.place);
            self.notes.files.unfinished(place, super::TOO_MUCH.to_owned());
            return None;
        }
        let own = body(&file.documents, inputs)?;
        self.stack.push(path.to_owned());
        let mut whole: Option<Yaml> = None;
        if let Some(include) = own.get("include").cloned() {
            for part in self.includes(&include) {
                let copies = part.entries().len() + whole.as_ref().map_or(0, |whole| whole.entries().len());
                if !self.notes.files.spend(u64::try_from(copies).unwrap_or(u64::MAX)) {
                    self.notes.files.unfinished(include.place, super::TOO_MUCH.to_owned());
                    break;
                }
                whole = Some(whole.map_or_else(|| Rc::clone(&part), |whole| merge::over(&whole, &part)));
            }
        }
        self.stack.pop();
        Some(whole.map_or_else(|| Rc::clone(&own), |whole| merge::over(&whole, &own)))
    }

    fn includes(&mut self, include: &Yaml) -> Vec<Yaml> {
        let all: Vec<Yaml> = if include.is_list() { include.items().to_vec() } else { vec![Rc::clone(include)] };
        let accepted: HashSet<String> =
            all.iter().filter_map(first_rule).filter(|(_, never)| !never).map(|(condition, _)| condition).collect();
        let mut found = Vec::new();
        for item in all.iter().flat_map(|item| if item.is_list() { item.items().to_vec() } else { vec![Rc::clone(item)] }) {
            if let Some((condition, true)) = first_rule(&item).filter(|(condition, _)| accepted.contains(condition)) {
                // The other side of a choice that another include makes: both at once is what GitLab never reads.
                self.notes
                    .open(item.place, format!("this is included where not {condition}; read is what is included where it is"));
                continue;
            }
            found.extend(self.include(&item));
        }
        found
    }

    fn include(&mut self, item: &Yaml) -> Vec<Yaml> {
        let local = item.as_str().filter(|text| !text.contains("://")).map(|text| (text, item.place)).or_else(|| {
            let node = item.get("local")?;
            Some((node.as_str()?, node.place))
        });
        if let Some((path, place)) = local {
            return self.local(path, place, item.get("inputs"));
        }
        let remote = item.as_str().map(|text| ("remote", text.to_owned(), item.place)).or_else(|| {
            ["component", "project", "remote", "template"].into_iter().find_map(|key| {
                let node = item.get(key)?;
                Some((key, node.as_str()?.to_owned(), node.place))
            })
        });
        if let Some((key, name, place)) = remote {
            let files = item
                .get("file")
                .map(|file| file.texts().into_iter().map(|(text, _)| text.to_owned()).collect::<Vec<_>>().join(", "));
            let whole = files.map_or_else(|| name.clone(), |files| format!("{name}: {files}"));
            self.notes.fact(Topic::Remote, &whole, (place, Sure::Outside, key, None));
            self.notes.open(place, format!("what the {key} `{whole}` says is not in this repository"));
        }
        Vec::new()
    }

    fn local(&mut self, path: &str, place: crate::pipeline::yaml::Place, inputs: Option<&Yaml>) -> Vec<Yaml> {
        let path = path.trim_start_matches('/');
        if path.contains('$') {
            self.notes.open(place, format!("which file is included is decided by `{path}`"));
            return Vec::new();
        }
        let paths = if path.contains('*') {
            self.notes.files.matching(|file| matches(path, file) && matches!(file.rsplit('.').next(), Some("yml" | "yaml")))
        } else {
            vec![path.to_owned()]
        };
        let mut found = Vec::new();
        for path in paths {
            if self.stack.contains(&path) {
                self.notes.open(place, format!("`{path}` includes itself in a circle"));
                continue;
            }
            if self.loads >= MOST || self.stack.len() > DEEPEST {
                let what = format!("more than {MOST} files are included, or more than {DEEPEST} within each other: not read");
                self.notes.files.unfinished(place, what);
                break;
            }
            match self.load(&path, inputs) {
                Some(part) => found.push(part),
                None => self.notes.open(place, format!("there is no file `{path}` that can be read")),
            }
        }
        found
    }
}

/// The condition of an include's first rule, and whether it keeps the file out.
fn first_rule(item: &Yaml) -> Option<(String, bool)> {
    let rule = item.get("rules")?.items().first()?;
    let never = rule.get("when").and_then(|when| when.as_str()) == Some("never");
    Some((rule.get("if")?.as_str()?.split_whitespace().collect::<Vec<_>>().join(" "), never))
}

/// The configuration of a file: of one with a header, the second document with its inputs filled in.
fn body(documents: &[Yaml], given: Option<&Yaml>) -> Option<Yaml> {
    let first = documents.first()?;
    let header = first.get("spec").filter(|_| documents.len() > 1 && first.entries().len() == 1);
    let Some(header) = header else { return Some(Rc::clone(first)) };
    let body = documents.get(1)?;
    let inputs = header.get("inputs");
    let value = |name: &str| -> Option<String> {
        let given = given.and_then(|given| given.get(name)).and_then(|node| node.as_str());
        let default = || inputs.and_then(|inputs| inputs.get(name)?.get("default")?.as_str());
        given.or_else(default).map(str::to_owned)
    };
    Some(filled(body, &value))
}

/// The same configuration with `$[[ inputs.x ]]` replaced where its value is known.
fn filled(node: &Yaml, value: &impl Fn(&str) -> Option<String>) -> Yaml {
    match &node.value {
        Value::Scalar { text, .. } if text.contains("$[[") => Node::text(&fill(text, value), node.place),
        Value::Scalar { .. } => Rc::clone(node),
        Value::List(items) => Rc::new(node.with(Value::List(items.iter().map(|item| filled(item, value)).collect()))),
        Value::Map(entries) => {
            let entries = entries.iter().map(|entry| {
                let key = if entry.key.contains("$[[") { fill(&entry.key, value).into() } else { Rc::clone(&entry.key) };
                crate::pipeline::yaml::Entry { key, key_place: entry.key_place, node: filled(&entry.node, value) }
            });
            Rc::new(node.with(Value::Map(entries.collect())))
        }
    }
}

fn fill(text: &str, value: &impl Fn(&str) -> Option<String>) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$[[") {
        done.push_str(before);
        let Some((inner, behind)) = after.split_once("]]") else {
            done.push_str("$[[");
            rest = after;
            continue;
        };
        let name = inner.split('|').next().unwrap_or_default().trim().trim_start_matches("inputs.");
        match value(name) {
            Some(known) => done.push_str(&known),
            None => done.extend(["$[[", inner, "]]"]),
        }
        rest = behind;
    }
    done + rest
}

/// Whether a path fits a pattern: `*` within a folder, `**` through folders.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    // Which folders of the path the pattern's parts so far can have led to.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        for at in 0..=path.len() {
            if part == "**" {
                next[at] = reached[at] || (at > 0 && next[at - 1]);
            } else if at > 0 {
                next[at] = reached[at - 1] && fits(part, path[at - 1]);
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_gitlab_matches_them() {
        assert!(matches("ci/*.yml", "ci/a.yml"));
        assert!(!matches("ci/*.yml", "ci/b/a.yml"));
        assert!(matches("ci/**/*.yml", "ci/b/c/a.yml"));
        assert!(matches("ci/**.yml", "ci/a.yml"));
        assert!(!matches("ci/*.yml", "ci/a.yaml"));
    }

    #[test]
    fn inputs_are_filled_in_where_they_are_known() {
        let value = |name: &str| (name == "stage").then(|| "build".to_owned());
        assert_eq!(fill("x $[[ inputs.stage | expand_vars ]] $[[ inputs.other ]]", &value), "x build $[[ inputs.other ]]");
    }
}
