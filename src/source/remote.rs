//! A repository's address, with what may be shown of it.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use crate::{record::Text, secret::Secret};

/// Where a repository is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// Without credentials: what stands in arguments, messages and the clone's configuration.
    clean: String,
    /// With them, if there are any.
    full: Option<String>,
}

impl Remote {
    /// The repository at a URL or path; a relative path starts at `folder`.
    pub(super) fn new(address: &str, folder: &Path) -> Self {
        let address = if is_path(address) { at(folder, address) } else { address.to_owned() };
        let clean = redact(&address);
        Self { full: (clean != address).then_some(address), clean }
    }

    pub(super) fn at(path: &Path) -> Self {
        Self { clean: path.to_string_lossy().into_owned(), full: None }
    }

    pub(super) fn url(&self) -> &str {
        &self.clean
    }

    pub(super) fn shown(&self) -> Text {
        Text::new(&self.clean)
    }

    /// Whether it is on this machine's disk.
    pub(super) fn is_local(&self) -> bool {
        is_path(&self.clean) || self.clean.starts_with("file://")
    }

    /// The same for all addresses of one repository that can be told to be that: a path without links, or an address without
    /// login, `.git` and slash at its end.
    pub(super) fn place(&self) -> String {
        let path = self.clean.strip_prefix("file://").unwrap_or(&self.clean);
        if self.is_local() {
            let path = Path::new(path);
            // A working copy and its `.git` are one.
            let inside = path.join(".git");
            let path = if inside.is_dir() { &inside } else { path };
            return path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
        }
        let address = path.trim_end_matches('/');
        address.strip_suffix(".git").unwrap_or(address).to_owned()
    }

    /// With the login that it has.
    pub(super) fn address(&self) -> &str {
        self.full.as_deref().unwrap_or(&self.clean)
    }

    /// What is secret of the login in its address.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let login = self.full.as_deref().and_then(|full| full.split_once("://")).map(|(_, rest)| {
            let end = rest.find('/').unwrap_or(rest.len());
            rest[..end].rsplit_once('@').map_or("", |(login, _)| login)
        });
        let Some(login) = login.filter(|login| !login.is_empty()) else { return Vec::new() };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let meant = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        // A name without a password is a token.
        let secret = if password.is_empty() { user } else { password };
        let sent = STANDARD.encode(format!("{}:{}", meant(user), meant(password)));
        [secret.to_owned(), meant(secret), sent].map(Secret::new).into()
    }

    /// The repository of a submodule: its URL may be relative to this one (gitmodules(5)).
    pub(super) fn submodule(&self, url: &str) -> Result<Self, &'static str> {
        if url.contains("::") || url.starts_with('-') {
            return Err("its URL is for a transport that runs commands");
        }
        let resolved = if url.starts_with("./") || url.starts_with("../") {
            relative(self.address(), url).ok_or("its URL leads above its repository's host")?
        } else {
            url.to_owned()
        };
        let module = Self::new(&resolved, Path::new("/"));
        if module.is_local() && !self.is_local() {
            return Err("its URL is a path of the machine it was made on");
        }
        Ok(module)
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.clean)
    }
}

/// A path as people read it, without `..` where it can be looked at.
fn at(folder: &Path, path: &str) -> String {
    let path = folder.join(path);
    path.canonicalize().unwrap_or(path).to_string_lossy().into_owned()
}

/// Whether git takes the address for a path: it has no scheme, and no colon before the first slash.
fn is_path(address: &str) -> bool {
    let first = address.split('/').next().unwrap_or_default();
    !address.contains("://") && !first.contains(':')
}

fn relative(base: &str, url: &str) -> Option<String> {
    let (mut base, mut rest) = (base.trim_end_matches('/'), url);
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            let cut = base.rfind(['/', ':'])?;
            // What is left must be more than a scheme or a host.
            if base[..cut].ends_with(['/', ':']) || base[..cut].is_empty() {
                return None;
            }
            (base, rest) = (&base[..cut + usize::from(base[cut..].starts_with(':'))], after);
        } else {
            let between = if base.ends_with(':') { "" } else { "/" };
            return Some(format!("{base}{between}{rest}"));
        }
    }
}

/// The text with every URL in it freed of credentials: for http, all before the host; for other schemes the password.
pub(super) fn redact(text: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(found) = rest.find("://") {
        let authority = found + 3;
        let scheme = &rest[rest[..found].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+').map_or(0, |at| at + 1)..found];
        clean.push_str(&rest[..authority]);
        rest = &rest[authority..];
        // A password may hold quotes: rather too much is taken away than too little.
        let end = rest.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(rest.len());
        if let Some(at) = rest[..end].rfind('@') {
            let user = rest[..at].split(':').next().unwrap_or_default();
            if !scheme.starts_with("http") && !user.is_empty() {
                clean.push_str(user);
                clean.push('@');
            }
            rest = &rest[at + 1..];
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_urls_wherever_they_stand() {
        for (text, clean) in [
            ("https://user:pw@host/x", "https://host/x"),
            ("https://token@host:8443/x.git", "https://host:8443/x.git"),
            ("ssh://git:pw@host/x", "ssh://git@host/x"),
            ("ssh://git@host/x", "ssh://git@host/x"),
            ("https://user:it's\"one@host/x", "https://host/x"),
            ("git@host:x", "git@host:x"),
            ("/a@b/c", "/a@b/c"),
            ("https://host/a@b", "https://host/a@b"),
            (
                "fatal: unable to access 'https://u:p@ss@h/x/': no https://t@h",
                "fatal: unable to access 'https://h/x/': no https://h",
            ),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn what_is_shown_has_no_credentials_and_git_still_gets_them() {
        let remote = Remote::new("https://user:pw@host/x", Path::new("/plan"));
        assert_eq!(remote.url(), "https://host/x");
        assert!(!format!("{remote:?}").contains("pw"));
        assert_eq!(remote.address(), "https://user:pw@host/x");
    }

    #[test]
    fn a_relative_path_starts_at_the_plans_folder() {
        assert_eq!(Remote::new("../mirror.git", Path::new("/plan")).url(), "/plan/../mirror.git");
        for url in ["git@host:x/y", "https://host/x"] {
            assert_eq!(Remote::new(url, Path::new("/plan")).url(), url);
        }
    }

    #[test]
    fn a_submodules_url_is_resolved_as_git_does() {
        let resolved = |base: &str, url: &str| Remote::new(base, Path::new("/")).submodule(url).map(|module| module.clean);
        assert_eq!(resolved("https://h/acme/api.git", "../lib.git").unwrap(), "https://h/acme/lib.git");
        assert_eq!(resolved("https://h/acme/api.git/", "./lib").unwrap(), "https://h/acme/api.git/lib");
        assert_eq!(resolved("git@h:acme/api", "../../other/lib").unwrap(), "git@h:other/lib");
        assert_eq!(resolved("/srv/git/api.git", "../lib.git").unwrap(), "/srv/git/lib.git");
        assert_eq!(resolved("https://h/a", "https://o/b").unwrap(), "https://o/b");
        for (base, url) in [
            ("https://h/a", "../../../b"),
            ("https://h/a", "/etc"),
            ("https://h/a", "file:///etc"),
            ("/a/b", "ext::sh -c id"),
            ("/a/b", "--upload-pack=id"),
        ] {
            assert!(resolved(base, url).is_err(), "{base} {url}");
        }
    }
}
