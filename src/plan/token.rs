//! Finds *literals* in a plan: what has the unmistakable form of a token is an error wherever it stands, in a comment too.
//! What only stands where people put passwords is a suspect (`suspect.rs`).

use std::borrow::Cow;

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
pub(super) fn visit(node: &Node, see: &mut dyn FnMut(&str, Place)) {
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
