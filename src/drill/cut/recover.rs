//! Gives back what drills took that are dead: by their journals here, by the lease for those of other machines.
//!
//! It may be done twice, also by two at once. A drill that is alive is never touched: on this machine its lock tells,
//! elsewhere the lease, until it runs out or a person says that it is dead.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    back::{self, Away, Calls, Outcome as Given, Told},
    lease::{self, Held, Lease},
    now,
    trouble::Trouble,
    wire::Wire,
};
use crate::{
    drill::{Drill, vault::Vault},
    forge::{self, Forge},
    record::{Cleaning, Control, DrillId, EventKind, NotBack, Place},
    state::{Damaged, Dead, Drills, Entry, Item, State, StateError},
};

/// How long it is tried to give back.
const TIME: Duration = Duration::from_mins(1);

/// Whether a lease of another machine is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Until it has run out.
    WaitedFor,
    /// A person says that its drill is dead.
    Dead,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// This was given back, and how it came to be away.
    Back {
        /// What.
        what: String,
        /// Which drill of whom had cut it, and when.
        cut_by: String,
    },
    /// A drill holds the path and lives: it was not touched.
    Alive(String),
    /// This may still be away.
    NotBack(NotBack),
    /// Whether something is away cannot be seen here.
    Unseen(NotBack),
    /// Something to be known beside it.
    Note(String),
}

/// Whether a path is as it was, as far as drills that are dead go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    AllBack,
    /// It may not be.
    NotAllBack,
}

/// Gives back at one place; `api` is how long the forge's answers are waited for.
///
/// # Errors
/// The state folder cannot be read: then it is not known which drills live.
pub async fn recover(
    state: &State,
    (forge, api): (Arc<dyn Forge>, Duration),
    foreign: Foreign,
    tell: &(dyn Fn(Seen) + Sync),
) -> Result<Outcome, StateError> {
    let wire = Wire::new(forge, api);
    let drills = state.drills(now())?;
    Ok(at_place(&wire, (state, &drills), foreign, tell).await)
}

async fn at_place(wire: &Wire, (state, drills): (&State, &Drills), foreign: Foreign, tell: &(dyn Fn(Seen) + Sync)) -> Outcome {
    let mut outcome = Outcome::AllBack;
    let place = wire.forge.place();
    for damaged in &drills.damaged {
        tell(Seen::Unseen(of_damaged(damaged)));
        outcome = Outcome::NotAllBack;
    }
    for dead in &drills.dead {
        if !here((state, dead), wire, tell).await {
            outcome = Outcome::NotAllBack;
        }
        for not in elsewhere(dead, Some(place)) {
            tell(Seen::NotBack(not));
            outcome = Outcome::NotAllBack;
        }
    }
    match lease::held(wire).await {
        Ok(Held::Nobody) => {}
        Ok(Held::By(lease)) => match of_lease(&lease, drills, foreign) {
            Some(alive) => tell(Seen::Alive(alive)),
            None if by_lease((state, &lease), wire, tell).await => {}
            None => outcome = Outcome::NotAllBack,
        },
        Ok(held @ Held::Unreadable { .. }) => {
            let reason = format!("it cannot be read, and is not touched: {}", held.whose());
            tell(Seen::Unseen(back::lease_left(wire, &reason)));
            outcome = Outcome::NotAllBack;
        }
        Err(trouble) => {
            let not = back::lease_left(wire, &trouble.to_string());
            let what = format!("what drills of other machines may have taken away of {place}").into();
            tell(Seen::Unseen(NotBack { what, ..not }));
            outcome = Outcome::NotAllBack;
        }
    }
    outcome
}

