//! The proxies that the environment names, as HTTP clients commonly take them.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use url::Url;

use super::is_loopback;
use crate::secret::Secret;

/// What the environment says of proxies: of each name the value in capitals, or else in small letters.
#[derive(Clone, Default)]
pub struct ProxyVariables {
    /// `HTTPS_PROXY`: for what is reached over TLS.
    pub https: Option<String>,
    /// `HTTP_PROXY`: for the rest.
    pub http: Option<String>,
    /// `ALL_PROXY`: for whatever the two leave open.
    pub all: Option<String>,
    /// `NO_PROXY`: hosts that are reached without.
    pub no: Option<String>,
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their addresses may hold passwords.
        f.debug_struct("ProxyVariables").finish_non_exhaustive()
    }
}

/// A variable does not name a proxy. Its value is not shown: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable `{variable}` is no address of a proxy: {reason}")]
pub struct WrongProxy {
    variable: &'static str,
    reason: String,
}

/// The proxies of this machine. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    https: Option<Server>,
    http: Option<Server>,
    no: String,
    /// Answers only whether a host is reached without a proxy.
    except: Option<Matcher>,
}

/// One proxy.
#[derive(Clone)]
pub(super) struct Server {
    /// Without login.
    pub(super) url: Url,
    /// The variable that names it.
    pub(super) variable: &'static str,
    /// With login, if it has one.
    full: Secret,
    /// The login as it is sent.
    pub(super) basic: Option<Secret>,
    /// What is secret of its login.
    password: Option<Password>,
}

#[derive(Clone)]
struct Password {
    written: Secret,
    meant: Secret,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl Server {
    fn parse(variable: &'static str, value: &str) -> Result<Self, WrongProxy> {
        let wrong = |reason: String| WrongProxy { variable, reason };
        let value = value.trim();
        let with_scheme = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        let full = Url::parse(&with_scheme).map_err(|reason| wrong(reason.to_string()))?;
        if !matches!(full.scheme(), "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h") {
            return Err(wrong(format!("there are no `{}` proxies", full.scheme())));
        }
        let mut url = full.clone();
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| wrong("it has no host".to_owned()))?;
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        let meant = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (full.username(), full.password());
        // A name without a password is a token.
        let secret = password.or(Some(user)).filter(|secret| !secret.is_empty());
        let basic = (!user.is_empty() || password.is_some())
            .then(|| Secret::new(STANDARD.encode(format!("{}:{}", meant(user), meant(password.unwrap_or_default())))));
        let password =
            secret.map(|written| Password { written: Secret::new(written.to_owned()), meant: Secret::new(meant(written)) });
        Ok(Self { url, variable, full: Secret::new(full.into()), basic, password })
    }

    /// Its address with its login, for the HTTP client and for programs that a drill starts.
    pub(super) fn exposed(&self) -> &str {
        self.full.expose()
    }

    pub(super) fn has_login(&self) -> bool {
        self.basic.is_some()
    }
}

/// How programs that a drill starts reach servers.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Environment variables. Those that name proxies may hold a password.
    pub variables: Vec<(String, Secret)>,
    /// Certificates of authorities in PEM form, for a file that the variables of [`Ways::CERTIFICATES`] name.
    pub authorities: Option<Arc<str>>,
}

impl Ways {
    /// The variables by which tools learn of a file of authorities: OpenSSL and Go, cargo, git, curl, Python (`requests`
    /// and pip), Node, Deno, and the AWS tools. They take the file in place of what they know, but for Node.
    pub const CERTIFICATES: &[&str] = &[
        "SSL_CERT_FILE",
        "CARGO_HTTP_CAINFO",
        "GIT_SSL_CAINFO",
        "GIT_PROXY_SSL_CAINFO",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "PIP_CERT",
        "NODE_EXTRA_CA_CERTS",
        "DENO_CERT",
        "AWS_CA_BUNDLE",
    ];

    /// The variables for a room whose file of authorities is `file`, but for those that the step sets itself.
    #[must_use]
    pub fn variables(&self, file: Option<&str>, is_own: impl Fn(&str) -> bool) -> Vec<(String, Secret)> {
        let named = file.into_iter().flat_map(|file| Self::CERTIFICATES.iter().map(move |name| (*name, file)));
        let certificates = named.map(|(name, file)| (name.to_owned(), Secret::new(file.to_owned())));
        certificates.chain(self.variables.iter().cloned()).filter(|(name, _)| !is_own(name)).collect()
    }
}

