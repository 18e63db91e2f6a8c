//! The way of the gitlab crate's requests out: over the wire that both forges share.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, BodyError, Endpoint, Pageable, QueryParams, RestClient};
use serde_json::json;
use url::Url;

use crate::{
    forge::wire::{Ask, Failed, Wire},
    record::Nonce,
};

/// The gitlab crate's client: one exchange for each request.
#[derive(Clone, Debug)]
pub(super) struct Exchanges(pub(super) Arc<Wire>);

impl RestClient for Exchanges {
    type Error = Failed;

    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<Failed>> {
        self.0.url(&format!("/api/v4/{endpoint}")).map_err(ApiError::client)
    }
}

#[async_trait]
impl AsyncClient for Exchanges {
    async fn rest_async(&self, request: http::request::Builder, body: Vec<u8>) -> Result<http::Response<Bytes>, ApiError<Failed>> {
        let unmade = |reason: &str| ApiError::client(Failed::harmless(self.0.unreadable(reason)));
        let (head, body) = request.body(body).map_err(|e| unmade(&e.to_string()))?.into_parts();
        let mut url: Url = head.uri.to_string().parse().map_err(|e: url::ParseError| unmade(&e.to_string()))?;
        // The gitlab crate writes a question mark where it asks nothing.
        if url.query() == Some("") {
            url.set_query(None);
        }
        let ask = Ask { method: head.method, url, headers: head.headers, body: body.into() };
        self.0.exchange(&ask).await.map_err(ApiError::client)
    }
}

/// The pipelines of a project that are asked for: the gitlab crate does not know all that can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pipelines<'p> {
    /// The project, as a part of a path.
    pub(super) project: &'p str,
    pub(super) asked: &'p [(&'static str, &'static str)],
}

impl Endpoint for Pipelines<'_> {
    fn method(&self) -> http::Method {
        http::Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/pipelines", self.project).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        for (name, value) in self.asked {
            parameters.push(*name, *value);
        }
        parameters
    }
}

impl Pageable for Pipelines<'_> {}

/// The jobs of a pipeline, each in its last try.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobsOf<'p> {
    /// The project, as a part of a path.
    pub(super) project: &'p str,
    pub(super) pipeline: u64,
}

impl Endpoint for JobsOf<'_> {
    fn method(&self) -> http::Method {
        http::Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/pipelines/{}/jobs", self.project, self.pipeline).into()
    }
}

impl Pageable for JobsOf<'_> {}

/// What stands at a path.
#[derive(Clone, Debug)]
pub(super) struct Read(pub(super) String);

impl Endpoint for Read {
    fn method(&self) -> http::Method {
        http::Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.0.clone().into()
    }
}

/// How a pipeline is told its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    /// By the input `canship_nonce`.
    Input,
    /// By the variable `CANSHIP_NONCE`.
    Variable,
}

/// A new pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct CreatePipeline<'p> {
    /// The project, as a part of a path.
    pub(super) project: &'p str,
    pub(super) reference: &'p str,
    pub(super) nonce: &'p Nonce,
    pub(super) taking: Taking,
}

impl Endpoint for CreatePipeline<'_> {
    fn method(&self) -> http::Method {
        http::Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/pipeline", self.project).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let Self { reference, nonce, .. } = self;
        let body = match self.taking {
            Taking::Input => json!({ "ref": reference, "inputs": { "canship_nonce": nonce } }),
            Taking::Variable => json!({ "ref": reference, "variables": [{ "key": "CANSHIP_NONCE", "value": nonce }] }),
        };
        Ok(Some(("application/json", body.to_string().into_bytes())))
    }
}
