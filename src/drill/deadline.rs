//! When a drill has ended at the latest, whatever becomes of it. Others count on that: on another machine it is all that
//! tells whether a drill still lives.

use std::{pin::pin, time::Duration};

use jiff::Timestamp;

use super::{Drill, clock::Clock};
use crate::{
    plan::Plan,
    record::{DrillId, EventKind, Finding, Measure, Phase, Rule},
};

/// For everything but the steps: clone, push, pull, cleaning. Far more than it takes, since it is cut off then.
const BESIDE_STEPS: Duration = Duration::from_hours(6);

/// What of that is kept for cleaning.
const CLEANING: Duration = Duration::from_hours(1);

/// The id of a drill that starts now.
#[must_use]
pub fn new_id() -> DrillId {
    DrillId::new(Clock::start().started(), random())
}

/// When this drill of this plan has ended at the latest.
#[must_use]
pub fn deadline(id: &DrillId, plan: &Plan) -> Timestamp {
    id.started().and_then(|started| started.checked_add(longest(plan)).ok()).unwrap_or(Timestamp::MAX)
}

/// How long a drill of another host may last that says nothing about that itself: its plan need not be this one.
pub(super) fn without_label(plan: &Plan) -> Duration {
    longest(plan).saturating_add(Duration::from_hours(24))
}

/// Lets the phases come to their end; cuts them off, as a signal does, where cleaning must begin to be done in time.
pub(super) async fn within<T>(drill: &Drill, phases: impl Future<Output = T>) -> T {
    let mut phases = pin!(phases);
    let time = longest(&drill.plan).saturating_sub(CLEANING);
    if let Ok(ended) = tokio::time::timeout(time, &mut phases).await {
        return ended;
    }
    let summary = format!("the drill was ended after {}: others may take what it puts outside for left behind then", Measure(time));
    let advice = "find out what takes that long: limits of time are those of the steps and of `timeouts`";
    drill.bus.emit(EventKind::Found(Finding::new(Rule::NotReached, Phase::Clean, summary, advice)));
    drill.interrupts.cut_off();
    phases.await
}

fn longest(plan: &Plan) -> Duration {
    // The build's steps, the smoke steps, and the build's steps once more have that time each.
    plan.build.limits.time.saturating_mul(3).saturating_add(BESIDE_STEPS)
}

/// Keeps drills of the same second apart.
fn random() -> u32 {
    // The last four bytes of a version 7 UUID are random.
    uuid::Uuid::now_v7().as_bytes()[12..].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
