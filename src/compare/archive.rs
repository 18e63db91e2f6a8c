//! Archives: listed, and the wanted part taken out. Also the layers of images, which are archives one over the other.
//!
//! Content goes to files that are named by numbers, whatever the archive calls them.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, BufReader, Read, Write as _},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::{
    Bounds, Tree, Unread, Wanted,
    listing::{Listing, MOST, Place, Seen, inward},
    tree::{Entry, FileEntry},
};
use crate::{
    archive::{Format, open_zip},
    record::Digest,
};

/// The longest name or set of attributes of an entry; what is longer would have to be held in memory.
const LONGEST_HEADER: u64 = 1 << 20;

/// What the first bytes of a file say.
pub(super) fn format(path: &Path) -> io::Result<Option<Format>> {
    let mut start = Vec::with_capacity(Format::START);
    File::open(path)?.take(Format::START as u64).read_to_end(&mut start)?;
    Ok(Format::of(&start))
}

/// Takes the wanted part out of the archive at `path`, its content to `into` (an existing folder). Blocks.
pub(super) fn read(path: &Path, wanted: &Wanted, into: &Path, bounds: &Bounds) -> Result<Tree, Unread> {
    match format(path)? {
        Some(Format::Zip) => zip(path, wanted, into, bounds),
        Some(format @ (Format::Tar | Format::Gzip)) => layers(&[(path.to_owned(), format)], wanted, into, bounds),
        Some(Format::Other(_)) | None => {
            Err(Unread::Kind("it is no archive of a kind that is read: .tar, .tar.gz or .zip".to_owned()))
        }
    }
}

/// Takes the wanted part out of layers, the lowest first. Blocks.
pub(super) fn layers(all: &[(PathBuf, Format)], wanted: &Wanted, into: &Path, bounds: &Bounds) -> Result<Tree, Unread> {
    let mut listing = Listing::default();
    for (layer, (path, format)) in all.iter().enumerate() {
        check_headers(open(path, *format, bounds)?)?;
        list_layer(layer, open(path, *format, bounds)?, &mut listing)?;
    }
    let part = listing.part(wanted)?;
    let mut store = Store::new(into, &part);
    for (layer, (path, format)) in all.iter().enumerate() {
        if store.wants(layer) {
            let mut archive = tar::Archive::new(open(path, *format, bounds)?);
            for (number, entry) in archive.entries()?.enumerate() {
                store.take((layer, number), entry?)?;
            }
        }
    }
    Ok(store.tree(part)?)
}

fn open(path: &Path, format: Format, bounds: &Bounds) -> io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    Ok(match format {
        Format::Gzip => Box::new(bounds.over(MultiGzDecoder::new(file))),
        Format::Tar | Format::Zip | Format::Other(_) => Box::new(bounds.over(file)),
    })
}

/// Refuses what would not fit into memory, before anything is made of it.
pub(super) fn check_headers(archive: impl Read) -> io::Result<()> {
    for (number, entry) in tar::Archive::new(archive).entries()?.raw(true).enumerate() {
        let entry = entry?;
        if number > MOST {
            return Err(io::Error::other(format!("it has more than {MOST} entries")));
        }
        let kind = entry.header().entry_type();
        let is_about_another = kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions();
        if (is_about_another || kind.is_pax_global_extensions()) && entry.size() > LONGEST_HEADER {
            return Err(io::Error::other("the name of an entry is longer than any name"));
        }
    }
    Ok(())
}

/// Puts the entries of a layer over those below it.
/// Source: <https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts>.
fn list_layer(layer: usize, archive: Box<dyn Read>, listing: &mut Listing) -> io::Result<()> {
    let mut own = Vec::new();
    for (number, entry) in tar::Archive::new(archive).entries()?.enumerate() {
        let entry = entry?;
        let path = inward(&entry.path()?)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == ".wh..wh..opq" {
            listing.remove_below(path.parent().unwrap_or(Path::new("")));
            continue;
        }
        if let Some(hidden) = name.strip_prefix(".wh.") {
            listing.remove(&path.with_file_name(hidden));
            continue;
        }
        own.push((
            number,
            path,
            entry.header().entry_type(),
            entry.header().mode()? & 0o111 != 0,
            entry.link_name()?.map(Into::into),
        ));
    }
    // What hides only hides what is below, wherever it stands in the layer.
    for (number, path, kind, executable, target) in own {
        let target: PathBuf = target.unwrap_or_default();
        match kind {
            tar::EntryType::Directory => listing.add(path, Seen::Folder)?,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                listing.add(path, Seen::File { place: (layer, number), executable })?;
            }
            tar::EntryType::Symlink => listing.add(path, Seen::Link(target))?,
            tar::EntryType::Link => listing.link(path, &inward(&target)?)?,
            // Devices and pipes are no part of what a build makes.
            _ => {}
        }
    }
    Ok(())
}