/// By the journal of a drill of this machine that is dead.
async fn here((state, dead): (&State, &Dead), wire: &Wire, tell: &(dyn Fn(Seen) + Sync)) -> bool {
    let place = wire.forge.place();
    let at_place = |item: &Item| matches!(item, Item::Cut { place: at, .. } | Item::Lease { place: at, .. } if at == place);
    let entries: Vec<&(Entry, Item)> = dead.items().iter().filter(|(_, item)| at_place(item)).collect();
    if entries.is_empty() {
        return true;
    }
    let lease = entries.iter().find_map(|(_, item)| match item {
        Item::Lease { lease, .. } => Lease::read(lease).ok(),
        _ => None,
    });
    let cut_by = lease.as_ref().map_or_else(|| format!("drill {}", dead.drill()), Lease::cut_by);
    let controls = entries.iter().filter_map(|(_, item)| match item {
        Item::Cut { control, .. } => Some(control.clone()),
        _ => None,
    });
    let controls: Vec<_> = controls.collect();
    let given = match lease::held(wire).await {
        // Where nothing was turned off yet, the lease may be created yet.
        Ok(held) if !held.is_of(dead.drill()) && !controls.is_empty() => was_given_back(wire, &controls, (&cut_by, tell)).await,
        // What cannot be seen keeps nothing cut.
        Ok(_) | Err(_) => give_back(wire, dead.drill(), controls, (&cut_by, tell)).await,
    };
    if given {
        for (entry, _) in &entries {
            dead.gone(*entry);
        }
        drop(state.note_given_back(dead.drill()));
    }
    given
}

/// Without its lease, a drill's cut was given back by somebody: what is off now is so for another reason, or its lease was
/// deleted before its time. Which of the two, only a person knows.
async fn was_given_back(wire: &Wire, controls: &[Control], (cut_by, tell): (&str, &(dyn Fn(Seen) + Sync))) -> bool {
    let mut all = true;
    for control in controls {
        let reason = match wire.confirm(control, &forge::State::Off).await {
            // It is on, or gone.
            Err(Trouble::Unmoved { .. }) => continue,
            Ok(()) => {
                format!("{cut_by}, but its lease is gone and this is off: it was turned off again, or the lease deleted too early")
            }
            Err(trouble) => trouble.to_string(),
        };
        tell(Seen::Unseen(back::not_back(wire, control, &reason)));
        all = false;
    }
    all
}

/// By a lease, whosever it is.
async fn by_lease((state, lease): (&State, &Lease), wire: &Wire, tell: &(dyn Fn(Seen) + Sync)) -> bool {
    let given = give_back(wire, &lease.drill, lease.was_on.clone(), (&lease.cut_by(), tell)).await;
    if given {
        drop(state.note_given_back(&lease.drill));
    }
    given
}

async fn give_back(wire: &Wire, drill: &DrillId, was_on: Vec<Control>, (cut_by, tell): (&str, &(dyn Fn(Seen) + Sync))) -> bool {
    let away = was_on.into_iter().map(|control| Away { control, calls: Calls::MayBeUnderWay });
    let away: Vec<_> = away.collect();
    let told = |told| match told {
        Told::Back(control) => {
            let what = format!("{control} of {}", wire.forge.place());
            tell(Seen::Back { what, cut_by: cut_by.to_owned() });
        }
        Told::OfAnother(control) => tell(Seen::Note(format!("{control} is in the hands of the drill that holds the lease"))),
        Told::NotBack(_, not) => tell(Seen::NotBack(not)),
        Told::Note(note) => tell(Seen::Note(note)),
    };
    back::give_back(wire, (drill, Calls::MayBeUnderWay), &away, (tokio::time::Instant::now() + TIME, &told)).await == Given::AllBack
}

/// Why a lease is left alone: its drill lives, or may.
fn of_lease(lease: &Lease, drills: &Drills, foreign: Foreign) -> Option<String> {
    let lives = |why: &str| Some(format!("{}: {why}; it was not touched", lease.cut_by()));
    if drills.living.contains(&lease.drill) {
        return lives("it lives on this machine");
    }
    let is_dead_here = drills.dead.iter().any(|dead| *dead.drill() == lease.drill)
        || drills.damaged.iter().any(|damaged| damaged.drill.as_ref() == Some(&lease.drill))
        || drills.buried.contains(&lease.drill);
    if is_dead_here || foreign == Foreign::Dead || lease.until <= now() {
        return None;
    }
    lives(&format!("it may live on another machine until {} (`--now` says that it is dead)", lease.until))
}

/// What journals of this machine say is away, wherever: for a plan that names no primary path.
///
/// # Errors
/// The state folder cannot be read.
pub fn noted(state: &State) -> Result<Vec<Seen>, StateError> {
    let drills = state.drills(now())?;
    let unseen = drills.damaged.iter().map(|damaged| Seen::Unseen(of_damaged(damaged)));
    Ok(unseen.chain(drills.dead.iter().flat_map(|dead| elsewhere(dead, None)).map(Seen::NotBack)).collect())
}

