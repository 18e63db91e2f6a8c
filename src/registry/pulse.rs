//! Sees whether a transfer moves, without reading a clock.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// Bytes that must move before a transfer counts as moving: a peer that trickles is as good as one that stopped.
const STRIDE: u64 = 16 * 1024;

/// The heartbeat of one transfer.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    moved: AtomicU64,
    noticed: AtomicU64,
    idle: AtomicBool,
    beat: Notify,
}

impl Pulse {
    /// So many bytes more went over.
    pub(super) fn add(&self, bytes: usize) {
        self.idle.store(false, Ordering::Relaxed);
        let moved = self.moved.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if moved >= self.noticed.load(Ordering::Relaxed) + STRIDE {
            self.noticed.store(moved, Ordering::Relaxed);
            self.beat.notify_one();
        }
    }

    /// All has been handed over: from here on only the answer is awaited.
    pub(super) fn end(&self) {
        self.idle.store(false, Ordering::Relaxed);
        self.beat.notify_one();
    }

    /// Nothing can move, since what is sent is not made yet: not the peer's fault. Who makes it has bounds of its own.
    pub(super) fn wait_for_source(&self) {
        self.idle.store(true, Ordering::Relaxed);
    }

    /// Bytes that went over so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Returns when nothing moved for `limit`; tells `progress` the bytes so far each time something did.
    pub(super) async fn stopped(&self, limit: Duration, progress: impl Fn(u64)) {
        loop {
            match timeout(limit, self.beat.notified()).await {
                Ok(()) => progress(self.moved()),
                Err(_) if self.idle.load(Ordering::Relaxed) => {}
                Err(_) => return,
            }
        }
    }
}

/// Adds up what several transfers, side by side or one after the other, have moved, and tells it on.
pub(super) struct Meter<'p> {
    moved: AtomicU64,
    tell: &'p (dyn Fn(u64) + Send + Sync),
}

impl<'p> Meter<'p> {
    pub(super) fn new(tell: &'p (dyn Fn(u64) + Send + Sync)) -> Self {
        Self { moved: AtomicU64::new(0), tell }
    }

    /// A part of the whole, which tells its own total each time.
    pub(super) fn part(&self) -> impl Fn(u64) + Send + Sync + '_ {
        let told = AtomicU64::new(0);
        move |total| {
            let before = told.swap(total, Ordering::Relaxed);
            // Wraps round where a transfer began anew; the sum is right all the same.
            let change = total.wrapping_sub(before);
            let sum = self.moved.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
            (self.tell)(sum);
        }
    }

    /// Bytes of all parts.
    pub(super) fn total(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_trickle_does_not_count_as_moving() {
        let pulse = Pulse::default();
        let trickle = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                pulse.add(1);
            }
        };
        tokio::select! {
            () = pulse.stopped(LIMIT, |_| {}) => {}
            () = trickle => {}
        }
        assert!(pulse.moved() <= 30, "{}", pulse.moved());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_source_is_not_held_against_the_peer() {
        let pulse = Pulse::default();
        pulse.wait_for_source();
        assert!(timeout(LIMIT * 100, pulse.stopped(LIMIT, |_| {})).await.is_err());
        pulse.end();
        assert!(timeout(LIMIT * 3, pulse.stopped(LIMIT, |_| {})).await.is_ok());
    }

    #[test]
    fn parts_add_up_even_when_one_begins_anew() {
        let seen = AtomicU64::new(0);
        let tell = |sum| seen.store(sum, Ordering::Relaxed);
        let meter = Meter::new(&tell);
        let (one, two) = (meter.part(), meter.part());
        one(100);
        two(50);
        one(10);
        assert_eq!((seen.load(Ordering::Relaxed), meter.total()), (60, 60));
    }
}
