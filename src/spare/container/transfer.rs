//! Streams archives into a room and out of it, without a temporary copy.

use std::{
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};

use super::{
    super::SpareError,
    connect::{Connection, failed, status, words},
    create::{OWNER, SRC, WORK},
};
use crate::archive::{Fill, Refused, Unpacked, Writer, unpack};

/// How long nothing may move.
const STALL: Duration = Duration::from_mins(2);

/// How long an upload may take in all: the engine answers when it has taken everything.
const UPLOAD: Duration = Duration::from_hours(1);

/// Chunks under way between the thread that reads or writes files and the connection.
const CHUNKS: usize = 16;
const CHUNK: usize = 256 * 1024;

/// Streams `content` into the container's folder `to`, all of it under `below`. Returns the bytes of its files.
pub(super) async fn upload(
    connection: &Connection,
    container: &str,
    to: &str,
    below: &'static str,
    content: Fill,
    disk: u64,
) -> Result<u64, SpareError> {
    let (chunks, mut body) = mpsc::channel(CHUNKS);
    let filling = tokio::task::spawn_blocking(move || write_archive(chunks, below, content));
    let moved = std::sync::Arc::new(Notify::new());
    let moves = moved.clone();
    let body = futures_util::stream::poll_fn(move |context| {
        let chunk = body.poll_recv(context);
        if chunk.is_ready() {
            moves.notify_one();
        }
        chunk
    });
    let docker = connection.docker.clone().with_timeout(UPLOAD);
    let options = UploadToContainerOptionsBuilder::default().path(to).build();
    let taken = until_stalled(docker.upload_to_container(container, Some(options), bollard::body_try_stream(body)), &moved).await;
    let failure = |reason| SpareError::Failed { what: String::from("filling the clean room"), reason };
    // Without a reader the thread ends by itself: it is never waited for while the engine keeps it waiting.
    let filled = filling.await.map_err(|e| failure(e.to_string()))?;
    match (taken, filled) {
        (Some(Ok(())), Ok(bytes)) => Ok(bytes),
        // The content broke off, so the upload did too; only the former is the cause.
        (_, Err(e)) if e.kind() != io::ErrorKind::BrokenPipe => Err(failure(e.to_string())),
        (Some(Err(e)), _) if matches!(status(&e), Some(404 | 409)) => Err(SpareError::Ended { reason: words(&e) }),
        (Some(Err(e)), _) => Err(failure(disk_full(words(&e), disk))),
        (None, _) => Err(failure(format!("nothing moved for {} s", STALL.as_secs()))),
        (Some(Ok(())), Err(e)) => Err(failure(e.to_string())),
    }
}

fn disk_full(reason: String, disk: u64) -> String {
    if reason.contains("no space left on device") {
        return format!("its disk is full: `limits.disk` is {} MiB ({reason})", disk >> 20);
    }
    reason
}

/// Runs the work until it is done, or nothing has moved for too long.
async fn until_stalled<T>(work: impl Future<Output = T>, moved: &Notify) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = moved.notified() => {}
            () = tokio::time::sleep(STALL) => return None,
        }
    }
}

fn write_archive(chunks: mpsc::Sender<io::Result<Bytes>>, below: &str, content: Fill) -> io::Result<u64> {
    let end = chunks.clone();
    let written = (move || {
        let mut archive = Writer::new(Chunks { buffer: Vec::with_capacity(CHUNK), chunks }, below, OWNER);
        content(&mut archive)?;
        let bytes = archive.written();
        archive.finish().map(|()| bytes)
    })();
    // Breaks the upload off: an archive that only looks whole must not be taken for one.
    if let Err(e) = &written {
        drop(end.blocking_send(Err(io::Error::new(e.kind(), e.to_string()))));
    }
    written
}

/// The end of a channel that a thread writes to.
struct Chunks {
    buffer: Vec<u8>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

impl Chunks {
    fn send(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.chunks.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..n]);
        if self.buffer.len() == CHUNK {
            self.send()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.send() }
    }
}