/// Takes the wanted part out of a zip archive. Blocks.
fn zip(path: &Path, wanted: &Wanted, into: &Path, bounds: &Bounds) -> Result<Tree, Unread> {
    let mut archive = open_zip(File::open(path)?)?;
    let mut listing = Listing::default();
    for number in 0..archive.len() {
        bounds.check()?;
        let entry = archive.by_index_raw(number).map_err(io::Error::other)?;
        let path = inward(Path::new(&*entry.name().map_err(io::Error::other)?))?;
        let mode = entry.unix_mode();
        let executable = mode.is_some_and(|mode| mode & 0o111 != 0);
        let seen = if entry.is_dir() { Seen::Folder } else { Seen::File { place: (0, number), executable } };
        if mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            // The target is the entry's content, and no path is longer.
            let mut target = String::new();
            drop(entry);
            archive.by_index(number).map_err(io::Error::other)?.take(4096).read_to_string(&mut target)?;
            listing.add(path, Seen::Link(PathBuf::from(target)))?;
        } else {
            listing.add(path, seen)?;
        }
    }
    let part = listing.part(wanted)?;
    let mut store = Store::new(into, &part);
    let mut left = bounds.bytes;
    for number in 0..archive.len() {
        if !store.places.contains_key(&(0, number)) {
            continue;
        }
        let entry = archive.by_index(number).map_err(io::Error::other)?;
        let taken = store.take((0, number), Bounds { bytes: left, ..bounds.clone() }.over(entry))?;
        left -= taken;
    }
    Ok(store.tree(part)?)
}

/// Content that was taken out, in files named by numbers.
struct Store {
    folder: PathBuf,
    /// The places that are wanted; each with what was taken from it.
    places: HashMap<Place, Option<(u64, Digest, PathBuf)>>,
}

impl Store {
    fn new(folder: &Path, part: &[(PathBuf, Seen)]) -> Self {
        let places =
            part.iter().filter_map(|(_, seen)| if let Seen::File { place, .. } = seen { Some((*place, None)) } else { None });
        Self { folder: folder.to_owned(), places: places.collect() }
    }

    fn wants(&self, layer: usize) -> bool {
        self.places.keys().any(|place| place.0 == layer)
    }

    /// Writes the content of a place if it is wanted. Returns the bytes that were written.
    fn take(&mut self, place: Place, mut content: impl Read) -> io::Result<u64> {
        let Some(taken) = self.places.get_mut(&place) else { return Ok(0) };
        let at = self.folder.join(format!("{}-{}", place.0, place.1));
        let (mut file, mut hash, mut size) = (File::create_new(&at)?, Sha256::new(), 0);
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let n = content.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            file.write_all(&buffer[..n])?;
            size += n as u64;
        }
        *taken = Some((size, Digest::from_sha256(&hash.finalize()), at));
        Ok(size)
    }

    fn tree(self, part: Vec<(PathBuf, Seen)>) -> io::Result<Tree> {
        let mut tree = BTreeMap::new();
        for (path, seen) in part {
            let entry = match seen {
                Seen::Folder => Entry::Folder,
                Seen::Link(target) => Entry::Link(target),
                Seen::File { place, executable } => {
                    let taken = self.places.get(&place).and_then(Option::as_ref);
                    let (size, digest, at) = taken.cloned().ok_or_else(|| io::Error::other("an entry was not there any more"))?;
                    Entry::File(FileEntry { size, digest, executable: Some(executable), at })
                }
            };
            tree.insert(path, entry);
        }
        Ok(Tree(tree))
    }
}
