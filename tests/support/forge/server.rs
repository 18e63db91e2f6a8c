//! A simulator as a server: it takes calls, holds, spoils and records them, and asks a world for their answers.

use std::{
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::Notify};

use super::{
    call::{Answer, Call, Content, Request, When, nested},
    contract::Contract,
    stop::{self, Moment, Release, Stop},
    trouble::{Refusal, Trouble},
};

/// Below this a simulator keeps what a forge keeps elsewhere: logs and artifacts, on another host and without a token.
pub(crate) const STORAGE: &str = "/_storage/";

/// A forge, as what it holds and how it answers.
pub(crate) trait World: Clone + Send + 'static {
    /// The contract's file, without its ending.
    const CONTRACT: &'static str;

    /// The path below which everything is, without a slash at its end.
    fn base(&self) -> &str;
    /// Tells where it is served, and where its storage is.
    fn placed(&mut self, address: SocketAddr, storage: SocketAddr);
    fn answer(&mut self, request: &Request) -> Answer;
    fn refuse(&mut self, request: &Request, refusal: Refusal) -> Answer;
    /// What a drill must give back: everything but times.
    fn state(&self) -> Value;
    /// What the storage holds at a path.
    fn stored(&self, _path: &str) -> Option<Answer> {
        None
    }
    /// What is wrong with a request beyond the contract: a forge's own rules for headers, say.
    fn objection(&self, request: &Request) -> Option<String>;
    /// The values of all tokens, which may be in one header only.
    fn tokens(&self) -> Vec<String>;
    /// Does what happens by itself. Called after every call and every change of a test.
    fn go_on(world: &Shared<Self>);
}

/// A world that a simulator's calls and its runners work on.
pub(crate) struct Shared<W>(Arc<Worlds<W>>);

struct Worlds<W> {
    now: Mutex<W>,
    /// As it was before the last change.
    before: Mutex<W>,
    /// Told of every change.
    changed: Condvar,
}

impl<W> Clone for Shared<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: World> Shared<W> {
    fn new(world: W) -> Self {
        let before = Mutex::new(world.clone());
        Self(Arc::new(Worlds { now: Mutex::new(world), before, changed: Condvar::new() }))
    }

    /// Works on the world; whoever waits for a change of it looks again.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut W) -> T) -> T {
        let result = work(&mut self.0.now.lock().unwrap());
        self.0.changed.notify_all();
        result
    }
}

/// A simulator that runs; ended when dropped, which panics if the contract was broken.
pub(crate) struct Simulator<W: World> {
    inner: Arc<Inner<W>>,
    runtime: Option<Runtime>,
    url: String,
}

struct Inner<W> {
    world: Shared<W>,
    base: String,
    calls: Mutex<Vec<Call>>,
    more: Condvar,
    troubles: Mutex<Vec<(When, Trouble)>>,
    stops: Mutex<Vec<Arc<stop::Inner>>>,
    breaches: Mutex<Vec<String>>,
    calm: Notify,
    contract: Option<&'static Contract>,
}

impl<W: World> Simulator<W> {
    pub(crate) fn start(mut world: W) -> Self {
        let listen = |ip: &str| std::net::TcpListener::bind((ip, 0)).unwrap();
        // Another address of this machine is another host to a client.
        let (listener, storage) = (listen("127.0.0.1"), listen("127.0.0.2"));
        let address = listener.local_addr().unwrap();
        world.placed(address, storage.local_addr().unwrap());
        let base = world.base().to_owned();
        let url = format!("http://{address}{base}");
        let inner = Arc::new(Inner {
            world: Shared::new(world),
            base,
            calls: Mutex::default(),
            more: Condvar::new(),
            troubles: Mutex::default(),
            stops: Mutex::default(),
            breaches: Mutex::default(),
            calm: Notify::new(),
            contract: Contract::named(W::CONTRACT),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        for listener in [listener, storage] {
            listener.set_nonblocking(true).unwrap();
            let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
            runtime.spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await
            });
        }
        Self { inner, runtime: Some(runtime), url }
    }

