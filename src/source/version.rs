//! The version of a release, read out of the commit.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Checkout, SourceError};
use crate::{
    plan::{TagTemplate, Version},
    record::Text,
};

/// Why there is no version.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The commit has no such file.
    #[error("the commit has no file `{0}`")]
    NoFile(Text),
    /// The file cannot be read as what its name says it is.
    #[error("`{file}` cannot be read: {words}")]
    NotParsed {
        /// The file.
        file: Text,
        /// The parser's words.
        words: Text,
    },
    /// The file has no such key.
    #[error("`{file}` has no key `{key}`; up to there it has {near}")]
    NoKey {
        /// The file.
        file: Text,
        /// The key.
        key: Text,
        /// The keys at the place where the search ended.
        near: Text,
    },
    /// The key has a value that is no version.
    #[error("`{key}` in `{file}` is {kind}, not a text")]
    NotText {
        /// The file.
        file: Text,
        /// The key.
        key: Text,
        /// What it is.
        kind: &'static str,
    },
    /// No tag leads to the commit.
    #[error("no tag{like} leads to the commit{shallow}")]
    NoTag {
        /// How tags should look, if the plan says.
        like: String,
        /// Why that may be.
        shallow: &'static str,
    },
    /// It cannot be part of a tag.
    #[error("`{version}` cannot be a version: {reason}")]
    Unusable {
        /// What was read.
        version: Text,
        /// Why not.
        reason: &'static str,
    },
    /// A command tells it, which runs in the room.
    #[error("the version is told by a command, which runs in the room")]
    InRoom,
    /// Git failed.
    #[error(transparent)]
    Git(#[from] SourceError),
}

/// The longest version: registries allow tags of 128 characters.
const LONGEST: usize = 128;

/// Takes what was read as a version: trimmed, and such that git takes it as part of a tag (git-check-ref-format(1)).
///
/// # Errors
/// [`VersionError::Unusable`].
pub fn usable(read: &str) -> Result<String, VersionError> {
    let version = read.trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let reason = if version.is_empty() {
        "it is empty"
    } else if version.len() > LONGEST {
        "it is longer than 128 characters"
    } else if version.contains(odd) {
        "it has white space or a character that git does not allow in a tag"
    } else if version.contains("..") || version.contains("@{") || version.contains("//") {
        "it has `..`, `@{` or `//`, which git does not allow in a tag"
    } else if version.split('/').any(|part| part.starts_with(['.', '-']) || part.ends_with('.') || part.is_empty()) {
        "a part of it begins with `.` or `-`, or ends with `.`, which git does not allow in a tag"
    } else if version.split('/').any(|part| Path::new(part).extension().is_some_and(|extension| extension == "lock")) {
        "it ends with `.lock`, which git does not allow in a tag"
    } else {
        return Ok(version.to_owned());
    };
    Err(VersionError::Unusable { version: Text::new(version), reason })
}

pub(super) async fn read(checkout: &Checkout, version: &Version, template: Option<&TagTemplate>) -> Result<String, VersionError> {
    match version {
        Version::Commit => Ok(checkout.commit.chars().take(12).collect()),
        Version::Command(_) => Err(VersionError::InRoom),
        Version::LatestTag => latest_tag(checkout, template).await,
        Version::File { file, key } => {
            let path = file.to_string_lossy();
            let path = path.strip_prefix("./").unwrap_or(&path);
            let bytes = checkout.file(path).await?.ok_or_else(|| VersionError::NoFile(path.into()))?;
            in_file(path, bytes, key.as_deref())
        }
    }
}

/// The version in a file: at a key, or all of it.
fn in_file(path: &str, bytes: Vec<u8>, key: Option<&str>) -> Result<String, VersionError> {
    let text = String::from_utf8(bytes)
        .map_err(|_| VersionError::NotParsed { file: path.into(), words: "it is not UTF-8 text".into() })?;
    match key {
        Some(key) => usable(&value(path, &text, key)?),
        None => usable(&text),
    }
}

/// The largest file that is looked into without a drill.
const LARGEST: u64 = 4 << 20;

/// Why there is no version in the file that it is taken from, as that stands in this folder; none if there is one, or if it comes
/// from elsewhere.
#[must_use]
pub fn lacking(folder: &Path, version: &Version) -> Option<VersionError> {
    let Version::File { file, key } = version else { return None };
    let name = file.to_string_lossy();
    let name = name.strip_prefix("./").unwrap_or(&name);
    let inside = fs::canonicalize(folder).ok().zip(fs::canonicalize(folder.join(file)).ok());
    let path = inside.filter(|(folder, path)| path.starts_with(folder)).map(|(_, path)| path);
    let Some(length) = path.as_ref().and_then(|path| fs::metadata(path).ok()).filter(fs::Metadata::is_file).map(|file| file.len())
    else {
        return Some(VersionError::NoFile(name.into()));
    };
    if length > LARGEST {
        return None;
    }
    let read = fs::read(path?).ok()?;
    in_file(name, read, key.as_deref()).err()
}

