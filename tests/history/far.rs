//! A store on loopback that answers everything in one way.
#![cfg(test)]

use std::{
    collections::HashMap,
    fmt::Write as _,
    future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    extract::{Query, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

/// How it answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// With this status and body.
    Status(u16, String),
    /// Not at all.
    Never,
    /// As a store with so many records, each with this log, and no index.
    Records { log: String, count: usize },
    /// As the real store at this address, whose lists lack this record.
    Lacks { store: String, record: String },
}

/// The store. It ends with the test.
pub(crate) struct Far {
    address: String,
    asked: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Far {
    pub(crate) fn start(answer: Answer) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(respond).with_state((answer, Arc::clone(&asked)));
        runtime.spawn(async { axum::serve(listener, app).await });
        Self { address, asked, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// How many requests there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

type Known = (Answer, Arc<AtomicUsize>);

async fn respond(State((answer, asked)): State<Known>, Query(query): Query<HashMap<String, String>>, request: Request) -> Response {
    asked.fetch_add(1, Ordering::Relaxed);
    match answer {
        Answer::Status(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Answer::Never => future::pending().await,
        Answer::Lacks { store, record } => passed_on(&store, &record, request).await,
        Answer::Records { count, .. } if query.contains_key("list-type") => {
            let from = query.get("continuation-token").map_or(0, |token| token.parse().unwrap());
            page(from, (from + 1000).min(count), count).into_response()
        }
        Answer::Records { log, .. } => {
            let name = request.uri().path().rsplit('/').next().unwrap();
            let Some(id) = name.strip_suffix(".jsonl") else { return StatusCode::NOT_FOUND.into_response() };
            let (before, rest) = log.split_once("\"drill\":\"").unwrap();
            let (_, after) = rest.split_once('"').unwrap();
            let log = format!("{before}\"drill\":\"{id}\"{after}");
            ([("etag", "\"1\""), ("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")], log).into_response()
        }
    }
}

/// What the store answers, without the record if it is a list. The signature is of the name that was called.
async fn passed_on(store: &str, record: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let url = format!("{store}{}", parts.uri.path_and_query().unwrap());
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let asked = reqwest::Client::new().request(parts.method, url).headers(parts.headers).body(body);
    let answer = asked.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut body = answer.bytes().await.unwrap().to_vec();
    let list = String::from_utf8_lossy(&body).into_owned();
    if let Some(at) = list.find(&format!("{record}</Key>")) {
        let (from, to) = (list[..at].rfind("<Contents>").unwrap(), list[at..].find("</Contents>").unwrap() + at);
        body = [&list[..from], &list[to + "</Contents>".len()..]].concat().into_bytes();
        headers.remove("content-length");
    }
    (status, headers, body).into_response()
}

/// A part of the list.
fn page(from: usize, to: usize, count: usize) -> String {
    let mut xml = String::from("<ListBucketResult>");
    if to < count {
        write!(xml, "<NextContinuationToken>{to}</NextContinuationToken>").unwrap();
    }
    for number in from..to {
        let key = format!("x/20261120-{number:06}-00000000.jsonl");
        let rest = "<LastModified>2026-11-20T10:00:00.000Z</LastModified><Size>1000</Size><ETag>\"1\"</ETag>";
        write!(xml, "<Contents><Key>{key}</Key>{rest}</Contents>").unwrap();
    }
    xml + "</ListBucketResult>"
}
