//! Why a request or its answer broke off, in words that help.

use std::{error::Error as _, time::Duration};

use super::{CertificateFault, Network, Obstacle, ProxyFault, certificate_fault};
use crate::record::Text;

/// Why a request or its answer broke off.
#[derive(Clone, Debug)]
pub enum Unreached {
    /// The certificate that the server or a proxy showed is not trusted; nothing was sent.
    Certificate(CertificateFault),
    /// A proxy did not lead to the server; nothing was sent to it.
    Proxy(Box<ProxyFault>),
    /// No connection, or one that broke.
    Broken {
        /// What was seen.
        reason: Text,
        /// Whether there was a connection: without one, nothing was asked of the server.
        reached: bool,
    },
}

impl Unreached {
    /// What the error itself says, with the whole chain of reasons and without its URL, which may hold what only the
    /// server should know.
    #[must_use]
    pub fn seen(error: reqwest::Error) -> Self {
        if let Some(fault) = certificate_fault(&error) {
            return Self::Certificate(fault.clone());
        }
        let reached = !error.is_connect();
        let kind = if reached { "the connection broke" } else { "no connection" };
        let error = error.without_url();
        let (mut text, mut below) = (kind.to_owned(), error.source());
        if below.is_none() {
            text = format!("{text}: {error}");
        }
        while let Some(reason) = below {
            let reason_text = reason.to_string();
            // Which part of the HTTP client saw it is of no use to anybody who reads this.
            if !text.ends_with(&reason_text) && !reason_text.starts_with("client error (") {
                text = format!("{text}: {reason_text}");
            }
            below = reason.source();
        }
        Self::Broken { reason: Text::words(&text), reached }
    }
}

impl Network {
    /// The same, after a second look at a proxy that was in between: the HTTP client keeps to itself what that said.
    pub async fn unreached(&self, error: reqwest::Error, limit: Duration) -> Unreached {
        let proxied = error.url().filter(|url| self.proxies.shown(url).is_some()).cloned();
        let seen = Unreached::seen(error);
        let (Unreached::Broken { reached: false, .. }, Some(url)) = (&seen, proxied) else { return seen };
        match self.obstacle(&url, limit).await {
            Some(Obstacle::Proxy(proxy)) => Unreached::Proxy(Box::new(proxy)),
            Some(Obstacle::Certificate(certificate)) => Unreached::Certificate(certificate),
            None => seen,
        }
    }
}
