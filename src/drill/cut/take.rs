//! Takes the path away, part by part, once the way back is proved.

use std::{io, time::Duration};

use super::{
    Cut, Leased,
    back::{Away, Calls},
    gate::{self, Proved, Refusal},
    lease::{self, Held, Lease, Terms, later},
    now,
    trouble::Trouble,
    watchdog::{Ear, Order as WatchOrder, Watchdog},
    wire::Wire,
};
use crate::{
    drill::{Drill, scope::Scope},
    forge::{Cancel, State, Turned},
    plan::{Primary, Running},
    record::{Control, CutFacts, EventKind, Finding, Phase, Rule, Text},
    secret::Secret,
    state::Item,
};

/// How long a call that changes something may go on after a signal, so that it is known what it did.
const GRACE: Duration = Duration::from_millis(1500);

/// How often it is read back whether something is off: a forge may answer from what it knew before.
const READS: u32 = 4;

/// How often is looked whether cancelled runs have ended, and how long they may take until they are ended by force.
const CANCELLED: (Duration, u32) = (Duration::from_secs(2), 15);

/// Why a cut ends before the path is away.
pub(super) enum Stop {
    /// It must not begin, or go on.
    Refused(Vec<Refusal>),
    /// Something broke.
    Broke(String),
    /// The lease is somebody else's.
    Lost(Held),
    /// A signal came.
    Interrupted,
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Broke(trouble.to_string())
    }
}

/// Takes the path away; tells why not, if not. What was taken by then is given back by the phase that restores.
pub(in crate::drill) async fn take(drill: &Drill, cut: &Cut) -> bool {
    let scope = Scope::phase(&drill.bus, Phase::Cut);
    let stop = Box::pin(steps(drill, &scope, cut)).await.err();
    let is_taken = stop.is_none();
    match stop {
        None => {}
        Some(Stop::Refused(refusals)) => {
            for Refusal { reason, advice } in refusals {
                scope.found(Finding::new(Rule::CutRefused, Phase::Cut, format!("the primary path is not cut: {reason}"), advice));
            }
        }
        Some(Stop::Broke(reason)) => scope.found(Finding::new(
            Rule::CutFailed,
            Phase::Cut,
            format!("the primary path could not be cut: {reason}"),
            "what was cut by then was given back, as is said below; find out why, then drill again",
        )),
        Some(Stop::Lost(held)) => scope.found(lost(&held)),
        Some(Stop::Interrupted) => scope.errored(),
    }
    scope.finish();
    is_taken
}

/// The lease was taken by somebody else while this drill had it.
pub(super) fn lost(held: &Held) -> Finding {
    let summary = format!("the lease on the primary path was taken from this drill: {}", held.whose());
    Finding::new(Rule::LeaseLost, Phase::Cut, summary, "ask whoever took it; this drill gave back only what is its own")
}

async fn steps(drill: &Drill, scope: &Scope, cut: &Cut) -> Result<(), Stop> {
    let vault = drill.interrupts.unless(drill.board.vault.wait()).await.ok_or(Stop::Interrupted)?;
    let refused = |reason: &str, advice: &str| Stop::Refused(vec![Refusal::new(reason, advice)]);
    let Some(primary) = &drill.plan.primary else {
        return Err(refused("the plan does not say where it is", "name it under `primary` in the plan"));
    };
    let token = primary.token.as_ref().and_then(|name| vault.get(name));
    let Some(token) = token else {
        return Err(refused("there is no token that may cut it and give it back", "name one with `token:` under `primary`"));
    };
    let forge = (drill.forges)(&primary.place, token.clone()).map_err(|error| Stop::Broke(error.to_string()))?;
    let wire = Wire::new(forge, drill.plan.timeouts.api).taking_effect(primary.late_effect);
    cut.taken().wire = Some(wire.clone());

    if let Some(reason) = drill.interrupts.unless(drill.board.recovered.wait()).await.ok_or(Stop::Interrupted)? {
        return Err(refused(reason, "wait for a drill that lives; else do by hand what is said below, or run `canship recover`"));
    }
    let found = |facts| scope.emit(EventKind::PrimaryFound(facts));
    let proof = gate::prove(&wire, (primary, &cut.order.wanted), now(), found);
    let proved = drill.interrupts.unless(proof).await.ok_or(Stop::Interrupted)?.map_err(Stop::Refused)?;
    for limit in &proved.limits {
        scope.emit(EventKind::Limited { limit: limit.as_str().into() });
    }
    begin(drill, cut, (primary, &wire, token), &proved).await?;
    for (number, control) in proved.to_cut().into_iter().enumerate() {
        turn_off(drill, scope, cut, (&wire, number, control)).await?;
    }
    drop(cut.settled.set(()));
    drop(cut.taken().before.replace(proved.before));
    end_running(drill, scope, &wire, (primary, &proved.found)).await
}

