//! The one layer that canship makes: the artifacts below `app/`.
//!
//! Invariants: the same artifacts give the same bytes, whatever order, owner or time their files have; nothing is
//! kept on disk or whole in memory.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{
    Fault,
    feed::{Broken, Ending, Settled, Source, feed},
    pulse::Pulse,
    upload::Blob,
};
use crate::{archive::Writer, elf, record::Digest};

/// Where the artifacts lie in the image.
pub(super) const BELOW: &str = "app";

/// Fixed, since another level gives other digests. Measured on programs: 1 is a fifth larger, 6 a thirtieth smaller
/// and slower.
const LEVEL: u32 = 3;

/// What stands where in the folder of artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    File { size: u64, executable: bool },
    Link(PathBuf),
}

/// What a layer turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LayerFacts {
    /// As it is sent.
    pub(super) blob: Blob,
    /// The digest of the archive before it is compressed.
    pub(super) diff_id: Digest,
}

/// A folder of artifacts, as it was when it was looked at.
#[derive(Debug)]
pub(super) struct Artifacts {
    folder: PathBuf,
    items: Vec<Item>,
}

impl Artifacts {
    /// Looks through a folder. Blocks.
    pub(super) fn look(folder: &Path) -> Result<Self, Fault> {
        let mut items = Vec::new();
        walk(folder, Path::new(""), &mut items)?;
        if items.iter().all(|item| item.kind == Kind::Folder) {
            let nothing = io::Error::new(io::ErrorKind::NotFound, "there is no artifact in it");
            return Err(Fault::io(format!("`{}` makes no image", folder.display()), nothing));
        }
        Ok(Self { folder: folder.to_owned(), items })
    }

    /// The one file that may be executed, if there is exactly one, by its path in the image.
    pub(super) fn entrypoint(&self) -> Option<String> {
        let mut executables = self.items.iter().filter(|item| matches!(item.kind, Kind::File { executable: true, .. }));
        let only = executables.next().filter(|_| executables.next().is_none())?;
        Some(format!("/{BELOW}/{}", only.path.to_str()?))
    }

    /// The programs that need a dynamic linker which is none of the artifacts, each by its path in the image, with the
    /// linker. Blocks.
    pub(super) fn unlinked(&self) -> Vec<(String, String)> {
        let in_image = |item: &Item| Some(format!("/{BELOW}/{}", item.path.to_str()?));
        let programs = self.items.iter().filter(|item| matches!(item.kind, Kind::File { executable: true, .. }));
        let needs = programs.filter_map(|item| Some((in_image(item)?, elf::linker(&self.folder.join(&item.path))?)));
        let is_there = |linker: &str| self.items.iter().filter_map(in_image).any(|path| path == linker);
        needs.filter(|(_, linker)| !is_there(linker)).collect()
    }

    /// Writes every item in order.
    pub(super) fn hand_on(&self, writer: &mut Writer<'_>) -> io::Result<()> {
        for Item { path, kind } in &self.items {
            match kind {
                Kind::Folder => writer.folder(path)?,
                Kind::File { size, executable } => writer.file(path, *size, *executable, File::open(self.folder.join(path))?)?,
                Kind::Link(target) => writer.link(path, target)?,
            }
        }
        Ok(())
    }

    fn write(&self, out: impl Write) -> io::Result<LayerFacts> {
        let mut packer = Packer::new(out);
        let mut writer = Writer::new(&mut packer, BELOW, 0);
        writer.folder(Path::new(""))?;
        self.hand_on(&mut writer)?;
        writer.finish()?;
        packer.finish()
    }
}

/// Compresses an archive the way every layer of ours is, and learns what it turns out to be.
pub(super) struct Packer<W: Write>(Tee<GzEncoder<Tee<W>>>);

impl<W: Write> Packer<W> {
    pub(super) fn new(out: W) -> Self {
        Self(Tee::new(GzBuilder::new().mtime(0).operating_system(255).write(Tee::new(out), Compression::new(LEVEL))))
    }

    pub(super) fn finish(self) -> io::Result<LayerFacts> {
        let (diff_id, _, packed) = self.0.end();
        let (digest, size, mut out) = packed.finish()?.end();
        out.flush()?;
        Ok(LayerFacts { blob: Blob { digest, size }, diff_id })
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn walk(folder: &Path, below: &Path, items: &mut Vec<Item>) -> Result<(), Fault> {
    let at = folder.join(below);
    let broken = |e| Fault::io(format!("`{}` cannot be read", at.display()), e);
    let mut names: Vec<_> =
        fs::read_dir(&at).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect()).map_err(broken)?;
    names.sort_unstable();
    for name in names {
        let path = below.join(&name);
        let full = folder.join(&path);
        let seen = fs::symlink_metadata(&full).map_err(broken)?;
        let kind = if seen.is_dir() {
            Kind::Folder
        } else if seen.is_file() {
            Kind::File { size: seen.len(), executable: seen.permissions().mode() & 0o111 != 0 }
        } else if seen.is_symlink() {
            Kind::Link(fs::read_link(&full).map_err(broken)?)
        } else {
            let odd = io::Error::new(io::ErrorKind::InvalidData, "it is neither file, folder nor link");
            return Err(Fault::io(format!("`{}` cannot be part of an image", full.display()), odd));
        };
        let is_folder = kind == Kind::Folder;
        items.push(Item { path: path.clone(), kind });
        if is_folder {
            walk(folder, &path, items)?;
        }
    }
    Ok(())
}

/// Passes on what is written, hashed and counted.
struct Tee<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W> Tee<W> {
    fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), size: 0 }
    }

    fn end(self) -> (Digest, u64, W) {
        (Digest::from_sha256(&self.hash.finalize()), self.size, self.out)
    }
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Sends the layer: packed, compressed and hashed on the way.
#[derive(Debug)]
pub(super) struct LayerSource {
    artifacts: Arc<Artifacts>,
    known: Option<LayerFacts>,
    ending: Ending<LayerFacts>,
    made: std::sync::OnceLock<LayerFacts>,
    stop: CancellationToken,
}

