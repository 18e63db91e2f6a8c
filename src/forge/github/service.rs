//! The way of octocrab's requests out: over the wire that both forges share, without anything of octocrab's own.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use octocrab::OctoBody;
use tower_service::Service;

use crate::forge::{
    ForgeFault,
    wire::{Ask, Failed, Wire},
};

/// Octocrab's client: one exchange for each request.
#[derive(Clone, Debug)]
pub(super) struct Exchanges(pub(super) Arc<Wire>);

impl Service<http::Request<OctoBody>> for Exchanges {
    type Response = http::Response<Full<Bytes>>;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failed>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<OctoBody>) -> Self::Future {
        let wire = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let lost = |_| Failed::harmless(ForgeFault::Declined { reason: "its content could not be made".into() });
            let body = body.collect().await.map_err(lost)?.to_bytes();
            let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            let ask = Ask { method: head.method, url: wire.url(path)?, headers: head.headers, body };
            Ok(wire.exchange(&ask).await?.map(Full::new))
        })
    }
}