    /// Where it is: what a plan gives as `url`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Looks at the world, or changes it behind the back of whoever talks to it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut W) -> T) -> T {
        let result = self.inner.world.with(work);
        W::go_on(&self.inner.world);
        result
    }

    /// Waits, on the test's own thread, until the world is so.
    #[track_caller]
    pub(crate) fn await_world(&self, is_so: impl Fn(&W) -> bool) {
        let worlds = &self.inner.world.0;
        let now = worlds.now.lock().unwrap();
        let (world, waited) = worlds.changed.wait_timeout_while(now, Duration::from_mins(2), |now| !is_so(now)).unwrap();
        assert!(!waited.timed_out(), "the forge never became so: {}", world.state());
    }

    /// What a drill must give back.
    pub(crate) fn state(&self) -> Value {
        self.inner.world.with(|world| world.state())
    }

    /// Such calls go wrong in this way. The first rule that fits a call is the one that counts.
    pub(crate) fn trouble(&self, when: When, trouble: Trouble) {
        self.inner.troubles.lock().unwrap().push((when, trouble));
    }

    /// Nothing goes wrong any more, and what stalls is hung up on.
    pub(crate) fn calm(&self) {
        self.inner.troubles.lock().unwrap().clear();
        self.inner.calm.notify_waiters();
    }

    /// Holds such calls.
    pub(crate) fn stop(&self, when: When, moment: Moment) -> Stop {
        let stop = Stop::new(when, moment);
        self.inner.stops.lock().unwrap().push(stop.inner());
        stop
    }

    /// All calls until now.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.inner.calls.lock().unwrap().clone()
    }

    /// How many such calls came.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.calls().iter().filter(|call| call.method == method && call.path.contains(path)).count()
    }

    /// Waits, on the test's own thread, until so many such calls were answered.
    #[track_caller]
    pub(crate) fn await_answered(&self, count: usize, method: &str, path: &str) {
        let fits = |call: &&Call| call.method == method && call.path.contains(path) && call.answered.is_some();
        let few = |calls: &mut Vec<Call>| calls.iter().filter(fits).count() < count;
        let calls = self.inner.calls.lock().unwrap();
        let (calls, waited) = self.inner.more.wait_timeout_while(calls, Duration::from_mins(2), few).unwrap();
        assert!(!waited.timed_out(), "not {count} of {method} {path} were answered: {calls:#?}");
    }

    /// How requests, or this simulator's answers, broke the contract; forgotten by this.
    pub(crate) fn take_breaches(&self) -> Vec<String> {
        std::mem::take(&mut *self.inner.breaches.lock().unwrap())
    }

    /// Panics if the contract was broken.
    #[track_caller]
    pub(crate) fn check(&self) {
        let breaches = self.take_breaches();
        assert!(breaches.is_empty(), "the contract was broken:\n{}", breaches.join("\n"));
    }
}

impl<W: World> Drop for Simulator<W> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if !std::thread::panicking() {
            self.check();
        }
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

async fn take<W: World>(State(inner): State<Arc<Inner<W>>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { hang_up() };
    // A task of its own: a call takes effect even if its caller is gone by then.
    let serving = tokio::spawn(inner.serve(Request::read(parts, &body)));
    serving.await.ok().flatten().unwrap_or_else(|| hang_up())
}

/// Ends the connection without a word: its task is unwound, with no panic to be told of.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("hung up"))
}

impl Request {
    fn read(parts: axum::http::request::Parts, body: &Bytes) -> Self {
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
    async fn serve(self: Arc<Self>, mut request: Request) -> Option<Response> {
        let is_storage = request.path.starts_with(STORAGE);
        let below = request.path.strip_prefix(&self.base).map(str::to_owned);
        request.path = below.clone().unwrap_or(request.path);
        let mut call = self.arrive(&request);
        let all_calm = self.calm.notified();
        if self.hold(Moment::Before, &call).await == Release::HangUp {
            return None;
        }
        let (effect, reply) = self.decide(&request, &call).await;
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
    async fn decide(&self, request: &Request, call: &Call) -> (Effect, Reply) {
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
        call.changed = changed;
        self.calls.lock().unwrap()[call.number - 1].changed = changed;
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

    /// The answer, and whether the state is another than before.
    fn apply(&self, request: &Request, effect: &Effect) -> (Answer, bool) {
        let previous = || self.world.0.before.lock().unwrap().clone();
        match effect {
            Effect::None(answer) => (answer.clone(), false),
            Effect::OnCopy => (self.world.with(|world| world.clone().answer(request)), false),
            Effect::OnPrevious => (previous().answer(request), false),
            Effect::Usual => {
                let (before, changed, answer) = self.world.with(|world| {
                    let before = world.clone();
                    let answer = world.answer(request);
                    let changed = world.state() != before.state();
                    (before, changed, answer)
                });
                if changed {
                    *self.world.0.before.lock().unwrap() = before;
                }
                (answer, changed)
            }
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
