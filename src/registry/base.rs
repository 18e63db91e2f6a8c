//! The image that a release stands on.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use oci_spec::image::{ImageIndex, ImageManifest, MediaType};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    Client, Fault, Platform, RegistryError, Which,
    feed::{Broken, Ending, Feeder, Settled, Source, feed},
    image::blob_of,
    pull::{Incoming, MAX_DOCUMENT},
    pulse::{Meter, Pulse},
    upload::Blob,
};
use crate::record::{Bytes as Size, Digest};

/// An image of another repository, of which the layers are copied along.
#[derive(Debug)]
pub struct Base {
    pub(super) client: Client,
    pub(super) platform: Platform,
    /// The base's layers, named by OCI's media types.
    pub(super) layers: Vec<(Blob, MediaType)>,
    pub(super) config: Map<String, Value>,
    digest: Digest,
}

impl Base {
    /// Finds the image for a platform: of an index the one that fits. `client` speaks to the base's repository.
    /// Nothing but manifests and the configuration is fetched here.
    ///
    /// # Errors
    /// It is not there, not for this platform, or cannot be read.
    pub async fn resolve(client: &Client, which: &Which, platform: Platform) -> Result<Self, RegistryError> {
        let tried = format!("reading the base image {which}");
        let failed = |fault| RegistryError::new(client.repository(), &tried, fault);
        let mut document = client.manifest(which).await?;
        if let Some(index) = document.parse_as::<ImageIndex>(&["manifests"]).map_err(failed)? {
            let of_platform = pick(&index, &platform).map_err(failed)?;
            document = client.manifest(&Which::Digest(of_platform.digest)).await?;
        }
        let manifest: ImageManifest = document
            .parse_as(&["config", "layers"])
            .and_then(|manifest| manifest.ok_or_else(|| Fault::protocol("it is neither an image nor an index of images")))
            .map_err(failed)?;
        let config = client.document(&blob_of(manifest.config()).map_err(failed)?, MAX_DOCUMENT).await?;
        let config: Map<String, Value> = serde_json::from_slice(&config)
            .map_err(|e| failed(Fault::protocol(format!("its configuration is not understood: {e}"))))?;
        let says = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_for = Platform { os: says("os"), architecture: says("architecture") };
        if is_for != platform {
            let text = format!("it is for {is_for}, not for {platform}");
            return Err(failed(Fault::NotFound { words: text.into() }));
        }
        let layers: Result<_, Fault> =
            manifest.layers().iter().map(|layer| Ok((blob_of(layer)?, oci_type(layer.media_type())?))).collect();
        Ok(Self { client: client.clone(), platform, layers: layers.map_err(failed)?, config, digest: document.blob.digest })
    }

    /// Fetches every layer into `into` (an existing folder), the lowest first; not more than `limit` bytes in all.
    ///
    /// # Errors
    /// One is not there, not what the manifest says, or there is more than may come.
    pub async fn pull_layers(&self, into: &Path, limit: u64) -> Result<Vec<(PathBuf, Packing)>, RegistryError> {
        let size = self.layers.iter().fold(0_u64, |sum, (blob, _)| sum.saturating_add(blob.size));
        if size > limit {
            let words = format!("it has {}, more than the {} that are fetched of it", Size(size), Size(limit)).into();
            let refused = Fault::Refused { status: None, words };
            return Err(RegistryError::new(self.client.repository(), "pulling the image", refused));
        }
        let path = |blob: &Blob| into.join(blob.digest.as_str().replace(':', "-"));
        let mut blobs: Vec<Blob> = Vec::new();
        for (blob, _) in &self.layers {
            if !blobs.contains(blob) {
                blobs.push(blob.clone());
            }
        }
        self.client.fetch_all(blobs, &Meter::new(&|_| {}), |blob| Some(path(blob))).await?;
        Ok(self.layers.iter().map(|(blob, kind)| (path(blob), Packing::of(kind))).collect())
    }

    /// A label of its configuration.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.get("config")?.get("Labels")?.get(name)?.as_str()
    }

    /// The digest of the manifest it was resolved to.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

impl Packing {
    /// `kind` is one of those that [`oci_type`] gives.
    fn of(kind: &MediaType) -> Self {
        match kind {
            MediaType::ImageLayer => Self::Plain,
            MediaType::ImageLayerZstd => Self::Zstd,
            _ => Self::Gzip,
        }
    }
}

/// The image of an index that is for this platform.
fn pick(index: &ImageIndex, wanted: &Platform) -> Result<Blob, Fault> {
    let mut seen = Vec::new();
    for entry in index.manifests() {
        let Some(platform) = entry.platform() else { continue };
        let is_for = Platform { os: platform.os().to_string(), architecture: platform.architecture().to_string() };
        if is_for == *wanted {
            return blob_of(entry);
        }
        seen.push(is_for.to_string());
    }
    Err(Fault::NotFound { words: format!("there is none for {wanted}, only for {}", seen.join(", ")).into() })
}

/// Docker's layer types under their OCI names: the content is the same.
fn oci_type(media_type: &MediaType) -> Result<MediaType, Fault> {
    match media_type {
        MediaType::ImageLayer | MediaType::ImageLayerGzip | MediaType::ImageLayerZstd => Ok(media_type.clone()),
        other => match other.to_string().as_str() {
            "application/vnd.docker.image.rootfs.diff.tar.gzip" => Ok(MediaType::ImageLayerGzip),
            "application/vnd.docker.image.rootfs.diff.tar" => Ok(MediaType::ImageLayer),
            "application/vnd.docker.image.rootfs.diff.tar.zstd" => Ok(MediaType::ImageLayerZstd),
            other => Err(Fault::protocol(format!("it has a layer of the type `{other}`, which cannot be copied"))),
        },
    }
}

/// Copies a blob out of one registry while it goes into another, verified on the way.
pub(super) struct CopySource {
    from: Client,
    blob: Blob,
    ending: Arc<Ending<()>>,
    stop: CancellationToken,
}

impl CopySource {
    pub(super) fn new(from: Client, blob: Blob) -> Self {
        Self { from, blob, ending: Arc::default(), stop: CancellationToken::new() }
    }
}

#[async_trait]
impl Source for CopySource {
    fn length(&self) -> Option<u64> {
        None
    }

    fn stop(&self) {
        self.stop.cancel();
    }

    async fn open(&self, pulse: Arc<Pulse>) -> Result<reqwest::Body, Broken> {
        let tell = self.ending.begin().await;
        let incoming = self.from.open_blob(&self.blob).await.map_err(Broken::There)?;
        let (feeder, body) = feed(pulse, self.stop.clone());
        tokio::spawn(async move {
            // Nobody may be waiting any more: the call was given up.
            drop(tell.send(copy(incoming, &feeder).await));
        });
        Ok(body)
    }

    async fn settled(&self) -> Result<Settled, Broken> {
        let whole = self.ending.wait().await?.is_some() || self.stop.is_cancelled();
        Ok(if whole { Settled::Whole } else { Settled::Abandoned })
    }
}

async fn copy(mut incoming: Incoming, feeder: &Feeder) -> Result<(), Broken> {
    let taken = |sent: std::io::Result<()>| sent.map_err(|e| Broken::Here(Fault::io("the copy was given up", e)));
    // The last piece is held back until all of it is known to be right.
    let mut held = Bytes::new();
    while let Some(piece) = incoming.piece().await.map_err(Broken::There)? {
        taken(feeder.pass_on(std::mem::replace(&mut held, piece)).await)?;
    }
    incoming.verified().map_err(Broken::There)?;
    taken(feeder.pass_on(held).await)
}
