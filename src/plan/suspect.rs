//! Finds *suspects* in a plan: text in a place where people put passwords, also under a misspelt key. It only keeps its line
//! from being shown.
//!
//! Known limit: a password without any form, in a place meant for other text, looks like that other text.

use std::collections::BTreeSet;

use super::{
    token::{Literal, find, is_name_like, literals, visit},
    tree::{Node, Place, Value},
};

/// Words that end a key under which people put secrets.
const SECRET_KEYS: &[&str] =
    &["password", "passwd", "pwd", "passphrase", "token", "secret", "api_key", "apikey", "private_key", "access_key", "secret_key"];

/// Whether people put secrets under this key, or under one that it may have been meant to be.
fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let is_begun = |word: &str| key.len() >= 4 && word.starts_with(&key);
    SECRET_KEYS.iter().any(|word| key.ends_with(word) || is_begun(word) || is_misspelt(&key, word))
}

/// Whether a key is one of these but for a slip of the pen or two.
fn is_alike(key: &str, words: &[&str]) -> bool {
    let key = key.to_ascii_lowercase();
    words.iter().any(|word| key == *word || is_misspelt(&key, word))
}

fn is_misspelt(key: &str, word: &str) -> bool {
    let most = if word.len() < 5 { 1 } else { 2 };
    key.len() >= 4 && key.len().abs_diff(word.len()) <= most && strsim::osa_distance(key, word) <= most
}

/// Places whose lines are not shown, told from the text alone: literals, and what follows `password:` and the like.
pub(super) fn suspects(text: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for literal in literals(text) {
        // What lies inside of a key in PEM form is withheld with it.
        if places.last().is_none_or(|last| last.end <= literal.place.start) {
            places.push(whole_literal(text, literal));
        }
    }
    places.extend(text.match_indices('@').filter_map(|(at, _)| login(text, at)));
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(value) = suspect_value(line) {
            let end = if value.starts_with(['|', '>']) { block_end(text, start, line) } else { start + line.len() - 1 };
            places.push(Place { start, end });
        }
        start += line.len();
    }
    places
}

/// What stands before an `@` like a login: a name and a password, or a name alone where an http server takes tokens.
fn login(text: &str, at: usize) -> Option<Place> {
    let is_digest = ["sha256:", "sha512:"].iter().any(|algorithm| text[at + 1..].starts_with(algorithm));
    let before = |c: char| c.is_whitespace() || "\"'`<>,()[]".contains(c);
    let start = text[..at].char_indices().rfind(|(_, c)| before(*c)).map_or(0, |(before, c)| before + c.len_utf8());
    let (scheme, name) = text[start..at].split_once("://").unwrap_or(("", &text[start..at]));
    let is_secret = match name.split_once(':') {
        Some((_, password)) => !password.is_empty() && !password.starts_with(['$', '{']),
        None => matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") && !name.is_empty(),
    };
    (is_secret && !is_digest).then_some(Place { start, end: at })
}

/// A key in PEM form goes on to its end line, or to the end of the text.
fn whole_literal(text: &str, literal: Literal) -> Place {
    let Place { start, mut end } = literal.place;
    if text[start..].starts_with("-----BEGIN ") {
        end = text[end..].find("-----END ").map_or(text.len(), |at| end + at);
    }
    Place { start, end }
}

/// What stands after a key that is made for secrets, unless it is written like a name or filled in by a shell.
fn suspect_value(line: &str) -> Option<&str> {
    line.match_indices([':', '=']).find_map(|(at, _)| {
        let before = line[..at].trim_end().trim_end_matches(['"', '\'']);
        let key = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next().unwrap_or_default();
        if !is_secret_key(key) {
            return None;
        }
        let value = line[at + 1..].trim_start().trim_start_matches(['"', '\'']);
        let first = value.split(|c: char| c.is_whitespace() || ",}]\"'#".contains(c)).next().unwrap_or_default();
        let harmless = first.is_empty() || first.starts_with(['$', '{', '[', '*', '&']) || is_name_like(first);
        (!harmless).then_some(value)
    })
}

