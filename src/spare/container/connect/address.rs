//! The address of an engine, as a plan, `DOCKER_HOST` or a Docker context writes it.
//!
//! Invariant: a host or user that a program would take for an option, and a path that a shell would not take as it is,
//! is no address.

use std::fmt;

use url::{Host, Url};

use super::Fault;
use crate::record::Text;

/// How an engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket on this machine.
    Unix(String),
    /// A port, with or without TLS.
    Tcp(Tcp),
    /// A socket on a machine that `ssh` leads to.
    Ssh(Ssh),
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tcp {
    /// `tcp`, `http` or `https`.
    scheme: &'static str,
    /// A name, or an address; one of version 6 stands in brackets.
    host: String,
    port: Option<u16>,
}

/// What `ssh` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ssh {
    pub(super) user: Option<String>,
    /// A name, one of the user's `ssh` configuration, or an address.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// The engine's socket there, if it is named.
    pub(super) socket: Option<String>,
}

const KNOWN: &str = "write it as unix:///path, tcp://host:port, https://host:port or ssh://[user@]host[:port][/path]";

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let parsed = match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.to_owned())),
            Some(("tcp", rest)) => Tcp::parse("tcp", rest).map(Self::Tcp),
            Some(("http", rest)) => Tcp::parse("http", rest).map(Self::Tcp),
            Some(("https", rest)) => Tcp::parse("https", rest).map(Self::Tcp),
            Some(("ssh", rest)) => Ssh::parse(rest).map(Self::Ssh),
            _ => Err("it is of no kind that is known here"),
        };
        parsed.map_err(|why| Fault::new(format!("`{}` is no address of an engine: {why}", without_password(text)), KNOWN))
    }
}

impl Tcp {
    fn parse(scheme: &'static str, rest: &str) -> Result<Self, &'static str> {
        let url = url(rest)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a login has no place in it");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("only a host and a port have a place in it");
        }
        Ok(Self { scheme, host: url.host_str().unwrap_or_default().to_owned(), port: url.port() })
    }

    /// Whether it asks for TLS by itself.
    pub(super) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The host as a certificate names it.
    pub(super) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, and if none is named the one that engines use, with TLS or without.
    pub(super) fn port(&self, tls: Tls) -> u16 {
        let usual = match (self.scheme, tls) {
            ("https", _) => 443,
            ("http", _) => 80,
            (_, Tls::Yes) => 2376,
            (_, Tls::No) => 2375,
        };
        self.port.unwrap_or(usual)
    }

    /// Host and port as they stand in a URL.
    pub(super) fn authority(&self, tls: Tls) -> String {
        format!("{}:{}", self.host, self.port(tls))
    }
}

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Yes,
    No,
}

impl Ssh {
    fn parse(rest: &str) -> Result<Self, &'static str> {
        let url = url(rest)?;
        if url.password().is_some() {
            return Err("a password has no place in it: ssh finds keys by itself");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a query or fragment has no place in it");
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let user = Some(url.username().to_owned()).filter(|user| !user.is_empty());
        if [Some(&host), user.as_ref()].into_iter().flatten().any(|word| !is_plain(word) || word.starts_with('-')) {
            return Err("its user or host has a sign in it that ssh or a shell would read in its own way");
        }
        let socket = Some(url.path()).filter(|path| !matches!(*path, "" | "/")).map(str::to_owned);
        if socket.as_ref().is_some_and(|path| !is_plain(path)) {
            return Err("its path has a sign in it that a shell would read in its own way");
        }
        Ok(Self { user, host, port: url.port(), socket })
    }

    /// What `ssh` takes as its destination.
    pub(super) fn destination(&self) -> String {
        self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default() + &self.host
    }

    /// The address without the socket.
    pub(super) fn machine(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("ssh://{user}{host}{port}")
    }
}

/// A word that no shell reads in its own way.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._:@%+,=-".contains(c))
}

/// What follows a scheme. It is read as part of a scheme of which the parser knows nothing: it then changes nothing of
/// the host and takes no port for the usual one.
fn url(rest: &str) -> Result<Url, &'static str> {
    let url = Url::parse(&format!("engine://{rest}")).map_err(|_| "it is not written like one")?;
    match url.host() {
        Some(Host::Domain("")) | None => Err("it names no host"),
        Some(_) if url.path().is_empty() => {
            let mut url = url;
            url.set_path("/");
            Ok(url)
        }
        Some(_) => Ok(url),
    }
}

/// What a message may show of an address.
fn without_password(text: &str) -> String {
    let line = Text::new(text).one_line();
    let Some((scheme, rest)) = line.split_once("://") else { return line };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((login, host)) if login.contains(':') => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}{}", &rest[end..])
        }
        _ => line,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{path}"),
            Self::Tcp(Tcp { scheme, host, port: Some(port) }) => write!(f, "{scheme}://{host}:{port}"),
            Self::Tcp(Tcp { scheme, host, port: None }) => write!(f, "{scheme}://{host}"),
            Self::Ssh(ssh) => write!(f, "{}{}", ssh.machine(), ssh.socket.as_deref().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_is_understood_and_shown_as_it_was() {
        for text in [
            "unix:///var/run/docker.sock",
            "tcp://10.0.0.7:2375",
            "tcp://[::1]:2376",
            "http://engine.example:8080",
            "https://engine.example",
            "ssh://spare",
            "ssh://build@spare.example:2222",
            "ssh://build@spare.example/run/user/1000/podman/podman.sock",
            "ssh://build@[fe80::1]:22",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn ssh_gets_user_host_port_and_socket_apart() {
        let Address::Ssh(ssh) = Address::parse("ssh://build@[::1]:2222/run/podman/podman.sock").unwrap() else {
            panic!("it leads over ssh")
        };
        assert_eq!((ssh.destination(), ssh.port), (String::from("build@::1"), Some(2222)));
        assert_eq!(ssh.socket.as_deref(), Some("/run/podman/podman.sock"));
    }

    #[test]
    fn without_a_port_the_usual_one_of_engines_is_taken() {
        let Address::Tcp(tcp) = Address::parse("tcp://engine").unwrap() else { panic!("it is a port") };
        assert_eq!((tcp.authority(Tls::No), tcp.authority(Tls::Yes)), ("engine:2375".into(), "engine:2376".into()));
    }

    #[test]
    fn what_is_no_address_is_told_without_its_password() {
        for text in [
            "npipe:////./pipe/docker_engine",
            "/var/run/docker.sock",
            "unix://relative.sock",
            "tcp://u@h:1",
            "tcp://h:1/path",
            "tcp://",
            "tcp://h:99999",
            "ssh://",
            "ssh://-oProxyCommand=touch${IFS}x",
            "ssh://-l@host",
            "ssh://host/a'b",
            "ssh://host/a%20b;c",
            "ssh://host/$HOME/sock",
            "",
        ] {
            let fault = Address::parse(text).unwrap_err();
            assert!(fault.reason.contains(text) && fault.advice.contains("ssh://"), "{fault:?}");
        }
        for text in ["tcp://u:hunter2@h:1", "ssh://u:hunter2@h", "ssh://u:hun:ter2@h/p", "ftp://u:hunter2@h"] {
            let fault = Address::parse(text).unwrap_err();
            assert!(!fault.reason.contains("ter2") && fault.reason.contains("u:…@h"), "{fault:?}");
        }
    }
}
