//! Gives a primary path back: what drill, watchdog and `canship recover` do alike.
//!
//! All parts side by side, each looked at after it was set, tried again until there is no time left; then the lease. It
//! may be done twice, also by two at once. What another drill's lease names is that drill's, and is left to it.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{sleep, timeout_at};

use super::{
    lease::{self, Held},
    trouble::Trouble,
    wire::Wire,
};
use crate::{
    forge::{LEASE, State},
    record::{Control, DrillId, Measure, NotBack},
};

/// How soon something is tried again at first, and at the latest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long a call of a process that is gone, or that was given up, may take until it takes effect.
const LATE_EFFECT: Duration = Duration::from_secs(1);

/// Whether a call that turns a part off may still be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// All were answered.
    Answered,
    /// One may take effect yet.
    MayBeUnderWay,
}

/// Something to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) control: Control,
    pub(super) calls: Calls,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is as it was, read back.
    Back(Control),
    /// Another drill holds the lease and has it in hand.
    OfAnother(Control),
    /// It may still be away; without a control it is the lease that is left.
    NotBack(Option<Control>, NotBack),
    /// Something to be known beside it: a sentence.
    Note(String),
}

/// Whether everything is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is, and nothing at the forge says otherwise.
    AllBack,
    /// Something is not, which was told.
    NotAllBack,
}

/// Gives everything back that `drill` has taken away, as far as that works `until` then.
///
/// `calls` says whether the call that created the lease may still be under way.
pub(super) async fn give_back(
    wire: &Wire,
    (drill, calls): (&DrillId, Calls),
    away: &[Away],
    (until, tell): (tokio::time::Instant, &(dyn Fn(Told) + Sync)),
) -> Outcome {
    let held = lease::held(wire).await;
    // What cannot be seen may be there.
    let is_leased = held.as_ref().map_or(true, |held| held.is_of(drill));
    let others = match held {
        Ok(Held::By(lease)) if lease.drill != *drill => {
            tell(Told::Note(format!("the lease was taken over meanwhile: drill {} of {} holds it", lease.drill, lease.who)));
            lease.was_on
        }
        Ok(Held::Unreadable { reason, .. }) => {
            tell(Told::Note(format!("the lease cannot be read any more and is left as it is: {reason}")));
            Vec::new()
        }
        // Giving back waits for nothing that is not needed for it.
        Ok(_) | Err(_) => Vec::new(),
    };
    let (others, own): (Vec<_>, Vec<_>) = away.iter().partition(|away| others.contains(&away.control));
    for away in others {
        tell(Told::OfAnother(away.control.clone()));
    }
    let mut running: FuturesUnordered<_> = own.into_iter().map(|away| part(wire, (drill, away), until)).collect();
    let mut outcome = Outcome::AllBack;
    while let Some((control, returned)) = running.next().await {
        match returned {
            Ok(Returned::Back) => tell(Told::Back(control.clone())),
            Ok(Returned::ToAnother) => tell(Told::OfAnother(control.clone())),
            Err(trouble) => {
                outcome = Outcome::NotAllBack;
                tell(Told::NotBack(Some(control.clone()), not_back(wire, control, &trouble.to_string())));
            }
        }
    }
    if outcome == Outcome::NotAllBack && is_leased {
        tell(Told::NotBack(None, lease_left(wire, "it stays for whoever gives back what is away: delete it last")));
    }
    if outcome == Outcome::AllBack
        && let Err(trouble) = release(wire, (drill, calls), until).await
    {
        outcome = Outcome::NotAllBack;
        tell(Told::NotBack(None, lease_left(wire, &trouble.to_string())));
    }
    outcome
}

/// What a person does about a part that is not back.
pub(super) fn not_back(wire: &Wire, control: &Control, reason: &str) -> NotBack {
    NotBack {
        what: format!("{control} of {}", wire.forge.place()).into(),
        reason: reason.into(),
        by_hand: wire.forge.by_hand(control, &State::On).into(),
    }
}

