//! Images: made from artifacts, alone or on a base, or ready in an OCI image layout.
//!
//! Invariants: the same artifacts on the same base give the same manifest, byte for byte; no time, host or user of
//! this machine is in it.
//! Source: <https://github.com/opencontainers/image-spec/blob/main/config.md>.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use oci_spec::image::{Descriptor, ImageManifestBuilder, MediaType, SCHEMA_VERSION};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::{
    Base, Fault, LocalError, Marks,
    layer::{Artifacts, BELOW, LayerFacts},
    layout::Layout,
    upload::Blob,
};
use crate::{archive::Fill, record::Digest};

/// The time that every image says it was made at, the same as that of its files.
pub(super) const CREATED: &str = "1980-01-01T00:00:00Z";

/// What old engines note about the container an image was made in.
pub(super) const PAST: &[&str] = &["container", "container_config", "docker_version", "id", "parent"];

/// An image that can be pushed, to any number of registries.
#[derive(Debug)]
pub struct Image {
    pub(super) kind: Kind,
    /// What its manifest says of where it comes from; none for what is the same each time.
    pub(super) marks: Option<Marks>,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Assembled while it is pushed.
    Assembled(Box<Assembled>),
    /// Complete as it lies.
    Ready(Layout),
}

#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) artifacts: Arc<Artifacts>,
    pub(super) platform: Platform,
    pub(super) base: Option<Base>,
    /// What the layer turned out to be when it was pushed first.
    pub(super) known: OnceLock<LayerFacts>,
}

/// What an image runs on, in the words of the Go language: `linux`, `amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The processor.
    pub architecture: String,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

impl Image {
    /// An image of nothing but the artifacts in a folder. The files are read when it is pushed, and must not change
    /// until then.
    ///
    /// # Errors
    /// The folder cannot be read or has nothing in it.
    pub async fn from_artifacts(folder: &Path, platform: Platform) -> Result<Self, LocalError> {
        Self::assembled(folder, platform, None).await
    }

    /// The artifacts in a folder, on a base.
    ///
    /// # Errors
    /// As [`Image::from_artifacts`].
    pub async fn on_base(folder: &Path, base: Base) -> Result<Self, LocalError> {
        Self::assembled(folder, base.platform.clone(), Some(base)).await
    }

    /// The one image of an OCI image layout, as it is.
    ///
    /// # Errors
    /// The folder is no such layout, or holds several images.
    pub async fn from_layout(folder: &Path) -> Result<Self, LocalError> {
        let folder = folder.to_owned();
        Ok(Self { kind: Kind::Ready(in_thread(move || Layout::read(&folder)).await?), marks: None })
    }

    /// The same image with marks, by which its digest becomes another.
    #[must_use]
    pub fn marked(self, marks: Marks) -> Self {
        Self { marks: Some(marks), ..self }
    }

    async fn assembled(folder: &Path, platform: Platform, base: Option<Base>) -> Result<Self, LocalError> {
        let folder = folder.to_owned();
        let artifacts = Arc::new(in_thread(move || Artifacts::look(&folder)).await?);
        let kind = Kind::Assembled(Box::new(Assembled { artifacts, platform, base, known: OnceLock::new() }));
        Ok(Self { kind, marks: None })
    }
}

/// The artifacts in a folder, as they would come back from a registry.
///
/// # Errors
/// As [`Image::from_artifacts`].
pub async fn artifacts(folder: &Path) -> Result<Fill, LocalError> {
    let folder = folder.to_owned();
    let artifacts = in_thread(move || Artifacts::look(&folder)).await?;
    Ok(Box::new(move |writer| artifacts.hand_on(writer)))
}

async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    spawn_blocking(work).await.map_err(|e| Fault::io("the image cannot be made", std::io::Error::other(e)))?
}

/// The programs that cannot start in an image of nothing but the artifacts in a folder: each by its path there, with the
/// dynamic linker that it needs and the image does not have.
///
/// # Errors
/// As [`Image::from_artifacts`].
pub async fn unlinked(folder: &Path) -> Result<Vec<(String, String)>, LocalError> {
    let folder = folder.to_owned();
    Ok(in_thread(move || Ok(Artifacts::look(&folder)?.unlinked())).await?)
}

