//! A simulator as a test holds it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::Router;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    call::{Call, When},
    serve::{self, Inner},
    stop::{Moment, Stop},
    trouble::Trouble,
    world::World,
};

/// An address of this machine that no other simulator of this process has, and hardly one of another.
fn own_address(storage: u32) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = (std::process::id() * 31 + NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
    format!("127.{}.{high}.{}", 100 + storage, low.clamp(1, 254))
}

/// A simulator that runs; ended when dropped, which panics if the contract was broken.
pub(crate) struct Simulator<W: World> {
    inner: Arc<Inner<W>>,
    runtime: Option<Runtime>,
    url: String,
}

impl<W: World> Simulator<W> {
    pub(crate) fn start(mut world: W) -> Self {
        let listen = |ip: &str| std::net::TcpListener::bind((ip, 0)).unwrap();
        // Another address of this machine is another host to a client. Each simulator has its own: what a killed drill has
        // left running may ask for a while, and must not ask the one that has the port next.
        let (listener, storage) = (listen(&own_address(0)), listen(&own_address(1)));
        let address = listener.local_addr().unwrap();
        world.placed(address, storage.local_addr().unwrap());
        let base = world.base().to_owned();
        let url = format!("http://{address}{base}");
        let inner = Arc::new(Inner::new(world, base));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        for listener in [listener, storage] {
            listener.set_nonblocking(true).unwrap();
            let router = Router::new().fallback(serve::take).with_state(Arc::clone(&inner));
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
        let is_reached = self.inner.world.await_so(Duration::from_mins(2), is_so);
        assert!(is_reached, "the forge never became so: {}", self.state());
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

    /// The states that calls brought about, and when; from the first on.
    pub(crate) fn history(&self) -> Vec<(Instant, Value)> {
        self.inner.history.lock().unwrap().clone()
    }

    /// How many such calls came.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.calls().iter().filter(|call| call.method == method && call.path.contains(path)).count()
    }

    /// Waits, on the test's own thread, until so many calls have come.
    #[track_caller]
    pub(crate) fn await_calls(&self, count: usize) {
        let calls = self.inner.calls.lock().unwrap();
        let few = |calls: &mut Vec<Call>| calls.len() < count;
        let (calls, waited) = self.inner.more.wait_timeout_while(calls, Duration::from_mins(2), few).unwrap();
        assert!(!waited.timed_out(), "only {} calls came, not {count}", calls.len());
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

    /// Waits, on the test's own thread, until every call has taken effect that will, also those whose caller is gone.
    #[track_caller]
    pub(crate) fn await_effects(&self) {
        let served = self.inner.served.lock().unwrap();
        let (served, waited) = self.inner.fewer.wait_timeout_while(served, Duration::from_mins(2), |served| *served > 0).unwrap();
        assert!(!waited.timed_out(), "{} calls go on", *served);
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
