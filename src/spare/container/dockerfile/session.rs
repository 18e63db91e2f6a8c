//! The session of one build: `BuildKit` calls back over it and asks for the secrets of the build.
//!
//! These are calls of gRPC, of which just what is asked for is answered: that the session is alive, and a secret by its
//! name. Source: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::{convert::Infallible, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Frame, Incoming},
    header::HeaderValue,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::TokioExecutor;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use super::{
    super::connect::Connection,
    protobuf::{Fields, message},
    wire,
};
use crate::secret::Secret;

const SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// `HealthCheckResponse { status: SERVING }`.
const SERVING: &[u8] = &[0x08, 0x01];

/// The longest question that is read.
const QUESTION: usize = 64 * 1024;

const OK: HeaderValue = HeaderValue::from_static("0");
const NOT_FOUND: HeaderValue = HeaderValue::from_static("5");
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");

/// An open session; it ends when this is dropped.
pub(super) struct Session {
    id: String,
    _connected: wire::Connected,
    _answering: AbortOnDropHandle<()>,
}

impl Session {
    /// What a build names it by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// Opens a session that hands out these secrets.
pub(super) async fn open(
    connection: &Connection,
    secrets: Vec<(String, Secret)>,
    halt: &CancellationToken,
) -> Result<Session, String> {
    let id = Uuid::now_v7().simple().to_string();
    let request = Request::post(format!("/v{}/session", connection.docker.client_version()))
        .header("X-Docker-Expose-Session-Uuid", &id)
        .header("X-Docker-Expose-Session-Name", "canship")
        .header("X-Docker-Expose-Session-Grpc-Method", SECRET);
    let (turned, connected) = wire::turn(connection, request, halt).await?;
    let secrets = Arc::new(secrets);
    let service = service_fn(move |request| {
        let secrets = Arc::clone(&secrets);
        async move { Ok::<_, Infallible>(answer(request, &secrets).await) }
    });
    let answering = AbortOnDropHandle::new(tokio::spawn(async move {
        // It ends with the build, in whatever way that ends.
        drop(http2::Builder::new(TokioExecutor::new()).serve_connection(turned, service).await);
    }));
    Ok(Session { id, _connected: connected, _answering: answering })
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>, secrets: &[(String, Secret)]) -> Answer {
    match request.uri().path() {
        HEALTH => good(SERVING),
        SECRET => {
            let question = Limited::new(request.into_body(), QUESTION).collect().await;
            // Five bytes say how long the message is.
            let question = question.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let wanted = Fields(question.get(5..).unwrap_or_default()).find(|(field, _)| *field == 1).map(|(_, id)| id.text());
            match secrets.iter().find(|(name, _)| Some(name) == wanted.as_ref()) {
                Some((_, secret)) => good(&message(1, secret.expose().as_bytes())),
                None => bad(NOT_FOUND),
            }
        }
        _ => bad(UNIMPLEMENTED),
    }
}

fn good(message: &[u8]) -> Answer {
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    bytes.put_slice(message);
    let mut end = HeaderMap::new();
    end.insert("grpc-status", OK);
    let frames = [Ok(Frame::data(bytes.freeze())), Ok(Frame::trailers(end))];
    grpc(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync())
}

fn bad(status: HeaderValue) -> Answer {
    let mut answer = grpc(http_body_util::Empty::new().boxed_unsync());
    answer.headers_mut().insert("grpc-status", status);
    answer
}

fn grpc(body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer
}
