//! Pushes an image and sees that it is there.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;

use super::{
    Client, Fault, Image, RegistryError,
    auth::Scope,
    base::CopySource,
    feed::FileSource,
    image::{Assembled, Document, Kind},
    layer::{LayerFacts, LayerSource},
    layout::Layout,
    ledger::Put,
    marks::marked,
    pull::MAX_DOCUMENT,
    pulse::Meter,
    repository::is_tag,
    transport::{Call, Content},
    upload::{Blob, said_digest},
};
use crate::record::Digest;

/// Blobs that go over side by side.
pub(super) const SIDE_BY_SIDE: usize = 4;

/// Every kind of manifest that is understood here.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// An image that was pushed, and that the registry says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest's digest, as it was computed here.
    pub digest: Digest,
    /// The same without the marks, if it has any: what is the same each time.
    pub plain: Digest,
    /// The repository and tag it was pushed to.
    pub reference: String,
    /// The length of the manifest and of everything it names.
    pub size: u64,
    /// Bytes that were sent; what the registry had already is not counted.
    pub bytes_sent: u64,
}

type Progress<'p> = &'p (dyn Fn(u64) + Send + Sync);

impl Client {
    /// Pushes an image under a tag, which must be free or lead to this very image. `progress` is told the bytes sent
    /// so far. Everything is written into the ledger before it is done.
    ///
    /// # Errors
    /// See [`Fault`]. What was put outside until then is in the ledger.
    pub async fn push(&self, image: &Image, tag: &str, progress: Progress<'_>) -> Result<Pushed, RegistryError> {
        if !is_tag(tag) {
            let fault = Fault::Refused { status: None, words: format!("`{tag}` is no valid tag").into() };
            return Err(RegistryError::new(self.repository(), "pushing an image", fault));
        }
        let meter = Meter::new(progress);
        let (plain, media_type, rest) = match &image.kind {
            Kind::Assembled(assembled) => self.push_assembled(assembled, &meter).await?,
            Kind::Ready(layout) => self.push_ready(layout, &meter).await?,
        };
        let failed = |fault| RegistryError::new(self.repository(), "marking the image", fault);
        let manifest = image.marks.as_ref().map_or_else(|| Ok(plain.clone()), |marks| marked(&plain, marks)).map_err(failed)?;
        let bytes_sent = self.push_manifest(&manifest, &media_type, tag).await? + meter.total();
        let reference = format!("{}:{tag}", self.repository());
        Ok(Pushed {
            digest: manifest.blob.digest,
            plain: plain.blob.digest,
            reference,
            size: rest + manifest.blob.size,
            bytes_sent,
        })
    }

    async fn push_assembled(&self, image: &Assembled, meter: &Meter<'_>) -> Result<(Document, String, u64), RegistryError> {
        let (layer, ()) = futures_util::try_join!(self.push_layer(image, meter), self.push_base(image, meter))?;
        let failed = |fault| RegistryError::new(self.repository(), "assembling the image", fault);
        let (config, manifest) = image.documents(&layer).map_err(failed)?;
        meter.part()(self.deliver_document(&config).await?);
        let base: u64 = image.base.iter().flat_map(|base| &base.layers).map(|(blob, _)| blob.size).sum();
        let kind = oci_spec::image::MediaType::ImageManifest.to_string();
        Ok((manifest, kind, base + layer.blob.size + config.blob.size))
    }

    async fn push_layer(&self, image: &Assembled, meter: &Meter<'_>) -> Result<LayerFacts, RegistryError> {
        let part = meter.part();
        if let Some(known) = image.known.get() {
            let source = LayerSource::new(image.artifacts.clone(), Some(known.clone()));
            self.deliver_stream(&known.blob, source, &part, None).await?;
            return Ok(known.clone());
        }
        let source = Arc::new(LayerSource::new(image.artifacts.clone(), None));
        let upload = self.open_upload().await?;
        let upload = self.fill(upload, &source, &part, "pushing the artifacts").await?;
        let facts = source.made().ok_or_else(|| {
            RegistryError::new(
                self.repository(),
                "pushing the artifacts",
                Fault::protocol("it said yes before it had taken everything"),
            )
        })?;
        if self.has_blob(&facts.blob).await? {
            // It was there before, so it is not ours to delete later. What the cancel leaves stays in the ledger.
            self.cancel(upload).await;
        } else {
            self.finish_filled(upload, &facts.blob).await?;
        }
        Ok(image.known.get_or_init(|| facts.clone()).clone())
    }

    async fn push_base(&self, image: &Assembled, meter: &Meter<'_>) -> Result<(), RegistryError> {
        let Some(base) = &image.base else { return Ok(()) };
        let there = base.client.repository();
        let neighbour = (there.host() == self.repository().host() && there != self.repository()).then_some(there);
        let one = |blob: Blob| async move {
            let (source, part) = (CopySource::new(base.client.clone(), blob.clone()), meter.part());
            self.deliver_stream(&blob, source, &part, neighbour).await
        };
        let blobs: Vec<Blob> = distinct(base.layers.iter().map(|(blob, _)| blob));
        stream::iter(blobs.into_iter().map(one)).buffer_unordered(SIDE_BY_SIDE).try_for_each(async |()| Ok(())).await
    }