/// Takes `artifact`, a path below the working folder, out of the container and puts it into the folder `into` under
/// its last name, whole or not at all.
///
/// An artifact that is itself a link is followed if it leads to something in the working folder, else refused. The
/// folders on the way to it are the room's own matter: what the engine hands out is the room's in any case.
pub(super) async fn collect(
    connection: &Connection,
    container: &str,
    artifact: &Path,
    into: &Path,
    limit: u64,
) -> Result<Vec<Unpacked>, SpareError> {
    let shown = artifact.display().to_string();
    let path = inward(artifact).ok_or_else(|| Refused::Path(shown.clone()))?;
    let name = path.file_name().map(PathBuf::from).ok_or_else(|| Refused::Path(shown.clone()))?;
    let source = leads_to(connection, container, &path, &shown).await?;
    let options = DownloadFromContainerOptionsBuilder::default().path(&source).build();
    let mut download = connection.docker.download_from_container(container, Some(options));

    let (chunks, archive) = mpsc::channel(CHUNKS);
    let place = into.to_owned();
    let unpacking =
        tokio::task::spawn_blocking(move || unpack_as(ChunkReader { chunk: Bytes::new(), chunks: archive }, &place, &name, limit));
    let mut broken = None;
    loop {
        let chunk = match tokio::time::timeout(STALL, download.next()).await {
            Ok(None) => break,
            Ok(Some(chunk)) => chunk.map_err(|e| missing_or_failed(e, &shown)),
            Err(_) => Err(collecting(&shown, format!("nothing moved for {} s", STALL.as_secs()))),
        };
        let (chunk, stop) = match chunk {
            Ok(bytes) => (Ok(bytes), false),
            Err(e) => {
                broken = Some(e);
                (Err(io::ErrorKind::ConnectionAborted.into()), true)
            }
        };
        // Nobody takes it any more: the archive was refused, or is at its end.
        if chunks.send(chunk).await.is_err() || stop {
            break;
        }
    }
    drop(chunks);
    let unpacked = unpacking.await.map_err(|e| collecting(&shown, e.to_string()))?;
    broken.map_or_else(|| unpacked.map_err(SpareError::from), Err)
}

fn collecting(artifact: &str, reason: String) -> SpareError {
    SpareError::Failed { what: format!("collecting `{artifact}`"), reason }
}

fn missing_or_failed(error: bollard::errors::Error, artifact: &str) -> SpareError {
    match status(&error) {
        // An engine also says "not found" of a container, by its id.
        Some(404) if words(&error).to_lowercase().contains("no such container:") => SpareError::Ended { reason: words(&error) },
        Some(404) => SpareError::NoSuchArtifact { path: artifact.to_owned() },
        _ => failed(format!("collecting `{artifact}`"))(error),
    }
}

/// The path without `.`; none if it is absolute, has `..` or nothing else.
fn inward(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect::<Option<PathBuf>>()
        .filter(|clean| !clean.as_os_str().is_empty())
}

/// The path in the container, behind the link if the artifact is one.
async fn leads_to(connection: &Connection, container: &str, path: &Path, shown: &str) -> Result<String, SpareError> {
    let root = format!("{WORK}/{SRC}/");
    let at = format!("{root}{}", path.display());
    let options = ContainerArchiveInfoOptionsBuilder::default().path(&at).build();
    let info = connection.docker.get_container_archive_info(container, Some(options)).await;
    let target = info.map_err(|e| missing_or_failed(e, shown))?.link_target;
    if target.is_empty() {
        return Ok(at);
    }
    if target.starts_with(&root) && inward(Path::new(&target[root.len()..])).is_some() {
        return Ok(target);
    }
    Err(Refused::Link { path: shown.to_owned(), target }.into())
}

/// Unpacks beside its place first, so that the archive cannot choose where it lands.
fn unpack_as(archive: impl Read, into: &Path, name: &Path, limit: u64) -> Result<Vec<Unpacked>, Refused> {
    let write = |reason| Refused::Write { path: name.display().to_string(), reason };
    let beside = tempfile::Builder::new().prefix(".canship-").tempdir_in(into).map_err(write)?;
    let mut files = unpack(archive, beside.path(), limit)?;
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
struct ChunkReader {
    chunk: Bytes,
    chunks: mpsc::Receiver<io::Result<Bytes>>,
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
        let files = unpack_as(&bytes[..], folder.path(), Path::new("latest"), 100).unwrap();
        assert_eq!(files[0].path, Path::new("latest/bin/app"));
        assert_eq!(std::fs::read(folder.path().join("latest/bin/app")).unwrap(), b"hi");
        assert!(matches!(unpack_as(&bytes[..], folder.path(), Path::new("latest"), 100), Err(Refused::Clash(_))));
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
        assert!(unpack_as(&bytes[..], folder.path(), Path::new("app"), 100).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn content_that_breaks_off_breaks_the_stream_off() {
        let (chunks, mut stream) = mpsc::channel(CHUNKS);
        let content: Fill = Box::new(|archive| {
            archive.folder(Path::new("a"))?;
            Err(io::Error::other("the disk is gone"))
        });
        let written = tokio::task::spawn_blocking(move || write_archive(chunks, "src", content)).await.unwrap();
        assert_eq!(written.unwrap_err().to_string(), "the disk is gone");
        let mut last = None;
        while let Some(chunk) = stream.recv().await {
            last = Some(chunk);
        }
        assert!(last.unwrap().is_err());
    }
}