/// The watchdog, the journal, the lease, in this order: from here on there is something to give back.
async fn begin(drill: &Drill, cut: &Cut, at: (&Primary, &Wire, &Secret), proved: &Proved) -> Result<(), Stop> {
    let (primary, wire, token) = at;
    // The lease is read by others, like a report.
    let hidden = |mut text: Text| {
        drill.network.known.hide(&mut text);
        text
    };
    let (who, why) = (hidden(cut.order.who.clone()), hidden(why(drill)));
    let terms = Terms {
        drill: drill.journal.drill(),
        host: &drill.journal.claim().host,
        who: &who,
        why: &why,
        max_cut: primary.max_cut,
        longest: wire.longest(),
    };
    let lease = Lease::new(&terms, proved.to_cut(), now());
    let order = WatchOrder {
        place: primary.place.clone(),
        drill: drill.journal.drill().clone(),
        was_on: lease.was_on.clone(),
        cut_at: lease.cut_at,
        deadline: lease.deadline,
        api: drill.plan.timeouts.api,
        retry_after_max: drill.plan.timeouts.retry_after_max,
        late_effect: primary.late_effect,
        trust: cut.order.program.trust.clone(),
        state: cut.order.program.state.clone(),
    };
    let log = drill.journal.folder().join("watchdog.log");
    let watchdog = Watchdog::start(&cut.order.program, (&order, token), &log).await;
    let watchdog = watchdog.map_err(|reason| Stop::Broke(format!("the watchdog, which gives back when canship dies: {reason}")))?;
    cut.taken().watchdog = Some(watchdog);

    let text = lease.text().ok_or(Trouble::LeaseTooLong { most: crate::forge::LEASE_MAX })?;
    let item = Item::Lease {
        place: primary.place.clone(),
        lease: text,
        by_hand: wire.forge.delete_lease_by_hand(),
        until: lease.late_until,
    };
    let entry = drill.journal.put(&item).map_err(|reason| unwritten(&reason))?;
    cut.taken().lease = Some(Leased { entry, lease: lease.clone(), calls: Calls::written(lease.late_until, wire.longest()) });
    let of_lease = |calls| cut.taken().lease.iter_mut().for_each(|leased| leased.calls = calls);
    let leased = answered(drill, lease::take(wire, &lease)).await;
    of_lease(wire.given_up());
    match leased.ok_or(Stop::Interrupted)? {
        Ok(Ok(())) => of_lease(Calls::Answered),
        // It may have been created, or may be yet.
        Err(trouble) if trouble.may_have_worked() => return Err(trouble.into()),
        Ok(Err(held)) => {
            forget_lease(drill, cut);
            let vanished = || Refusal::new("the forge says that there is a lease, and shows none", "drill again");
            return Err(Stop::Refused(vec![gate::of_others(&held).unwrap_or_else(vanished)]));
        }
        Err(trouble) => {
            forget_lease(drill, cut);
            return Err(trouble.into());
        }
    }
    drill.bus.emit(EventKind::CutBegan(CutFacts { who: lease.who, until: lease.deadline }));
    drop(cut.begun.set(()));
    Ok(())
}

fn ear(cut: &Cut) -> Result<Ear, Stop> {
    let ear = cut.taken().watchdog.as_ref().map(Watchdog::ear);
    ear.ok_or_else(|| deaf(&io::ErrorKind::NotFound.into()))
}

fn deaf(reason: &io::Error) -> Stop {
    Stop::Broke(format!("the watchdog, which gives back when canship dies, is gone: {reason}"))
}

