//! Takes the archive of one image, as an engine saves it, apart into an image layout that can be pushed.
//!
//! Docker and Podman write a `manifest.json` that names a configuration and the layers, whether the rest of the archive
//! is in their own form or an image layout; it may come last, so every layer is packed as it comes. A layer is
//! compressed the way all of ours are, and its content proved against the configuration; only documents are held in
//! memory.
//!
//! Invariant: the same layers give the same image, byte for byte: what an engine notes of a build (times, containers,
//! its own labels) is taken out of the configuration.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Read, Write as _},
    path::{Component, Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use oci_spec::image::MediaType;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Fault, LocalError,
    image::{CREATED, Document, PAST, descriptor, manifest, take_object},
    layer::{LayerFacts, Packer},
    layout::{Layout, blob_path, unwritable},
    pull::MAX_DOCUMENT,
    upload::Blob,
};
use crate::record::Digest;

/// Labels that begin so are canship's own, for the time that an image is on an engine.
const OWN_LABELS: &str = "dev.canship.";

/// What the documents of an archive may have in all.
const MAX_DOCUMENTS: usize = 8 * MAX_DOCUMENT;

/// No archive of files is shorter, and no document that an engine writes begins like one.
const SHORTEST_ARCHIVE: u64 = 512;

const CHUNK: usize = 128 * 1024;

/// An image that was taken apart.
#[derive(Debug)]
pub struct Saved {
    /// The digest of its manifest.
    pub digest: Digest,
    /// Its configuration as it will be published, history included.
    pub config: String,
    /// The files of its layers.
    pub layers: Vec<PathBuf>,
}

/// Reads `archive` and makes `into` (an existing, empty folder) an image layout of the one image in it. `look` sees
/// every byte of every layer, uncompressed, and an empty piece between one layer and the next. Blocks.
///
/// # Errors
/// The archive cannot be read, does not hold one image, or a layer is not what the configuration says.
pub fn take_apart(archive: impl Read, into: &Path, look: &mut dyn FnMut(&[u8])) -> Result<Saved, LocalError> {
    let mut parts = Parts { into: into.to_owned(), look, documents: HashMap::new(), layers: HashMap::new(), links: HashMap::new() };
    let blobs = into.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(|e| unwritable(&blobs, e))?;
    let mut tar = tar::Archive::new(archive);
    for entry in tar.entries().map_err(unreadable)? {
        parts.take(entry.map_err(unreadable)?)?;
    }
    Ok(parts.into_layout()?)
}

fn unreadable(reason: io::Error) -> Fault {
    Fault::io("the image that the engine gives cannot be read", reason)
}

fn wrong(what: impl Into<String>) -> Fault {
    unreadable(io::Error::new(io::ErrorKind::InvalidData, what.into()))
}

/// The file that every engine writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    layers: Vec<String>,
}

struct Parts<'l> {
    into: PathBuf,
    look: &'l mut dyn FnMut(&[u8]),
    documents: HashMap<PathBuf, Vec<u8>>,
    layers: HashMap<PathBuf, LayerFacts>,
    links: HashMap<PathBuf, PathBuf>,
}

