//! The one place where a drill reads the time.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// Wall time that never goes back: read once, then moved on by the monotonic clock.
#[derive(Debug)]
pub(super) struct Clock {
    wall: Timestamp,
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(super) fn start() -> Self {
        Self { wall: Timestamp::now(), start: Instant::now() }
    }

    /// When the clock was started.
    pub(super) fn started(&self) -> Timestamp {
        self.wall
    }

    /// The time, in whole microseconds: finer digits say nothing and make logs longer.
    pub(super) fn now(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.start.elapsed()).unwrap_or_default();
        let now = self.wall.checked_add(since).unwrap_or(self.wall);
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}
