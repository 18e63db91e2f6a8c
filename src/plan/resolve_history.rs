//! Where the records of drills are kept.

use std::path::PathBuf;

use super::{
    checks::Checks,
    cursor::Cursor,
    model::{Addressing, History, Store, StoreKey},
    raw::RawHistory,
    raw_history::RawStore,
};

/// Where records are kept if the plan says nothing, relative to its folder.
const DEFAULT: &str = ".canship/history";

pub(super) fn history(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawHistory>) -> History {
    match raw {
        None => History::Folder(PathBuf::from(DEFAULT)),
        Some(RawHistory::Place(place)) => named(checks, at, place),
        Some(RawHistory::Store(raw)) => store(checks, at, raw),
    }
}

fn named(checks: &mut Checks, at: &Cursor<'_>, place: &str) -> History {
    checks.line(at, place);
    if place == "none" {
        return History::Nowhere;
    }
    if place.starts_with("s3://") {
        let (bucket, prefix) = bucket(checks, at, place);
        return History::Store(Store { bucket, prefix, endpoint: None, region: None, addressing: None, key: None });
    }
    if let Some(rest) = place.strip_prefix("s3:") {
        let meant = rest.trim_start_matches('/');
        checks.wrong(at, "is no place for records").help = Some(format!("did you mean `s3://{meant}`?"));
    } else if place.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) {
        checks.wrong(at, "is no place for records").help =
            Some("write a folder (one with such a name as `./name:`), `s3://bucket/prefix` or `none`".into());
    }
    History::Folder(PathBuf::from(place))
}

/// Whether an address may begin so, `file` or `s3+http`; a folder's name hardly does.
fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

fn store(checks: &mut Checks, at: &Cursor<'_>, raw: &RawStore) -> History {
    let (bucket, prefix) = bucket(checks, &at.key("store"), &raw.store);
    if let Some(endpoint) = &raw.endpoint {
        let valid = url::Url::parse(endpoint).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none()
        });
        if !valid {
            checks.wrong(&at.key("endpoint"), "is no address of a server").help =
                Some("write for example `https://s3.example`".into());
        }
    }
    if let Some(region) = &raw.region {
        checks.line(&at.key("region"), region);
    }
    let addressing = raw.path_style.map(|in_path| if in_path { Addressing::Path } else { Addressing::Host });
    let key = key(checks, at, raw);
    History::Store(Store { bucket, prefix, endpoint: raw.endpoint.clone(), region: raw.region.clone(), addressing, key })
}

/// The names of the secrets that open the store: id and key together, or neither.
fn key(checks: &mut Checks, at: &Cursor<'_>, raw: &RawStore) -> Option<StoreKey> {
    let mut named = |name: &str, value: Option<&String>| value.map(|value| checks.secret(&at.key(name), value));
    let (id, secret) = (named("key_id", raw.key_id.as_ref()), named("secret_key", raw.secret_key.as_ref()));
    let session = named("session_token", raw.session_token.as_ref());
    match (id, secret) {
        (Some(id), Some(secret)) => Some(StoreKey { id, secret, session }),
        (None, None) if session.is_none() => None,
        _ => {
            checks.wrong(at, "must have `key_id` and `secret_key` together, or neither");
            None
        }
    }
}

/// The bucket and the prefix of `s3://bucket/prefix`.
fn bucket(checks: &mut Checks, at: &Cursor<'_>, place: &str) -> (String, String) {
    let rest = place.strip_prefix("s3://").unwrap_or_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
    if !part(bucket) || !(prefix.is_empty() || prefix.split('/').all(part)) {
        let flaw = checks.wrong(at, "is no bucket with a prefix");
        flaw.help = Some("write `s3://bucket/prefix`, of letters, digits, `-`, `_` and `.`".into());
    }
    (bucket.to_owned(), prefix.to_owned())
}