impl Proxies {
    /// Reads what the variables name.
    ///
    /// # Errors
    /// One of them names no proxy: without one, canship would go a way that nobody wanted.
    pub fn new(variables: &ProxyVariables) -> Result<Self, WrongProxy> {
        let server = |variable, value: &Option<String>| {
            value.as_deref().filter(|value| !value.trim().is_empty()).map(|value| Server::parse(variable, value)).transpose()
        };
        let all = server("ALL_PROXY", &variables.all)?;
        let https = server("HTTPS_PROXY", &variables.https)?.or_else(|| all.clone());
        let http = server("HTTP_PROXY", &variables.http)?.or(all);
        let no = variables.no.clone().unwrap_or_default();
        // Which proxy stands there does not matter: it is only asked whether there is one.
        let except = Matcher::builder().all("http://proxy.invalid").no(no.clone()).build();
        Ok(Self(Arc::new(Parts { https, http, no, except: Some(except) })))
    }

    /// The proxy through which this URL is reached.
    pub(super) fn of(&self, url: &Url) -> Option<&Server> {
        let server = if url.scheme() == "https" { self.0.https.as_ref() } else { self.0.http.as_ref() }?;
        let uri: http::Uri = url.as_str().parse().ok()?;
        let is_asked = !is_loopback(url) && self.0.except.as_ref().is_some_and(|except| except.intercept(&uri).is_some());
        is_asked.then_some(server)
    }

    /// The address of the proxy through which this URL is reached, without login.
    #[must_use]
    pub fn shown(&self, url: &Url) -> Option<String> {
        self.of(url).map(ToString::to_string)
    }

    /// What is secret in their addresses.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let passwords = self.servers().filter_map(|server| server.password.as_ref());
        let basic = self.servers().filter_map(|server| server.basic.as_ref());
        passwords.flat_map(|password| [&password.written, &password.meant]).chain(basic)
    }

    /// The variable that names a proxy whose password is too short to be kept out of what is told.
    #[must_use]
    pub fn too_short(&self) -> Option<&'static str> {
        let is_short = |server: &&Server| server.password.as_ref().is_some_and(|password| !password.meant.is_scrubbable());
        self.servers().find(is_short).map(|server| server.variable)
    }

    /// The variables that lead programs through these proxies, in capitals and small letters. `loopback` is what to do
    /// with a proxy on this machine's own loopback.
    #[must_use]
    pub fn variables(&self, loopback: Loopback) -> Vec<(String, Secret)> {
        let mut named = Vec::new();
        for (name, server) in [("HTTPS_PROXY", &self.0.https), ("HTTP_PROXY", &self.0.http)] {
            let reachable = |server: &&Server| loopback == Loopback::Reachable || !is_loopback(&server.url);
            named.extend(server.as_ref().filter(reachable).map(|server| (name, server.full.clone())));
        }
        if !named.is_empty() {
            // A program that talks to one that it has started itself goes no other way either.
            let own = ["localhost", "127.0.0.1", "::1"];
            let no: Vec<_> = self.0.no.split(',').map(str::trim).chain(own).filter(|host| !host.is_empty()).collect();
            named.push(("NO_PROXY", Secret::new(no.join(","))));
        }
        let both = |(name, value): (&str, Secret)| [(name.to_owned(), value.clone()), (name.to_ascii_lowercase(), value)];
        named.into_iter().flat_map(both).collect()
    }

    /// The proxy that programs with these ways were not given, without login.
    #[must_use]
    pub fn withheld(&self, ways: &Ways) -> Option<String> {
        let is_given = |server: &Server| ways.variables.iter().any(|(_, value)| value.expose() == server.exposed());
        self.servers().find(|server| !is_given(server)).map(ToString::to_string)
    }

    /// All proxies, without login.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        let mut all: Vec<_> = self.servers().map(ToString::to_string).collect();
        all.dedup();
        all
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        self.0.https.iter().chain(&self.0.http)
    }
}

/// Whether this machine's loopback can be reached from where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// It runs on this machine.
    Reachable,
    /// It runs in a room with a network of its own.
    OutOfReach,
}