/// A piece of an image that is small enough to hold.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) blob: Blob,
    pub(super) content: Bytes,
}

impl Document {
    pub(super) fn new(content: Vec<u8>) -> Self {
        let digest = Digest::from_sha256(&Sha256::digest(&content));
        Self { blob: Blob { digest, size: content.len() as u64 }, content: content.into() }
    }
}

impl Assembled {
    /// The configuration and the manifest, now that the layer is known.
    pub(super) fn documents(&self, layer: &LayerFacts) -> Result<(Document, Document), Fault> {
        let broken = |e: &dyn std::fmt::Display| Fault::protocol(format!("the image's manifest cannot be written: {e}"));
        let config = Document::new(serde_json::to_vec(&self.config(&layer.diff_id)).map_err(|e| broken(&e))?);
        let mut layers: Vec<Descriptor> = Vec::new();
        if let Some(base) = &self.base {
            for (blob, media_type) in &base.layers {
                layers.push(descriptor(media_type.clone(), blob)?);
            }
        }
        layers.push(descriptor(MediaType::ImageLayerGzip, &layer.blob)?);
        let manifest = manifest(&config.blob, layers)?;
        Ok((config, manifest))
    }

    /// The base's configuration with ours on top. As plain JSON, so that nothing the base says is lost or reordered.
    fn config(&self, diff_id: &Digest) -> Value {
        let mut whole = self.base.as_ref().map(|base| base.config.clone()).unwrap_or_default();
        for past in PAST {
            whole.shift_remove(*past);
        }
        whole.insert("created".to_owned(), json!(CREATED));
        whole.insert("architecture".to_owned(), json!(self.platform.architecture));
        whole.insert("os".to_owned(), json!(self.platform.os));
        let mut config = take_object(&mut whole, "config");
        config.insert("WorkingDir".to_owned(), json!(format!("/{BELOW}")));
        if let Some(entrypoint) = self.artifacts.entrypoint() {
            config.insert("Entrypoint".to_owned(), json!([entrypoint]));
            config.shift_remove("Cmd");
        }
        whole.insert("config".to_owned(), config.into());
        let mut rootfs = take_object(&mut whole, "rootfs");
        rootfs.insert("type".to_owned(), json!("layers"));
        append(&mut rootfs, "diff_ids", json!(diff_id));
        whole.insert("rootfs".to_owned(), rootfs.into());
        append(&mut whole, "history", json!({ "created": CREATED, "created_by": "canship: the artifacts" }));
        Value::Object(whole)
    }
}

/// The manifest of an image of this configuration and these layers.
pub(super) fn manifest(config: &Blob, layers: Vec<Descriptor>) -> Result<Document, Fault> {
    let broken = |e: &dyn std::fmt::Display| Fault::protocol(format!("the image's manifest cannot be written: {e}"));
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(descriptor(MediaType::ImageConfig, config)?)
        .layers(layers)
        .build()
        .map_err(|e| broken(&e))?;
    serde_json::to_vec(&manifest).map(Document::new).map_err(|e| broken(&e))
}

/// Takes the object of that name out; an empty one if it is not there or is something else.
pub(super) fn take_object(whole: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match whole.shift_remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// The list of that name with one more entry; a new one if it is not there or is something else.
fn append(whole: &mut Map<String, Value>, name: &str, entry: Value) {
    let mut list = match whole.shift_remove(name) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    list.push(entry);
    whole.insert(name.to_owned(), list.into());
}

pub(super) fn descriptor(media_type: MediaType, blob: &Blob) -> Result<Descriptor, Fault> {
    let digest: oci_spec::image::Digest =
        blob.digest.as_str().parse().map_err(|e| Fault::protocol(format!("`{}` cannot be written: {e}", blob.digest)))?;
    Ok(Descriptor::new(media_type, blob.size, digest))
}

/// The blob that a descriptor names.
pub(super) fn blob_of(descriptor: &Descriptor) -> Result<Blob, Fault> {
    let digest = descriptor.digest().to_string();
    let digest =
        digest.parse().map_err(|_| Fault::protocol(format!("`{digest}` is no SHA-256 digest, which is all that is known here")))?;
    Ok(Blob { digest, size: descriptor.size() })
}