impl Parts<'_> {
    fn take(&mut self, mut entry: tar::Entry<'_, impl Read>) -> Result<(), Fault> {
        let path = clean(&entry.path().map_err(unreadable)?);
        match entry.header().entry_type() {
            tar::EntryType::Symlink => {
                let target = entry.link_name().map_err(unreadable)?.unwrap_or_default();
                let target = clean(&path.parent().unwrap_or(Path::new("")).join(target));
                self.links.insert(path, target);
            }
            tar::EntryType::Link => {
                let target = clean(&entry.link_name().map_err(unreadable)?.unwrap_or_default());
                self.links.insert(path, target);
            }
            tar::EntryType::Regular | tar::EntryType::Continuous => self.file(path, entry.size(), &mut entry)?,
            _ => {}
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, size: u64, content: &mut impl Read) -> Result<(), Fault> {
        let mut start = Vec::new();
        content.by_ref().take(4).read_to_end(&mut start).map_err(unreadable)?;
        let whole = io::Cursor::new(start.clone()).chain(content);
        match &start[..] {
            [0x1f, 0x8b, ..] => self.layer(path, MultiGzDecoder::new(whole)),
            [0x28, 0xb5, 0x2f, 0xfd] => Err(wrong(format!("`{}` is compressed in a way that is not known here", path.display()))),
            [b'{' | b'[', ..] if size <= MAX_DOCUMENT as u64 => self.document(path, whole),
            _ if size < SHORTEST_ARCHIVE => self.document(path, whole),
            _ => self.layer(path, whole),
        }
    }

    fn document(&mut self, path: PathBuf, mut content: impl Read) -> Result<(), Fault> {
        let mut text = Vec::new();
        content.read_to_end(&mut text).map_err(unreadable)?;
        let held: usize = self.documents.values().map(Vec::len).sum();
        if held + text.len() > MAX_DOCUMENTS {
            return Err(wrong("it has more documents than an image needs"));
        }
        self.documents.insert(path, text);
        Ok(())
    }

    fn layer(&mut self, path: PathBuf, mut content: impl Read) -> Result<(), Fault> {
        let part = self.into.join("part");
        let write = |e| unwritable(&part, e);
        let mut packer = Packer::new(BufWriter::with_capacity(CHUNK, File::create(&part).map_err(write)?));
        let mut buffer = vec![0; CHUNK];
        loop {
            let n = content.read(&mut buffer).map_err(unreadable)?;
            (self.look)(&buffer[..n]);
            if n == 0 {
                break;
            }
            packer.write_all(&buffer[..n]).map_err(write)?;
        }
        let facts = packer.finish().map_err(write)?;
        fs::rename(&part, blob_path(&self.into, &facts.blob.digest)).map_err(write)?;
        self.layers.insert(path, facts);
        Ok(())
    }

    /// Where a path leads: engines link to a layer that the image has twice.
    fn followed(&self, path: &str) -> PathBuf {
        let mut at = clean(Path::new(path));
        for _ in 0..8 {
            match self.links.get(&at) {
                Some(target) => at.clone_from(target),
                None => break,
            }
        }
        at
    }

    fn into_layout(mut self) -> Result<Saved, Fault> {
        let list = self.documents.get(Path::new("manifest.json")).ok_or_else(|| wrong("it has no `manifest.json`"))?;
        let list: Vec<Entry> = serde_json::from_slice(list).map_err(|e| wrong(format!("its `manifest.json`: {e}")))?;
        let [Entry { config, layers }] = &list[..] else { return Err(wrong(format!("it holds {} images", list.len()))) };
        let config = self.documents.get(&self.followed(config)).ok_or_else(|| wrong("its configuration is not there"))?;
        let config: Map<String, Value> = serde_json::from_slice(config).map_err(|e| wrong(format!("its configuration: {e}")))?;
        let facts = layers.iter().map(|name| self.layer_facts(name)).collect::<Result<Vec<_>, _>>()?;
        are_said(&config, &facts)?;

        let config = serde_json::to_vec(&portable(config)).map_err(|e| wrong(e.to_string()))?;
        let document = Document::new(config.clone());
        let path = blob_path(&self.into, &document.blob.digest);
        fs::write(&path, &document.content).map_err(|e| unwritable(&path, e))?;
        let blobs: Vec<Blob> = std::iter::once(&document.blob).chain(facts.iter().map(|layer| &layer.blob)).cloned().collect();
        let files = facts.iter().map(|layer| blob_path(&self.into, &layer.blob.digest)).collect();
        let layers = facts.iter().map(|layer| descriptor(MediaType::ImageLayerGzip, &layer.blob)).collect::<Result<_, _>>()?;
        let manifest = manifest(&document.blob, layers)?;
        let digest = manifest.blob.digest.clone();
        Layout::create(&self.into, manifest, MediaType::ImageManifest.to_string(), blobs)?.finish()?;
        Ok(Saved { digest, config: String::from_utf8_lossy(&config).into_owned(), layers: files })
    }

    fn layer_facts(&mut self, name: &str) -> Result<LayerFacts, Fault> {
        let path = self.followed(name);
        // One that looked like a document.
        if let Some(content) = self.documents.remove(&path) {
            self.layer(path.clone(), &content[..])?;
        }
        self.layers.get(&path).cloned().ok_or_else(|| wrong(format!("its layer `{name}` is not there")))
    }
}

/// Every layer is the one that the configuration speaks of, in its order.
fn are_said(config: &Map<String, Value>, layers: &[LayerFacts]) -> Result<(), Fault> {
    let said = config.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
    let said: Vec<&str> = said.into_iter().flatten().map(|id| id.as_str().unwrap_or_default()).collect();
    let are: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    if said == are {
        return Ok(());
    }
    Err(wrong(format!("its layers are {are:?}, but its configuration says {said:?}")))
}

/// The configuration without what differs from one build to the next, in one order.
fn portable(mut whole: Map<String, Value>) -> Value {
    for past in PAST {
        whole.shift_remove(*past);
    }
    whole.retain(|key, _| !key.starts_with("moby.buildkit."));
    whole.insert("created".to_owned(), json!(CREATED));
    let mut config = take_object(&mut whole, "config");
    // The first seven are of the container in which an old engine built, not of the image.
    for past in ["Hostname", "Domainname", "Image", "AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce"] {
        config.shift_remove(past);
    }
    let mut labels = take_object(&mut config, "Labels");
    labels.retain(|key, _| !key.starts_with(OWN_LABELS));
    config.insert("Labels".to_owned(), labels.into());
    config.retain(|_, value| !is_nothing(value));
    whole.insert("config".to_owned(), config.into());
    if let Some(Value::Array(history)) = whole.get_mut("history") {
        let is_empty = |entry: &Map<String, Value>| entry.get("empty_layer") == Some(&Value::Bool(true));
        history.retain(|entry| !entry.as_object().is_some_and(|entry| is_own_label(entry) && is_empty(entry)));
        for entry in history.iter_mut().filter_map(Value::as_object_mut) {
            // A builder that makes one layer of everything notes it with the last instruction.
            if is_own_label(entry) {
                entry.shift_remove("created_by");
            }
            entry.insert("created".to_owned(), json!(CREATED));
        }
    }
    let mut whole = Value::Object(whole);
    whole.sort_all_objects();
    whole
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

fn is_own_label(entry: &Map<String, Value>) -> bool {
    let by = entry.get("created_by").and_then(Value::as_str).unwrap_or_default();
    by.contains("LABEL") && by.contains(OWN_LABELS)
}

/// The path without `.` and `..`, as an archive's entries name each other.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    clean
}
