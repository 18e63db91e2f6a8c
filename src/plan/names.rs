//! The syntax of what a plan names: keys, variables, git refs, paths, image references, hosts.
//!
//! Every check answers with the reason in words, or nothing if all is well. None quotes the value.

use std::path::{Component, Path};

use oci_spec::distribution::Reference;

/// Characters of a name that are quoted in a message.
const QUOTED: usize = 60;

/// The name, short enough for a message.
pub(super) fn short(name: &str) -> String {
    if name.chars().count() <= QUOTED { name.to_owned() } else { format!("{}…", name.chars().take(QUOTED).collect::<String>()) }
}

/// The known name that is most like this one; none if none is like it.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let fold = |text: &str| text.to_ascii_lowercase().replace(['-', '_', ' '], "");
    let name = fold(&short(name));
    let like = |candidate: &str| {
        let candidate = fold(candidate);
        let close = strsim::normalized_damerau_levenshtein(&name, &candidate);
        if candidate.len() >= 3 && name.len() >= 3 && (name.starts_with(&candidate) || candidate.starts_with(&name)) {
            close.max(0.7)
        } else {
            close
        }
    };
    let (likeness, best) = known.into_iter().map(|k| (like(k), k)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= 0.5).then_some(best)
}

/// What to write instead of an unknown key or word.
pub(super) fn suggestion(name: &str, known: &[&str], what: &str) -> String {
    let all = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    match nearest(name, known.iter().copied()) {
        Some(best) => format!("did you mean `{best}`? The {what} here are {all}"),
        None => format!("the {what} here are {all}"),
    }
}

/// Whether this can be the name of a secret or an environment variable.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 255
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether this can be a spare's name: it is typed on the command line.
pub(super) fn is_spare(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Why git does not take this as the name of a branch or tag. Source: git-check-ref-format(1).
pub(super) fn ref_flaw(name: &str) -> Option<&'static str> {
    let forbidden = |c: char| c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    if name.is_empty() {
        Some("it is empty")
    } else if name.starts_with('-') {
        Some("it begins with `-`")
    } else if name.chars().any(forbidden) {
        Some("it has a space, a control character or one of `~^:?*[\\` in it")
    } else if name.contains("..") || name.contains("@{") || name == "@" {
        Some("it has `..` or `@{` in it, or is `@`")
    } else if name.ends_with('.') {
        Some("it ends with `.`")
    } else if name.split('/').any(str::is_empty) {
        Some("it begins or ends with `/`, or has `//` in it")
    } else if name.split('/').any(|part| part.starts_with('.') || has_lock_suffix(part)) {
        Some("a part of it begins with `.` or ends with `.lock`")
    } else {
        None
    }
}

fn has_lock_suffix(part: &str) -> bool {
    part.as_bytes().ends_with(b".lock")
}

/// Why this is no path inside of the source.
pub(super) fn inner_path_flaw(path: &str) -> Option<&'static str> {
    if path.trim().is_empty() {
        Some("it is empty")
    } else if Path::new(path).is_absolute() {
        Some("it is absolute: it must be relative to the source's root")
    } else if Path::new(path).components().any(|part| part == Component::ParentDir) {
        Some("it has `..` in it")
    } else if Path::new(path).file_name().is_none() {
        Some("it names no file or folder")
    } else if path.contains(['\0', '\n', '\r']) {
        Some("it has a control character in it")
    } else {
        None
    }
}

/// Why this is no path of an image that a build may be allowed to write to.
pub(super) fn writable_flaw(path: &str) -> Option<&'static str> {
    let parts = || Path::new(path).components();
    if !path.starts_with('/') {
        Some("it must be absolute, as in `/usr/local/cargo`")
    } else if parts().any(|part| part == Component::ParentDir) {
        Some("it has `..` in it")
    } else if !parts().any(|part| matches!(part, Component::Normal(_))) {
        Some("it is the root: name the folders that the build writes to")
    } else if path.contains(['\0', '\n', '\r', ':', ',']) {
        Some("it has a control character, `:` or `,` in it")
    } else {
        None
    }
}

/// The image reference, or why it is none.
pub(super) fn image(text: &str) -> Result<Reference, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let path = text.split_once('/').map_or(text, |(_, path)| path).split([':', '@']).next().unwrap_or_default();
    text.parse::<Reference>().map_err(|error| {
        if text.contains(char::is_whitespace) {
            "it has a space in it".to_owned()
        } else if path.contains(|c: char| c.is_ascii_uppercase()) {
            "it has capitals in its name: write it in small letters".to_owned()
        } else {
            error.to_string()
        }
    })
}

