//! What of a secret is secret by itself: the whole of it, its lines, and the values inside of it.
//!
//! A service account's key, a database's URL, a file of variables or a container tool's login is rarely printed whole:
//! programs take it apart and print what they took out. What everybody's files have in common (the armor of PEM, the names
//! of keys, the addresses of a vendor) is no part.

use std::collections::HashMap;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use serde_json::Value;

use super::forms::SHORTEST;

/// In files of any kind, what is shorter stands somewhere by chance.
const TELLING: usize = 8;

/// A text with characters of one kind only that is shorter than this may well be a word.
const WORD: usize = 12;

/// A line or value that nobody calls secret is taken for one where it is at least this long and has no pattern.
const RANDOM: usize = 16;

/// How often a value is looked into that is itself a value: a key in JSON in base64 in a file of variables.
const DEEPEST: usize = 4;

/// More than a secret has values. Its lines are parts in any case.
const MOST: usize = 512;

/// Parts of the names of values that are secret even if they are short.
const SENSITIVE: &[&str] = &["pass", "pwd", "secret", "token", "key", "auth", "cred", "private", "sign", "salt", "pin", "code"];

/// Ends of the names of values that everybody may see, and that reports and addresses are full of.
const PUBLIC: &[&str] = &[
    "type",
    "project_id",
    "client_email",
    "auth_uri",
    "token_uri",
    "domain",
    "endpoint",
    "region",
    "host",
    "hostname",
    "server",
    "port",
    "cert_url",
    "certificate-authority-data",
    "certificate",
    "public_key",
    "kind",
    "version",
];

/// Who logs in to most servers.
const USERS: &[&str] =
    &["root", "admin", "postgres", "mysql", "user", "guest", "default", "token", "oauth2", "x-access-token", "git", "_json_key"];

/// A text to keep out of the output.
pub(super) struct Part {
    pub(super) text: Zeroizing<String>,
    /// Whether it says something that it stands in a file: no file of somebody else's has it by chance.
    pub(super) telling: bool,
}

/// How far a text is known to be secret.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    /// It is a secret of the plan, or its name says that it is one.
    Secret,
    /// It stands inside of one.
    Inside,
}

/// The parts of a secret.
pub(super) fn of(secret: &str) -> Vec<Part> {
    let mut parts = Parts::default();
    parts.take(secret, Named::Secret, 0);
    parts.0.into_iter().map(|(text, telling)| Part { text: Zeroizing::new(text), telling }).collect()
}

/// Whether a text is so long and has so little of a word that no file of somebody else's has it by chance.
fn is_telling(text: &str) -> bool {
    let text = text.trim();
    let kinds = [char::is_lowercase, char::is_uppercase, char::is_numeric, |c: char| !c.is_alphanumeric()];
    let of_one_kind = kinds.iter().any(|is| text.chars().all(is));
    // `aaaaaaaa` and `0123456789abcdef` stand in most programs.
    let next = |pair: &[u8]| pair[1].abs_diff(pair[0]) <= 1;
    let rising = text.as_bytes().windows(2).filter(|pair| next(pair)).count();
    text.len() >= TELLING && !(of_one_kind && text.len() < WORD) && rising * 2 < text.len()
}

/// Whether a text is long and has no pattern.
fn is_random(text: &str) -> bool {
    text.len() >= RANDOM && is_patternless(text)
}

/// The same of bytes of a text.
pub(super) fn is_patternless_bytes(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(is_patternless)
}

/// Whether a text has no pattern: letters and digits change as often as they do by chance.
pub(super) fn is_patternless(text: &str) -> bool {
    let kind = |c: char| match c {
        'a'..='z' => 0,
        'A'..='Z' => 1,
        _ => 2,
    };
    let kinds: Vec<_> = text.chars().filter(char::is_ascii_alphanumeric).map(kind).collect();
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    is_telling(text) && changes * 5 >= text.chars().count()
}

/// The first or last line of a key or certificate in PEM.
fn is_armor(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("-----BEGIN ") || line.starts_with("-----END ")) && line.ends_with("-----")
}

/// Each part, and whether it is telling.
#[derive(Default)]
struct Parts(HashMap<String, bool>);

impl Parts {
    fn add(&mut self, text: &str, telling: bool) {
        if text.trim().chars().count() < SHORTEST {
            return;
        }
        match self.0.get_mut(text) {
            Some(known) => *known |= telling,
            None => drop(self.0.insert(text.to_owned(), telling)),
        }
    }

    fn take(&mut self, text: &str, named: Named, depth: usize) {
        let has_public = text.contains("CERTIFICATE-----") || text.contains("PUBLIC KEY-----") || text.contains("certificate-");
        let telling = match named {
            Named::Secret => is_telling(text) && !has_public,
            Named::Inside => is_random(text) && !has_public,
        };
        self.add(text, telling);
        self.add(text.trim(), telling);
        if depth >= DEEPEST || self.0.len() >= MOST {
            return self.lines(text, false);
        }
        let before = self.0.len();
        self.json(text, depth);
        self.url(text);
        self.encoded(text, depth);
        for line in text.lines() {
            self.assignments(line, depth);
        }
        // The lines of what has values are full of names that everybody's files have.
        self.lines(text, self.0.len() == before);
    }

