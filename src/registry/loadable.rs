//! An image that came back, in the form in which an engine takes it in.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{
    Fault, LocalError,
    image::{Document, take_object},
    layout::{Layout, read_small},
};
use crate::record::Digest;

/// One image of a layout, with a name and labels for the time that it is on an engine. Its layers are as they came.
#[derive(Debug)]
pub struct Loadable {
    name: String,
    config: Document,
    layers: Vec<(Digest, PathBuf)>,
    diff_ids: Vec<String>,
}

impl Loadable {
    /// Reads the image of a layout, all but its layers. Blocks.
    ///
    /// # Errors
    /// The folder is no layout of one image.
    pub fn new(layout: &Path, name: impl Into<String>, labels: Vec<(String, String)>) -> Result<Self, LocalError> {
        let read = Layout::read(layout)?;
        let [config, layers @ ..] = &read.blobs[..] else { return Err(Fault::protocol("the image has no configuration").into()) };
        let layers = layers.iter().map(|blob| (blob.digest.clone(), read.path(&blob.digest))).collect();
        let path = read.path(&config.digest);
        let unreadable = |e| Fault::io(format!("`{}` cannot be read", path.display()), e);
        let text = read_small(&path)?;
        let mut whole: Map<String, Value> = serde_json::from_slice(&text).map_err(|e| unreadable(e.into()))?;
        let said = whole.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
        let diff_ids = said.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let mut config = take_object(&mut whole, "config");
        let mut all = take_object(&mut config, "Labels");
        all.extend(labels.into_iter().map(|(key, value)| (key, Value::String(value))));
        config.insert("Labels".to_owned(), all.into());
        whole.insert("config".to_owned(), config.into());
        let config = Document::new(serde_json::to_vec(&whole).map_err(|e| unreadable(e.into()))?);
        Ok(Self { name: name.into(), config, layers, diff_ids })
    }

    /// What its layers are once they are unpacked, the lowest first.
    #[must_use]
    pub fn diff_ids(&self) -> &[String] {
        &self.diff_ids
    }

    /// Writes the archive. Blocks.
    ///
    /// # Errors
    /// A layer cannot be read, or the stream does not take it.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        let config = format!("{}.json", hex(&self.config.blob.digest));
        let mut layers = Vec::new();
        for (digest, path) in &self.layers {
            let name = format!("{}.tar", hex(digest));
            // A layer that the image has twice is there once.
            if !layers.contains(&name) {
                let file = File::open(path)?;
                entry(&mut tar, &name, file.metadata()?.len(), file)?;
            }
            layers.push(name);
        }
        entry(&mut tar, &config, self.config.blob.size, &self.config.content[..])?;
        let list = serde_json::to_vec(&json!([{ "Config": config, "RepoTags": [self.name], "Layers": layers }]))?;
        entry(&mut tar, "manifest.json", list.len() as u64, &list[..])?;
        tar.into_inner()?.flush()
    }
}

fn hex(digest: &Digest) -> &str {
    digest.as_str().trim_start_matches("sha256:")
}

fn entry<W: Write>(tar: &mut tar::Builder<W>, name: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content)
}
