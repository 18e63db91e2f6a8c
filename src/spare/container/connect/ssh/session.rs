//! A connection to an engine that is the input and output of a program on the other side.

use std::{
    io,
    pin::Pin,
    process::Stdio,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::OwnedSemaphorePermit,
};

use super::words;

/// The most that is kept of why a program did not answer.
const KEPT: usize = 4096;

/// Ends when it is dropped, and with it the program there.
pub(super) struct Session {
    /// None once no more is to be sent; that is how the program there learns of it.
    input: Option<ChildStdin>,
    output: ChildStdout,
    errors: ChildStderr,
    /// What the program said about itself, as long as it has answered nothing.
    said: Option<Vec<u8>>,
    _child: Child,
    _permit: OwnedSemaphorePermit,
}

impl Session {
    pub(super) fn start(mut command: Command, permit: OwnedSemaphorePermit) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
        Ok(Self { input: Some(input), output, errors, said: Some(Vec::new()), _child: child, _permit: permit })
    }

    /// Reads why there was no answer at all.
    fn poll_why(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let said = self.said.get_or_insert_default();
        loop {
            let mut room = [0; 1024];
            let mut buffer = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut self.errors).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            said.extend_from_slice(buffer.filled());
            said.drain(..said.len().saturating_sub(KEPT));
        }
        let words = words::last_line(&String::from_utf8_lossy(said));
        let words = if words.is_empty() { String::from("it ended without an answer") } else { words };
        Poll::Ready(io::Error::new(io::ErrorKind::UnexpectedEof, words))
    }
}

impl AsyncRead for Session {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.said = None;
        } else if self.said.is_some() && buffer.remaining() > 0 {
            return Poll::Ready(Err(ready!(self.poll_why(context))));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Session {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().map_or(Poll::Ready(Ok(())), |input| Pin::new(input).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(input) = &mut self.input {
            ready!(Pin::new(input).poll_shutdown(context))?;
        }
        // Only this closes the pipe.
        self.input = None;
        Poll::Ready(Ok(()))
    }
}
