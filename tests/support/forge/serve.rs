//! How a simulator serves a call: it is numbered, held, spoiled, held against the contract, and recorded.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Instant,
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::{
    call::{Answer, Call, Content, Request, When, nested},
    contract::Contract,
    stop::{self, Moment, Release},
    trouble::Trouble,
    world::{STORAGE, Shared, World},
};

/// What a simulator and its calls share.
pub(super) struct Inner<W> {
    pub(super) world: Shared<W>,
    base: String,
    pub(super) calls: Mutex<Vec<Call>>,
    /// States that calls brought about.
    pub(super) history: Mutex<Vec<(Instant, Value)>>,
    pub(super) more: Condvar,
    pub(super) troubles: Mutex<Vec<(When, Trouble)>>,
    pub(super) stops: Mutex<Vec<Arc<stop::Inner>>>,
    pub(super) breaches: Mutex<Vec<String>>,
    pub(super) calm: Notify,
    contract: Option<&'static Contract>,
    /// How many calls are served now, also those whose caller is gone.
    pub(super) served: Mutex<usize>,
    pub(super) fewer: Condvar,
}

/// A call that is served, until this is dropped.
struct Served<W>(Arc<Inner<W>>);

impl<W> Served<W> {
    fn new(inner: &Arc<Inner<W>>) -> Self {
        *inner.served.lock().unwrap() += 1;
        Self(Arc::clone(inner))
    }
}

impl<W> Drop for Served<W> {
    fn drop(&mut self) {
        *self.0.served.lock().unwrap() -= 1;
        self.0.fewer.notify_all();
    }
}

/// What becomes of a call.
enum Effect {
    Usual,
    None(Answer),
    /// On a copy of the world that is thrown away.
    OnCopy,
    /// On the world as it was before the last change.
    OnPrevious,
}

/// What its caller gets.
enum Reply {
    Usual,
    /// This in place of the answer.
    Instead(Answer),
    HangUp,
    Reset,
    Stall,
}

pub(super) async fn take<W: World>(State(inner): State<Arc<Inner<W>>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { hang_up() };
    // A task of its own: a call takes effect even if its caller is gone by then.
    let (leave, left) = oneshot::channel();
    let served = Served::new(&inner);
    let serving = tokio::spawn(async move {
        let answer = inner.serve(Request::read(parts, &body), leave).await;
        drop(served);
        answer
    });
    tokio::select! {
        Ok(()) = left => hang_up(),
        answer = serving => answer.ok().flatten().unwrap_or_else(|| hang_up()),
    }
}

/// Ends the connection without a word: its task is unwound, with no panic to be told of.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("hung up"))
}

impl Request {
    fn read(parts: http::request::Parts, body: &Bytes) -> Self {
        let pairs = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<Vec<(String, String)>>();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_form = kind.starts_with("application/x-www-form-urlencoded");
        let body = match body {
            body if body.is_empty() => Value::Null,
            body if is_form => nested(&pairs(body)),
            body => serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned())),
        };
        let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let path = parts.uri.path().to_owned();
        Self { method: parts.method, path, query, headers: parts.headers, body, is_form }
    }
}

impl<W: World> Inner<W> {
    pub(super) fn new(world: W, base: String) -> Self {
        Self {
            world: Shared::new(world),
            base,
            calls: Mutex::default(),
            history: Mutex::default(),
            more: Condvar::new(),
            troubles: Mutex::default(),
            stops: Mutex::default(),
            breaches: Mutex::default(),
            calm: Notify::new(),
            contract: Contract::named(W::CONTRACT),
            served: Mutex::default(),
            fewer: Condvar::new(),
        }
    }

    /// Serves a call; `leave` ends its connection before that.
    async fn serve(self: Arc<Self>, mut request: Request, leave: oneshot::Sender<()>) -> Option<Response> {
        let is_storage = request.path.starts_with(STORAGE);
        let below = request.path.strip_prefix(&self.base).map(str::to_owned);
        request.path = below.clone().unwrap_or(request.path);
        let mut call = self.arrive(&request);
        let all_calm = self.calm.notified();
        if self.hold(Moment::Before, &call).await == Release::HangUp {
            return None;
        }
        let (effect, reply) = self.decide((&request, &call), leave).await;
        let answer = match effect {
            Effect::None(answer) if is_storage || below.is_none() => answer,
            _ if is_storage => self.stored(&request, call.number),
            _ if below.is_none() => Answer::json(404, json!({ "message": "Not Found" })),
            effect => self.act(&request, &mut call, &effect),
        };
        W::go_on(&self.world);
        if self.hold(Moment::After, &call).await == Release::HangUp {
            return None;
        }
        let (answer, is_cut) = match reply {
            Reply::Usual => (answer, false),
            Reply::Instead(answer) => (answer, false),
            Reply::Reset => (answer, true),
            Reply::HangUp => return None,
            Reply::Stall => {
                all_calm.await;
                return None;
            }
        };
        self.answered(&call, answer.status);
        Some(respond(&answer, is_cut))
    }

    fn arrive(&self, request: &Request) -> Call {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
        let path = if query.is_empty() { request.path.clone() } else { format!("{}?{query}", request.path) };
        let mut calls = self.calls.lock().unwrap();
        let call = Call {
            number: calls.len() + 1,
            method: request.method.clone(),
            path,
            body: request.body.clone(),
            arrived: Instant::now(),
            answered: None,
            status: None,
            changed: false,
            authorized: request.token().is_some(),
        };
        calls.push(call.clone());
        self.more.notify_all();
        call
    }

