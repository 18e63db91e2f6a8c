//! Gives a primary path back: what drill, watchdog and `canship recover` do alike.
//!
//! All parts side by side, each looked at after it was set, tried again until there is no time left; then the lease. It
//! may be done twice, also by two at once. What another drill's lease says that it has turned off is that drill's, and is
//! left to it.
//!
//! A call that nobody answered may take effect late, also after its sender is gone. A part is back only once that was
//! seen to take effect and was undone, or once it can take effect no more; until then it is looked at again and again,
//! and the lease stays.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::time::{sleep, sleep_until, timeout, timeout_at};

use super::{
    lease::{self, Held, Lease, Released, later},
    now,
    trouble::Trouble,
    wire::Wire,
};
use crate::{
    forge::{LEASE, State},
    record::{Control, DrillId, Measure, NotBack},
};

/// How soon something is tried again at first, and at the latest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How soon it is looked again, at first and later, whether a call takes effect late.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));

/// The same at the latest for a token that the forge refuses, by who does not give up then.
const REFUSED: Duration = Duration::from_mins(1);

/// How long is waited for a look before something is set.
const AHEAD: Duration = Duration::from_millis(500);

/// What is known of the call that turns a part off, or creates the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// It was answered, or was seen to have taken effect.
    Answered,
    /// It was sent, and nobody has seen its answer: it may take effect until then.
    UnderWay(tokio::time::Instant),
}

impl Calls {
    /// As whoever sent it has written down, by a clock that may have been wrong: no call takes longer than `most`.
    pub(super) fn written(until: Timestamp, most: Duration) -> Self {
        let left = Duration::try_from(until.duration_since(now())).unwrap_or_default().min(most);
        if left.is_zero() { Self::Answered } else { Self::UnderWay(tokio::time::Instant::now() + left) }
    }

    /// Until when it may take effect, if that is not over.
    pub(super) fn until(self) -> Option<tokio::time::Instant> {
        match self {
            Self::UnderWay(until) => Some(until).filter(|until| *until > tokio::time::Instant::now()),
            Self::Answered => None,
        }
    }
}

/// When at the latest it is given up to give back, if that may take so long once no call can take effect any more.
pub(super) fn at_the_latest<'c>(time: Duration, calls: impl IntoIterator<Item = &'c Calls>) -> tokio::time::Instant {
    let settled = calls.into_iter().filter_map(|calls| calls.until()).max();
    settled.unwrap_or_else(tokio::time::Instant::now) + time
}

/// Whose it is that is given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'d> {
    pub(super) drill: &'d DrillId,
    /// When its cut began; none if nobody knows.
    pub(super) cut_at: Option<Timestamp>,
    /// What is known of the call that created its lease.
    pub(super) calls: Calls,
}

impl Own<'_> {
    /// Whether a lease says that another drill has taken this one's over. One of a drill that had begun before has not: when
    /// this drill created its lease there was none. A call of that drill's that nobody answered came late, and over it.
    fn is_taken_over(&self, lease: &Lease) -> bool {
        lease.drill != *self.drill && self.cut_at.is_none_or(|cut_at| lease.cut_at > cut_at)
    }
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
    /// It is as it was, but a call that was not answered may change that until then; without a control it is the lease.
    Awaited(Option<Control>, Timestamp),
    /// Somebody removed it meanwhile: nothing of it is away any more, and nobody can give it back.
    Gone(Control),
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
    /// It is, but for what was told to be gone, and nothing at the forge says otherwise.
    AllBack,
    /// It is, but for what another drill has turned off since, and gives back.
    LeftToAnother,
    /// Something is not, which was told.
    NotAllBack,
}

impl Outcome {
    /// The worse of the two.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotAllBack, _) | (_, Self::NotAllBack) => Self::NotAllBack,
            (Self::LeftToAnother, _) | (_, Self::LeftToAnother) => Self::LeftToAnother,
            (Self::AllBack, Self::AllBack) => Self::AllBack,
        }
    }
}

/// How it is told what becomes of what is given back, and until when it is tried.
type Terms<'t> = (tokio::time::Instant, &'t (dyn Fn(Told) + Sync));

/// Gives everything back that a drill has taken away, as far as that works `until` then, and the lease at last.
pub(super) async fn give_back(wire: &Wire, own: Own<'_>, away: &[Away], terms: Terms<'_>) -> Outcome {
    let outcome = parts(wire, own, away, terms).await;
    if outcome != Outcome::NotAllBack
        && let Err(trouble) = release(wire, (own.drill, own.calls), terms).await
    {
        terms.1(Told::NotBack(None, lease_left(wire, &trouble.to_string())));
        return Outcome::NotAllBack;
    }
    outcome
}