/// There certainly is no lease of this drill's.
fn forget_lease(drill: &Drill, cut: &Cut) {
    if let Some(leased) = cut.taken().lease.take() {
        drill.journal.gone(leased.entry);
    }
}

/// What the path is cut for, as others read it.
fn why(drill: &Drill) -> Text {
    format!("a drill of {}", drill.plan.release).into()
}

/// Turns one part off: what is about to be done is in the lease, on disk and told to the watchdog first, and what became of
/// it is looked at. A part that somebody else turns off is theirs.
async fn turn_off(drill: &Drill, scope: &Scope, cut: &Cut, part: (&Wire, usize, Control)) -> Result<(), Stop> {
    let (wire, number, control) = part;
    may_turn(drill, cut, (wire, &control)).await?;
    say_in_lease(drill, cut, (wire, number)).await?;
    let by_hand = wire.forge.by_hand(&control, &State::On);
    let until = later(now(), wire.longest());
    let item = Item::Cut { place: wire.forge.place().clone(), control: control.clone(), by_hand, until: Some(until) };
    let entry = drill.journal.put(&item).map_err(|reason| unwritten(&reason))?;
    cut.taken().away.push((entry, Away { control: control.clone(), calls: Calls::written(until, wire.longest()) }));
    if let Err(stop) = say_off(cut, number).await {
        // The call that turns it off never goes out: if it is off now, somebody else wants it so.
        forget_last(drill, cut);
        return Err(stop);
    }
    let set = answered(drill, wire.set(&control, &State::Off)).await;
    cut.settle_last(wire.given_up());
    match set.ok_or(Stop::Interrupted)? {
        Ok(Turned::Taken) => {
            settled(drill, cut, (number, item)).await?;
            read_back(drill, wire, &control).await?;
        }
        Ok(Turned::Already) => {
            disown_last(drill, cut, number).await?;
            let reason = format!("{control} was on a moment ago, and off when this drill's call came");
            cut.taken().contested.push(control);
            return Err(Stop::Broke(reason));
        }
        Err(trouble) if !trouble.may_have_worked() => {
            settled(drill, cut, (number, item)).await?;
            let seen = drill.interrupts.unless(wire.confirm(&control, &State::On)).await;
            if seen.is_some_and(|seen| seen.is_ok()) {
                disown_last(drill, cut, number).await?;
            }
            return Err(trouble.into());
        }
        // Never sent again: it is looked at whether it was done. If it was not, it may be yet.
        Err(trouble) => {
            read_back(drill, wire, &control).await.map_err(|_| Stop::from(trouble))?;
            settled(drill, cut, (number, item)).await?;
        }
    }
    scope.emit(EventKind::TakenAway { control });
    Ok(())
}

/// The call that turned the last part off was answered, or was seen to have taken effect: it is waited for no more, by
/// whoever gives back.
async fn settled(drill: &Drill, cut: &Cut, (number, item): (usize, Item)) -> Result<(), Stop> {
    let entry = cut.settle_last(Calls::Answered);
    if let (Some(entry), Item::Cut { place, control, by_hand, .. }) = (entry, item) {
        // Where that cannot be written, it is looked for longer than needed.
        drop(drill.journal.change(entry, &Item::Cut { place, control, by_hand, until: None }));
    }
    ear(cut)?.answered(number).await.map_err(|reason| deaf(&reason))
}

/// Whether a part may be turned off now: the lease is still this drill's, there is time, and the part is on.
async fn may_turn(drill: &Drill, cut: &Cut, (wire, control): (&Wire, &Control)) -> Result<(), Stop> {
    let looks = async { tokio::join!(lease::held(wire), wire.look(control)) };
    let (held, seen) = drill.interrupts.unless(looks).await.ok_or(Stop::Interrupted)?;
    let (held, seen) = (held?, seen?);
    if !held.is_of(drill.journal.drill()) {
        return Err(Stop::Lost(held));
    }
    if seen != State::On {
        let word = control.word(&seen);
        return Err(Stop::Broke(format!("somebody else has turned {control} off meanwhile: it is `{word}`, and left so")));
    }
    let deadline = cut.taken().lease.as_ref().map(|leased| leased.lease.deadline);
    if deadline.is_some_and(|deadline| now() >= deadline) {
        return Err(Stop::Broke("the time that it may be cut for is over".to_owned()));
    }
    Ok(())
}

