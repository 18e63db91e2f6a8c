//! Gives everything back at the end of a drill, whatever its end is.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::sleep;

use super::{
    Cut, Leased, PATIENCE,
    back::{self, Away, Calls, Outcome, Own, Told},
    wire::Wire,
};
use crate::{
    drill::{Drill, scope::Scope},
    forge::Snapshot,
    record::{Control, EventKind, Finding, Missed, NotBack, Phase, Rule},
    state::Entry,
};

/// How long it is tried at least, and at most.
const TIME: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));

/// How long it is tried after a signal: a CI job that is cancelled is ended 7.5 s after it.
const AFTER_SIGNAL: Duration = Duration::from_millis(4500);

/// Why a part that may be away is not given back.
const CONTESTED: &str = "it was on a moment before this drill's call came, and off when it came: somebody else turned it off, \
                         or something on the way has sent the call twice; turn it on unless somebody wants it off";

/// What is given back, and on what it is noted.
struct Job {
    wire: Wire,
    leased: Leased,
    away: Vec<(Entry, Away)>,
}

/// Gives back what the drill took away, and reads back that it is as it was; a second signal ends the wait.
pub(in crate::drill) async fn restore(drill: &Drill, cut: &Cut) {
    let (job, contested, before, watchdog) = {
        let mut taken = cut.taken();
        let leased = taken.lease.take();
        let job = taken.wire.as_ref().zip(leased);
        let job = job.map(|(wire, leased)| Job { wire: wire.hurried(PATIENCE), leased, away: taken.away.clone() });
        (job, std::mem::take(&mut taken.contested), taken.before.take(), taken.watchdog.take())
    };
    let (mut outcome, is_contested) = (Outcome::AllBack, !contested.is_empty());
    if let Some(job) = &job {
        let scope = Scope::phase(&drill.bus, Phase::Restore);
        let lease;
        (outcome, lease) = give_back(drill, &scope, (cut, job)).await;
        let contested = contested.iter().map(|control| back::not_back(&job.wire, control, CONTESTED));
        // The lease, which says how everything else is given back, is deleted last.
        contested.chain(lease).for_each(|not| scope.emit(EventKind::NotGivenBack(not)));
        if outcome != Outcome::AllBack || is_contested {
            scope.failed();
        }
        scope.finish();
    }
    // Else it goes on where this process ends.
    if outcome != Outcome::NotAllBack
        && let Some(watchdog) = watchdog
    {
        watchdog.dismiss().await;
    }
    if let Some(job) = &job {
        if outcome == Outcome::AllBack && cut.begun.initialized() {
            tell_missed(drill, job, before).await;
        }
        let budget = job.wire.forge.budget();
        drill.bus.emit(EventKind::ForgeAsked { requests: budget.sent, remaining: budget.remaining });
    }
}

/// What is not given back yet, and until when a call may undo that it is as it was; without a control the lease.
type Open = BTreeMap<Option<Control>, Option<Timestamp>>;

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is said while a call that was not answered may take effect.
fn awaited(control: Option<&Control>, until: Timestamp) -> String {
    match control {
        Some(control) => format!(
            "the call that turned {control} off was not answered, and may have taken effect after it was given back: that was \
             looked for until it was undone, or until {until}"
        ),
        None => format!(
            "the call that created the lease was not answered, and may have taken effect late: that was looked for until {until}"
        ),
    }
}

/// Why something is not given back though it is as it was.
fn unsettled(reason: &str, control: Option<&Control>, until: Timestamp) -> String {
    let call = match control {
        Some(_) => "it is on, but the call that turned it off was not answered: it may be turned off yet",
        None => "there is none, but the call that creates it was not answered: it may appear yet",
    };
    format!("{reason}; {call}, until {until}. The watchdog looks until then and undoes that; by hand, do this after it")
}

