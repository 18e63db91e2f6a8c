//! Pulls an image back by digest and believes nothing that the registry says.
//!
//! Everything the manifest names is fetched and hashed, the base's layers too: only so is it proved that the release
//! can be fetched whole. Kept on disk is the last layer, which holds the artifacts.

use std::{
    fs::File,
    io::{self, BufReader, Write as _},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci_spec::image::{ImageManifest, MediaType};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    Client, Fault, RegistryError, Which,
    auth::Scope,
    image::{Document, blob_of},
    layer::BELOW,
    layout::Layout,
    pulse::{Meter, Pulse},
    push::{MANIFESTS, SIDE_BY_SIDE},
    transport::Call,
    upload::{Blob, said_digest, said_length},
};
use crate::{
    archive::{Fill, Writer},
    network::Tries,
    record::Digest,
};

/// The longest manifest or configuration that is read.
/// Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests>.
pub(super) const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// Pieces that wait between the connection and the disk.
const WAITING: usize = 8;

/// An image that came back, every digest in it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The manifest's digest, computed from what came.
    pub digest: Digest,
    /// Bytes that came and were hashed.
    pub bytes: u64,
    /// The file that holds the layer with the artifacts.
    layer: PathBuf,
}

type Progress<'p> = &'p (dyn Fn(u64) + Send + Sync);

impl Client {
    /// Pulls the image of this digest, at most `limit` bytes, and keeps the layer with the artifacts below `into` (an
    /// existing folder). `progress` is told the bytes that came so far. To prove anything, use a fresh client.
    ///
    /// # Errors
    /// What came is not what the digest says ([`Fault::Lied`]), or another [`Fault`].
    pub async fn pull(&self, digest: &Digest, into: &Path, limit: u64, progress: Progress<'_>) -> Result<Pulled, RegistryError> {
        let document = self.manifest(&Which::Digest(digest.clone())).await?;
        let (blobs, manifest) = self.named(&document, limit)?;
        let layer = manifest.layers().last().filter(|layer| *layer.media_type() == MediaType::ImageLayerGzip);
        let failed = |fault| RegistryError::new(self.repository(), "pulling the image", fault);
        let layer = layer.ok_or_else(|| failed(Fault::protocol("its last layer is not one that canship made")))?;
        let layer = blob_of(layer).map_err(failed)?.digest;
        let path = into.join(layer.as_str().replace(':', "-"));
        let meter = Meter::new(progress);
        let keep = |blob: &Blob| (blob.digest == layer).then(|| path.clone());
        self.fetch_all(blobs, &meter, keep).await?;
        Ok(Pulled { digest: document.blob.digest.clone(), bytes: meter.total() + document.blob.size, layer: path.clone() })
    }

    /// Pulls a whole image into a folder, which becomes an OCI image layout. Gives its digest and the bytes that came.
    ///
    /// # Errors
    /// As [`Client::pull`].
    pub async fn pull_layout(
        &self,
        which: &Which,
        into: &Path,
        limit: u64,
        progress: Progress<'_>,
    ) -> Result<(Digest, u64), RegistryError> {
        let failed = |fault| RegistryError::new(self.repository(), "pulling the image", fault);
        let document = self.manifest(which).await?;
        let (blobs, manifest) = self.named(&document, limit)?;
        let media_type = manifest.media_type().clone().unwrap_or(MediaType::ImageManifest);
        let layout = Layout::create(into, document, media_type.to_string(), blobs.clone()).map_err(failed)?;
        let meter = Meter::new(progress);
        self.fetch_all(blobs, &meter, |blob| Some(layout.path(&blob.digest))).await?;
        layout.finish().map_err(failed)?;
        let bytes = meter.total() + layout.manifest.blob.size;
        Ok((layout.manifest.blob.digest, bytes))
    }

    /// Looks whether an image is there: its manifest can be fetched and is what it says.
    ///
    /// # Errors
    /// It is not there, or see [`Fault`].
    pub async fn has_image(&self, which: &Which) -> Result<(), RegistryError> {
        self.manifest(which).await.map(drop)
    }

    /// Fetches a manifest and computes its digest.
    pub(super) async fn manifest(&self, which: &Which) -> Result<Document, RegistryError> {
        let url = self.transport.url(&format!("manifests/{which}"))?;
        let call = Call::new(Method::GET, url, Scope::pull(self.repository()), format!("pulling manifest {}", which.short()))
            .accepting(MANIFESTS);
        let (said, content) = self.whole(&call, MAX_DOCUMENT).await?;
        let document = Document::new(content.to_vec());
        let came = &document.blob.digest;
        match which {
            Which::Digest(asked) if asked != came => {
                Err(self.transport.failed(&call, Fault::lied(format!("{came} came instead of {asked}"))))
            }
            _ if said.as_ref().is_some_and(|said| said != came.as_str()) => {
                let what = format!("it says that it gives {}, but what came is {came}", said.unwrap_or_default());
                Err(self.transport.failed(&call, Fault::lied(what)))
            }
            _ => Ok(document),
        }
    }

