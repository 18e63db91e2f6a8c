//! Finds what looks like a secret's value in a plan, so that it is refused and never shown.
//!
//! Two strengths: a *literal* has the unmistakable form of a token and is an error wherever it stands, in a comment
//! too; a *suspect* is text in a place where people put passwords, and only keeps its line from being shown.
//! Known limit: a password without any form, in a place meant for other text, looks like that other text.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    problem::Flaw,
    tree::{Node, Place, Value},
};

/// A literal that looks like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) place: Place,
    what: &'static str,
}

/// How a kind of token is told: its start, how many characters of its alphabet must follow, and what it is.
struct Form {
    prefix: &'static str,
    least: usize,
    alphabet: fn(u8) -> bool,
    what: &'static str,
}

const fn form(prefix: &'static str, least: usize, alphabet: fn(u8) -> bool, what: &'static str) -> Form {
    Form { prefix, least, alphabet, what }
}

fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

fn dotted(b: u8) -> bool {
    word(b) || b == b'.'
}

/// Source: the vendors' published token forms.
const FORMS: &[Form] = &[
    form("ghp_", 10, alnum, "a GitHub token"),
    form("gho_", 10, alnum, "a GitHub token"),
    form("ghu_", 10, alnum, "a GitHub token"),
    form("ghs_", 10, dotted, "a GitHub token"),
    form("ghr_", 10, alnum, "a GitHub token"),
    form("github_pat_", 10, word, "a GitHub token"),
    form("glpat-", 10, dotted, "a GitLab token"),
    form("glptt-", 10, dotted, "a GitLab token"),
    form("gldt-", 10, dotted, "a GitLab token"),
    form("glrt-", 10, dotted, "a GitLab token"),
    form("glcbt-", 10, dotted, "a GitLab token"),
    form("npm_", 16, alnum, "an npm token"),
    form("pypi-", 24, word, "a PyPI token"),
    form("pypi-AgE", 6, word, "a PyPI token"),
    form("cio", 30, alnum, "a crates.io token"),
    form("rubygems_", 24, alnum, "a RubyGems token"),
    form("AKIA", 12, upper, "an AWS access key"),
    form("ASIA", 12, upper, "an AWS access key"),
    form("AIza", 30, word, "a Google API key"),
    form("xoxb-", 8, word, "a Slack token"),
    form("xoxp-", 8, word, "a Slack token"),
    form("xoxa-", 8, word, "a Slack token"),
    form("xoxr-", 8, word, "a Slack token"),
    form("xoxs-", 8, word, "a Slack token"),
    form("dckr_pat_", 10, word, "a Docker token"),
    form("hvs.", 20, word, "a Vault token"),
    form("sk_live_", 10, alnum, "a Stripe key"),
];

/// The first bytes of all forms: most text has none of them.
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut at = 0;
    while at < FORMS.len() {
        starts[FORMS[at].prefix.as_bytes()[0] as usize] = true;
        at += 1;
    }
    starts
};

/// The first literal in a text.
pub(super) fn find(text: &str) -> Option<Literal> {
    literals(text).into_iter().next()
}

/// The text without what has the unmistakable form of a token: for words of a server, which may repeat what it knows.
#[must_use]
pub fn without_tokens(text: &str) -> Cow<'_, str> {
    let found = literals(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut clean, mut next) = (String::with_capacity(text.len()), 0);
    for Literal { place, .. } in found {
        if place.start >= next {
            clean.push_str(&text[next..place.start]);
            clean.push_str("***");
        }
        // Of a key in PEM form, only the first line can be told from other text.
        let is_key = text[place.start..].starts_with("-----BEGIN");
        next = if is_key { text.len() } else { next.max(place.end) };
    }
    clean.push_str(&text[next..]);
    Cow::Owned(clean)
}

/// Every literal in a text.
pub(super) fn literals(text: &str) -> Vec<Literal> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut next = 0;
    while next < bytes.len() {
        let fresh = next == 0 || !(alnum(bytes[next - 1]) || bytes[next - 1] == b'_');
        match fresh.then(|| literal_at(bytes, next)).flatten() {
            Some(literal) => {
                next = literal.place.end;
                found.push(literal);
            }
            None => next += 1,
        }
    }
    found.extend(text.match_indices("://").filter_map(|(at, _)| credentials(text, at)));
    found.sort_by_key(|literal| literal.place.start);
    found
}

