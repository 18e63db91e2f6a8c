//! Archives and logs, which forges keep elsewhere: the address of the storage is good by itself, and gets no token.

use bytes::Bytes;
use reqwest::{
    Method,
    header::{ACCEPT, HeaderMap, HeaderValue, LOCATION},
};
use tokio::time::timeout;
use url::Url;

use super::{Ask, Failed, Wire, refusal};
use crate::{
    forge::{ForgeFault, Left},
    network::{Tries, is_loopback},
};

/// The longest archive that is taken: an event log is bounded by what is kept of each step's output.
const MAX_ARCHIVE: usize = 256 * 1024 * 1024;

impl Wire {
    /// The archive at this path: from the forge itself, or from where it leads to.
    pub(in crate::forge) async fn download(&self, path: &str) -> Result<Bytes, Failed> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let ask = Ask { method: Method::GET, url: self.url(path)?, headers, body: Bytes::new() };
        let mut tries = Tries::default();
        loop {
            let failed = match self.download_once(&ask).await {
                Ok(archive) => return Ok(archive),
                Err(fault) => Failed::harmless(fault),
            };
            if !(failed.may_pass() && tries.more().await) {
                return Err(failed);
            }
        }
    }

    /// The logs at these paths, one after the other; none if there is none of them.
    pub(in crate::forge) async fn logs(&self, paths: impl Iterator<Item = String>) -> Result<Option<Left>, Failed> {
        let mut all = Vec::new();
        for path in paths {
            match self.download(&path).await {
                Ok(log) if all.len() + log.len() > MAX_ARCHIVE => {
                    return Err(Failed::harmless(self.unreadable("the logs of its jobs are too long")));
                }
                Ok(log) => {
                    all.extend_from_slice(&log);
                    all.push(b'\n');
                }
                Err(Failed { fault: ForgeFault::NotFoundOrHidden { .. }, .. }) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok((!all.is_empty()).then(|| Left::Logs(all.into())))
    }

    async fn download_once(&self, ask: &Ask) -> Result<Bytes, ForgeFault> {
        self.heard().budget.sent += 1;
        let answer = self.answer(self.request(ask)).await?;
        self.hear(answer.headers());
        if !answer.status().is_redirection() {
            return self.archive(answer).await;
        }
        let elsewhere = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let elsewhere = elsewhere.and_then(|place| ask.url.join(place).ok());
        let elsewhere =
            elsewhere.filter(is_safe).ok_or_else(|| self.unreadable("it leads to no address that begins with `https://`"))?;
        // Without the token: it is for the forge alone.
        let answer = self.answer(self.http.get(elsewhere)).await?;
        self.archive(answer).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, ForgeFault> {
        let limit = self.timeouts.api;
        match timeout(limit, request.send()).await {
            Err(_) => Err(ForgeFault::Stalled { limit }),
            Ok(Err(error)) => Err(Box::pin(self.network.unreached(error, limit)).await.into()),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    async fn archive(&self, answer: reqwest::Response) -> Result<Bytes, ForgeFault> {
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_success() {
            return self.read_most(answer, MAX_ARCHIVE).await;
        }
        let body = self.read(answer).await.unwrap_or_default();
        Err(refusal::fault(self, status, &headers, &body))
    }
}

/// Whether what is fetched there cannot be read or changed on the way.
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}