/// What the journal of a dead drill says of other places: no token of theirs is at hand.
fn elsewhere<'d>(dead: &'d Dead, place: Option<&'d Place>) -> impl Iterator<Item = NotBack> + 'd {
    let reason = if place.is_some() { "it is at another place than the one asked for" } else { "the plan does not name its place" };
    dead.items().iter().filter_map(move |(_, item)| match item {
        Item::Cut { place: at, control, by_hand } if Some(at) != place => Some(NotBack {
            what: format!("{control} of {at}, which drill {} had cut", dead.drill()).into(),
            reason: reason.into(),
            by_hand: by_hand.as_str().into(),
        }),
        Item::Lease { place: at, by_hand, .. } if Some(at) != place => Some(NotBack {
            what: format!("the lease of drill {} at {at}", dead.drill()).into(),
            reason: reason.into(),
            by_hand: by_hand.as_str().into(),
        }),
        _ => None,
    })
}

fn of_damaged(Damaged { path, reason, .. }: &Damaged) -> NotBack {
    let path = path.display();
    NotBack {
        what: format!("what a drill may have cut that was noted in `{path}`").into(),
        reason: format!("it cannot be read, and is not touched: {reason}").into(),
        by_hand: format!("cat {path}   # look what it names, see to that by hand, then remove its folder").into(),
    }
}

impl Lease {
    /// Which drill of whom cut, and when.
    fn cut_by(&self) -> String {
        format!("drill {} of {} ({}) had cut it at {}", self.drill, self.who, self.why, self.cut_at)
    }
}

/// Strikes out of the journal of a dead drill what was given back, and notes that; best effort, since it may be given back
/// twice.
pub(super) fn strike(state: &State, drill: &DrillId, now: Timestamp) {
    let Ok(drills) = state.drills(now) else { return };
    for dead in drills.dead.iter().filter(|dead| dead.drill() == drill) {
        let cut = dead.items().iter().filter(|(_, item)| matches!(item, Item::Cut { .. } | Item::Lease { .. }));
        cut.for_each(|(entry, _)| dead.gone(*entry));
        drop(state.note_given_back(drill));
    }
}

/// What every drill does first whose plan names a token: gives back what dead ones have cut. Says why nothing may be cut,
/// if something may still be away.
pub(in crate::drill) async fn at_start(drill: &Drill, vault: &Vault) -> Option<String> {
    let primary = drill.plan.primary.as_ref()?;
    let token = vault.get(primary.token.as_ref()?)?;
    let unseen = |reason: String| {
        let limit = format!("whether an earlier drill has left the primary path cut was not seen: {reason}");
        drill.bus.emit(EventKind::Limited { limit: limit.as_str().into() });
        Some(limit)
    };
    let forge = match (drill.forges)(&primary.place, token.clone()) {
        Ok(forge) => forge,
        Err(error) => return unseen(error.to_string()),
    };
    let told = Mutex::new(Vec::new());
    let tell = |seen| told.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    let outcome = match recover(&drill.state, (forge, drill.plan.timeouts.api), Foreign::WaitedFor, &tell).await {
        Ok(outcome) => outcome,
        Err(error) => return unseen(error.to_string()),
    };
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let alive = told.iter().find_map(|seen| if let Seen::Alive(text) = seen { Some(text.clone()) } else { None });
    for seen in told {
        drill.bus.emit(match seen {
            Seen::Back { what, cut_by } => EventKind::Cleaned(Cleaning::Gone { what: format!("a cut of {what}: {cut_by}").into() }),
            Seen::NotBack(not) => EventKind::NotGivenBack(not),
            Seen::Unseen(NotBack { what, reason, .. }) => {
                EventKind::Limited { limit: format!("whether {what} is as it was is not known: {reason}").into() }
            }
            Seen::Alive(text) | Seen::Note(text) => EventKind::Limited { limit: text.into() },
        });
    }
    let place = &primary.place;
    let blocked = || format!("an earlier drill may have left {place} cut, or what it left cannot be seen");
    alive.or_else(|| (outcome == Outcome::NotAllBack).then(blocked))
}
