//! Streams an artifact out of a room, without a temporary copy.

use std::{
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use bollard::{
    errors::Error,
    query_parameters::{ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder},
};
use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::{
    super::{OwnLook, SpareError},
    connect::{Connection, STALL, failed, status},
    create::{SRC, WORK},
};
use crate::archive::{Look, Refused, Unpacked, unpack};

/// Chunks under way between the connection and the thread that writes files.
const CHUNKS: usize = 16;

/// Takes `artifact`, a path below the working folder, out of the container and puts it into the folder `into` under
/// its last name, whole or not at all.
///
/// An artifact that is itself a link is followed if it leads to something in the working folder, else refused. The
/// folders on the way to it are the room's own matter: what the engine hands out is the room's in any case.
pub(super) async fn collect(
    connection: &Connection,
    container: &str,
    artifact: &Path,
    (into, limit, look): (&Path, u64, OwnLook),
) -> Result<Vec<Unpacked>, SpareError> {
    let shown = artifact.display().to_string();
    let path = inward(artifact).ok_or_else(|| Refused::Path(shown.clone()))?;
    let name = path.file_name().map(PathBuf::from).ok_or_else(|| Refused::Path(shown.clone()))?;
    let at = format!("{WORK}/{SRC}/{}", path.display());
    // Asked before: while it hands out an archive, an engine answers nothing else about the container.
    let source = leads_to(connection, container, at, &shown).await?;
    let collected = download(connection, container, (&shown, &source), Place { into: into.to_owned(), name, limit, look }).await;
    match collected {
        // A container that has ended has lost its working folder, and some engines look for it all the same.
        Err(SpareError::NoSuchArtifact { .. }) if !is_running(connection, container).await => {
            Err(SpareError::Ended { reason: format!("its container is gone, and `{shown}` with it") })
        }
        collected => collected,
    }
}

/// Where an artifact goes.
struct Place {
    into: PathBuf,
    name: PathBuf,
    limit: u64,
    look: OwnLook,
}

async fn download(
    connection: &Connection,
    container: &str,
    (shown, source): (&str, &str),
    mut place: Place,
) -> Result<Vec<Unpacked>, SpareError> {
    let options = DownloadFromContainerOptionsBuilder::default().path(source).build();
    let mut download = connection.docker.download_from_container(container, Some(options)).boxed();

    let (chunks, archive) = mpsc::channel(CHUNKS);
    let archive = ChunkReader::new(archive);
    let unpacking =
        tokio::task::spawn_blocking(move || unpack_as(archive, (&place.into, &place.name), place.limit, &mut place.look));
    let passed_on = pass_on(&mut download, chunks, shown).await;
    let unpacked = unpacking.await.map_err(|e| collecting(shown, e.to_string()))?;
    passed_on?;
    Ok(unpacked?)
}

/// Gives the download to the thread that unpacks it, until one of them ends.
async fn pass_on(
    download: &mut (impl Stream<Item = Result<Bytes, Error>> + Unpin),
    chunks: mpsc::Sender<io::Result<Bytes>>,
    artifact: &str,
) -> Result<(), SpareError> {
    loop {
        let failure = match tokio::time::timeout(STALL, download.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(bytes))) => match chunks.send(Ok(bytes)).await {
                Ok(()) => continue,
                // The thread takes no more: it has refused the archive, or is at its end.
                Err(_) => return Ok(()),
            },
            Ok(Some(Err(e))) => missing_or_failed(e, artifact),
            Err(_) => collecting(artifact, format!("nothing moved for {} s", STALL.as_secs())),
        };
        // Else what came so far could be taken for the whole.
        drop(chunks.send(Err(io::ErrorKind::ConnectionAborted.into())).await);
        return Err(failure);
    }
}

fn collecting(artifact: &str, reason: String) -> SpareError {
    SpareError::Failed { what: format!("collecting `{artifact}`"), reason }
}

fn missing_or_failed(error: Error, artifact: &str) -> SpareError {
    match status(&error) {
        Some(404) => SpareError::NoSuchArtifact { path: artifact.to_owned() },
        _ => failed(format!("collecting `{artifact}`"))(error),
    }
}

/// An engine that knows no such container, or knows it in a state that has no name here, has none that runs.
async fn is_running(connection: &Connection, container: &str) -> bool {
    let seen = connection.docker.inspect_container(container, None).await;
    seen.is_ok_and(|seen| seen.state.is_some_and(|state| state.running == Some(true)))
}