/// Keys below which logins and secrets stand, whatever they are called there.
const SECRET_BLOCKS: [&str; 3] = ["secrets", "login", "history"];

/// Places whose lines are not shown where no tree says what is what: all below such a key.
pub(super) fn blocks(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let key = line.trim_start_matches(|c: char| c.is_whitespace() || "-\"'{".contains(c)).split([':', '"', '\'']).next();
        if key.is_some_and(|key| is_alike(key.trim(), &SECRET_BLOCKS)) {
            places.push(Place { start, end: block_end(text, start, line) });
        }
        start += line.len();
    }
    places
}

/// Where the block of lines that are indented deeper than this one ends.
fn block_end(text: &str, start: usize, line: &str) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(line);
    let mut end = start + line.len();
    for next in text[end..].split_inclusive('\n') {
        if !next.trim().is_empty() && indent(next) <= own {
            break;
        }
        end += next.len();
    }
    end.saturating_sub(1)
}

/// Places whose lines are not shown, told from what the plan says: where the name of a secret is expected and
/// something else stands, whatever a malformed source under `secrets` holds, and literals.
pub(super) fn misplaced(root: &Node) -> Vec<Place> {
    let mut places = Vec::new();
    let sources = root.entry("secrets").map(|entry| &entry.node.value);
    let sources = if let Some(Value::Map(sources)) = sources { sources.as_slice() } else { &[] };
    let declared = sources.iter().map(|source| source.key.as_str()).collect();
    walk(root, &declared, &mut places);
    visit(root, &mut |text, place| {
        if find(text).is_some() {
            places.push(place);
        }
    });
    places
}

fn walk(node: &Node, declared: &BTreeSet<&str>, places: &mut Vec<Place>) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let named =
                    entry.node.scalar().is_some_and(|text| is_name_like(text) || text.starts_with('$') || declared.contains(text));
                match &entry.node.value {
                    Value::Map(_) if is_alike(&entry.key, &["secrets"]) => odd_sources(&entry.node, places),
                    // A map there is a source of a secret, or none at all.
                    Value::Map(_) if is_secret_key(&entry.key) => odd_source(&entry.node, places),
                    Value::Map(_) if is_alike(&entry.key, &SECRET_BLOCKS) => odd_login(&entry.node, declared, places),
                    Value::Map(_) => {}
                    _ if named => {}
                    _ if is_secret_key(&entry.key) || is_alike(&entry.key, &["login"]) => places.push(whole(&entry.node)),
                    _ => {}
                }
                walk(&entry.node, declared, places);
            }
        }
        Value::List(items) => items.iter().for_each(|item| walk(item, declared, places)),
        _ => {}
    }
}

/// What stands in a login or with a store under a key that is none of the harmless ones, and is not written like a name.
fn odd_login(node: &Node, declared: &BTreeSet<&str>, places: &mut Vec<Place>) {
    const HARMLESS: [&str; 5] = ["username", "store", "endpoint", "region", "path_style"];
    let Value::Map(entries) = &node.value else { return };
    for entry in entries.iter().filter(|entry| !HARMLESS.contains(&entry.key.as_str())) {
        if !entry.node.scalar().is_some_and(|text| is_name_like(text) || declared.contains(text)) {
            places.push(whole(&entry.node));
        }
    }
}

fn odd_sources(node: &Node, places: &mut Vec<Place>) {
    let Value::Map(sources) = &node.value else { return };
    for source in sources {
        odd_source(&source.node, places);
    }
}

fn whole(node: &Node) -> Place {
    Place { start: node.place.start, end: node.end() }
}

/// A source that is no map, or has other keys than a source has, may hold the secret itself.
fn odd_source(source: &Node, places: &mut Vec<Place>) {
    let Value::Map(entries) = &source.value else {
        return places.push(whole(source));
    };
    for entry in entries {
        let odd = match entry.key.as_str() {
            "env" => !entry.node.scalar().is_some_and(super::names::is_variable),
            "file" => entry.node.scalar().is_none(),
            "command" => !matches!(entry.node.value, Value::List(_)),
            _ => true,
        };
        if odd {
            places.push(Place { start: entry.key_place.start, end: entry.node.end() });
        }
    }
}