/// What a person does about a lease that is left.
pub(super) fn lease_left(wire: &Wire, reason: &str) -> NotBack {
    NotBack {
        what: format!("the lease `{LEASE}` of {}, without whose end no drill can cut", wire.forge.place()).into(),
        reason: reason.into(),
        by_hand: wire.forge.delete_lease_by_hand().into(),
    }
}

/// Where a part is now.
enum Returned {
    /// It is as it was.
    Back,
    /// It is another drill's by now.
    ToAnother,
}

async fn part<'a>(
    wire: &Wire,
    (drill, away): (&DrillId, &'a Away),
    until: tokio::time::Instant,
) -> (&'a Control, Result<Returned, Trouble>) {
    let started = tokio::time::Instant::now();
    let mut last = None;
    let returned = timeout_at(until, set_until_so(wire, (drill, away), (until, &mut last))).await;
    let returned = returned.unwrap_or_else(|_| {
        let tried = format!("setting {} to `{}`", away.control, away.control.word(&State::On));
        Err(last.unwrap_or(Trouble::Late { tried, limit: Measure(started.elapsed()) }))
    });
    (&away.control, returned)
}

/// Sets it until it reads back as set; after an answer that was lost it is looked at before it is set again. Before that
/// the lease is looked at too: meanwhile another drill may have taken it away.
async fn set_until_so(
    wire: &Wire,
    (drill, away): (&DrillId, &Away),
    (until, last): (tokio::time::Instant, &mut Option<Trouble>),
) -> Result<Returned, Trouble> {
    let (mut pause, mut wire) = (PAUSE.0, wire.clone());
    loop {
        let set = wire.set(&away.control, &State::On).await;
        let trouble = match is_back(&wire, away).await {
            Ok(()) => return Ok(Returned::Back),
            Err(unmoved) => set.err().unwrap_or(unmoved),
        };
        if trouble.is_final() || tokio::time::Instant::now() + pause >= until {
            return Err(trouble);
        }
        *last = Some(trouble);
        sleep(pause).await;
        (pause, wire) = ((pause * 2).min(PAUSE.1), wire.patient());
        if let Ok(Held::By(lease)) = lease::held(&wire).await
            && lease.drill != *drill
            && lease.was_on.contains(&away.control)
        {
            return Ok(Returned::ToAnother);
        }
    }
}

/// Looks whether it is on, and stays so where a call may still be under way that turns it off.
async fn is_back(wire: &Wire, away: &Away) -> Result<(), Trouble> {
    if is_on(wire, &away.control).await? && away.calls == Calls::MayBeUnderWay {
        sleep(LATE_EFFECT).await;
        is_on(wire, &away.control).await?;
    }
    Ok(())
}

/// Whether it is there and on; an error if it is there and not on.
async fn is_on(wire: &Wire, control: &Control) -> Result<bool, Trouble> {
    match wire.confirm(control, &State::On).await {
        Ok(()) => Ok(true),
        // Somebody has removed it meanwhile: nothing of it is away any more.
        Err(Trouble::Unmoved { seen, .. }) if seen == control.word(&State::Gone) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

/// Deletes the lease, if it is this drill's, until it is gone.
async fn release(wire: &Wire, (drill, mut calls): (&DrillId, Calls), until: tokio::time::Instant) -> Result<(), Trouble> {
    let (mut pause, mut wire) = (PAUSE.0, wire.clone());
    loop {
        let started = tokio::time::Instant::now();
        let released = timeout_at(until, lease::release(&wire, drill)).await;
        let late = || Trouble::Late { tried: "deleting the lease".to_owned(), limit: Measure(started.elapsed()) };
        match released.unwrap_or_else(|_| Err(late())) {
            // It may be created yet: then it is deleted too.
            Ok(()) if calls == Calls::MayBeUnderWay => {
                calls = Calls::Answered;
                sleep(LATE_EFFECT).await;
            }
            Ok(()) => return Ok(()),
            Err(trouble) if trouble.is_final() || tokio::time::Instant::now() + pause >= until => return Err(trouble),
            Err(_) => sleep(pause).await,
        }
        (pause, wire) = ((pause * 2).min(PAUSE.1), wire.patient());
    }
}
