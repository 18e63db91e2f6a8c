//! Puts blobs into the repository.
//! Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs>.
//!
//! A blob that lies ready takes a HEAD and, if it is missing, POST and PUT; one that is made or copied as it goes out
//! takes POST, one PATCH, and PUT: a PATCH that ends early leaves an upload that can be cancelled. A blob that was there
//! before is never written down as ours, so that cleaning leaves it alone.

use std::{pin::pin, sync::Arc};

use reqwest::{Method, Response, StatusCode, header::CONTENT_LENGTH};
use tokio::sync::watch;
use url::Url;

use super::{
    Client, Fault, RegistryError, Repository,
    auth::Scope,
    feed::Source,
    image::Document,
    ledger::{Entry, Put},
    transport::{Call, Content, Stream},
};
use crate::record::{Cleaning, Digest, Leftover};

/// The header in which registries say what they hold.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";

/// An upload that the registry has opened.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) entry: Entry,
    pub(super) location: Url,
}

type Progress<'p> = &'p (dyn Fn(u64) + Send + Sync);

/// The media type of anything.
const BYTES: &str = "application/octet-stream";

/// Ends a sending when whoever waits for it is gone.
struct StopOnDrop<S: Source>(Arc<S>);

impl<S: Source> Drop for StopOnDrop<S> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

enum Opened {
    Upload(Upload),
    Mounted,
}

