//! Streams content into a room, without a temporary copy.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{errors::Error, query_parameters::UploadToContainerOptionsBuilder};
use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::{
    super::SpareError,
    connect::{Connection, STALL, status, words},
    create::{HOME, OWNER, SRC, WORK},
};
use crate::archive::{Fill, Writer};

/// How long an upload may take in all: the engine answers when it has taken everything.
pub(super) const UPLOAD: Duration = Duration::from_hours(1);

/// Chunks under way between the thread that reads files and the connection.
pub(super) const CHUNKS: usize = 16;
const CHUNK: usize = 256 * 1024;

/// Streams `content` into the folder in which steps run. Returns the bytes of its files.
pub(super) async fn fill(connection: &Connection, container: &str, content: Fill, disk: u64) -> Result<u64, SpareError> {
    let (chunks, body) = mpsc::channel(CHUNKS);
    let filling = tokio::task::spawn_blocking(move || write_archive(chunks, content));
    let body = Body(Arc::new(Mutex::new(body)));
    let moved = Arc::new(Notify::new());
    let (receiver, motion) = (body.0.clone(), moved.clone());
    let stream = futures_util::stream::poll_fn(move |context| {
        let chunk = receiver.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(context);
        if chunk.is_ready() {
            motion.notify_one();
        }
        chunk
    });
    let docker = connection.docker.clone().with_timeout(UPLOAD);
    let options = UploadToContainerOptionsBuilder::default().path(WORK).build();
    let uploading = docker.upload_to_container(container, Some(options), bollard::body_try_stream(stream));
    let taken = until_stalled(uploading, &moved).await;
    drop(body);
    let failure = |reason| SpareError::Failed { what: String::from("filling the clean room"), reason };
    let filled = filling.await.map_err(|e| failure(e.to_string()))?;
    match (taken, filled) {
        (Some(Ok(())), Ok(bytes)) => Ok(bytes),
        (Some(Err(e)), _) if matches!(status(&e), Some(404 | 409)) => Err(SpareError::Ended { reason: words(&e) }),
        // What the engine answers is the cause: the content broke off because of it.
        (Some(Err(e @ Error::DockerResponseServerError { .. })), _) => Err(failure(disk_full(words(&e), disk))),
        (None, _) => Err(failure(format!("nothing moved for {} s", STALL.as_secs()))),
        (_, Err(e)) if e.kind() != io::ErrorKind::BrokenPipe => Err(failure(e.to_string())),
        (Some(Err(e)), _) => Err(failure(words(&e))),
        (Some(Ok(())), Err(e)) => Err(failure(e.to_string())),
    }
}

/// Puts one file beside the folder in which steps run; they may read it.
pub(super) async fn put(connection: &Connection, container: &str, name: &str, content: &[u8]) -> Result<(), SpareError> {
    let failure = |reason: String| SpareError::Failed { what: format!("putting `{name}` into the clean room"), reason };
    let archive = archive_of(name, content).map_err(|reason| failure(reason.to_string()))?;
    let options = UploadToContainerOptionsBuilder::default().path(WORK).build();
    let uploaded = connection.docker.upload_to_container(container, Some(options), bollard::body_full(archive.into())).await;
    uploaded.map_err(|reason| failure(words(&reason)))
}

fn archive_of(name: &str, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    let mut writer = Writer::new(&mut archive, "", OWNER);
    writer.file(name.as_ref(), content.len() as u64, false, content)?;
    writer.finish()?;
    Ok(archive)
}

/// The end of the channel that the connection reads. When dropped, it ends the thread that fills the channel: the
/// connection itself may hold its end for as long as an engine that hangs.
struct Body(Arc<Mutex<mpsc::Receiver<io::Result<Bytes>>>>);

impl Drop for Body {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).close();
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

fn write_archive(chunks: mpsc::Sender<io::Result<Bytes>>, content: Fill) -> io::Result<u64> {
    let end = chunks.clone();
    let written = (move || {
        let mut archive = Writer::new(Chunks { buffer: folders()?, chunks }, SRC, OWNER);
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

/// The start of an archive: the folders that belong to the steps. (The root of the volume itself, which would be `./`,
/// the engine leaves as it is.) They come with the content because each upload costs as much as two steps of nothing.
fn folders() -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut archive = Writer::new(&mut start, "", OWNER);
    archive.folder(SRC.as_ref())?;
    archive.folder(HOME.as_ref())?;
    archive.finish()?;
    // Without the two empty blocks that end an archive.
    start.truncate(start.len().saturating_sub(2 * 512));
    Ok(start)
}

/// The end of a channel that a thread writes to.
pub(super) struct Chunks {
    buffer: Vec<u8>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

impl Chunks {
    pub(super) fn new(chunks: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { buffer: Vec::with_capacity(CHUNK), chunks }
    }

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_folders_of_the_steps_come_before_the_content() {
        let bytes = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (chunks, mut stream) = mpsc::channel(CHUNKS);
            let content: Fill = Box::new(|archive| archive.file(Path::new("a"), 1, false, &b"a"[..]));
            tokio::task::spawn_blocking(move || write_archive(chunks, content)).await.unwrap().unwrap();
            let mut bytes = Vec::new();
            while let Some(chunk) = stream.recv().await {
                bytes.extend_from_slice(&chunk.unwrap());
            }
            bytes
        });
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<_> = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, [Path::new("src"), Path::new("home"), Path::new("src/a")]);
    }

    #[tokio::test]
    async fn content_that_breaks_off_breaks_the_stream_off() {
        let (chunks, mut stream) = mpsc::channel(CHUNKS);
        let content: Fill = Box::new(|archive| {
            archive.folder(Path::new("a"))?;
            Err(io::Error::other("the disk is gone"))
        });
        let written = tokio::task::spawn_blocking(move || write_archive(chunks, content)).await.unwrap();
        assert_eq!(written.unwrap_err().to_string(), "the disk is gone");
        let mut last = None;
        while let Some(chunk) = stream.recv().await {
            last = Some(chunk);
        }
        assert!(last.unwrap().is_err());
    }
}