/// Says in the lease, for whoever gives back without this machine, which part is about to be turned off.
async fn say_in_lease(drill: &Drill, cut: &Cut, (wire, number): (&Wire, usize)) -> Result<(), Stop> {
    let lease = cut.taken().lease.as_ref().map(|leased| leased.lease.begun(number, wire.longest(), now()));
    let Some(lease) = lease else { return Err(Stop::Lost(Held::Nobody)) };
    answered(drill, lease::write(wire, &lease)).await.ok_or(Stop::Interrupted)??.map_err(Stop::Lost)?;
    cut.taken().lease.iter_mut().for_each(|leased| leased.lease = lease.clone());
    Ok(())
}

/// Tells the watchdog that a part is about to be turned off.
async fn say_off(cut: &Cut, number: usize) -> Result<(), Stop> {
    ear(cut)?.off(number).await.map_err(|reason| deaf(&reason))
}

/// The part that was to be turned off last was not turned off by this drill.
fn forget_last(drill: &Drill, cut: &Cut) {
    if let Some((entry, _)) = cut.forget_last() {
        drill.journal.gone(entry);
    }
}

/// The same, also for the watchdog.
async fn disown_last(drill: &Drill, cut: &Cut, number: usize) -> Result<(), Stop> {
    forget_last(drill, cut);
    ear(cut)?.left(number).await.map_err(|reason| deaf(&reason))
}

/// Reads back that it is off; a few times, since a forge may answer from what it knew before.
async fn read_back(drill: &Drill, wire: &Wire, control: &Control) -> Result<(), Stop> {
    let mut pause = Duration::from_millis(200);
    for _ in 1..READS {
        if drill.interrupts.unless(wire.confirm(control, &State::Off)).await.ok_or(Stop::Interrupted)?.is_ok() {
            return Ok(());
        }
        drill.interrupts.unless(tokio::time::sleep(pause)).await.ok_or(Stop::Interrupted)?;
        pause *= 2;
    }
    Ok(drill.interrupts.unless(wire.confirm(control, &State::Off)).await.ok_or(Stop::Interrupted)??)
}

/// What is queued or in progress now that nothing more begins: refused, or cancelled until it has ended.
async fn end_running(
    drill: &Drill,
    scope: &Scope,
    wire: &Wire,
    (primary, found): (&Primary, &[crate::forge::Found]),
) -> Result<(), Stop> {
    let mut cancelled: Vec<u64> = Vec::new();
    for round in 0..=CANCELLED.1 * 2 {
        let running = drill.interrupts.unless(wire.forge.in_flight(found)).await.ok_or(Stop::Interrupted)?;
        let running = running.map_err(|error| Stop::Broke(error.to_string()))?;
        if running.is_empty() {
            return Ok(());
        }
        if primary.running == Running::Refuse {
            return Err(Stop::Refused(gate::in_flight(&running).into_iter().collect()));
        }
        for run in &running {
            let how = match (cancelled.contains(&run.id), round == CANCELLED.1) {
                (false, _) => Cancel::Asked,
                (true, true) => Cancel::Forced,
                (true, false) => continue,
            };
            let asked = answered(drill, wire.forge.cancel(run, how)).await.ok_or(Stop::Interrupted)?;
            if !cancelled.contains(&run.id) {
                scope.emit(EventKind::RunCancelled { run: run.to_string().into() });
                cancelled.push(run.id);
            }
            asked.map_err(|error| Stop::Broke(error.to_string()))?;
        }
        drill.interrupts.unless(tokio::time::sleep(CANCELLED.0)).await.ok_or(Stop::Interrupted)?;
    }
    Err(Stop::Broke("runs that were cancelled do not end".to_owned()))
}

fn unwritten(reason: &io::Error) -> Stop {
    Stop::Broke(format!("what was to be done could not be written down first: {reason}"))
}

/// The answer to a call that changes something: after a signal it is waited for a moment, so that it is known what it did.
async fn answered<T>(drill: &Drill, call: impl Future<Output = T>) -> Option<T> {
    let late = async {
        drill.interrupts.came().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        answer = call => Some(answer),
        () = late => None,
    }
}