    fn lines(&mut self, text: &str, may_tell: bool) {
        if !text.trim_end().contains('\n') {
            return;
        }
        let mut is_public = false;
        for line in text.lines() {
            if is_armor(line) {
                is_public = line.contains("BEGIN ") && (line.contains("CERTIFICATE") || line.contains("PUBLIC"));
                continue;
            }
            let telling = may_tell && !is_public && is_random(line.trim());
            self.add(line, telling);
            self.add(line.trim(), telling);
        }
    }

    /// The values of a text in JSON.
    fn json(&mut self, text: &str, depth: usize) {
        let text = text.trim();
        if text.starts_with(['{', '['])
            && let Ok(value) = serde_json::from_str(text)
        {
            self.json_value("", value, depth);
        }
    }

    fn json_value(&mut self, name: &str, value: Value, depth: usize) {
        match value {
            Value::String(text) => self.value(name, &Zeroizing::new(text), depth),
            Value::Number(number) => self.value(name, &number.to_string(), depth),
            Value::Array(values) => values.into_iter().for_each(|value| self.json_value(name, value, depth)),
            Value::Object(map) => map.into_iter().for_each(|(name, value)| self.json_value(&name, value, depth)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// `NAME=value`, `name: value`, several of them in a line, and `login name password word`.
    fn assignments(&mut self, line: &str, depth: usize) {
        let line = line.trim().trim_start_matches("- ");
        let line = line.strip_prefix("export ").unwrap_or(line);
        if let Some((name, value)) = assignment(line, &['=', ':']) {
            self.value(name, value, depth);
        }
        for between in [&[';'][..], &['&', '?'], &[' ', '\t']] {
            let pieces: Vec<_> = line.split(between).map(str::trim).filter(|piece| !piece.is_empty()).collect();
            if pieces.len() > 1 {
                pieces
                    .iter()
                    .filter_map(|piece| assignment(piece, &['=']))
                    .for_each(|(name, value)| self.value(name, value, depth));
            }
            for pair in
                pieces.windows(2).filter(|pair| between == [' ', '\t'] && matches!(pair[0], "password" | "login" | "account"))
            {
                self.value(if pair[0] == "password" { pair[0] } else { "" }, pair[1], depth);
            }
        }
    }

    fn value(&mut self, name: &str, value: &str, depth: usize) {
        let value = value.trim().trim_matches(['"', '\'', ',']);
        let name = name.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        if PUBLIC.iter().any(|public| name.ends_with(public)) || self.0.len() >= MOST {
            return;
        }
        for scheme in ["Bearer ", "Basic ", "bearer ", "basic ", "token "] {
            if let Some(token) = value.strip_prefix(scheme) {
                self.take(token.trim(), Named::Secret, depth + 1);
            }
        }
        if value.contains("\\n") {
            return self.take(&Zeroizing::new(value.replace("\\n", "\n")), Named::Secret, depth + 1);
        }
        let is_mixed = value.chars().any(char::is_alphabetic) && value.chars().any(char::is_numeric);
        let is_name = value.len() < WORD && value.chars().all(char::is_alphabetic);
        if SENSITIVE.iter().any(|part| name.contains(part)) {
            self.take(value, Named::Secret, depth + 1);
        } else if is_mixed || value.contains("://") || (value.len() >= TELLING && !is_name) {
            self.take(value, Named::Inside, depth + 1);
        }
    }

    /// User and password of each URL.
    fn url(&mut self, text: &str) {
        for (at, _) in text.match_indices("://") {
            let rest = &text[at + 3..];
            let end = rest.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(rest.len());
            let Some((login, _)) = rest[..end].rsplit_once('@') else { continue };
            let (user, password) = login.split_once(':').unwrap_or(("", login));
            for (word, telling) in [(password, true), (user, false)] {
                let meant = Zeroizing::new(percent_decode_str(word).decode_utf8_lossy().into_owned());
                for word in [word, &meant].into_iter().filter(|word| !USERS.contains(word)) {
                    self.add(word, telling && is_telling(word));
                }
            }
        }
    }

    /// What base64 holds, if it is text; and what a web token is signed with.
    fn encoded(&mut self, text: &str, depth: usize) {
        let text = text.trim();
        if let [_, payload, signature] = text.split('.').collect::<Vec<_>>()[..]
            && text.starts_with("eyJ")
        {
            self.add(payload, is_random(payload));
            self.add(signature, is_random(signature));
        }
        let packed: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        if packed.len() < RANDOM || depth + 1 >= DEEPEST {
            return;
        }
        let any_padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        for alphabet in [&base64::alphabet::STANDARD, &base64::alphabet::URL_SAFE] {
            let Ok(bytes) = GeneralPurpose::new(alphabet, any_padding).decode(packed.as_bytes()) else { continue };
            match String::from_utf8(bytes) {
                Ok(inside) if !inside.chars().any(|c| c.is_control() && !c.is_whitespace()) => {
                    let inside = Zeroizing::new(inside);
                    if let Some((_, password)) = inside.split_once(':').filter(|_| !inside.contains('\n')) {
                        self.add(password, is_telling(password));
                    }
                    return self.take(&inside, Named::Inside, depth + 1);
                }
                Ok(mut inside) => inside.zeroize(),
                Err(odd) => odd.into_bytes().zeroize(),
            }
        }
    }
}

/// Name and value, if this is both.
fn assignment<'t>(text: &'t str, signs: &[char]) -> Option<(&'t str, &'t str)> {
    let (name, value) = text.split_once(signs)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-./:\"' ".contains(c);
    let first = name.trim_start_matches(['"', '\'', '/']).chars().next()?;
    let is_assigned = (first.is_ascii_alphabetic() || first == '_') && name.chars().all(is_name) && !value.starts_with("//");
    is_assigned.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(secret: &str) -> Vec<(String, bool)> {
        let mut parts: Vec<_> = of(secret).into_iter().map(|part| (part.text.to_string(), part.telling)).collect();
        parts.sort();
        parts
    }

    #[track_caller]
    fn has(secret: &str, part: &str, telling: bool) {
        let found = parts(secret);
        assert!(found.contains(&(part.to_owned(), telling)), "{part} ({telling}) in {found:#?}");
    }

    const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    #[test]
    fn what_everybody_has_is_no_part_of_a_key() {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{BODY}\nQ2E=\n-----END PRIVATE KEY-----\n");
        has(&key, BODY, true);
        has(&key, "Q2E=", false);
        assert!(parts(&key).iter().all(|(part, _)| !part.trim().starts_with("-----") || part.contains(BODY)));
        let chain = format!("-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----\n");
        assert!(parts(&chain).iter().all(|(_, telling)| !telling), "{:?}", parts(&chain));
    }

    #[test]
    fn values_are_parts_whatever_they_stand_in() {
        let account = serde_json::json!({ "type": "service_account", "project_id": "acme-production-1", "private_key_id": "0f9e8d7c6b5a49382716",
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"), "pin": "4711" });
        for text in [account.to_string(), serde_json::to_string_pretty(&account).unwrap()] {
            has(&text, BODY, true);
            has(&text, "0f9e8d7c6b5a49382716", true);
            has(&text, "4711", false);
            assert!(parts(&text).iter().all(|(part, _)| part != "acme-production-1" && part != "service_account"));
            has(&base64::engine::general_purpose::STANDARD.encode(&text), BODY, true);
        }
        has("postgres://app_rw:hunter2%21x@db/x?sslmode=require", "hunter2%21x", true);
        has("postgres://app_rw:hunter2%21x@db/x", "hunter2!x", true);
        has("postgres://app_rw:hunter2%21x@db/x", "app_rw", false);
        has("# a comment\nexport DB_PASSWORD='correct horse'\nAPI_TOKEN=abc1\nMODE=production\n", "correct horse", true);
        has("# a comment\nexport DB_PASSWORD='correct horse'\nAPI_TOKEN=abc1\nMODE=production\n", "abc1", false);
        has("users:\n- name: me\n  user:\n    token: sh4-xyz-77\n", "sh4-xyz-77", true);
        has("Server=db;User Id=app;Password=pa55-w0rd", "pa55-w0rd", true);
        has("machine h login me password pa55-w0rd", "pa55-w0rd", true);
        has("//registry.npmjs.org/:_authToken=npm_8fK2", "npm_8fK2", true);
        has("Authorization: Bearer 8fK2-aa91", "8fK2-aa91", true);
        has("{\"auths\":{\"ghcr.io\":{\"auth\":\"Ym90OnBhNTUtdzByZC13b3Jk\"}}}", "pa55-w0rd-word", true);
        has("KEY=\"-----BEGIN KEY-----\\n8fK2aa91Zx77Qw3E\\n-----END KEY-----\"", "8fK2aa91Zx77Qw3E", true);
    }

    #[test]
    fn words_and_rows_tell_nothing() {
        for word in ["password", "production", "hunter2", "aaaaaaaaaaaaaaaa", "0123456789abcdef", "12345678901", "        "] {
            assert!(!is_telling(word), "{word}");
        }
        for secret in ["hunter2-hunter2", "correcthorsebattery", "8fK2aa91", "9918-2237"] {
            assert!(is_telling(secret), "{secret}");
        }
        for line in ["docker-compose-v2-linux-x86_64", "https://www.googleapis.com/oauth2/v1/certs", "-----BEGIN PRIVATE KEY-----"]
        {
            assert!(!is_random(line), "{line}");
        }
        assert!(is_random(BODY) && is_random("0f9e8d7c6b5a49382716"));
    }

    #[test]
    fn a_plain_secret_has_only_itself() {
        assert_eq!(parts("hunter2-hunter2"), [("hunter2-hunter2".to_owned(), true)]);
        assert_eq!(parts(" tok4 "), [(" tok4 ".to_owned(), false), ("tok4".to_owned(), false)]);
    }
}
