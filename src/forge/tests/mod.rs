//! Both adapters against a server that answers what it is told to, request by request.

mod github;
mod gitlab;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State as Shared},
    response::Response,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    network::{Proxies, ProxyVariables, Trust},
    secret::{Known, Secret},
};

const TOKEN: &str = "correct-horse-battery";

/// The repository's, and the project's, own path.
const R: &str = "/api/v3/repos/acme/api";
const P: &str = "/git/api/v4/projects/acme%2Fapi";

/// One answer, and the request that it is for: method and path with query.
struct Line {
    request: String,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

fn line(request: &str, status: u16, body: &Value) -> Line {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Line { request: request.to_owned(), status, headers: Vec::new(), body }
}

impl Line {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What is left of the script, and what was asked beside it.
#[derive(Default)]
struct Script {
    lines: Mutex<VecDeque<Line>>,
    bodies: Mutex<Vec<String>>,
    strays: Mutex<Vec<String>>,
}

/// A server that plays a script: each line once, in any order.
struct Server {
    script: Arc<Script>,
    url: String,
}

impl Server {
    async fn new(lines: Vec<Line>) -> Self {
        let script = Arc::new(Script { lines: Mutex::new(lines.into()), ..Script::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(play).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { script, url }
    }

    fn forge(&self, kind: ForgeKind, root: &str) -> Arc<dyn Forge> {
        let place = Place { kind, url: format!("{}{root}", self.url).parse().unwrap(), repository: "acme/api".into() };
        connect(&access(place)).unwrap()
    }

    fn github(&self) -> Arc<dyn Forge> {
        self.forge(ForgeKind::Github, "/api/v3")
    }

    fn gitlab(&self) -> Arc<dyn Forge> {
        self.forge(ForgeKind::Gitlab, "/git")
    }

    /// Everything was asked for, and nothing else.
    fn is_played(&self) {
        let left: Vec<String> = self.script.lines.lock().unwrap().iter().map(|line| line.request.clone()).collect();
        let strays = self.script.strays.lock().unwrap();
        assert!(left.is_empty() && strays.is_empty(), "never asked: {left:#?}\nasked without an answer: {strays:#?}");
    }
}

async fn play(Shared(script): Shared<Arc<Script>>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().as_str();
    let asked = format!("{} {path}", request.method());
    let authorized = request.headers().get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mut lines = script.lines.lock().unwrap();
    let Some(at) = lines.iter().position(|line| line.request == asked).filter(|_| authorized) else {
        script.strays.lock().unwrap().push(asked);
        return Response::builder().status(418).body(Body::empty()).unwrap();
    };
    let line = lines.remove(at).unwrap();
    if !body.is_empty() {
        script.bodies.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    }
    let response = Response::builder().status(line.status);
    let response = line.headers.iter().fold(response, |response, (name, value)| response.header(*name, value));
    response.body(Body::from(line.body)).unwrap()
}

fn access(place: Place) -> Access {
    Access {
        place,
        token: Secret::new(TOKEN.to_owned()),
        secrets: vec![Secret::new("another-secret-of-the-plan".to_owned())],
        own: Own { run: Some(77), workflow: Some(".github/workflows/drill.yml".to_owned()) },
        timeouts: Timeouts { api: Duration::from_secs(20), retry_after_max: Duration::from_secs(2) },
        network: Network {
            trust: Trust::new(&[]),
            proxies: Proxies::new(&ProxyVariables::default()).unwrap(),
            known: Known::default(),
        },
    }
}

fn workflow() -> Control {
    Control::Workflow { id: 7, path: ".github/workflows/release.yml".into(), name: "Release".into() }
}

fn kind_of(error: &ForgeError) -> &'static str {
    match error.fault() {
        ForgeFault::Unauthorized { .. } => "unauthorized",
        ForgeFault::NoRights { .. } => "no rights",
        ForgeFault::NotFoundOrHidden { .. } => "not found",
        ForgeFault::Conflict { .. } => "conflict",
        ForgeFault::Archived { .. } => "archived",
        ForgeFault::Refused { .. } | ForgeFault::Moved { .. } => "refused",
        ForgeFault::Declined { .. } => "declined",
        ForgeFault::RateLimited { .. } => "rate limited",
        ForgeFault::ServerFault { .. } => "server fault",
        ForgeFault::Unreadable { .. } => "unreadable",
        ForgeFault::Stalled { .. } => "stalled",
        ForgeFault::Unreachable { .. } => "unreachable",
        ForgeFault::Certificate(_) | ForgeFault::Proxy(_) => "network",
    }
}

#[tokio::test]
async fn a_token_goes_to_no_place_where_others_could_read_it() {
    for url in ["http://forge.example/api/v3", "https://me:word@forge.example"] {
        let place = Place { kind: ForgeKind::Github, url: url.parse().unwrap(), repository: "acme/api".into() };
        assert_eq!(kind_of(&connect(&access(place)).err().unwrap()), "declined");
    }
    for repository in ["acme", "acme/../other", "acme/api?x", "a/b/c"] {
        let place = Place { kind: ForgeKind::Github, url: "https://forge.example".parse().unwrap(), repository: repository.into() };
        assert_eq!(kind_of(&connect(&access(place)).err().unwrap()), "declined", "{repository}");
    }
}

#[tokio::test]
async fn a_forge_that_nobody_answers_for_is_unreachable_and_nothing_was_changed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place { kind: ForgeKind::Github, url: url.parse().unwrap(), repository: "acme/api".into() };
    let error = connect(&access(place)).unwrap().set(&workflow(), &State::Off).await.unwrap_err();
    assert_eq!((kind_of(&error), error.effect()), ("unreachable", Effect::None), "{error}");
}
