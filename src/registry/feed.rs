//! What is sent: made piece by piece while it goes out, and anew if it must be sent again.

use std::{
    fs::File,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
    task::Poll,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::poll_fn;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

use super::{Fault, RegistryError, pulse::Pulse};
use crate::record::Digest;

/// Bytes that go over at once.
pub(super) const PIECE: usize = 256 * 1024;

/// Pieces that wait between who makes them and who sends them; bounds the memory of a transfer.
const WAITING: usize = 4;

/// Why something could not be made or sent.
#[derive(Debug)]
pub(super) enum Broken {
    /// The call itself failed.
    Here(Fault),
    /// Another registry, from which it is copied, failed.
    There(RegistryError),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Here(fault)
    }
}

/// Something that can be sent, any number of times.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// Its length, if it is told before it is sent. Without it, the sending can end early and the answer is still good.
    fn length(&self) -> Option<u64>;

    /// Ends the sending where it is.
    fn stop(&self);

    /// Begins to make it.
    async fn open(&self, pulse: Arc<Pulse>) -> Result<reqwest::Body, Broken>;

    /// Waits until the making that was begun last has ended, and says why if it failed.
    async fn settled(&self) -> Result<Settled, Broken>;
}

/// How the making of something that is sent ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// All of it was taken.
    Whole,
    /// The receiver stopped taking it.
    Abandoned,
}

/// The two ends of a body: who makes it writes, and the connection takes. Once `stop` is cancelled, the body is at its
/// end.
pub(super) fn feed(pulse: Arc<Pulse>, stop: CancellationToken) -> (Feeder, reqwest::Body) {
    let (sender, mut pieces) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    let mut stopped = Box::pin(stop.cancelled_owned());
    let stream = poll_fn(move |context| {
        // Also wakes a body that waits for who makes it.
        if stopped.as_mut().poll(context).is_ready() {
            pieces.close();
            pulse.end();
            return Poll::Ready(None);
        }
        let piece = pieces.poll_recv(context);
        match &piece {
            Poll::Ready(Some(Ok(piece))) => pulse.add(piece.len()),
            Poll::Ready(Some(Err(_)) | None) => pulse.end(),
            Poll::Pending => pulse.wait_for_source(),
        }
        piece
    });
    (Feeder { sender, buffer: BytesMut::with_capacity(PIECE) }, reqwest::Body::wrap_stream(stream))
}

/// Where a body's bytes are written, by a thread that may block. The last piece goes out by
/// `flush`.
pub(super) struct Feeder {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: BytesMut,
}

impl Feeder {
    /// Passes a piece on as it is.
    pub(super) fn pass(&self, piece: Bytes) -> io::Result<()> {
        self.sender.blocking_send(Ok(piece)).map_err(|_| abandoned())
    }

    /// The same from a task that must not block.
    pub(super) async fn pass_on(&self, piece: Bytes) -> io::Result<()> {
        self.sender.send(Ok(piece)).await.map_err(|_| abandoned())
    }

    /// Makes the receiver see that it will not get all of it.
    pub(super) fn break_off(self) {
        // Nobody is left to be told if this fails.
        drop(self.sender.try_send(Err(io::Error::other("what was to be sent could not be made"))));
    }
}

impl Write for Feeder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(PIECE));
        self.pass(piece.freeze())
    }
}

/// The receiver went away; not a failure of who makes.
fn abandoned() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the connection takes no more")
}

/// Remembers how a making ended until somebody asks.
#[derive(Debug)]
pub(super) struct Ending<T>(Mutex<Option<oneshot::Receiver<Result<T, Broken>>>>);

impl<T> Default for Ending<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Send> Ending<T> {
    /// A new making begins; what was left of an earlier one is forgotten.
    pub(super) async fn begin(&self) -> oneshot::Sender<Result<T, Broken>> {
        let (tell, told) = oneshot::channel();
        *self.0.lock().await = Some(told);
        tell
    }

    /// What came of it; none if the receiver stopped taking it.
    pub(super) async fn wait(&self) -> Result<Option<T>, Broken> {
        let Some(told) = self.0.lock().await.take() else { return Ok(None) };
        match told.await {
            Ok(Ok(made)) => Ok(Some(made)),
            Ok(Err(Broken::Here(Fault::Io { reason, .. }))) if reason.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            Ok(Err(broken)) => Err(broken),
            Err(_) => Err(Fault::io("what was to be sent could not be made", io::Error::other("its thread ended early")).into()),
        }
    }
}

/// A file whose content is known: hashed as it goes out, and never sent to its end if it is something else.
#[derive(Debug)]
pub(super) struct FileSource {
    path: PathBuf,
    digest: Digest,
    size: u64,
    ending: Ending<()>,
    stop: CancellationToken,
}

impl FileSource {
    pub(super) fn new(path: PathBuf, digest: Digest, size: u64) -> Self {
        Self { path, digest, size, ending: Ending::default(), stop: CancellationToken::new() }
    }
}

#[async_trait]
impl Source for FileSource {
    fn length(&self) -> Option<u64> {
        Some(self.size)
    }

    fn stop(&self) {
        self.stop.cancel();
    }

    async fn open(&self, pulse: Arc<Pulse>) -> Result<reqwest::Body, Broken> {
        let tell = self.ending.begin().await;
        let (feeder, body) = feed(pulse, self.stop.clone());
        let (path, digest, size) = (self.path.clone(), self.digest.clone(), self.size);
        spawn_blocking(move || {
            let sent =
                send_file(&path, &digest, size, &feeder).map_err(|e| Fault::io(format!("`{}` cannot be sent", path.display()), e));
            if sent.is_err() {
                feeder.break_off();
            }
            // Nobody may be waiting any more: the call was given up.
            drop(tell.send(sent.map_err(Broken::from)));
        });
        Ok(body)
    }

    async fn settled(&self) -> Result<Settled, Broken> {
        Ok(if self.ending.wait().await?.is_some() { Settled::Whole } else { Settled::Abandoned })
    }
}

fn send_file(path: &Path, digest: &Digest, size: u64, feeder: &Feeder) -> io::Result<()> {
    let mut file = File::open(path)?;
    let (mut hash, mut left) = (Sha256::new(), size);
    loop {
        let mut piece = BytesMut::zeroed(usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        file.read_exact(&mut piece)?;
        hash.update(&piece);
        left -= piece.len() as u64;
        if left > 0 {
            feeder.pass(piece.freeze())?;
            continue;
        }
        // The last piece goes out only if all is as it should be.
        let found = Digest::from_sha256(&hash.finalize());
        if found != *digest || file.read(&mut [0])? > 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("its content is not {digest}")));
        }
        return if piece.is_empty() { Ok(()) } else { feeder.pass(piece.freeze()) };
    }
}
