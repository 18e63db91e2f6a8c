//! Calls to one registry: logged in, redirected, tried again where that is safe.
//!
//! Invariants: a login goes to the registry's own origin only, never along a redirect or to an upload address
//! elsewhere; plain http is spoken on loopback only; a call that changes something is sent once, except after a 401
//! or 429, which say that it was not done.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};
use url::Url;

use super::{
    Credentials, Fault, RegistryError, Repository,
    auth::{Auth, Refused, Scope},
    error::words,
    feed::{Broken, Settled, Source},
    pulse::Pulse,
    wire::{Patience, Wire},
};
use crate::{
    network::{Network, Tries, is_loopback},
    plan::Timeouts,
};

const MAX_REDIRECTS: usize = 5;

/// The state after an answer that was lost.
const NOT_KNOWN: &str = "whether it was done all the same is not known";

/// What every call of one client shares.
#[derive(Debug)]
pub(super) struct Transport {
    wire: Wire,
    auth: Auth,
    repository: Repository,
    origin: Url,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    method: Method,
    url: Url,
    scope: Scope,
    accept: Option<&'static str>,
    tried: String,
}

impl Call {
    pub(super) fn new(method: Method, url: Url, scope: Scope, tried: impl Into<String>) -> Self {
        Self { method, url, scope, accept: None, tried: tried.into() }
    }

    fn reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    pub(super) fn accepting(mut self, types: &'static str) -> Self {
        self.accept = Some(types);
        self
    }
}

/// What goes along with a call.
pub(super) enum Content<'a> {
    /// Nothing.
    Empty,
    /// A few bytes of this media type.
    Whole(Bytes, &'a str),
    /// Made as it goes out.
    Stream(Stream<'a>),
}

/// What is made as it goes out, and who is told of it.
#[derive(Clone, Copy)]
pub(super) struct Stream<'a> {
    pub(super) source: &'a dyn Source,
    /// Told the total of bytes that went over.
    pub(super) progress: &'a (dyn Fn(u64) + Send + Sync),
    /// Shown an answer that says yes, before it is known whether all could be made.
    pub(super) answered: &'a (dyn Fn(&Response) + Send + Sync),
}

impl Transport {
    pub(super) fn new(
        repository: Repository,
        credentials: Credentials,
        timeouts: Timeouts,
        network: &Network,
    ) -> Result<Self, RegistryError> {
        let failed = |fault| RegistryError::new(&repository, "setting up the client", fault);
        let origin = repository.origin().map_err(|e| failed(Fault::protocol(e.to_string())))?;
        let wire = Wire::new(timeouts, network).map_err(failed)?;
        let auth = Auth::new(credentials, &repository, &network.known);
        Ok(Self { wire, auth, repository, origin })
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Whether the registry has asked for a login so far.
    pub(super) async fn logs_in(&self) -> bool {
        self.auth.is_asked().await
    }

    /// `…/v2/`, which only tells whether the registry is there and takes the login.
    pub(super) fn root(&self) -> Result<Url, RegistryError> {
        self.below_origin("/v2/")
    }

    /// `…/v2/<name>/<path>`.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.below_origin(&format!("/v2/{}/{path}", self.repository.name()))
    }

    fn below_origin(&self, path: &str) -> Result<Url, RegistryError> {
        let invalid =
            |e: url::ParseError| RegistryError::new(&self.repository, "making an address", Fault::protocol(e.to_string()));
        self.origin.join(path).map_err(invalid)
    }

    pub(super) fn failed(&self, call: &Call, fault: Fault) -> RegistryError {
        RegistryError::new(&self.repository, &call.tried, fault)
    }

    /// Reads: follows redirects, and tries again after a fault that may pass. Gives whatever the last answer was,
    /// except a 5xx.
    pub(super) async fn read(&self, call: &Call) -> Result<Response, RegistryError> {
        let mut tries = Tries::default();
        loop {
            let error = match self.read_once(call).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if !(error.fault().may_pass() && tries.more().await) {
                return Err(error);
            }
        }
    }

    /// The same, tried once.
    pub(super) async fn read_once(&self, call: &Call) -> Result<Response, RegistryError> {
        let response = self.follow(call).await?;
        if response.status().is_server_error() { Err(self.refused(call, response).await) } else { Ok(response) }
    }

    /// Changes something: sent once. A lost answer is said to be one. Gives whatever the answer was.
    pub(super) async fn change(&self, call: &Call, content: Content<'_>) -> Result<Response, RegistryError> {
        self.exchange(call, &content).await.map_err(|error| match error.fault() {
            Fault::Unavailable { reached: true, .. } | Fault::Stalled { .. } => error.leaving(NOT_KNOWN),
            _ => error,
        })
    }

    /// What an answer other than the hoped-for means.
    pub(super) async fn refused(&self, call: &Call, response: Response) -> RegistryError {
        let status = response.status();
        if !self.is_ours(response.url()) && status.is_client_error() && status != StatusCode::NOT_FOUND {
            let host = response.url().host_str().unwrap_or_default().to_owned();
            return self.failed(call, Fault::protocol(format!("it sent us on to `{host}`, which answers {status}")));
        }
        let ours = self.is_ours(response.url());
        let fault = match self.wire.refused(response, &call.scope).await {
            Fault::Forbidden { words: said, .. } | Fault::Unauthorized { words: said }
                if status == StatusCode::UNAUTHORIZED && !self.auth.has_login() =>
            {
                Fault::Unauthorized { words: words(&format!("there is no login for it: {said}")) }
            }
            Fault::Unauthorized { words: said } if ours => {
                Fault::Unauthorized { words: words(&format!("it refuses {}: {said}", self.auth.login())) }
            }
            fault => fault,
        };
        // A server or gateway that fails may have done it before; one that says "not now" has not.
        let may_be_done = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE && !call.reads();
        let error = self.failed(call, fault);
        if may_be_done { error.leaving(NOT_KNOWN) } else { error }
    }

