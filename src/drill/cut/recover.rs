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
    lease::{self, Held, LASTS, Lease},
    named, now,
    trouble::Trouble,
    wire::Wire,
};
use crate::{
    drill::{Drill, vault::Vault},
    forge::{self, Forge, Wanted},
    record::{Cleaning, DrillId, EventKind, NotBack, Place},
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
    /// Nothing says that something is away, and nothing that nothing is: the lease could not be read.
    Unread(String),
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
    /// It is as far as this machine knows, and the forge could not be asked.
    Unknown,
}

/// Where it is given back.
pub struct Goal<'g> {
    /// The forge.
    pub forge: Arc<dyn Forge>,
    /// How long its answers are waited for.
    pub api: Duration,
    /// How long a call that was not answered may still take effect there.
    pub late_effect: Duration,
    /// What the plan names of the path; none without a plan.
    pub wanted: Option<&'g Wanted>,
}

/// Gives back at one place.
///
/// # Errors
/// The state folder cannot be read: then it is not known which drills live.
pub async fn recover(state: &State, goal: Goal<'_>, foreign: Foreign, tell: &(dyn Fn(Seen) + Sync)) -> Result<Outcome, StateError> {
    let wire = Wire::new(goal.forge, goal.api).taking_effect(goal.late_effect);
    let drills = state.drills(now())?;
    Ok(at_place((&wire, goal.wanted), (state, &drills), foreign, tell).await)
}