fn literal_at(bytes: &[u8], at: usize) -> Option<Literal> {
    let rest = &bytes[at..];
    let literal = |length, what| Literal { place: Place { start: at, end: at + length }, what };
    match rest[0] {
        b'-' if rest.starts_with(b"-----BEGIN ") => {
            let head = &rest[..rest.len().min(80)];
            let head = head.split(|b| *b == b'\n').next().unwrap_or_default();
            return head.windows(11).any(|w| w == b"PRIVATE KEY").then(|| literal(head.len(), "a private key"));
        }
        // Only at the start of a run, so that no run is read twice.
        b'e' if rest.starts_with(b"eyJ") && !at.checked_sub(1).is_some_and(|before| dotted(bytes[before])) => {
            let length = rest.iter().take_while(|b| dotted(**b)).count();
            let mut parts = rest[..length].split(|b| *b == b'.');
            let head = parts.next().is_some_and(|part| part.len() >= 8);
            let body = parts.next().is_some_and(|part| part.starts_with(b"eyJ") && part.len() >= 8);
            return (head && body).then(|| literal(length, "a JSON web token"));
        }
        first if !STARTS[usize::from(first)] => return None,
        _ => {}
    }
    FORMS.iter().filter(|form| rest.starts_with(form.prefix.as_bytes())).find_map(|form| {
        let follows = rest[form.prefix.len()..].iter().take_while(|b| (form.alphabet)(**b)).count();
        (follows >= form.least).then(|| literal(form.prefix.len() + follows, form.what))
    })
}

/// Credentials in a URL, at its `://`. A user's name alone is none, unless it is as long as a token; neither is a
/// variable that a shell fills in.
fn credentials(text: &str, at: usize) -> Option<Literal> {
    let rest = &text[at + 3..];
    let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c)).unwrap_or(rest.len());
    let (user_info, _) = rest[..end].rsplit_once('@')?;
    let secret = match user_info.split_once(':') {
        Some((_, password)) => password,
        None if user_info.len() >= 20 => user_info,
        None => return None,
    };
    let place = Place { start: at + 3, end: at + 3 + user_info.len() };
    (!secret.is_empty() && !secret.starts_with(['$', '{'])).then_some(Literal { place, what: "a URL with credentials in it" })
}

/// The errors that literals are: those on the face of the text, and, once it was read, those that escapes or line
/// folding hid there.
pub(super) fn flaws(text: &str, root: Option<&Node>) -> Vec<Flaw> {
    let mut found = literals(text);
    let mut inside = Vec::new();
    if let Some(root) = root {
        visit(root, &mut |shown, place| {
            let next = found.partition_point(|literal| literal.place.end <= place.start);
            let seen = found.get(next).is_some_and(|literal| literal.place.start < place.end);
            if !seen && let Some(literal) = find(shown) {
                inside.push(Literal { place, ..literal });
            }
        });
    }
    found.append(&mut inside);
    found.into_iter().map(|literal| flaw(&literal)).collect()
}

fn flaw(literal: &Literal) -> Flaw {
    Flaw::new(literal.place, format!("this looks like {}; a plan never holds a secret's value", literal.what))
        .help("name where it is found under `secrets`, and revoke this one if the file was shared")
        .hidden()
}

/// Calls with each scalar and key.
fn visit(node: &Node, see: &mut dyn FnMut(&str, Place)) {
    match &node.value {
        Value::Text(text) | Value::Plain(text) => see(text, node.place),
        Value::List(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Map(entries) => {
            for entry in entries {
                see(&entry.key, entry.key_place);
                visit(&entry.node, see);
            }
        }
        Value::Null => {}
    }
}

/// Whether a text is written like the name of a secret, `GHCR_TOKEN`, rather than like its value.
pub(super) fn is_name_like(text: &str) -> bool {
    const WORDS: [&str; 6] = ["TOKEN", "PASS", "SECRET", "KEY", "AUTH", "CRED"];
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let shape = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let named = text.contains('_') || WORDS.iter().any(|word| text.contains(word));
    shape && named && text.len() <= 64 && digits <= 4 && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Words that end a key under which people put secrets.
const SECRET_KEYS: &[&str] =
    &["password", "passwd", "pwd", "passphrase", "token", "secret", "api_key", "apikey", "private_key", "access_key"];

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SECRET_KEYS.iter().any(|word| key.ends_with(word))
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
    for source in sources {
        odd_source(&source.node, &mut places);
    }
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
                if is_secret_key(&entry.key) && !named && !matches!(entry.node.value, Value::Map(_)) {
                    places.push(Place { start: entry.node.place.start, end: entry.node.end() });
                }
                walk(&entry.node, declared, places);
            }
        }
        Value::List(items) => items.iter().for_each(|item| walk(item, declared, places)),
        _ => {}
    }
}

/// A source that is no map, or has other keys than a source has, may hold the secret itself.
fn odd_source(source: &Node, places: &mut Vec<Place>) {
    let Value::Map(entries) = &source.value else {
        return places.push(Place { start: source.place.start, end: source.end() });
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
