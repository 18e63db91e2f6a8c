//! Holding calls: a test learns that a call has come, does what it wants (kills whoever made it, say), and lets it go.

use std::{
    process::Child,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use tokio::sync::Notify;

use super::call::{Call, When};

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has come, and has no effect yet.
    Before,
    /// It took effect, and is not answered yet.
    After,
}

/// A rule to hold calls, and the calls that are held by it. Dropped, it lets them go, as they all go from then on.
pub(crate) struct Stop {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    moment: Moment,
    state: Mutex<State>,
    more: Condvar,
    released: Notify,
}

struct State {
    when: When,
    held: Vec<Call>,
    release: Option<Release>,
}

/// How held calls go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    GoOn,
    HangUp,
}

impl Stop {
    pub(super) fn new(when: When, moment: Moment) -> Self {
        let state = Mutex::new(State { when, held: Vec::new(), release: None });
        Self { inner: Arc::new(Inner { moment, state, more: Condvar::new(), released: Notify::new() }) }
    }

    pub(super) fn inner(&self) -> Arc<Inner> {
        Arc::clone(&self.inner)
    }

    /// Waits, on the test's own thread, until a call is held, and gives it.
    #[track_caller]
    pub(crate) fn reached(&self) -> Call {
        let none = |state: &mut State| state.held.is_empty();
        let state = self.inner.state.lock().unwrap();
        let (state, _) = self.inner.more.wait_timeout_while(state, Duration::from_mins(2), none).unwrap();
        let (first, when) = (state.held.first().cloned(), state.when.clone());
        // Let go before a panic: what is held must go on when this is dropped.
        drop(state);
        first.unwrap_or_else(|| panic!("no such call came: {when:?}"))
    }

    /// Waits, on the test's own thread, until so many calls are held.
    #[track_caller]
    pub(crate) fn reached_times(&self, count: usize) {
        let few = |state: &mut State| state.held.len() < count;
        let state = self.inner.state.lock().unwrap();
        let (state, waited) = self.inner.more.wait_timeout_while(state, Duration::from_mins(2), few).unwrap();
        let (held, when) = (state.held.len(), state.when.clone());
        drop(state);
        assert!(!waited.timed_out(), "{held} of {count} such calls came: {when:?}");
    }

    /// Waits until a call is held, or this process has ended without one.
    pub(crate) fn reached_by(&self, child: &mut Child) -> Option<Call> {
        self.reached_or(|| child.try_wait().unwrap().is_some())
    }

    /// Waits until a call is held, or whoever would make it is gone.
    pub(crate) fn reached_or(&self, mut is_gone: impl FnMut() -> bool) -> Option<Call> {
        loop {
            let is_over = is_gone();
            let none = |state: &mut State| state.held.is_empty();
            let state = self.inner.state.lock().unwrap();
            let (state, _) = self.inner.more.wait_timeout_while(state, Duration::from_millis(50), none).unwrap();
            if is_over || !state.held.is_empty() {
                return state.held.first().cloned();
            }
        }
    }

    /// What is held goes on as usual, and so does all that comes.
    pub(crate) fn go_on(&self) {
        self.inner.release(Release::GoOn);
    }

    /// The connection of what is held ends without an answer; what was held before its effect has none. What comes later
    /// goes on as usual.
    pub(crate) fn hang_up(&self) {
        self.inner.release(Release::HangUp);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.inner.release(Release::GoOn);
    }
}

impl Inner {
    fn release(&self, release: Release) {
        let mut state = self.state.lock().unwrap();
        state.release.get_or_insert(release);
        state.when = state.when.clone().times(0);
        drop(state);
        self.released.notify_waiters();
    }

    /// Holds the call if it is one to be held here, until it is let go.
    pub(super) async fn pass(&self, moment: Moment, call: &Call) -> Release {
        let released = self.released.notified();
        {
            let mut state = self.state.lock().unwrap();
            if self.moment != moment || !state.when.is(call) {
                return Release::GoOn;
            }
            state.held.push(call.clone());
        }
        self.more.notify_all();
        // Made before the lock was taken, so that no release is missed: `notify_waiters` wakes it, polled or not.
        released.await;
        self.state.lock().unwrap().release.unwrap_or(Release::GoOn)
    }
}