/// The path without `.`; none if it is absolute, has `..` or nothing else.
fn inward(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect::<Option<PathBuf>>()
        .filter(|clean| !clean.as_os_str().is_empty())
}

/// Where the artifact leads if it is a link, else itself.
async fn leads_to(connection: &Connection, container: &str, at: String, shown: &str) -> Result<String, SpareError> {
    let options = ContainerArchiveInfoOptionsBuilder::default().path(&at).build();
    let target = match connection.docker.get_container_archive_info(container, Some(options)).await {
        Ok(info) => info.link_target,
        // Without words, as all answers to this kind of request: the download will tell what is not there.
        Err(e) if status(&e) == Some(404) => String::new(),
        Err(e) => return Err(missing_or_failed(e, shown)),
    };
    if target.is_empty() {
        return Ok(at);
    }
    let below = target.strip_prefix(WORK).and_then(|below| below.strip_prefix('/')?.strip_prefix(SRC)?.strip_prefix('/'));
    if below.is_some_and(|below| inward(Path::new(below)).is_some()) {
        return Ok(target);
    }
    Err(Refused::Link { path: shown.to_owned(), target }.into())
}

/// Unpacks beside its place first, so that the archive cannot choose where it lands.
fn unpack_as(archive: impl Read, (into, name): (&Path, &Path), limit: u64, look: Look<'_>) -> Result<Vec<Unpacked>, Refused> {
    let write = |reason| Refused::Write { path: name.display().to_string(), reason };
    let beside = tempfile::Builder::new().prefix(".canship-").tempdir_in(into).map_err(write)?;
    let mut files = unpack(archive, beside.path(), limit, look)?;
    let entries: Vec<_> = std::fs::read_dir(beside.path()).and_then(Iterator::collect).map_err(write)?;
    let [root] = &entries[..] else {
        return Err(Refused::Read(io::Error::other(format!("it holds {} entries where one was asked for", entries.len()))));
    };
    let place = into.join(name);
    if place.symlink_metadata().is_ok() {
        return Err(Refused::Clash(name.display().to_string()));
    }
    std::fs::rename(root.path(), place).map_err(write)?;
    for file in &mut files {
        let below: PathBuf = file.path.components().skip(1).collect();
        file.path = if below.as_os_str().is_empty() { name.to_owned() } else { name.join(below) };
    }
    Ok(files)
}

/// The end of a channel that a thread reads from.
pub(super) struct ChunkReader {
    chunk: Bytes,
    chunks: mpsc::Receiver<io::Result<Bytes>>,
}

impl ChunkReader {
    pub(super) fn new(chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { chunk: Bytes::new(), chunks }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Writer;

    #[test]
    fn artifacts_outside_of_the_working_folder_are_no_paths() {
        for path in ["/etc/passwd", "../out", "a/../../b", "", ".", "./."] {
            assert_eq!(inward(Path::new(path)), None, "{path}");
        }
        assert_eq!(inward(Path::new("./target/./app")), Some(PathBuf::from("target/app")));
    }

    #[test]
    fn an_archive_lands_under_the_name_that_was_asked_for() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, "build-7", 0);
        writer.folder(Path::new("bin")).unwrap();
        writer.file(Path::new("bin/app"), 2, true, &b"hi"[..]).unwrap();
        writer.finish().unwrap();

        let folder = tempfile::tempdir().unwrap();
        let files = unpack_as(&bytes[..], (folder.path(), Path::new("latest")), 100, &mut |_| true).unwrap();
        assert_eq!(files[0].path, Path::new("latest/bin/app"));
        assert_eq!(std::fs::read(folder.path().join("latest/bin/app")).unwrap(), b"hi");
        assert!(matches!(unpack_as(&bytes[..], (folder.path(), Path::new("latest")), 100, &mut |_| true), Err(Refused::Clash(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn an_archive_with_more_than_what_was_asked_for_is_refused() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, "", 0);
        writer.file(Path::new("app"), 0, true, io::empty()).unwrap();
        writer.file(Path::new("other"), 0, true, io::empty()).unwrap();
        writer.finish().unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert!(unpack_as(&bytes[..], (folder.path(), Path::new("app")), 100, &mut |_| true).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
