//! Stands before an honest registry and makes it lie, fail, reset or stall.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};

/// What goes wrong with one kind of request.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// Answered like this, without asking the registry.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// One header of the honest answer has another value.
    Header(&'static str, String),
    /// The honest answer's body, changed.
    Body(fn(Vec<u8>) -> Vec<u8>),
    /// The connection breaks in the middle of the answer.
    Reset,
    /// The answer stops in the middle.
    StopAnswer,
    /// The answer goes on in the middle, a byte at a time.
    Trickle,
    /// What the request asks for after the `?` is not understood.
    WithoutQuery,
    /// The request is not read any more.
    StopReading,
    /// The request is passed on a piece at a time.
    SlowRequest,
    /// The connection breaks before anything is done.
    HangUp,
    /// What is asked for is done, but the connection breaks before the answer.
    LoseAnswer,
    /// The request waits until the proxy is honest again.
    Hold,
    /// The answer is a redirect to the same path at this address.
    SentTo(String),
}

struct Rule {
    method: Method,
    path: String,
    left: usize,
    trouble: Trouble,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) login: Option<String>,
}

#[derive(Default)]
struct Inner {
    registry: String,
    /// Sent along with what had no login.
    login: Option<String>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    more: Condvar,
    honest: tokio::sync::Notify,
    http: reqwest::Client,
}

/// The registry that lies.
#[derive(Clone)]
pub(crate) struct Proxy {
    inner: Arc<Inner>,
    pub(crate) address: String,
}

impl Proxy {
    pub(crate) async fn before(registry: &str) -> Self {
        Self::start(registry, None).await
    }

    /// One that logs in by itself, like a place that presigned addresses lead to.
    pub(crate) async fn presigned(registry: &str, login: String) -> Self {
        Self::start(registry, Some(login)).await
    }

    async fn start(registry: &str, login: Option<String>) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let inner = Arc::new(Inner { registry: registry.to_owned(), login, http, ..Inner::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, address }
    }

    /// From now on every such request goes wrong.
    pub(crate) fn always(&self, method: Method, path: impl Into<String>, trouble: Trouble) {
        self.times(usize::MAX, method, path, trouble);
    }

    /// The next such requests go wrong.
    pub(crate) fn times(&self, times: usize, method: Method, path: impl Into<String>, trouble: Trouble) {
        self.inner.rules.lock().unwrap().push(Rule { method, path: path.into(), left: times, trouble });
    }

    /// Honest again.
    pub(crate) fn repent(&self) {
        self.inner.rules.lock().unwrap().clear();
        self.inner.honest.notify_waiters();
    }

    /// Waits, on a thread of its own, until so many such requests have come.
    pub(crate) fn await_seen(&self, count: usize, method: &Method, path: &str) {
        let none = |seen: &mut Vec<Seen>| seen.iter().filter(|seen| seen.is(method, path)).count() < count;
        let seen = self.inner.seen.lock().unwrap();
        let (seen, waited) = self.inner.more.wait_timeout_while(seen, Duration::from_mins(2), none).unwrap();
        assert!(!waited.timed_out(), "no {method} {path} came: {seen:?}");
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, method: &Method, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.is(method, path)).count()
    }
}

impl Seen {
    fn is(&self, method: &Method, path: &str) -> bool {
        self.method == *method && self.path.contains(path)
    }
}

impl Inner {
    fn trouble(&self, method: &Method, path: &str) -> Option<Trouble> {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.left > 0 && rule.method == *method && path.contains(&rule.path))?;
        rule.left -= 1;
        Some(rule.trouble.clone())
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let login = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    inner.seen.lock().unwrap().push(Seen { method: method.clone(), path: path.clone(), login });
    inner.more.notify_all();
    let honest = inner.honest.notified();
    let trouble = inner.trouble(&method, request.uri().path_and_query().unwrap().as_str());
    match trouble {
        Some(Trouble::Answer(status, headers, body)) => {
            // What a client sends is read, as an honest server would, so that the answer reaches it.
            drop(axum::body::to_bytes(request.into_body(), usize::MAX).await);
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Trouble::StopReading) => std::future::pending().await,
        Some(Trouble::HangUp) => hang_up(),
        Some(Trouble::SentTo(address)) => {
            let to = format!("http://{address}{}", request.uri());
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response()
        }
        Some(Trouble::LoseAnswer) => {
            drop(forward(&inner, request).await);
            hang_up()
        }
        Some(Trouble::Hold) => {
            honest.await;
            forward(&inner, request).await
        }
        Some(Trouble::SlowRequest) => {
            let slow = |body: Body| {
                Body::from_stream(body.into_data_stream().then(async |piece| {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    piece
                }))
            };
            forward(&inner, request.map(slow)).await
        }
        Some(Trouble::WithoutQuery) => {
            let mut request = request;
            *request.uri_mut() = path.parse().unwrap();
            spoil(forward(&inner, request).await, None).await
        }
        trouble => spoil(forward(&inner, request).await, trouble).await,
    }
}

/// Ends the connection without a word: its task is unwound, with no panic to be told of.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("hung up"))
}

async fn forward(inner: &Inner, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let query = parts.uri.path_and_query().unwrap();
    let mut call = inner.http.request(parts.method.clone(), format!("http://{}{query}", inner.registry)).headers(parts.headers);
    if let Some(login) = &inner.login {
        call = call.header(header::AUTHORIZATION, login);
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        call = call.body(reqwest::Body::wrap_stream(body.into_data_stream()));
    }
    let Ok(answer) = call.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

async fn spoil(response: Response, trouble: Option<Trouble>) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = |body| async { axum::body::to_bytes(body, usize::MAX).await.unwrap() };
    match trouble {
        Some(Trouble::Header(name, value)) => {
            parts.headers.insert(name, value.parse().unwrap());
            Response::from_parts(parts, body)
        }
        Some(Trouble::Body(change)) => {
            let changed = change(whole(body).await.to_vec());
            parts.headers.insert(header::CONTENT_LENGTH, changed.len().into());
            Response::from_parts(parts, Body::from(changed))
        }
        Some(Trouble::Reset) => {
            let content = whole(body).await;
            let pieces = [Ok(content.slice(..content.len() / 2)), Err(std::io::Error::other("reset"))];
            Response::from_parts(parts, Body::from_stream(stream::iter(pieces)))
        }
        Some(Trouble::StopAnswer) => {
            let content = whole(body).await;
            let first = stream::iter([Ok::<_, std::io::Error>(content.slice(..content.len() / 2))]);
            Response::from_parts(parts, Body::from_stream(first.chain(stream::pending())))
        }
        Some(Trouble::Trickle) => {
            let content = whole(body).await;
            let drops = stream::unfold(content.len() / 2, move |at| {
                let drop = content.slice(at..=at);
                async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Some((Ok::<_, std::io::Error>(drop), at + 1))
                }
            });
            Response::from_parts(parts, Body::from_stream(drops))
        }
        _ => Response::from_parts(parts, body),
    }
}
