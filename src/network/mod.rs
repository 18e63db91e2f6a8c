//! How canship reaches servers: whom it trusts, through which proxy it goes, and what is in the way.
//!
//! Invariants: there is one TLS stack with one provider, and every connection of canship's own is verified by
//! [`Trust`]; a private authority is added to the system's, never put in their place; what goes to a server over TLS
//! goes through a proxy's tunnel only, so that a proxy sees neither logins nor content; this machine's loopback is never
//! sought through a proxy; nothing of a certificate or of a proxy's words is shown before it was made harmless, and a
//! proxy's login is a secret.

mod again;
mod authorities;
mod certificate;
mod fault;
mod obstacle;
mod proxy;
mod proxy_fault;
mod trust;
mod unreached;
mod verifier;

use std::time::Duration;

use reqwest::{ClientBuilder, redirect};

pub use again::{Patience, Tries, retry_after};
pub use authorities::authorities;
pub use certificate::Certificate;
pub use fault::{CertificateFault, Wrong, certificate_fault};
pub use obstacle::Obstacle;
pub use proxy::{Loopback, Proxies, ProxyVariables, Ways, WrongProxy};
pub use proxy_fault::{ProxyFault, ProxyWrong};
pub use trust::{Expiring, Trust};
pub use unreached::Unreached;

use crate::secret::Known;

/// What every connection of one drill is made with. Clones share it.
#[derive(Clone, Debug)]
pub struct Network {
    /// Whom it trusts.
    pub trust: Trust,
    /// Through which proxies it goes.
    pub proxies: Proxies,
    /// What must not be told of what is sent and answered: whoever reads a credential adds it here.
    pub known: Known,
}

impl Network {
    /// An HTTP client to be.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn client(&self) -> Result<ClientBuilder, rustls::Error> {
        let mut tls = self.trust.client()?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
        let proxies = self.proxies.clone();
        Ok(client.proxy(reqwest::Proxy::custom(move |url| proxies.of(url).map(|server| server.exposed().to_owned()))))
    }

    /// The same for one that sends each request once, follows no redirect, and waits for a connection up to `limit`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn exact_client(&self, limit: Duration) -> Result<ClientBuilder, rustls::Error> {
        let client = self.client()?.user_agent(concat!("canship/", env!("CARGO_PKG_VERSION")));
        let client = client.redirect(redirect::Policy::none()).retry(reqwest::retry::never()).referer(false);
        Ok(client.connect_timeout(limit).pool_idle_timeout(Duration::from_secs(20)).tcp_nodelay(true))
    }
}

/// Whether the URL's host is this machine, without asking any name server.
#[must_use]
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
