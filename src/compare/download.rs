//! Fetches one file that somebody else has released.
//!
//! Invariants: nothing but reading; no more comes than may be; credentials go to the origin of the plan's own URL, never
//! along a redirect to another; https only, but for http on this machine.

use std::{
    error::Error as _,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue, LOCATION},
    redirect,
};
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncWriteExt as _, time::timeout};
use url::Url;

use super::{Bounds, Tree, Unread, Wanted, archive};
use crate::{
    network::{Network, certificate_fault, is_loopback},
    record::{Bytes, Digest, Measure, Text},
    secret::Secret,
};

const MAX_REDIRECTS: usize = 5;

/// Who may fetch it.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody.
    Anyone,
    /// A user with a password.
    Password(String, Secret),
    /// Whoever has this token.
    Token(Secret),
}

/// A file to fetch.
#[derive(Clone, Debug)]
pub struct Download {
    /// Where it is.
    pub url: Url,
    /// Who may fetch it.
    pub access: Access,
    /// How long nothing may move.
    pub patience: Duration,
    /// How servers are reached.
    pub network: Network,
}

/// A file that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies now.
    pub at: PathBuf,
    /// Its length.
    pub size: u64,
    /// Its digest, computed from what came.
    pub digest: Digest,
}

/// Why it did not come. Nothing of an address but its host is shown: a redirect's may hold what gives access.
#[derive(Debug, thiserror::Error)]
pub enum Unfetched {
    /// It is not there.
    #[error("it is not there ({0})")]
    NotThere(StatusCode),
    /// Whoever asks may not have it.
    #[error("`{host}` refuses access ({status})")]
    Refused {
        /// The server.
        host: Text,
        /// What it answered.
        status: StatusCode,
    },
    /// The server answers something else.
    #[error("`{host}` answers {status}")]
    Answer {
        /// The server.
        host: Text,
        /// What it answered.
        status: StatusCode,
    },
    /// No connection, or it broke.
    #[error("`{host}` cannot be reached, or broke off: {reason}")]
    Broken {
        /// The server.
        host: Text,
        /// What was seen.
        reason: Text,
    },
    /// Nothing moved for too long.
    #[error("`{host}` gave nothing for {}", Measure(*limit))]
    Stalled {
        /// The server.
        host: Text,
        /// How long was waited.
        limit: Duration,
    },
    /// More than may come.
    #[error("it is longer than the {} that are fetched of it (`build.limits.disk`)", Bytes(*limit))]
    TooLong {
        /// How much may come.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("`{host}` sends us on to {place}, which is not followed")]
    Redirected {
        /// The server.
        host: Text,
        /// Where to.
        place: Text,
    },
    /// It could not be written.
    #[error("it cannot be written to this machine's disk: {0}")]
    Disk(#[from] io::Error),
}

impl Download {
    /// Fetches it into a file of the folder `into`, hashed as it comes.
    ///
    /// # Errors
    /// See [`Unfetched`].
    pub async fn fetch(&self, into: &Path, bounds: &Bounds) -> Result<Fetched, Unfetched> {
        let mut response = self.open().await?;
        let host = host(response.url());
        let too_long = || Unfetched::TooLong { limit: bounds.bytes };
        if response.content_length().is_some_and(|length| length > bounds.bytes) {
            return Err(too_long());
        }
        let at = into.join("fetched");
        let mut file = tokio::fs::File::create_new(&at).await?;
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        loop {
            let next = timeout(self.patience, response.chunk()).await;
            let next = next.map_err(|_| Unfetched::Stalled { host: host.clone(), limit: self.patience })?;
            let Some(chunk) = next.map_err(|error| broken(&host, error))? else { break };
            size += chunk.len() as u64;
            if size > bounds.bytes {
                return Err(too_long());
            }
            hash.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        Ok(Fetched { at, size, digest: Digest::from_sha256(&hash.finalize()) })
    }

    /// The answer that has the file, behind redirects.
    async fn open(&self) -> Result<Response, Unfetched> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let host = host(&url);
            let sent = timeout(self.patience, self.request(&url)?.send()).await;
            let sent = sent.map_err(|_| Unfetched::Stalled { host: host.clone(), limit: self.patience })?;
            let response = match sent {
                Ok(response) => response,
                Err(error) => return Err(self.unanswered(&url, error).await),
            };
            match response.status() {
                StatusCode::OK => return Ok(response),
                status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => return Err(Unfetched::NotThere(status)),
                status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => return Err(Unfetched::Refused { host, status }),
                status if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) => url = self.next(&url, &response)?,
                status => return Err(Unfetched::Answer { host, status }),
            }
        }
        Err(Unfetched::Redirected { host: host(&url), place: Text::new(&format!("more than {MAX_REDIRECTS} places")) })
    }