async fn latest_tag(checkout: &Checkout, template: Option<&TagTemplate>) -> Result<String, VersionError> {
    let (before, after) = template.and_then(|template| template.as_str().split_once("{version}")).unwrap_or_default();
    let pattern = format!("{}*{}", literal(before), literal(after));
    let arguments = ["describe", "--tags", "--abbrev=0", "--exclude=canship-drill/*", "--match", &pattern, &checkout.commit];
    let answer = checkout.git.run(&checkout.clone, &arguments).await?;
    if !answer.success {
        let like = template.map_or_else(String::new, |template| format!(" like `{}`", template.as_str()));
        let shallow = checkout.notes.contains(&super::Note::Shallow);
        return Err(VersionError::NoTag { like, shallow: if shallow { "; the source is shallow" } else { "" } });
    }
    let tag = answer.text();
    usable(tag.strip_prefix(before).and_then(|tag| tag.strip_suffix(after)).unwrap_or(&tag))
}

/// The text as a pattern of git that means just the text.
fn literal(text: &str) -> String {
    text.chars().fold(
        String::new(),
        |pattern, c| if "*?[\\".contains(c) { pattern + "\\" + &c.to_string() } else { pattern + &c.to_string() },
    )
}

/// The value of a key, dot by dot; numbers count the entries of a list.
fn value(file: &str, text: &str, key: &str) -> Result<String, VersionError> {
    let document = parse(file, text)?;
    let mut at = &document;
    for part in key.split('.') {
        let next = match at {
            Value::Array(entries) => part.parse::<usize>().ok().and_then(|i| entries.get(i)),
            other => other.get(part),
        };
        at = next.ok_or_else(|| VersionError::NoKey { file: file.into(), key: key.into(), near: near(at) })?;
    }
    let kind = match at {
        Value::String(text) => return Ok(text.clone()),
        Value::Number(number) if number.is_u64() => return Ok(number.to_string()),
        Value::Number(_) => "a number (1.10 would become 1.1: put it in quotes)",
        Value::Object(_) => "a table (a version that is inherited stands in another file)",
        Value::Array(_) => "a list",
        Value::Bool(_) => "true or false",
        Value::Null => "nothing",
    };
    Err(VersionError::NotText { file: file.into(), key: key.into(), kind })
}

fn parse(file: &str, text: &str) -> Result<Value, VersionError> {
    let extension = Path::new(file).extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let parsed = match &*extension {
        "toml" => toml::from_str(text).map_err(|error| error.message().to_owned()),
        "json" => serde_json::from_str(text).map_err(|error| error.to_string()),
        "yaml" | "yml" => serde_saphyr::from_str(text).map_err(|error| error.to_string()),
        _ => Err("a `key` needs a file whose name ends with .toml, .json, .yaml or .yml".to_owned()),
    };
    parsed.map_err(|words| VersionError::NotParsed { file: file.into(), words: words.lines().next().unwrap_or_default().into() })
}

fn near(value: &Value) -> Text {
    let keys: Vec<_> = value.as_object().into_iter().flatten().map(|(key, _)| format!("`{key}`")).take(12).collect();
    if keys.is_empty() { "no keys".into() } else { keys.join(", ").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_by_its_key_in_each_format() {
        for (file, text, key) in [
            ("Cargo.toml", "[package]\nversion = \"1.2.3\"", "package.version"),
            ("package.json", r#"{"version": "1.2.3"}"#, "version"),
            ("Chart.yaml", "version: 1.2.3", "version"),
            ("deep.yml", "a:\n  - b: \"1.2.3\"", "a.0.b"),
        ] {
            assert_eq!(value(file, text, key).unwrap(), "1.2.3", "{file}");
        }
    }

    #[test]
    fn what_is_no_version_is_said_to_be_none() {
        let said = |file: &str, text: &str, key: &str| value(file, text, key).unwrap_err().to_string();
        assert_eq!(
            said("a.yaml", "version: 1.10", "version"),
            "`version` in `a.yaml` is a number (1.10 would become 1.1: put it in quotes), not a text"
        );
        assert!(said("a.toml", "version.workspace = true", "version").contains("is a table"));
        assert_eq!(
            said("a.json", r#"{"name": "x", "b": 1}"#, "version"),
            "`a.json` has no key `version`; up to there it has `name`, `b`"
        );
        assert!(said("a.json", "{", "version").contains("cannot be read"));
        assert!(said("VERSION", "1.2.3", "version").contains("ends with .toml"));
    }

    #[test]
    fn a_version_is_what_git_takes_in_a_tag() {
        for version in ["1.2.3", " 1.2.3\n", "2026-11-20", "api/1.2", "1.0+meta", "pkg@1.0"] {
            assert_eq!(usable(version).unwrap(), version.trim());
        }
        for version in [
            "",
            "\n",
            "1 2",
            "1..2",
            "-1",
            ".1",
            "1.",
            "a/-b",
            "1~2",
            "1:2",
            "a//b",
            "x.lock",
            "1\u{1b}[0m",
            "@{1",
            &"1".repeat(129),
        ] {
            assert!(usable(version).is_err(), "{version:?}");
        }
    }

    #[test]
    fn a_template_means_just_what_it_says() {
        assert_eq!(literal("v*[1]\\"), "v\\*\\[1]\\\\");
    }
}