impl LayerSource {
    /// `known` is what it turned out to be when it was made before.
    pub(super) fn new(artifacts: Arc<Artifacts>, known: Option<LayerFacts>) -> Self {
        let (ending, made) = (Ending::default(), std::sync::OnceLock::new());
        Self { artifacts, known, ending, made, stop: CancellationToken::new() }
    }

    /// What it turned out to be, once all of it was sent.
    pub(super) fn made(&self) -> Option<&LayerFacts> {
        self.made.get()
    }
}

#[async_trait]
impl Source for LayerSource {
    fn length(&self) -> Option<u64> {
        None
    }

    fn stop(&self) {
        self.stop.cancel();
    }

    async fn open(&self, pulse: Arc<Pulse>) -> Result<reqwest::Body, Broken> {
        let tell = self.ending.begin().await;
        let (mut feeder, body) = feed(pulse, self.stop.clone());
        let (artifacts, known) = (Arc::clone(&self.artifacts), self.known.clone());
        spawn_blocking(move || {
            let made = artifacts.write(&mut feeder).and_then(|facts| match known {
                Some(known) if known != facts => Err(io::Error::new(io::ErrorKind::InvalidData, "the artifacts have changed")),
                _ => Ok(facts),
            });
            // Nobody may be waiting any more: the call was given up.
            drop(tell.send(made.map_err(|e| Fault::io("the artifacts cannot be sent", e).into())));
        });
        Ok(body)
    }

    async fn settled(&self) -> Result<Settled, Broken> {
        let Some(facts) = self.ending.wait().await? else {
            // Stopped from here, the receiver got all that it was to get.
            return Ok(if self.stop.is_cancelled() { Settled::Whole } else { Settled::Abandoned });
        };
        // Sent twice it is made twice, and alike: a file that changed in between shows itself to the registry.
        self.made.get_or_init(|| facts);
        Ok(Settled::Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(fill: impl FnOnce(&Path)) -> LayerFacts {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        Artifacts::look(folder.path()).unwrap().write(io::sink()).unwrap()
    }

    #[test]
    fn the_order_in_which_files_were_made_does_not_matter() {
        let files = ["b", "a/z", "a/a", "c"];
        let make = |folder: &Path, names: &mut dyn Iterator<Item = &&str>| {
            fs::create_dir(folder.join("a")).unwrap();
            names.for_each(|name| fs::write(folder.join(name), name).unwrap());
        };
        let one = facts(|folder| make(folder, &mut files.iter()));
        let two = facts(|folder| make(folder, &mut files.iter().rev()));
        assert_eq!(one, two);
        let other = facts(|folder| {
            make(folder, &mut files.iter());
            fs::set_permissions(folder.join("b"), fs::Permissions::from_mode(0o755)).unwrap();
        });
        assert_ne!(one, other);
    }

    #[test]
    fn a_layer_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tool"), "#!").unwrap();
        fs::set_permissions(folder.path().join("tool"), fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("tool", folder.path().join("t")).unwrap();
        let artifacts = Artifacts::look(folder.path()).unwrap();
        assert_eq!(artifacts.entrypoint().as_deref(), Some("/app/tool"));
        let mut packed = Vec::new();
        let facts = artifacts.write(&mut packed).unwrap();
        assert_eq!(facts.blob.digest, Digest::from_sha256(&Sha256::digest(&packed)));
        assert_eq!(facts.blob.size, packed.len() as u64);
        let out = tempfile::tempdir().unwrap();
        let files = crate::archive::unpack(flate2::read::GzDecoder::new(&packed[..]), out.path(), 1 << 20, &mut |_| true).unwrap();
        assert_eq!(files[0].path, Path::new("app/tool"));
        assert!(files[0].executable);
        assert_eq!(fs::read_link(out.path().join("app/t")).unwrap(), Path::new("tool"));
    }

    #[test]
    fn a_folder_without_any_file_makes_no_image() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("empty")).unwrap();
        assert!(matches!(Artifacts::look(folder.path()), Err(Fault::Io { .. })));
    }
}