/// Gives back, and tells all but that the lease is left, which comes last.
async fn give_back(drill: &Drill, scope: &Scope, (cut, job): (&Cut, &Job)) -> (Outcome, Option<NotBack>) {
    let open: Mutex<Open> = Mutex::new(job.away.iter().map(|(_, away)| (Some(away.control.clone()), None)).collect());
    lock(&open).insert(None, None);
    let lease: Mutex<Option<NotBack>> = Mutex::default();
    let close = |control: &Control| {
        lock(&open).remove(&Some(control.clone()));
        job.away.iter().filter(|(_, away)| away.control == *control).for_each(|(entry, _)| drill.journal.gone(*entry));
    };
    let tell = |told| match told {
        Told::Back(control) => {
            close(&control);
            scope.emit(EventKind::GivenBack { control });
        }
        Told::Gone(control) => {
            close(&control);
            let (summary, advice) = (back::gone(&job.wire, &control), back::see_who_removed(&control));
            scope.emit(EventKind::FoundGone { control });
            scope.found(Finding::new(Rule::PartGone, Phase::Restore, summary, advice));
        }
        Told::Awaited(control, until) => {
            let is_new = lock(&open).insert(control.clone(), Some(until)).flatten().is_none();
            if is_new {
                scope.emit(EventKind::Limited { limit: awaited(control.as_ref(), until).into() });
            }
        }
        Told::OfAnother(control) => {
            // It stays noted: nobody has seen it back.
            lock(&open).remove(&Some(control.clone()));
            let summary = format!("{control} is left to the drill that took the lease over");
            scope.found(Finding::new(Rule::LeaseLost, Phase::Restore, summary, "see that drill for what becomes of it"));
        }
        Told::NotBack(Some(control), not) => {
            lock(&open).remove(&Some(control));
            scope.emit(EventKind::NotGivenBack(not));
        }
        Told::NotBack(None, not) => {
            lock(&open).remove(&None);
            lease.lock().unwrap_or_else(PoisonError::into_inner).replace(not);
        }
        Told::Note(note) => {
            let advice = "ask whoever did that; this drill gave back only what is its own";
            scope.found(Finding::new(Rule::LeaseLost, Phase::Restore, note, advice));
        }
    };
    let away: Vec<Away> = job.away.iter().map(|(_, away)| away.clone()).collect();
    let own = Own { drill: drill.journal.drill(), cut_at: Some(job.leased.lease.cut_at), calls: job.leased.calls };
    let time = drill.plan.timeouts.api.saturating_mul(2).clamp(TIME.0, TIME.1);
    let calls: Vec<Calls> = away.iter().map(|away| away.calls).chain([job.leased.calls]).collect();
    let giving = back::give_back(&job.wire, own, &away, (back::at_the_latest(time, &calls), &tell));
    let late = async {
        drill.interrupts.came().await;
        sleep(AFTER_SIGNAL).await;
    };
    let (outcome, reason) = tokio::select! {
        given = drill.interrupts.unless_impatient(giving) => (given, "a second signal ended the wait"),
        () = late => (None, "there was no more time after the signal"),
    };
    if outcome == Some(Outcome::AllBack) {
        drill.journal.gone(job.leased.entry);
        if cut.begun.initialized() {
            scope.emit(EventKind::CutEnded);
        }
        return (Outcome::AllBack, None);
    }
    if outcome == Some(Outcome::LeftToAnother) {
        return (Outcome::LeftToAnother, None);
    }
    let mut lease = lease.into_inner().unwrap_or_else(PoisonError::into_inner);
    if outcome.is_none() {
        for (control, until) in std::mem::take(&mut *lock(&open)) {
            let reason = until.map_or_else(|| reason.to_owned(), |until| unsettled(reason, control.as_ref(), until));
            match &control {
                Some(control) => scope.emit(EventKind::NotGivenBack(back::not_back(&job.wire, control, &reason))),
                None => lease = Some(back::lease_left(&job.wire, &reason)),
            }
        }
    }
    (Outcome::NotAllBack, lease)
}

/// What happened at the forge while the path was cut, and started nothing.
async fn tell_missed(drill: &Drill, job: &Job, before: Option<Snapshot>) {
    let Some(before) = before else { return };
    let asked = tokio::time::timeout(drill.plan.timeouts.api, job.wire.forge.missed(&before));
    let unknown = |reason: &str| {
        let limit = format!("what was pushed while the primary path was cut, and started nothing, is not known: {reason}");
        drill.bus.emit(EventKind::Limited { limit: limit.into() });
    };
    let missed = match drill.interrupts.unless(asked).await {
        Some(Ok(Ok(missed))) => missed,
        Some(Ok(Err(error))) => return unknown(&error.to_string()),
        Some(Err(_)) => return unknown("the forge did not answer in time"),
        None => return unknown("a signal left no time to ask"),
    };
    for happened in missed.happened {
        drill.bus.emit(EventKind::Missed(Missed { what: happened.what, start: happened.start }));
    }
    for check in missed.pending_checks {
        let start = "start the workflow or pipeline that reports it, on that commit".into();
        drill.bus.emit(EventKind::Missed(Missed { what: check, start }));
    }
    for unread in missed.unread {
        unknown(unread.as_str());
    }
}