/// A blob as manifests name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Client {
    /// Opens an upload.
    pub(super) async fn open_upload(&self) -> Result<Upload, RegistryError> {
        match self.open(None).await? {
            Opened::Upload(upload) => Ok(upload),
            Opened::Mounted => {
                let fault = Fault::protocol("it says that it has what it was not given yet");
                Err(RegistryError::new(self.repository(), "opening an upload", fault))
            }
        }
    }

    /// Opens an upload, or mounts a blob of another repository of the same registry if that is possible.
    async fn open(&self, mount: Option<(&Blob, &Repository)>) -> Result<Opened, RegistryError> {
        let (client, mount) = (self.clone(), mount.map(|(blob, from)| (blob.clone(), from.clone())));
        self.ledger.act(async move { client.open_now(mount.as_ref().map(|(blob, from)| (blob, from))).await }).await
    }

    async fn open_now(&self, mount: Option<(&Blob, &Repository)>) -> Result<Opened, RegistryError> {
        let mut url = self.transport.url("blobs/uploads/")?;
        let mut scope = Scope::push(self.repository());
        if let Some((blob, from)) = mount {
            url.query_pairs_mut().append_pair("mount", blob.digest.as_str()).append_pair("from", from.name());
            scope = scope.and_pull(from);
        }
        let call = Call::new(Method::POST, url, scope, "opening an upload");
        let blob = mount.map(|(blob, _)| blob.digest.clone());
        let entry = self.note(Put::Upload { location: None, blob: blob.clone() }, &call)?;
        let strike = |error: RegistryError| {
            if error.outside().is_none() {
                self.ledger.strike(entry);
            }
            error
        };
        let response = self.transport.change(&call, Content::Empty).await.map_err(strike)?;
        match (response.status(), blob) {
            (StatusCode::ACCEPTED, _) => {
                let location = self.transport.location(&call, &response)?;
                self.ledger.change(entry, Put::Upload { location: Some(location.clone()), blob: None });
                Ok(Opened::Upload(Upload { entry, location }))
            }
            (StatusCode::CREATED, Some(digest)) => {
                self.ledger.change(entry, Put::Blob { digest, upload: None });
                Ok(Opened::Mounted)
            }
            _ => Err(strike(self.transport.refused(&call, response).await)),
        }
    }

    /// Puts a blob that is whole in memory, unless it is there. Returns the bytes that were sent.
    pub(super) async fn deliver_document(&self, document: &Document) -> Result<u64, RegistryError> {
        if self.has_blob(&document.blob).await? {
            return Ok(0);
        }
        let upload = self.open_upload().await?;
        let (client, Document { blob, content }) = (self.clone(), document.clone());
        let size = blob.size;
        let put = async move { client.finish(upload, &blob, Content::Whole(content, BYTES)).await };
        self.ledger.act(put).await.map(|()| size)
    }

    /// Puts a file, in one request, unless it is there.
    pub(super) async fn deliver_file(&self, blob: &Blob, source: &dyn Source, progress: Progress<'_>) -> Result<(), RegistryError> {
        if self.has_blob(blob).await? {
            return Ok(());
        }
        let upload = self.open_upload().await?;
        self.finish(upload, blob, Content::Stream(Stream { source, progress, answered: &|_| {} })).await
    }

    /// Puts what is made as it goes out, unless it is there. `from` is another repository of the same registry that has
    /// it. Dropped on the way, it can be cancelled; what goes in one request cannot.
    pub(super) async fn deliver_stream<S: Source + 'static>(
        &self,
        blob: &Blob,
        source: S,
        progress: Progress<'_>,
        from: Option<&Repository>,
    ) -> Result<(), RegistryError> {
        if self.has_blob(blob).await? {
            return Ok(());
        }
        let upload = match from {
            None => self.open_upload().await?,
            Some(from) => match self.open(Some((blob, from))).await {
                Ok(Opened::Mounted) => return Ok(()),
                Ok(Opened::Upload(upload)) => upload,
                // A login that may not read the other repository, or a registry that cannot mount at all.
                Err(error)
                    if matches!(
                        error.fault(),
                        Fault::Unauthorized { .. } | Fault::Forbidden { .. } | Fault::Refused { .. } | Fault::NotFound { .. }
                    ) =>
                {
                    self.open_upload().await?
                }
                Err(error) => return Err(error),
            },
        };
        let tried = format!("pushing blob {}", blob.digest.short());
        let upload = self.fill(upload, &Arc::new(source), progress, tried).await?;
        self.finish_filled(upload, blob).await
    }

    /// Ends an upload that has all of the blob already.
    pub(super) async fn finish_filled(&self, upload: Upload, blob: &Blob) -> Result<(), RegistryError> {
        let (client, blob) = (self.clone(), blob.clone());
        self.ledger.act(async move { client.finish(upload, &blob, Content::Empty).await }).await
    }

    /// Ends an upload: from here on it is a blob.
    async fn finish(&self, upload: Upload, blob: &Blob, content: Content<'_>) -> Result<(), RegistryError> {
        let Upload { entry, location } = upload;
        self.ledger.change(entry, Put::Upload { location: Some(location.clone()), blob: Some(blob.digest.clone()) });
        let mut url = location.clone();
        url.query_pairs_mut().append_pair("digest", blob.digest.as_str());
        let call = Call::new(Method::PUT, url, Scope::push(self.repository()), format!("pushing blob {}", blob.digest.short()));
        let response = self.transport.change(&call, content).await?;
        if !response.status().is_success() {
            return Err(self.transport.refused(&call, response).await);
        }
        self.ledger.change(entry, Put::Blob { digest: blob.digest.clone(), upload: Some(location) });
        match said_digest(&response) {
            Some(other) if other != blob.digest.as_str() => {
                Err(self.transport.failed(&call, Fault::lied(format!("it says that it stored {other}"))))
            }
            _ => Ok(()),
        }
    }

    /// Sends what is made as it goes out into an upload. Returns the upload, to be ended.
    ///
    /// Dropped on the way, it does not break the connection: the sending ends early, and the registry still says where
    /// the upload is by then. Without that, nobody could cancel it.
    pub(super) async fn fill<S: Source + 'static>(
        &self,
        upload: Upload,
        source: &Arc<S>,
        progress: Progress<'_>,
        tried: impl Into<String>,
    ) -> Result<Upload, RegistryError> {
        let _stop = StopOnDrop(Arc::clone(source));
        let (client, source) = (self.clone(), Arc::clone(source));
        let call = Call::new(Method::PATCH, upload.location, Scope::push(self.repository()), tried);
        let (tell, mut told) = watch::channel(0);
        let filled = self.ledger.act(async move {
            let tell = move |moved| {
                tell.send_replace(moved);
            };
            client.fill_now(upload.entry, &call, &*source, &tell).await
        });
        let mut filled = pin!(filled);
        loop {
            tokio::select! {
                filled = &mut filled => {
                    progress(*told.borrow());
                    return filled;
                }
                Ok(()) = told.changed() => progress(*told.borrow_and_update()),
            }
        }
    }

    async fn fill_now(
        &self,
        entry: Entry,
        call: &Call,
        source: &dyn Source,
        progress: Progress<'_>,
    ) -> Result<Upload, RegistryError> {
        // Noted also when what was sent turns out not to be whole.
        let answered = |response: &Response| {
            if let Ok(location) = self.transport.location(call, response) {
                self.ledger.change(entry, Put::Upload { location: Some(location), blob: None });
            }
        };
        let content = Content::Stream(Stream { source, progress, answered: &answered });
        let response = self.transport.change(call, content).await?;
        if !response.status().is_success() {
            return Err(self.transport.refused(call, response).await);
        }
        Ok(Upload { entry, location: self.transport.location(call, &response)? })
    }

    /// Writes down what `call` is about to do.
    pub(super) fn note(&self, put: Put, call: &Call) -> Result<Entry, RegistryError> {
        let unnoted =
            |reason| Fault::Io { what: "it cannot be written into the drill's journal, so it was not done".to_owned(), reason };
        self.ledger.add(put).map_err(|reason| self.transport.failed(call, unnoted(reason)))
    }

    /// Cancels an upload that is not needed; what is left of it if that did not work.
    pub(super) async fn cancel(&self, upload: Upload) -> Option<Leftover> {
        match self.cancelled(&upload.location).await {
            Cleaning::Gone { .. } => {
                self.ledger.strike(upload.entry);
                None
            }
            Cleaning::Left(leftover) => Some(leftover),
        }
    }

    /// Whether the repository has the blob.
    pub(super) async fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        let url = self.transport.url(&format!("blobs/{}", blob.digest))?;
        let call =
            Call::new(Method::HEAD, url, Scope::push(self.repository()), format!("looking for blob {}", blob.digest.short()));
        let response = self.transport.read(&call).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => match said_length(&response) {
                Some(size) if size != blob.size => {
                    let what = format!("blob {} has {} bytes, it says that it has {size}", blob.digest, blob.size);
                    Err(self.transport.failed(&call, Fault::lied(what)))
                }
                _ => Ok(true),
            },
            _ => Err(self.transport.refused(&call, response).await),
        }
    }
}

/// The digest that an answer speaks of, if it says so.
pub(super) fn said_digest(response: &Response) -> Option<&str> {
    response.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok())
}

/// The length of what an answer speaks of, if it says so: from the header, since the answer to a HEAD has no body.
pub(super) fn said_length(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
