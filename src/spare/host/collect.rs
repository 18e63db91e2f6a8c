//! Takes artifacts out of a room: through an archive, so that whatever is refused from a container is refused here.

use std::{
    fs::{self, File, FileType},
    io::{self, BufReader, BufWriter},
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::failed;
use crate::{
    archive::{Look, Refused, Unpacked, Writer, unpack},
    spare::SpareError,
};

/// Copies `artifact`, a path below `source`, to below `into`. The way to it may lead over links, as long as they stay
/// in the room: tools put what they build into a cache in the home and link to it.
pub(super) fn collect(
    room: &Path,
    source: &Path,
    artifact: &Path,
    ((into, limit), look): ((&Path, u64), Look<'_>),
) -> Result<Vec<Unpacked>, SpareError> {
    let shown = artifact.display().to_string();
    let broken = |reason: &io::Error| failed(format!("collecting `{shown}`"), reason);
    let from = match source.join(artifact).canonicalize() {
        Ok(from) => from,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(SpareError::NoSuchArtifact { path: shown }),
        Err(reason) => return Err(broken(&reason)),
    };
    if !from.starts_with(room) {
        return Err(Refused::Link { path: shown, target: from.display().to_string() }.into());
    }
    let name = artifact.file_name().ok_or_else(|| Refused::Path(shown.clone()))?;
    let entries = list(&from, name.as_ref())?.map_err(|reason| broken(&reason))?;
    let (reader, writer) = io::pipe().map_err(|reason| broken(&reason))?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(&entries, Writer::new(BufWriter::new(writer), "", 0)));
        let unpacked = unpack(BufReader::new(reader), into, limit, look);
        match (writing.join(), unpacked) {
            (Ok(Ok(())), Ok(files)) => Ok(files),
            (Ok(Err(reason)), Ok(_) | Err(Refused::Read(_))) => Err(broken(&reason)),
            (_, Err(refused)) => Err(refused.into()),
            (Err(_), Ok(_)) => Err(broken(&io::Error::other("the thread that reads it has stopped"))),
        }
    })
}

/// A file, folder or link of the artifact: where it is, and its name in the archive.
struct Entry {
    from: PathBuf,
    name: PathBuf,
    kind: FileType,
}

/// Everything below `from`, parents first, without following any link.
fn list(from: &Path, name: &Path) -> Result<io::Result<Vec<Entry>>, Refused> {
    let (mut entries, mut next) = (Vec::new(), vec![(from.to_owned(), name.to_owned())]);
    while let Some((from, name)) = next.pop() {
        let kind = match fs::symlink_metadata(&from) {
            Ok(seen) => seen.file_type(),
            Err(reason) => return Ok(Err(reason)),
        };
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            return Err(Refused::Kind { path: name.display().to_string(), kind: kind_name(kind) });
        }
        if kind.is_dir() {
            let inside = fs::read_dir(&from).and_then(|inside| inside.map(|entry| entry.map(|entry| entry.file_name())).collect());
            let mut inside: Vec<_> = match inside {
                Ok(inside) => inside,
                Err(reason) => return Ok(Err(reason)),
            };
            inside.sort_by(|a, b| b.cmp(a));
            next.extend(inside.into_iter().map(|entry| (from.join(&entry), name.join(&entry))));
        }
        entries.push(Entry { from, name, kind });
    }
    Ok(Ok(entries))
}

fn write(entries: &[Entry], mut writer: Writer<'_>) -> io::Result<()> {
    for Entry { from, name, kind } in entries {
        if kind.is_dir() {
            writer.folder(name)?;
        } else if kind.is_symlink() {
            writer.link(name, &fs::read_link(from)?)?;
        } else {
            let file = File::open(from)?;
            let seen = file.metadata()?;
            writer.file(name, seen.len(), seen.permissions().mode() & 0o111 != 0, file)?;
        }
    }
    writer.finish()
}

fn kind_name(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
