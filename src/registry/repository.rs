//! Names of repositories and images, as they stand in a plan.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use oci_spec::distribution::Reference;
use url::Url;

use crate::{
    network::is_loopback,
    record::{Digest, Text},
};

/// A repository at a registry: `ghcr.io/acme/api`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    host: String,
    name: String,
}

/// The text names no repository or image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of {what}: {reason}")]
pub struct InvalidName {
    text: Text,
    what: &'static str,
    reason: String,
}

impl Repository {
    /// The registry's host, with its port if it has one: `ghcr.io`, `127.0.0.1:5000`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name within the registry: `acme/api`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the registry is on this machine's loopback: only there is plain http spoken, and only the mechanics
    /// of a release are proved.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.origin().is_ok_and(|origin| is_loopback(&origin))
    }

    /// Where the registry's API begins; Docker Hub's is not at the host that its images are named after.
    pub(super) fn origin(&self) -> Result<Url, InvalidName> {
        let host = if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host };
        let invalid =
            |reason: url::ParseError| InvalidName { text: Text::new(&self.host), what: "a registry", reason: reason.to_string() };
        let https = Url::parse(&format!("https://{host}/")).map_err(invalid)?;
        if is_loopback(&https) { Url::parse(&format!("http://{host}/")).map_err(invalid) } else { Ok(https) }
    }

    /// The key under which Docker keeps the login.
    pub(super) fn docker_key(&self) -> &str {
        if self.host == "docker.io" { "https://index.docker.io/v1/" } else { &self.host }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

impl FromStr for Repository {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (repository, tag, digest) = split(text, "a repository")?;
        if tag.is_some() || digest.is_some() {
            let reason = "it has a tag or digest".to_owned();
            return Err(InvalidName { text: Text::new(text), what: "a repository", reason });
        }
        Ok(repository)
    }
}

/// One image of a repository, by tag or digest; without either it is the tag `latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// The repository.
    pub repository: Repository,
    /// The digest if there is one, else the tag.
    pub which: Which,
}

/// Picks an image out of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By a name that can move.
    Tag(String),
    /// By content.
    Digest(Digest),
}

impl Which {
    /// For people: of a digest the first digits.
    pub(super) fn short(&self) -> &str {
        match self {
            Self::Tag(tag) => tag,
            Self::Digest(digest) => digest.short(),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl FromStr for ImageName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (repository, tag, digest) = split(text, "an image")?;
        let which = match digest {
            Some(digest) => Which::Digest(digest),
            None => Which::Tag(tag.unwrap_or_else(|| "latest".to_owned())),
        };
        Ok(Self { repository, which })
    }
}

/// Whether a registry can have a tag of this name.
/// Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>.
pub(super) fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut bytes = text.bytes();
    text.len() <= 128 && bytes.next().is_some_and(word) && bytes.all(|b| word(b) || matches!(b, b'.' | b'-'))
}

type Parts = (Repository, Option<String>, Option<Digest>);

fn split(text: &str, what: &'static str) -> Result<Parts, InvalidName> {
    let invalid = |reason: String| InvalidName { text: Text::new(text), what, reason };
    // The grammar of references knows no IPv6 address: such a host is read here, the rest as if at another host.
    let (host, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once('/')) {
        Some((host, rest)) => {
            (Some(ipv6(host).ok_or_else(|| invalid("no valid address in `[…]`".to_owned()))?), format!("localhost/{rest}"))
        }
        None => (None, text.to_owned()),
    };
    let reference = Reference::try_from(rest.as_str()).map_err(|e| invalid(e.to_string()))?;
    let tagged = reference.tag().is_some_and(|tag| rest.contains(&format!(":{tag}")));
    let digest = reference.digest().map(str::parse::<Digest>).transpose().map_err(|e| invalid(e.to_string()))?;
    let host = host.unwrap_or_else(|| reference.registry().to_ascii_lowercase());
    let repository = Repository { host, name: reference.repository().to_owned() };
    repository.origin()?;
    Ok((repository, reference.tag().filter(|_| tagged).map(str::to_owned), digest))
}

/// `[address]` or `[address]:port`, of which the first bracket is already gone.
fn ipv6(text: &str) -> Option<String> {
    let (address, port) = text.split_once(']')?;
    let address: Ipv6Addr = address.parse().ok()?;
    match port.strip_prefix(':') {
        None if port.is_empty() => Some(format!("[{address}]")),
        Some(port) => Some(format!("[{address}]:{}", port.parse::<u16>().ok()?)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(text: &str) -> Repository {
        text.parse().unwrap()
    }

    #[test]
    fn plain_http_is_spoken_on_loopback_only() {
        for text in ["localhost/a", "localhost:5000/a/b", "127.0.0.1:5000/a", "127.8.9.1/a", "[::1]:5000/a/b"] {
            assert!(repository(text).is_loopback(), "{text}");
            assert_eq!(repository(text).origin().unwrap().scheme(), "http", "{text}");
        }
        for text in ["ghcr.io/a/b", "10.0.0.1:5000/a", "localhost.example/a", "[::2]:5000/a", "acme/api", "128.0.0.1/a"] {
            assert!(!repository(text).is_loopback(), "{text}");
            assert_eq!(repository(text).origin().unwrap().scheme(), "https", "{text}");
        }
    }

    #[test]
    fn short_names_are_docker_hubs() {
        let hub = repository("debian");
        assert_eq!((hub.host(), hub.name()), ("docker.io", "library/debian"));
        assert_eq!(hub.origin().unwrap().as_str(), "https://registry-1.docker.io/");
        assert_eq!(hub.docker_key(), "https://index.docker.io/v1/");
        assert_eq!(repository("acme/api").to_string(), "docker.io/acme/api");
    }

    #[test]
    fn a_repository_has_neither_tag_nor_digest_nor_capitals() {
        for text in [
            "ghcr.io/a:1",
            "ghcr.io/a:latest",
            "ghcr.io/A/b",
            "",
            "ghcr.io/a b",
            "https://ghcr.io/a",
            "[::1/a",
            "[x]/a",
            "[::1]:99999/a",
        ] {
            assert!(text.parse::<Repository>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_outranks_a_tag_and_latest_is_the_default() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let which = |text: &str| text.parse::<ImageName>().unwrap().which.to_string();
        assert_eq!(which("debian"), "latest");
        assert_eq!(which("localhost:5000/debian"), "latest");
        assert_eq!(which("localhost:5000/debian:12"), "12");
        assert_eq!(which(&format!("debian:12@{digest}")), digest);
        assert_eq!(which(&format!("[::1]:5000/debian@{digest}")), digest);
    }

    #[test]
    fn tags_are_those_that_registries_take() {
        assert!(is_tag("canship-drill-20261120-1.x_"));
        for text in ["", "-a", ".a", "a/b", "a b", &"a".repeat(129)] {
            assert!(!is_tag(text), "{text}");
        }
    }
}