async fn at_place(
    (wire, wanted): (&Wire, Option<&Wanted>),
    (state, drills): (&State, &Drills),
    foreign: Foreign,
    tell: &(dyn Fn(Seen) + Sync),
) -> Outcome {
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
        for not in elsewhere(dead, Some(place), "it is at another place than the one asked for") {
            tell(Seen::NotBack(not));
            outcome = Outcome::NotAllBack;
        }
    }
    match lease::held(wire).await {
        Ok(Held::Nobody) => {}
        Ok(Held::By(lease)) => match of_lease(&lease, drills, foreign) {
            Some(alive) => tell(Seen::Alive(alive)),
            None if by_lease((state, &lease), (wire, wanted), tell).await => {}
            None => outcome = Outcome::NotAllBack,
        },
        Ok(held @ Held::Unreadable { .. }) => {
            let reason = format!("it cannot be read, and is not touched: {}", held.whose());
            tell(Seen::Unseen(back::lease_left(wire, &reason)));
            outcome = Outcome::NotAllBack;
        }
        Err(trouble) => {
            tell(Seen::Unread(trouble.to_string()));
            if outcome == Outcome::AllBack {
                outcome = Outcome::Unknown;
            }
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
    let away = entries.iter().filter_map(|(_, item)| match item {
        Item::Cut { control, until, .. } => {
            Some(Away { control: control.clone(), calls: until.map_or(Calls::Answered, Calls::written) })
        }
        _ => None,
    });
    let away: Vec<_> = away.collect();
    let leasing = entries.iter().find_map(|(_, item)| if let Item::Lease { until, .. } = item { Some(*until) } else { None });
    let calls = leasing.map_or(Calls::Answered, Calls::written);
    let is_settled = away.iter().all(|away| away.calls.until().is_none());
    let given = match lease::held(wire).await {
        // Where nothing was turned off yet, the lease may be created yet.
        Ok(held) if !held.is_of(dead.drill()) && !away.is_empty() && is_settled => {
            was_given_back(wire, &away, (&cut_by, tell)).await
        }
        // What cannot be seen keeps nothing cut.
        Ok(_) | Err(_) => give_back(wire, (dead.drill(), calls), &away, (&cut_by, tell)).await,
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
async fn was_given_back(wire: &Wire, away: &[Away], (cut_by, tell): (&str, &(dyn Fn(Seen) + Sync))) -> bool {
    let mut all = true;
    for Away { control, .. } in away {
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

/// By a lease, whosever it is. Who may write variables may write one: what it names and the plan does not is not touched.
async fn by_lease(
    (state, lease): (&State, &Lease),
    (wire, wanted): (&Wire, Option<&Wanted>),
    tell: &(dyn Fn(Seen) + Sync),
) -> bool {
    let cut_by = lease.cut_by();
    let named::Sorted { named, strange } = named::sort(wire, wanted, lease.may_be_off()).await;
    if wanted.is_none() {
        tell(Seen::Note(
            "without a plan it is not known whether the lease names parts of the primary path only: see what is given back"
                .to_owned(),
        ));
    }
    let mut all = true;
    for (control, reason) in &strange {
        // What is on, or gone, is not away.
        if !matches!(wire.confirm(control, &forge::State::Off).await, Err(Trouble::Unmoved { .. })) {
            all = false;
            let reason = format!("the lease says that {cut_by}, but {reason}: it is left as it is");
            tell(Seen::NotBack(back::not_back(wire, control, &reason)));
        }
    }
    let late = Calls::written(lease.late_until.min(lease::later(now(), LASTS)));
    let away: Vec<_> = named.into_iter().map(|control| Away { control, calls: late }).collect();
    if !all {
        let (until, told) = (back::at_the_latest(TIME, [&late]), told(wire, (&cut_by, tell)));
        back::parts(wire, &lease.drill, &away, (until, &told)).await;
        tell(Seen::NotBack(back::lease_left(wire, "it stays for whoever knows what it names: delete it last")));
        return false;
    }
    let given = give_back(wire, (&lease.drill, Calls::Answered), &away, (&cut_by, tell)).await;
    if given && away.is_empty() {
        tell(Seen::Note(format!("drill {} died before it had turned anything off: its lease is deleted", lease.drill)));
    }
    if given {
        drop(state.note_given_back(&lease.drill));
    }
    given
}

async fn give_back(wire: &Wire, (drill, calls): (&DrillId, Calls), away: &[Away], whom: (&str, &(dyn Fn(Seen) + Sync))) -> bool {
    let until = back::at_the_latest(TIME, away.iter().map(|away| &away.calls).chain([&calls]));
    back::give_back(wire, (drill, calls), away, (until, &told(wire, whom))).await == Given::AllBack
}

/// Tells what becomes of what is given back.
fn told<'t>(wire: &'t Wire, (cut_by, tell): (&'t str, &'t (dyn Fn(Seen) + Sync))) -> impl Fn(Told) + Sync + 't {
    move |told| match told {
        Told::Back(control) => {
            let what = format!("{control} of {}", wire.forge.place());
            tell(Seen::Back { what, cut_by: cut_by.to_owned() });
        }
        Told::Awaited(control, until) => {
            let what = control.map_or_else(|| "creates the lease".to_owned(), |control| format!("turns {control} off"));
            tell(Seen::Note(format!(
                "the call that {what} was not answered: it was looked until {until}, or until that was undone, whether it took effect late"
            )));
        }
        Told::OfAnother(control) => tell(Seen::Note(format!("{control} is in the hands of the drill that holds the lease"))),
        Told::NotBack(_, not) => tell(Seen::NotBack(not)),
        Told::Note(note) => tell(Seen::Note(note)),
    }
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

/// What journals of this machine say is away, wherever, and why it is not given back.
///
/// # Errors
/// The state folder cannot be read.
pub fn noted(state: &State, reason: &str) -> Result<Vec<Seen>, StateError> {
    let drills = state.drills(now())?;
    let unseen = drills.damaged.iter().map(|damaged| Seen::Unseen(of_damaged(damaged)));
    Ok(unseen.chain(drills.dead.iter().flat_map(|dead| elsewhere(dead, None, reason)).map(Seen::NotBack)).collect())
}

/// What the journal of a dead drill says of other places: no token of theirs is at hand.
fn elsewhere<'d>(dead: &'d Dead, place: Option<&'d Place>, reason: &'d str) -> impl Iterator<Item = NotBack> + 'd {
    dead.items().iter().filter_map(move |(_, item)| match item {
        Item::Cut { place: at, control, by_hand, .. } if Some(at) != place => Some(NotBack {
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
    let wanted = Wanted::of(&drill.plan);
    let goal = Goal { forge, api: drill.plan.timeouts.api, late_effect: primary.late_effect, wanted: wanted.as_ref() };
    let outcome = match recover(&drill.state, goal, Foreign::WaitedFor, &tell).await {
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
            Seen::Unread(reason) => EventKind::Limited {
                limit: format!("whether drills of other machines have left it cut is not known: {reason}").into(),
            },
            Seen::Alive(text) | Seen::Note(text) => EventKind::Limited { limit: text.into() },
        });
    }
    let place = &primary.place;
    let blocked = || format!("an earlier drill may have left {place} cut, or what it left cannot be seen");
    alive.or_else(|| (outcome != Outcome::AllBack).then(blocked))
}