    fn answered(&self, call: &Call, status: u16) {
        let mut calls = self.calls.lock().unwrap();
        calls[call.number - 1] = Call { answered: Some(Instant::now()), status: Some(status), ..call.clone() };
        self.more.notify_all();
    }

    async fn hold(&self, moment: Moment, call: &Call) -> Release {
        let stops = self.stops.lock().unwrap().clone();
        for stop in stops {
            if stop.pass(moment, call).await == Release::HangUp {
                return Release::HangUp;
            }
        }
        Release::GoOn
    }

    /// What becomes of a call that has its trouble, or none.
    async fn decide(&self, (request, call): (&Request, &Call), leave: oneshot::Sender<()>) -> (Effect, Reply) {
        let trouble = {
            let mut troubles = self.troubles.lock().unwrap();
            troubles.iter_mut().find_map(|(when, trouble)| when.is(call).then(|| trouble.clone()))
        };
        let page = |status| Answer::new(status, Content::Bytes("text/html; charset=utf-8", PAGE.as_bytes().to_vec()));
        let none = |answer| (Effect::None(answer), Reply::Usual);
        match trouble {
            None => (Effect::Usual, Reply::Usual),
            Some(Trouble::Refused(refusal)) => none(self.world.with(|world| world.refuse(request, refusal))),
            Some(Trouble::Answered(status, text)) => none(Answer::json(status, json!({ "message": text }))),
            Some(Trouble::Fault(status)) => none(page(status)),
            Some(Trouble::FaultAfter(status)) => (Effect::Usual, Reply::Instead(page(status))),
            Some(Trouble::HangUp) => (Effect::None(Answer::empty(500)), Reply::HangUp),
            Some(Trouble::LostAnswer) => (Effect::Usual, Reply::HangUp),
            Some(Trouble::Reset) => (Effect::Usual, Reply::Reset),
            Some(Trouble::Stall) => (Effect::None(Answer::empty(500)), Reply::Stall),
            Some(Trouble::StallAfter) => (Effect::Usual, Reply::Stall),
            Some(Trouble::NothingChanged) => (Effect::OnCopy, Reply::Usual),
            Some(Trouble::Stale) => (Effect::OnPrevious, Reply::Usual),
            Some(Trouble::Slow(time)) => {
                tokio::time::sleep(time).await;
                (Effect::Usual, Reply::Usual)
            }
            Some(Trouble::Late(time)) => {
                leave.send(()).unwrap_or_default();
                tokio::time::sleep(time).await;
                (Effect::Usual, Reply::HangUp)
            }
            Some(Trouble::SecretInBody) => {
                let text = format!("upstream refused `{}`", request.token().unwrap_or_default());
                none(Answer::json(502, json!({ "message": text })))
            }
        }
    }

    fn act(&self, request: &Request, call: &mut Call, effect: &Effect) -> Answer {
        let broken = |what: &str| {
            let breach = format!("call {}, {} {}: {what}", call.number, call.method, call.path);
            self.breaches.lock().unwrap().push(breach);
        };
        let operation = match self.operation(request) {
            Ok(operation) => operation,
            Err(what) => {
                broken(&what);
                return Answer::json(400, json!({ "message": what, "documentation_url": "" }));
            }
        };
        let (answer, changed) = self.apply(request, effect);
        // What a gateway says is in nobody's contract.
        if let (Some(contract), Some(operation), ..500) = (self.contract, &operation, answer.status)
            && let Err(what) = contract.answer(operation, &answer)
        {
            broken(&format!("the answer {}: {what}", answer.status));
        }
        if let Some(state) = changed {
            call.changed = true;
            self.calls.lock().unwrap()[call.number - 1].changed = true;
            self.history.lock().unwrap().push((Instant::now(), state));
        }
        answer
    }

    /// What the contract calls this request; without a contract none is known, and only the rest is looked at.
    fn operation(&self, request: &Request) -> Result<Option<String>, String> {
        let (tokens, objection) = self.world.with(|world| (world.tokens(), world.objection(request)));
        let said = format!("{} {:?} {}", request.path, request.query, request.body);
        if tokens.iter().any(|token| said.contains(token)) {
            return Err("a token is sent outside of its header".to_owned());
        }
        match (objection, self.contract) {
            (Some(objection), _) => Err(objection),
            (None, Some(contract)) => contract.request(request).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The answer, and the state after it if it is another than before.
    fn apply(&self, request: &Request, effect: &Effect) -> (Answer, Option<Value>) {
        match effect {
            Effect::None(answer) => (answer.clone(), None),
            Effect::OnCopy => (self.world.with(|world| world.clone()).answer(request), None),
            Effect::OnPrevious => (self.world.previous().answer(request), None),
            Effect::Usual => self.world.apply(request),
        }
    }

    fn stored(&self, request: &Request, number: usize) -> Answer {
        if request.token().is_some() {
            let breach = format!("call {number}, {}: a token is sent to the storage, which is another host", request.path);
            self.breaches.lock().unwrap().push(breach);
            return Answer::empty(400);
        }
        self.world.with(|world| world.stored(&request.path[STORAGE.len()..])).unwrap_or_else(|| Answer::empty(404))
    }
}

fn respond(answer: &Answer, is_cut: bool) -> Response {
    let (kind, bytes) = answer.bytes();
    let length = bytes.len();
    let body = if is_cut {
        let half = Bytes::from(bytes).slice(..length / 2);
        Body::from_stream(stream::iter([Ok(half), Err(std::io::Error::other("reset"))]))
    } else {
        Body::from(bytes)
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in &answer.headers {
        response.headers_mut().append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    response
}

/// What a gateway says when what is behind it does not answer.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Unicorn!</title></head><body>No server is currently available.</body></html>";