/// The same, but for the lease.
pub(super) async fn parts(wire: &Wire, own: Own<'_>, away: &[Away], (until, tell): Terms<'_>) -> Outcome {
    let held = lease::held(wire).await;
    // What cannot be seen may be there.
    let is_leased = held.as_ref().map_or(true, |held| held.is_of(own.drill));
    let others = match held {
        Ok(Held::By(lease)) if own.is_taken_over(&lease) => {
            tell(Told::Note(format!("the lease was taken over meanwhile: drill {} of {} holds it", lease.drill, lease.who)));
            lease.may_be_off().to_vec()
        }
        Ok(Held::By(lease)) if lease.drill != *own.drill => {
            let Lease { drill, who, .. } = &*lease;
            tell(Told::Note(format!(
                "the lease is that of drill {drill} of {who}, which had begun before: it was written over late, and is left as it is"
            )));
            Vec::new()
        }
        Ok(Held::Unreadable { reason, .. }) => {
            tell(Told::Note(format!("the lease cannot be read any more and is left as it is: {reason}")));
            Vec::new()
        }
        // Giving back waits for nothing that is not needed for it.
        Ok(_) | Err(_) => Vec::new(),
    };
    let (others, ours): (Vec<_>, Vec<_>) = away.iter().partition(|away| others.contains(&away.control));
    let mut outcome = if others.is_empty() { Outcome::AllBack } else { Outcome::LeftToAnother };
    for away in others {
        tell(Told::OfAnother(away.control.clone()));
    }
    let mut running: FuturesUnordered<_> = ours.into_iter().map(|away| part(wire, (own, away), (until, tell))).collect();
    while let Some((control, returned)) = running.next().await {
        match returned {
            Ok(Returned::Back) => tell(Told::Back(control.clone())),
            Ok(Returned::Gone) => tell(Told::Gone(control.clone())),
            Ok(Returned::ToAnother) => {
                outcome = outcome.and(Outcome::LeftToAnother);
                tell(Told::OfAnother(control.clone()));
            }
            Err(trouble) => {
                outcome = Outcome::NotAllBack;
                tell(Told::NotBack(Some(control.clone()), not_back(wire, control, &trouble.to_string())));
            }
        }
    }
    if outcome == Outcome::NotAllBack && is_leased {
        tell(Told::NotBack(None, lease_left(wire, "it stays for whoever gives back what is away: delete it last")));
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

/// What is said of a part that somebody removed.
pub(super) fn gone(wire: &Wire, control: &Control) -> String {
    format!("{control} of {} was removed by somebody while it was cut: it is gone, and nobody can give it back", wire.forge.place())
}

/// What a person does about it.
pub(super) fn see_who_removed(control: &Control) -> String {
    let who = match control {
        Control::Workflow { path, .. } => format!("`git log -1 -- {}` on the default branch says who", path.one_line()),
        _ => "the forge's own audit log says who".to_owned(),
    };
    format!("see whether that was meant ({who}); if so, take it out of the plan's `primary`, else set it up again")
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
    /// Nowhere: somebody removed it.
    Gone,
    /// It is another drill's by now.
    ToAnother,
}

async fn part<'a>(
    wire: &Wire,
    (own, away): (Own<'_>, &'a Away),
    (until, tell): Terms<'_>,
) -> (&'a Control, Result<Returned, Trouble>) {
    let started = tokio::time::Instant::now();
    let mut last = None;
    let returned = timeout_at(until, set_until_so(wire, (own, away), (until, tell), &mut last)).await;
    let returned = returned.unwrap_or_else(|_| {
        let tried = format!("setting {} to `{}`", away.control, away.control.word(&State::On));
        Err(last.unwrap_or(Trouble::Late { tried, limit: Measure(started.elapsed()) }))
    });
    (&away.control, returned)
}

/// Sets it until it reads back as set, and stays so; after an answer that was lost it is looked at before it is set again.
/// Before that the lease is looked at too: meanwhile another drill may have taken it away.
async fn set_until_so(
    wire: &Wire,
    (own, away): (Own<'_>, &Away),
    (until, tell): Terms<'_>,
    last: &mut Option<Trouble>,
) -> Result<Returned, Trouble> {
    let (mut pause, mut wire, mut calls) = (PAUSE.0, wire.clone(), away.calls);
    loop {
        if is_off(&wire, away, calls).await {
            calls = Calls::Answered;
        }
        let set = wire.set(&away.control, &State::On).await;
        let seen = wire.confirm(&away.control, &State::On).await;
        // A look alone may be wrong: what takes a call is there.
        if is_state(seen.as_ref().err(), away, &State::Gone) && set.as_ref().is_err_and(|trouble| !trouble.may_have_worked()) {
            return Ok(Returned::Gone);
        }
        let back = match (seen, calls.until()) {
            (Ok(()), Some(settled)) => {
                let moment = moment(settled);
                *last = Some(Trouble::MayTurnOff { until: moment });
                tell(Told::Awaited(Some(away.control.clone()), moment));
                stays_on(&wire, &away.control, settled).await
            }
            (back, _) => back.map_err(|unmoved| set.err().unwrap_or(unmoved)),
        };
        let Err(trouble) = back else { return Ok(Returned::Back) };
        if is_state(Some(&trouble), away, &State::Off) {
            calls = Calls::Answered;
        }
        let Some(longest) = longest_pause(&wire, &trouble).filter(|_| tokio::time::Instant::now() + pause < until) else {
            return Err(trouble);
        };
        *last = Some(trouble);
        sleep(pause).await;
        (pause, wire) = ((pause * 2).min(longest), wire.patient());
        if let Ok(Held::By(lease)) = lease::held(&wire).await
            && own.is_taken_over(&lease)
            && lease.may_be_off().contains(&away.control)
        {
            return Ok(Returned::ToAnother);
        }
    }
}

/// How long is waited at most before it is tried again; none if that is of no use.
fn longest_pause(wire: &Wire, trouble: &Trouble) -> Option<Duration> {
    if trouble.is_final() { (wire.is_stubborn() && trouble.is_of_the_token()).then_some(REFUSED) } else { Some(PAUSE.1) }
}

/// Whether the call that turns it off, and was not answered, is seen to have taken effect: it was on before that. Then it need
/// not be looked at any longer; so that look is worth waiting for, though not for long.
async fn is_off(wire: &Wire, away: &Away, calls: Calls) -> bool {
    calls.until().is_some() && matches!(timeout(AHEAD, wire.confirm(&away.control, &State::Off)).await, Ok(Ok(())))
}

/// Looks whether it stays on until the call that turns it off can take effect no more.
async fn stays_on(wire: &Wire, control: &Control, settled: tokio::time::Instant) -> Result<(), Trouble> {
    let mut pause = LOOKS.0;
    loop {
        let is_over = tokio::time::Instant::now() >= settled;
        wire.confirm(control, &State::On).await?;
        if is_over {
            return Ok(());
        }
        sleep_until(settled.min(tokio::time::Instant::now() + pause)).await;
        pause = (pause * 2).min(LOOKS.1);
    }
}

/// Whether a part was seen in this other state when it was looked whether it is on.
fn is_state(trouble: Option<&Trouble>, away: &Away, state: &State) -> bool {
    matches!(trouble, Some(Trouble::Unmoved { seen, .. }) if seen == away.control.word(state))
}

/// Deletes the lease, if it is this drill's, until it is gone and can appear no more.
async fn release(wire: &Wire, (drill, calls): (&DrillId, Calls), (until, tell): Terms<'_>) -> Result<(), Trouble> {
    let (mut pause, mut wire, mut look, mut is_told) = (PAUSE.0, wire.clone(), LOOKS.0, false);
    loop {
        let (started, settled) = (tokio::time::Instant::now(), calls.until());
        let released = timeout_at(until, lease::release(&wire, drill)).await;
        let late = || Trouble::Late { tried: "deleting the lease".to_owned(), limit: Measure(started.elapsed()) };
        match (released.unwrap_or_else(|_| Err(late())), settled) {
            (Ok(Released::NotThere), Some(settled)) => {
                let moment = moment(settled);
                if !std::mem::replace(&mut is_told, true) {
                    tell(Told::Awaited(None, moment));
                }
                let next = settled.min(tokio::time::Instant::now() + look);
                if next >= until {
                    return Err(Trouble::MayAppear { until: moment });
                }
                sleep_until(next).await;
                look = (look * 2).min(LOOKS.1);
            }
            (Ok(_), _) => return Ok(()),
            (Err(trouble), _) => {
                let Some(longest) = longest_pause(&wire, &trouble).filter(|_| tokio::time::Instant::now() + pause < until) else {
                    return Err(trouble);
                };
                sleep(pause).await;
                (pause, wire) = ((pause * 2).min(longest), wire.patient());
            }
        }
    }
}

/// The same moment by the clock on the wall, in whole seconds and not before.
fn moment(at: tokio::time::Instant) -> Timestamp {
    later(now(), Duration::from_secs(at.saturating_duration_since(tokio::time::Instant::now()).as_secs().saturating_add(2)))
}
