//! One call to an engine over a connection of its own, which can be given up politely.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::AbortOnDropHandle,
};

use super::super::connect::{Connection, Wire};

/// What is sent along.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Whoever holds it keeps the connection.
pub(super) type Connected = AbortOnDropHandle<()>;

/// Posts to a path of the engine's API.
pub(super) async fn post(
    connection: &Connection,
    path: &str,
    body: Body,
    halt: &CancellationToken,
) -> Result<(Response<Incoming>, Connected), String> {
    let request = Request::post(path).header("Content-Type", "application/x-tar");
    send(connection, request.body(body).map_err(|e| e.to_string())?, halt).await
}

/// Asks for a connection to be turned round: the engine then calls, and is answered.
pub(super) async fn turn(
    connection: &Connection,
    request: http::request::Builder,
    halt: &CancellationToken,
) -> Result<(hyper::upgrade::Upgraded, Connected), String> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = request.header("Connection", "Upgrade").header("Upgrade", "h2c").body(body).map_err(|e| e.to_string())?;
    let (response, connected) = send(connection, request, halt).await?;
    if response.status() != hyper::StatusCode::SWITCHING_PROTOCOLS {
        return Err(format!("the engine opens no session: it answers {}", response.status()));
    }
    Ok((hyper::upgrade::on(response).await.map_err(|e| e.to_string())?, connected))
}

async fn send(
    connection: &Connection,
    mut request: Request<Body>,
    halt: &CancellationToken,
) -> Result<(Response<Incoming>, Connected), String> {
    request.headers_mut().insert("Host", hyper::header::HeaderValue::from_static("docker"));
    let way = connection.dial.dial().await.map_err(|e| e.to_string())?;
    let halting = Halting { way, halt: Box::pin(halt.clone().cancelled_owned()), state: State::Open };
    let (mut sender, connected) = http1::handshake(TokioIo::new(halting)).await.map_err(|e| e.to_string())?;
    let connected = AbortOnDropHandle::new(tokio::spawn(async move {
        // What goes wrong here, the call itself sees too.
        drop(connected.with_upgrades().await);
    }));
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    Ok((response, connected))
}

/// Closes its sending half when it is told to halt. An engine gives up what it does for a caller that has gone, and
/// closes the other half when that has ended: so its end is seen, where a connection that is dropped shows nothing.
struct Halting {
    way: Wire,
    halt: Pin<Box<WaitForCancellationFutureOwned>>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    Closing,
    Closed,
}

impl AsyncRead for Halting {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.state == State::Open && this.halt.as_mut().poll(context).is_ready() {
            this.state = State::Closing;
        }
        if this.state == State::Closing {
            // Whether it worked or the connection is gone: there is nothing more to send.
            drop(ready!(Pin::new(&mut this.way).poll_shutdown(context)));
            this.state = State::Closed;
        }
        Pin::new(&mut this.way).poll_read(context, buffer)
    }
}

impl AsyncWrite for Halting {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.state != State::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut this.way).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().way).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().way).poll_shutdown(context)
    }
}