    /// Where an answer sends us on to, if that is safe.
    fn next(&self, url: &Url, response: &Response) -> Result<Url, Unfetched> {
        let refused = |place: String| Unfetched::Redirected { host: host(url), place: Text::new(&place) };
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| url.join(location).ok()).ok_or_else(|| refused("no URL".to_owned()))?;
        let is_safe = next.scheme() == "https" || (next.scheme() == "http" && is_loopback(&next) && is_loopback(&self.url));
        if is_safe { Ok(next) } else { Err(refused(format!("`{}://{}`", next.scheme(), host(&next)))) }
    }

    /// A client with connections of its own, which follows nothing by itself.
    fn client(&self) -> Result<reqwest::Client, String> {
        let builder = self.network.client().map_err(|reason| format!("TLS could not be set up: {reason}"))?;
        let builder = builder
            .user_agent(concat!("canship/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.patience);
        builder.build().map_err(|reason| reason.to_string())
    }

    /// What is wrong if there is no answer. A proxy in between is looked at again, for what it says.
    async fn unanswered(&self, url: &Url, error: reqwest::Error) -> Unfetched {
        if error.is_connect()
            && self.network.proxies.shown(url).is_some()
            && let Some(obstacle) = self.network.obstacle(url, self.patience).await
        {
            return Unfetched::Broken { host: host(url), reason: Text::new(&obstacle.to_string()) };
        }
        broken(&host(url), error)
    }

    fn request(&self, url: &Url) -> Result<RequestBuilder, Unfetched> {
        let request = self.client().map_err(|reason| Unfetched::Broken { host: host(url), reason: Text::new(&reason) })?;
        let request = request.get(url.clone());
        // A login is for the plan's own server; where that sends us on to is somebody else.
        if url.origin() != self.url.origin() {
            return Ok(request);
        }
        Ok(match &self.access {
            Access::Anyone => request,
            Access::Password(username, password) => request.basic_auth(username, Some(password.expose())),
            Access::Token(token) => {
                let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
                let mut value = value.map_err(|_| Unfetched::Broken {
                    host: host(url),
                    reason: "the token has characters that cannot be sent".into(),
                })?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
        })
    }
}

fn host(url: &Url) -> Text {
    Text::new(url.host_str().unwrap_or_default())
}

fn broken(host: &Text, error: reqwest::Error) -> Unfetched {
    if let Some(fault) = certificate_fault(&error) {
        return Unfetched::Broken { host: host.clone(), reason: Text::new(&fault.to_string()) };
    }
    let error = error.without_url();
    let mut last = error.to_string();
    let mut below = error.source();
    while let Some(reason) = below {
        last = reason.to_string();
        below = reason.source();
    }
    Unfetched::Broken { host: host.clone(), reason: Text::new(&last) }
}

impl Fetched {
    /// Takes the wanted part out of it, as the archive that it is, its content to `into` (an existing folder). Blocks.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn look_into(&self, wanted: &Wanted, into: &Path, bounds: &Bounds) -> Result<Tree, Unread> {
        archive::read(&self.at, wanted, into, bounds)
    }
}