    /// Fetches a small blob.
    pub(super) async fn document(&self, blob: &Blob, most: usize) -> Result<Bytes, RegistryError> {
        let call = self.blob_call(blob)?;
        let (_, content) = self.whole(&call, most).await?;
        let came = Digest::from_sha256(&Sha256::digest(&content));
        if came != blob.digest {
            return Err(self.transport.failed(&call, Fault::lied(format!("{came} came instead of {}", blob.digest))));
        }
        Ok(content)
    }

    /// A whole answer and the digest it says it has; a connection that breaks is made anew.
    pub(super) async fn whole(&self, call: &Call, most: usize) -> Result<(Option<String>, Bytes), RegistryError> {
        let mut tries = Tries::default();
        loop {
            let response = self.transport.read(call).await?;
            if !response.status().is_success() {
                return Err(self.transport.refused(call, response).await);
            }
            let said = said_digest(&response).map(str::to_owned);
            match self.transport.wire().read(response, most).await {
                Ok(content) => return Ok((said, content)),
                Err(fault) if fault.may_pass() => {
                    if !tries.more().await {
                        return Err(self.transport.failed(call, fault));
                    }
                }
                Err(fault) => return Err(self.transport.failed(call, fault)),
            }
        }
    }

    /// What a manifest names, if it is not more than may come.
    fn named(&self, document: &Document, limit: u64) -> Result<(Vec<Blob>, ImageManifest), RegistryError> {
        let failed =
            |fault| RegistryError::new(self.repository(), format!("pulling manifest {}", document.blob.digest.short()), fault);
        let manifest: Option<ImageManifest> = document.parse_as(&["config", "layers"]).map_err(failed)?;
        let manifest = manifest.ok_or_else(|| failed(Fault::protocol("it is not the manifest of an image")))?;
        let mut blobs: Vec<Blob> = Vec::new();
        for descriptor in std::iter::once(manifest.config()).chain(manifest.layers()) {
            let blob = blob_of(descriptor).map_err(failed)?;
            if !blobs.contains(&blob) {
                blobs.push(blob);
            }
        }
        let size = blobs.iter().try_fold(0_u64, |sum, blob| sum.checked_add(blob.size));
        match size {
            Some(size) if size <= limit => Ok((blobs, manifest)),
            _ => {
                let text = format!("it is larger than the {limit} bytes that may be pulled");
                Err(failed(Fault::Refused { status: None, words: text.into() }))
            }
        }
    }

    pub(super) async fn fetch_all(
        &self,
        blobs: Vec<Blob>,
        meter: &Meter<'_>,
        keep: impl Fn(&Blob) -> Option<PathBuf>,
    ) -> Result<(), RegistryError> {
        let all = blobs.into_iter().map(|blob| {
            let path = keep(&blob);
            async move { self.fetch(&blob, path.as_deref(), &meter.part()).await }
        });
        stream::iter(all).buffer_unordered(SIDE_BY_SIDE).try_for_each(async |()| Ok(())).await
    }

    /// Fetches a blob, into a file or only to see that it is right. A connection that breaks is made anew, from the
    /// start.
    async fn fetch(&self, blob: &Blob, into: Option<&Path>, progress: Progress<'_>) -> Result<(), RegistryError> {
        let mut tries = Tries::default();
        loop {
            let Err(error) = self.fetch_once(blob, into, progress).await else { return Ok(()) };
            if !(error.fault().may_pass() && tries.more().await) {
                return Err(error);
            }
            progress(0);
        }
    }

    async fn fetch_once(&self, blob: &Blob, into: Option<&Path>, progress: Progress<'_>) -> Result<(), RegistryError> {
        let failed = |fault| RegistryError::new(self.repository(), format!("pulling blob {}", blob.digest.short()), fault);
        let mut incoming = self.open_blob(blob).await.map_err(gone)?;
        let mut sink = into.map(Sink::create).transpose().map_err(failed)?;
        while let Some(piece) = incoming.piece().await? {
            if let Some(sink) = &mut sink {
                sink.take(piece).await.map_err(failed)?;
            }
            progress(incoming.pulse.moved());
        }
        if let Some(sink) = sink {
            sink.end().await.map_err(failed)?;
        }
        incoming.verified()
    }

    fn blob_call(&self, blob: &Blob) -> Result<Call, RegistryError> {
        let url = self.transport.url(&format!("blobs/{}", blob.digest))?;
        Ok(Call::new(Method::GET, url, Scope::pull(self.repository()), format!("pulling blob {}", blob.digest.short())))
    }

    /// Begins to fetch a blob.
    pub(super) async fn open_blob(&self, blob: &Blob) -> Result<Incoming, RegistryError> {
        let call = self.blob_call(blob)?;
        let response = self.transport.read_once(&call).await?;
        if !response.status().is_success() {
            return Err(self.transport.refused(&call, response).await);
        }
        let (pulse, limit) = (Arc::new(Pulse::default()), self.transport.wire().timeouts.api);
        let watched = Arc::clone(&pulse);
        let stopped = Box::pin(async move { watched.stopped(limit, |_| {}).await });
        let (client, blob, hash) = (self.clone(), blob.clone(), Sha256::new());
        let incoming = Incoming { client, call, blob, response, hash, pulse, stopped };
        match said_length(&incoming.response) {
            Some(length) if length != incoming.blob.size => {
                let what = format!("{} has {} bytes, but {length} are given", incoming.blob.digest, incoming.blob.size);
                Err(incoming.lied(what))
            }
            _ => Ok(incoming),
        }
    }
}

