//! OCI image layouts: images that lie ready in a folder.
//! Source: <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use oci_spec::image::{ImageIndex, ImageIndexBuilder, ImageManifest, MediaType, SCHEMA_VERSION};

use super::{
    Fault, LocalError,
    image::{Document, blob_of, descriptor},
    pull::MAX_DOCUMENT,
    upload::Blob,
};
use crate::record::Digest;

/// One image in a folder.
#[derive(Debug)]
pub(super) struct Layout {
    folder: PathBuf,
    pub(super) manifest: Document,
    pub(super) media_type: String,
    /// What the manifest names.
    pub(super) blobs: Vec<Blob>,
}

impl Layout {
    /// Reads what a layout holds, without its layers.
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        let wrong = |what: String| {
            Fault::io(format!("`{}` is no image layout", folder.display()), io::Error::new(io::ErrorKind::InvalidData, what))
        };
        let index = Document::new(read_small(&folder.join("index.json"))?);
        let index: ImageIndex = serde_json::from_slice(&index.content).map_err(|e| wrong(e.to_string()))?;
        let [entry] = &index.manifests()[..] else {
            return Err(wrong(format!("it holds {} images, not one", index.manifests().len())));
        };
        let named = blob_of(entry)?;
        let manifest = Document::new(read_small(&blob_path(folder, &named.digest))?);
        if manifest.blob != named {
            return Err(wrong(format!("its manifest is not {}", named.digest)));
        }
        let image: ImageManifest = manifest
            .parse_as(&["config", "layers"])?
            .ok_or_else(|| wrong("what it holds is not the manifest of an image".to_owned()))?;
        let blobs: Result<_, Fault> = std::iter::once(image.config()).chain(image.layers()).map(blob_of).collect();
        Ok(Self { folder: folder.to_owned(), manifest, media_type: entry.media_type().to_string(), blobs: blobs? })
    }

    /// Makes room for an image, of which the blobs are still to come.
    pub(super) fn create(folder: &Path, manifest: Document, media_type: String, blobs: Vec<Blob>) -> Result<Self, Fault> {
        let layout = Self { folder: folder.to_owned(), manifest, media_type, blobs };
        let path = layout.path(&layout.manifest.blob.digest);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|e| unwritable(parent, e))?;
        fs::write(&path, &layout.manifest.content).map_err(|e| unwritable(&path, e))?;
        Ok(layout)
    }

    /// Writes what makes it a layout, once everything is there.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        let broken = |e: &dyn std::fmt::Display| Fault::protocol(format!("the index cannot be written: {e}"));
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests([descriptor(MediaType::from(self.media_type.as_str()), &self.manifest.blob)?])
            .build()
            .map_err(|e| broken(&e))?;
        let index = serde_json::to_vec(&index).map_err(|e| broken(&e))?;
        for (name, content) in [("oci-layout", &br#"{"imageLayoutVersion":"1.0.0"}"#[..]), ("index.json", &index)] {
            let path = self.folder.join(name);
            fs::write(&path, content).map_err(|e| unwritable(&path, e))?;
        }
        Ok(())
    }

    /// Where a blob lies.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        blob_path(&self.folder, digest)
    }
}

/// The configuration and the layers, the lowest first, of the one image of a layout: each with a name for people, where it
/// lies, its length in bytes and its digest. Blocks.
///
/// # Errors
/// The folder is no layout of one image.
pub fn image_parts(folder: &Path) -> Result<Vec<(String, PathBuf, u64, Digest)>, LocalError> {
    let layout = Layout::read(folder)?;
    let name = |at| if at == 0 { "the configuration".to_owned() } else { format!("layer {at}") };
    let part = |(at, blob): (usize, &Blob)| (name(at), layout.path(&blob.digest), blob.size, blob.digest.clone());
    Ok(layout.blobs.iter().enumerate().map(part).collect())
}

pub(super) fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join(digest.as_str().replace(':', "/"))
}

pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, Fault> {
    let unreadable = |e| Fault::io(format!("`{}` cannot be read", path.display()), e);
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_DOCUMENT as u64 {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, format!("it has {size} bytes"))));
    }
    fs::read(path).map_err(unreadable)
}

pub(super) fn unwritable(path: &Path, reason: io::Error) -> Fault {
    Fault::io(format!("`{}` cannot be written", path.display()), reason)
}