    async fn push_ready(&self, layout: &Layout, meter: &Meter<'_>) -> Result<(Document, String, u64), RegistryError> {
        let one = |blob: Blob| async move {
            let (source, part) = (FileSource::new(layout.path(&blob.digest), blob.digest.clone(), blob.size), meter.part());
            self.deliver_file(&blob, &source, &part).await
        };
        let blobs = distinct(layout.blobs.iter());
        stream::iter(blobs.into_iter().map(one)).buffer_unordered(SIDE_BY_SIDE).try_for_each(async |()| Ok(())).await?;
        let size = layout.blobs.iter().map(|blob| blob.size).sum();
        Ok((layout.manifest.clone(), layout.media_type.clone(), size))
    }

    async fn push_manifest(&self, manifest: &Document, media_type: &str, tag: &str) -> Result<u64, RegistryError> {
        let (client, manifest) = (self.clone(), manifest.clone());
        let (media_type, tag) = (media_type.to_owned(), tag.to_owned());
        self.ledger.act(async move { client.push_manifest_now(&manifest, &media_type, &tag).await }).await
    }

    async fn push_manifest_now(&self, manifest: &Document, media_type: &str, tag: &str) -> Result<u64, RegistryError> {
        let (digest, scope) = (&manifest.blob.digest, || Scope::push(self.repository()));
        let look = |name| self.tag_target((Method::HEAD, name), scope());
        let (by_tag, by_digest) = futures_util::try_join!(look(tag), look(digest.as_str()))?;
        match &by_tag {
            Some(Some(other)) if other != digest.as_str() => {
                let words = format!("tag {tag} is there already and leads to {other}; nothing is moved").into();
                let fault = Fault::Refused { status: None, words };
                return Err(RegistryError::new(self.repository(), format!("pushing manifest {}", digest.short()), fault));
            }
            _ => {}
        }
        let url = self.transport.url(&format!("manifests/{tag}"))?;
        let call = Call::new(Method::PUT, url, Scope::push(self.repository()), format!("pushing manifest {}", digest.short()));
        if by_tag.is_none() {
            self.note(Put::Tag(tag.to_owned(), digest.clone()), &call)?;
        }
        if by_digest.is_none() {
            self.note(Put::Manifest(digest.clone()), &call)?;
        }
        let response = self.transport.change(&call, Content::Whole(manifest.content.clone(), media_type)).await?;
        if !response.status().is_success() {
            let error = self.transport.refused(&call, response).await;
            return Err(lost_blobs(error));
        }
        self.same(&call, said_digest(&response), manifest)?;
        self.read_back(manifest, tag).await?;
        Ok(manifest.blob.size)
    }

    /// Fetches what the tag leads to, and sees that it is what was pushed.
    async fn read_back(&self, manifest: &Document, tag: &str) -> Result<(), RegistryError> {
        let url = self.transport.url(&format!("manifests/{tag}"))?;
        let call =
            Call::new(Method::GET, url, Scope::push(self.repository()), format!("reading back tag {tag}")).accepting(MANIFESTS);
        let (said, content) = self.whole(&call, MAX_DOCUMENT).await.map_err(|error| match error.fault() {
            Fault::NotFound { .. } => error.with_fault(Fault::lost("it said that it stored the manifest, but there is none")),
            _ => error,
        })?;
        if content != manifest.content {
            let what = format!("the manifest is {}, what comes back is another one", manifest.blob.digest);
            return Err(self.transport.failed(&call, Fault::lied(what)));
        }
        self.same(&call, said.as_deref(), manifest)
    }

    fn same(&self, call: &Call, said: Option<&str>, manifest: &Document) -> Result<(), RegistryError> {
        let ours = &manifest.blob.digest;
        match said {
            Some(theirs) if theirs != ours.as_str() => {
                Err(self.transport.failed(call, Fault::lied(format!("the manifest is {ours}, it says that it has {theirs}"))))
            }
            _ => Ok(()),
        }
    }
}

/// Every blob once, in order: images name the same one several times, above all the empty layer.
fn distinct<'b>(blobs: impl Iterator<Item = &'b Blob>) -> Vec<Blob> {
    let mut all: Vec<Blob> = Vec::new();
    for blob in blobs {
        if !all.contains(blob) {
            all.push(blob.clone());
        }
    }
    all
}

/// A registry that took every blob, and now misses one.
fn lost_blobs(error: RegistryError) -> RegistryError {
    let lost = match error.fault() {
        Fault::Refused { words, .. } | Fault::NotFound { words } if words.as_str().contains("BLOB_UNKNOWN") => {
            Fault::lost(format!("it said that it stored every blob, but misses one now: {words}"))
        }
        _ => return error,
    };
    error.with_fault(lost)
}