    /// Where an answer sends us on to.
    pub(super) fn location(&self, call: &Call, response: &Response) -> Result<Url, RegistryError> {
        let broken = |what: String| self.failed(call, Fault::protocol(what));
        let header = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let header = header.ok_or_else(|| broken(format!("it answers {} without saying where to go on", response.status())))?;
        let url = response.url().join(header).map_err(|e| broken(format!("it sends us on to no URL: {e}")))?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.repository.is_loopback() && is_loopback(&url) => Ok(url),
            "http" if url.host_str() == self.origin.host_str() => Err(broken(
                "it sends us on to its own plain http; behind a proxy it must be told that it is reached by https".to_owned(),
            )),
            scheme => {
                Err(broken(format!("it sends us on to `{scheme}://{}`, which is not safe", url.host_str().unwrap_or_default())))
            }
        }
    }

    pub(super) fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.origin.origin()
    }

    async fn follow(&self, call: &Call) -> Result<Response, RegistryError> {
        let mut at = call.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.exchange(&at, &Content::Empty).await?;
            let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !moved {
                return Ok(response);
            }
            at.url = self.location(call, &response)?;
        }
        Err(self.failed(call, Fault::protocol(format!("it redirects more than {MAX_REDIRECTS} times"))))
    }

    /// Sends until it is neither a question for a login that can be answered, nor a rate limit that can be waited for.
    async fn exchange(&self, call: &Call, content: &Content<'_>) -> Result<Response, RegistryError> {
        let failed = |fault| self.failed(call, fault);
        let ours = self.is_ours(&call.url);
        let (mut patience, mut challenged) = (Patience::new(self.wire.timeouts.retry_after_max), false);
        loop {
            let login = if ours { self.auth.header(&self.wire, &call.scope).await.map_err(failed)? } else { None };
            let refused = if login.is_some() { Refused::Login } else { Refused::Nobody };
            let mut request = self.wire.http().request(call.method.clone(), call.url.clone());
            request = login.into_iter().fold(request, |request, value| request.header(AUTHORIZATION, value));
            request = call.accept.iter().fold(request, |request, types| request.header(ACCEPT, *types));
            let response = match content {
                Content::Empty if call.reads() => self.wire.send(request).await.map_err(Broken::from),
                Content::Empty => self.wire.send(request.header(CONTENT_LENGTH, 0)).await.map_err(Broken::from),
                Content::Whole(bytes, kind) => {
                    self.wire.send(request.header(CONTENT_TYPE, *kind).body(bytes.clone())).await.map_err(Broken::from)
                }
                Content::Stream(stream) => self.send_stream(request, *stream).await,
            };
            let response = response.map_err(|broken| match broken {
                Broken::Here(fault) => failed(fault),
                Broken::There(error) => error,
            })?;
            match response.status() {
                StatusCode::TOO_MANY_REQUESTS => patience.wait(response.headers()).await.map_err(failed)?,
                StatusCode::UNAUTHORIZED if ours && !challenged => {
                    challenged = true;
                    self.auth.challenged(response.headers(), &call.scope, refused).await.map_err(failed)?;
                    // Read to its end, so that the connection can be used again; what it says was in the headers.
                    drop(self.wire.read(response, 64 * 1024).await);
                }
                _ => return Ok(response),
            }
        }
    }

    async fn send_stream(&self, request: RequestBuilder, stream: Stream<'_>) -> Result<Response, Broken> {
        let Stream { source, progress, answered } = stream;
        let limit = self.wire.timeouts.api;
        let pulse = Arc::new(Pulse::default());
        let body = source.open(Arc::clone(&pulse)).await?;
        let request = request.header(CONTENT_TYPE, "application/octet-stream").body(body);
        let request = source.length().into_iter().fold(request, |request, length| request.header(CONTENT_LENGTH, length));
        let sent = tokio::select! {
            sent = request.send() => Some(sent),
            () = pulse.stopped(limit, progress) => None,
        };
        let sent = match sent {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => Err(self.wire.fault(error).await),
            None => Err(Fault::Stalled { limit }),
        };
        progress(pulse.moved());
        // An answer other than yes may come before all was taken. After a yes, or when the connection broke, it matters
        // whether what was sent could be made at all.
        match &sent {
            Ok(response) if response.status().is_success() => answered(response),
            Ok(_) => return Ok(sent?),
            Err(_) => {}
        }
        let settled = tokio::select! {
            settled = source.settled() => settled?,
            () = pulse.stopped(limit, progress) => Settled::Abandoned,
        };
        match (sent, settled) {
            (Ok(_), Settled::Abandoned) => Err(Fault::protocol("it said yes before it had taken everything").into()),
            (sent, _) => Ok(sent?),
        }
    }
}