/// A blob that a registry lost, though it has the manifest that names it.
fn gone(error: RegistryError) -> RegistryError {
    let Fault::NotFound { words } = error.fault() else { return error };
    let lost = Fault::lost(format!("a blob that the manifest names is not there: {words}"));
    error.with_fault(lost)
}

/// A blob on its way in.
pub(super) struct Incoming {
    client: Client,
    call: Call,
    blob: Blob,
    response: Response,
    hash: Sha256,
    pulse: Arc<Pulse>,
    /// One watch over the whole transfer: one for each piece would let a peer trickle for ever.
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Incoming {
    /// The next piece; none at the end. Never more than the blob has.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let limit = self.client.transport.wire().timeouts.api;
        let next = tokio::select! {
            biased;
            next = self.response.chunk() => next.map_err(Fault::broken),
            () = &mut self.stopped => Err(Fault::Stalled { limit }),
        };
        let Some(piece) = next.map_err(|fault| self.client.transport.failed(&self.call, fault))? else { return Ok(None) };
        self.pulse.add(piece.len());
        if self.pulse.moved() > self.blob.size {
            return Err(self.lied(format!("{} has {} bytes, but more come", self.blob.digest, self.blob.size)));
        }
        self.hash.update(&piece);
        Ok(Some(piece))
    }

    /// Whether all that came is the blob.
    pub(super) fn verified(&self) -> Result<(), RegistryError> {
        let came = self.pulse.moved();
        if came != self.blob.size {
            return Err(self.lied(format!("{} has {} bytes, but only {came} came", self.blob.digest, self.blob.size)));
        }
        let digest = Digest::from_sha256(&self.hash.clone().finalize());
        if digest != self.blob.digest {
            return Err(self.lied(format!("{digest} came instead of {}", self.blob.digest)));
        }
        Ok(())
    }

    fn lied(&self, what: String) -> RegistryError {
        self.client.transport.failed(&self.call, Fault::lied(what))
    }
}

/// Writes a file on a thread that may block.
struct Sink {
    pieces: mpsc::Sender<Bytes>,
    written: tokio::task::JoinHandle<io::Result<()>>,
    shown: String,
}

impl Sink {
    fn create(path: &Path) -> Result<Self, Fault> {
        let shown = format!("`{}` cannot be written", path.display());
        let mut file = File::create(path).map_err(|e| Fault::io(&shown, e))?;
        let (pieces, mut taken) = mpsc::channel::<Bytes>(WAITING);
        let written = spawn_blocking(move || {
            while let Some(piece) = taken.blocking_recv() {
                file.write_all(&piece)?;
            }
            Ok(())
        });
        Ok(Self { pieces, written, shown })
    }

    async fn take(&mut self, piece: Bytes) -> Result<(), Fault> {
        if self.pieces.send(piece).await.is_ok() {
            return Ok(());
        }
        // It only stops taking when the disk does.
        let reason = match (&mut self.written).await {
            Ok(Err(reason)) => reason,
            _ => io::Error::other("its thread ended early"),
        };
        Err(Fault::io(&self.shown, reason))
    }

    async fn end(self) -> Result<(), Fault> {
        drop(self.pieces);
        let written = self.written.await.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|reason| Fault::io(&self.shown, reason))
    }
}

impl Document {
    /// Reads it, if it has all these keys.
    pub(super) fn parse_as<T: DeserializeOwned>(&self, keys: &[&str]) -> Result<Option<T>, Fault> {
        let broken = |e: serde_json::Error| Fault::protocol(format!("the manifest is not understood: {e}"));
        let value: serde_json::Value = serde_json::from_slice(&self.content).map_err(broken)?;
        if keys.iter().any(|key| value.get(key).is_none()) {
            return Ok(None);
        }
        serde_json::from_value(value).map(Some).map_err(broken)
    }
}

impl Pulled {
    /// Hands the artifacts on, as they lay in the folder that the image was made from.
    #[must_use]
    pub fn content(&self) -> Fill {
        let layer = self.layer.clone();
        Box::new(move |writer| hand_on(&layer, writer))
    }
}

fn hand_on(layer: &Path, writer: &mut Writer<'_>) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::with_capacity(256 * 1024, File::open(layer)?)));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Ok(path) = path.strip_prefix(BELOW) else { continue };
        if path.as_os_str().is_empty() {
            continue;
        }
        match entry.header().entry_type() {
            tar::EntryType::Directory => writer.folder(path)?,
            tar::EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default().into_owned();
                writer.link(path, &target)?;
            }
            tar::EntryType::Regular => {
                let (size, executable) = (entry.size(), entry.header().mode()? & 0o111 != 0);
                writer.file(path, size, executable, &mut entry)?;
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is not of our making", path.display()))),
        }
    }
    Ok(())
}
