//! What a simulator serves: a forge's state and its answers, shared by the calls and the runners that work on it.

use std::{
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use serde_json::Value;

use super::{
    call::{Answer, Request},
    trouble::Refusal,
};

/// Below this a simulator keeps what a forge keeps elsewhere: logs and artifacts, on another host and without a token.
pub(super) const STORAGE: &str = "/_storage/";

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
    pub(super) fn new(world: W) -> Self {
        let before = Mutex::new(world.clone());
        Self(Arc::new(Worlds { now: Mutex::new(world), before, changed: Condvar::new() }))
    }

    /// Works on the world; whoever waits for a change of it looks again.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut W) -> T) -> T {
        let result = work(&mut self.0.now.lock().unwrap());
        self.0.changed.notify_all();
        result
    }
    /// Waits, on a thread of its own, until the world is so; not longer than this. Tells whether it is.
    pub(crate) fn await_so(&self, patience: Duration, is_so: impl Fn(&W) -> bool) -> bool {
        let now = self.0.now.lock().unwrap();
        !self.0.changed.wait_timeout_while(now, patience, |now| !is_so(now)).unwrap().1.timed_out()
    }

    /// The world as it was before the last change.
    pub(super) fn previous(&self) -> W {
        self.0.before.lock().unwrap().clone()
    }

    /// The answer of a call that takes its effect, and the state after it if it is another than before.
    pub(super) fn apply(&self, request: &Request) -> (Answer, Option<Value>) {
        let (before, changed, answer) = self.with(|world| {
            let before = world.clone();
            let answer = world.answer(request);
            let state = world.state();
            let changed = (state != before.state()).then_some(state);
            (before, changed, answer)
        });
        if changed.is_some() {
            *self.0.before.lock().unwrap() = before;
        }
        (answer, changed)
    }
}
