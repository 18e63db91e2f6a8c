//! Holds the lease while the drill ships, and ends the drill early when the path must be given back.

use std::{fmt::Display, pin::pin, time::Duration};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::{
    Cut, lease,
    lease::{Lease, RENEWED},
    now,
    take::lost,
    trouble::Trouble,
    until,
    wire::Wire,
};
use crate::{
    drill::Drill,
    forge::State,
    record::{Control, EventKind, Finding, Measure, Phase, Rule},
};

/// How long before the path must be back the drill begins to give it back, at most: the watchdog does then.
const EARLY: Duration = Duration::from_secs(30);

/// How soon a renewal that failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// How long a last look at a part may take: the path is cut meanwhile.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Lets the drill's work come to its end, unless the path must be given back before: then cuts it off, as a signal does.
pub(in crate::drill) async fn guard<T>(drill: &Drill, cut: &Cut, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    tokio::select! {
        ended = &mut work => return ended,
        finding = keep(drill, cut) => {
            drill.bus.emit(EventKind::Found(finding));
            drill.interrupts.cut_off();
        }
    }
    work.await
}

/// Why the path must be given back now.
async fn keep(drill: &Drill, cut: &Cut) -> Finding {
    cut.begun.wait().await;
    let Some((_, lease)) = held(cut) else { return std::future::pending().await };
    tokio::select! {
        finding = hold(cut) => finding,
        () = time_is_up(&lease) => {
            let primary = drill.plan.primary.as_ref().map_or_else(String::new, |primary| {
                format!(" of {}", Measure(primary.max_cut))
            });
            let summary = format!("the drill was ended because the primary path may not be cut for longer than `max_cut`{primary}");
            Finding::new(Rule::NotReached, Phase::Cut, summary, "see what takes that long, or raise `primary.max_cut`")
        }
        () = watchdog_ends(cut) => {
            let summary = "the watchdog, which gives the primary path back when canship dies, has ended: the drill gave it back at once";
            Finding::new(Rule::CutFailed, Phase::Cut, summary, "find out what ended it, then drill again")
        }
    }
}

fn held(cut: &Cut) -> Option<(Wire, Lease)> {
    let taken = cut.taken();
    taken.wire.clone().zip(taken.lease.as_ref().map(|leased| leased.lease.clone()))
}

/// Renews the lease until it is somebody else's, or could not be renewed in time. Until everything is off that is done with
/// each part: were two at it, the older word could come last, and hide a part.
async fn hold(cut: &Cut) -> Finding {
    cut.settled.wait().await;
    let Some((wire, mut lease)) = held(cut) else { return std::future::pending().await };
    let mut pause = RENEWED;
    loop {
        sleep(pause).await;
        let renewed = lease.renewed(now());
        match lease::renew(&wire, &renewed).await {
            Ok(Ok(())) => (lease, pause) = (renewed, RENEWED),
            Ok(Err(held)) => return lost(&held),
            Err(trouble) if now() >= lease.until => {
                let summary = format!("the lease on the primary path could not be renewed and has run out: {trouble}");
                return Finding::new(
                    Rule::LeaseLost,
                    Phase::Cut,
                    summary,
                    "see to it that the forge can be asked, then drill again",
                );
            }
            Err(_) => pause = AGAIN,
        }
    }
}

/// Looks whether what was taken away is away to the end: what shipped with it shows nothing of a path that is gone.
/// After a signal there is no time for that.
pub(in crate::drill) async fn see_that_it_lasted(drill: &Drill, cut: &Cut) {
    const ASK: &str = "see to it that the forge can be asked, then drill again";
    let (wire, away) = {
        let taken = cut.taken();
        let away: Vec<_> = taken.away.iter().map(|(_, away)| away.control.clone()).collect();
        (taken.wire.clone(), away)
    };
    let Some(wire) = wire.filter(|_| cut.settled.initialized()) else { return };
    let unknown = |control: &Control, why: &dyn Display| format!("whether {control} was away to the end is not known: {why}");
    let looks = join_all(away.iter().map(|control| timeout(LAST_LOOK, wire.confirm(control, &State::Off))));
    let Some(looked) = drill.interrupts.unless(looks).await else { return };
    for (control, seen) in away.iter().zip(looked) {
        let (summary, advice) = match seen {
            Ok(Ok(())) => continue,
            // That is told when it is given back.
            Ok(Err(Trouble::Unmoved { seen, .. })) if seen == control.word(&State::Gone) => continue,
            Ok(Err(Trouble::Unmoved { seen, .. })) => (
                format!("{control} was `{seen}` before it was given back: somebody has set it while the drill shipped"),
                "ask whoever did that, then drill again: what shipped may have needed it",
            ),
            Ok(Err(trouble)) => (unknown(control, &trouble), ASK),
            Err(_) => (unknown(control, &format_args!("no answer came within {}", Measure(LAST_LOOK))), ASK),
        };
        drill.bus.emit(EventKind::Found(Finding::new(Rule::CutFailed, Phase::Cut, summary, advice)));
    }
}

async fn time_is_up(lease: &Lease) {
    let left = Duration::try_from(lease.deadline.duration_since(now())).unwrap_or_default();
    let early = lease.deadline.checked_sub(EARLY.min(left / 5)).unwrap_or(lease.deadline);
    until(early).await;
}

async fn watchdog_ends(cut: &Cut) {
    let end = cut.taken().watchdog.as_ref().map(super::Watchdog::ended);
    match end {
        Some(end) => end.cancelled().await,
        None => std::future::pending().await,
    }
}
