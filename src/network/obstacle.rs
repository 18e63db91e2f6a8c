//! A second look at the way to a server that could not be reached: HTTP clients keep to themselves what a proxy said,
//! and git says of a certificate neither names nor dates.
//!
//! Goes as far as the server's certificate, sends it nothing, and is bounded. What only the first look saw stays as it
//! was told then.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{CertificateFault, Network, ProxyFault, ProxyWrong, certificate::short, certificate_fault, proxy::Server};
use crate::{
    record::{Rule, Text},
    secret::Scrubber,
};

/// The longest answer of a proxy that is read.
const MOST: usize = 16 * 1024;

/// What is in the way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A certificate that is not trusted: the server's or an https proxy's.
    Certificate(CertificateFault),
    /// A proxy.
    Proxy(ProxyFault),
}

impl Obstacle {
    /// The rule that a finding of it has.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            Self::Certificate(fault) => fault.rule(),
            Self::Proxy(fault) => fault.rule(),
        }
    }

    /// What to do about it; `trust` is where a private authority is made known.
    #[must_use]
    pub fn advice(&self, trust: &str) -> String {
        match self {
            Self::Certificate(fault) => fault.advice(trust),
            Self::Proxy(fault) => fault.advice(),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(fault) => fault.fmt(f),
            Self::Proxy(fault) => fault.fmt(f),
        }
    }
}

/// Something that bytes go over in both directions.
trait Way: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Way for T {}

impl Network {
    /// What is in the way to an https server, if that shows itself within `limit`.
    pub async fn obstacle(&self, url: &Url, limit: Duration) -> Option<Obstacle> {
        if url.scheme() != "https" {
            return None;
        }
        // Rare, and too large to be part of whatever waits for it.
        timeout(limit, Box::pin(self.go(url))).await.ok()?.err()?
    }

    /// Goes up to the server's certificate. An error without an obstacle is one of the server.
    async fn go(&self, url: &Url) -> Result<(), Option<Obstacle>> {
        let (host, port) = (host(url).ok_or(None)?, url.port_or_known_default().ok_or(None)?);
        let way: Box<dyn Way> = match self.proxies.of(url) {
            Some(server) if server.url.scheme().starts_with("socks") => return Err(None),
            Some(server) => self.tunnel(server, &format!("{}:{port}", url.host_str().unwrap_or_default())).await?,
            None => Box::new(TcpStream::connect((host.as_str(), port)).await.map_err(|_| None)?),
        };
        self.shake_hands(&host, way).await.map(drop).map_err(|reason| of_certificate(&reason))
    }

    /// A way through the proxy to `sought`.
    async fn tunnel(&self, server: &Server, sought: &str) -> Result<Box<dyn Way>, Option<Obstacle>> {
        let fault = |wrong| {
            let (proxy, variable) = (short(&server.to_string()), server.variable);
            Some(Obstacle::Proxy(ProxyFault { proxy, variable, sought: short(sought), wrong }))
        };
        let unreachable = |reason: io::Error| fault(ProxyWrong::Unreachable(short(&reason.to_string())));
        let (host, port) = (host(&server.url).ok_or(None)?, server.url.port_or_known_default().ok_or(None)?);
        let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
        let mut way: Box<dyn Way> = if server.url.scheme() == "https" {
            let secured = self.shake_hands(&host, Box::new(tcp)).await;
            secured.map_err(|reason| of_certificate(&reason).or_else(|| unreachable(reason)))?
        } else {
            Box::new(tcp)
        };
        let broken = |reason: io::Error| fault(ProxyWrong::Broken(short(&reason.to_string())));
        let login = server.basic.as_ref().map(|basic| format!("Proxy-Authorization: Basic {}\r\n", basic.expose()));
        let asked = format!("CONNECT {sought} HTTP/1.1\r\nHost: {sought}\r\n{}\r\n", login.unwrap_or_default());
        way.write_all(asked.as_bytes()).await.map_err(broken)?;
        way.flush().await.map_err(broken)?;
        let (status, words) = answer(&mut way, &Scrubber::new(self.proxies.secrets())).await.map_err(broken)?;
        match status {
            200..300 => Ok(way),
            407 if server.has_login() => Err(fault(ProxyWrong::LoginRefused(words))),
            407 => Err(fault(ProxyWrong::LoginWanted(words))),
            400..500 => Err(fault(ProxyWrong::Forbidden(words))),
            500.. => Err(fault(ProxyWrong::Failed(words))),
            _ => Err(fault(ProxyWrong::Broken(words))),
        }
    }

    async fn shake_hands(&self, host: &str, way: Box<dyn Way>) -> io::Result<Box<dyn Way>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let client = self.trust.client().map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(Arc::new(client)).connect(name, way).await?))
    }
}

/// The host as names and addresses are looked up: an IPv6 address without its brackets.
fn host(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

fn of_certificate(reason: &(dyn Error + 'static)) -> Option<Obstacle> {
    certificate_fault(reason).map(|fault| Obstacle::Certificate(fault.clone()))
}

/// The status of a proxy's answer, and what it says.
async fn answer(way: &mut Box<dyn Way>, scrubber: &Scrubber) -> io::Result<(u16, Text)> {
    let mut said = Vec::new();
    let mut buffer = [0; 2048];
    let head = loop {
        if let Some(end) = said.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let n = way.read(&mut buffer).await?;
        if n == 0 || said.len() + n > MOST {
            return Err(io::Error::other(if said.is_empty() { "it hangs up" } else { "it does not answer as an HTTP proxy does" }));
        }
        said.extend_from_slice(&buffer[..n]);
    };
    let lines = String::from_utf8_lossy(&said[..head]).into_owned();
    let mut lines = lines.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|line| line.split_once(' '));
    let (_, status) = status.ok_or_else(|| io::Error::other("it does not answer as an HTTP proxy does"))?;
    let code = status.split(' ').next().and_then(|code| code.parse().ok());
    let code = code.ok_or_else(|| io::Error::other("it does not answer as an HTTP proxy does"))?;
    let header = |name: &str| {
        let values = lines.clone().filter_map(|line| line.split_once(':')).filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.trim().to_owned()).collect::<Vec<_>>()
    };
    let mut words = status.trim().to_owned();
    for name in ["proxy-authenticate", "x-squid-error"] {
        words.extend(header(name).iter().map(|value| format!("; {value}")));
    }
    let length = header("content-length").first().and_then(|length| length.parse::<usize>().ok());
    if let Some(length) = length.filter(|length| *length <= MOST && code >= 300) {
        let mut body = said.split_off(head + 4);
        while body.len() < length {
            let n = way.read(&mut buffer).await?;
            if n == 0 {
                break;
            }
            body.extend_from_slice(&buffer[..n]);
        }
        let text = String::from_utf8_lossy(&body).trim().to_owned();
        // A page says nothing that a line of text could hold.
        if !text.is_empty() && !text.starts_with('<') {
            words = format!("{words}: {text}");
        }
    }
    Ok((code, short(&scrubber.scrub(&words))))
}