/// The repository, normalised so that all ways of writing it are equal; or why it is none.
pub(super) fn repository(text: &str) -> Result<String, String> {
    let like = |reason: &str| Err(format!("{reason}, as in `ghcr.io/acme/api`"));
    if text.contains("://") {
        return like("it is a URL: write host and path alone");
    }
    let reference = match image(text) {
        Ok(reference) => reference,
        Err(reason) => return like(&format!("{reason}; write host and path")),
    };
    if text.contains('@') {
        return like("it has a digest: name the repository alone");
    }
    if text.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        return like("it has a tag, which comes from the release's version: name the repository alone");
    }
    Ok(format!("{}/{}", registry(reference.registry()), reference.repository()))
}

/// Whether two repositories, of which both have the right form, are at one registry.
pub(super) fn share_registry(one: &str, other: &str) -> bool {
    let registry_of = |text: &str| image(text).map(|reference| registry(reference.registry()));
    registry_of(one) == registry_of(other)
}

/// The registry at a host, under one name for all ways of writing it: in capitals, with the port that it has anyway,
/// by another of Docker Hub's names or of this machine's.
fn registry(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if matches!(host.as_str(), "docker.io" | "index.docker.io" | "registry-1.docker.io") {
        return "docker.io".to_owned();
    }
    let Ok(url) = url::Url::parse(&format!("https://{host}/")) else { return host };
    let port =
        if is_loopback(&url) { url.port().or(host.contains(':').then_some(443)).unwrap_or(80) } else { url.port().unwrap_or(443) };
    let name = if is_loopback(&url) { "localhost" } else { url.host_str().unwrap_or(&host) };
    format!("{name}:{port}")
}

/// Why this is no place that git fetches from. A transport that runs commands is none, nor is what git would read as
/// an option.
pub(super) fn mirror_flaw(place: &str) -> Option<&'static str> {
    if place.trim().is_empty() {
        Some("it is empty")
    } else if place.starts_with('-') {
        Some("it begins with `-`")
    } else if place.contains("::") && !place.contains("://") {
        Some("it names a transport that runs commands")
    } else if place.chars().any(char::is_control) {
        Some("it has a control character in it")
    } else {
        None
    }
}

/// Whether the address of an http server begins with a name. Without a password beside it that is a token, as a server
/// takes it, and git would ask for the password of a person's.
pub(super) fn has_login(address: &str) -> bool {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") && host.contains('@')
}

/// Why this is no host, `packages.example` or `packages.example:8443`, with `*.` in front for all below it.
pub(super) fn host_flaw(host: &str) -> Option<&'static str> {
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let (name, port) = bare.split_once(':').map_or((bare, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        !label.is_empty() && !label.starts_with('-') && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if host.contains("://") || host.contains('/') {
        Some("it is a URL: name the host alone")
    } else if !name.split('.').all(label) {
        Some("it is no host name")
    } else if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        Some("its port is no number up to 65535")
    } else {
        None
    }
}

/// Whether the URL's host is this machine, without asking any name server.
pub(super) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Why this is no address of a container engine.
pub(super) fn engine_flaw(address: &str) -> Option<&'static str> {
    const SCHEMES: [&str; 5] = ["unix://", "ssh://", "tcp://", "http://", "https://"];
    let rest = SCHEMES.iter().find_map(|scheme| address.strip_prefix(scheme));
    match rest {
        None => Some("it must be `unix:///path/to/socket`, `ssh://user@host` or `tcp://host:port`"),
        Some("") => Some("nothing follows its `://`"),
        Some(rest) if rest.starts_with('-') || rest.chars().any(|c| c.is_control() || c == ' ') => {
            Some("it has a space, a control character or a leading `-` in it")
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_refuses_what_check_ref_format_refuses() {
        for good in ["main", "v1", "release/1.2", "a.b", "refs/heads/x", "1"] {
            assert_eq!(ref_flaw(good), None, "{good}");
        }
        let bad = ["", "-x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", "a.", ".a", "a/.b"];
        for bad in bad.into_iter().chain(["a.lock", "a.lock/b", "@", "a@{1}", "a\u{7f}", "a\tb"]) {
            assert!(ref_flaw(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn hosts_and_engines_are_checked_for_their_form() {
        assert_eq!(host_flaw("*.example.org:443"), None);
        assert!(host_flaw("https://example.org").is_some() && host_flaw("a..b").is_some() && host_flaw("a:x").is_some());
        assert_eq!(engine_flaw("ssh://build@spare.example"), None);
        assert!(engine_flaw("spare.example").is_some() && engine_flaw("ssh://-oProxyCommand=x").is_some());
    }

    #[test]
    fn the_nearest_name_is_found_whatever_its_case_and_only_if_it_is_near() {
        let known = ["target", "tag", "tag_at", "timeouts"];
        assert_eq!(nearest("tagret", known), Some("target"));
        assert_eq!(nearest("TagAt", known), Some("tag_at"));
        assert_eq!(nearest("timeout", known), Some("timeouts"));
        assert_eq!(nearest("zzzzzz", known), None);
    }
}
