//! Gives back what drills took that are dead: by their journals here, by the lease for those of other machines.
//!
//! It may be done twice, also by two at once. A drill that is alive is never touched: on this machine its lock tells,
//! elsewhere the lease, until it runs out or a person says that it is dead.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;

use super::{
    back::{self, Away, Calls, Outcome as Given, Own, Told},
    blind,
    lease::{self, Held, LASTS, Lease, later},
    named, noted, now,
    trouble::Trouble,
    wire::Wire,
};
use crate::{
    drill::{
        Drill,
        runner::orphan::{Fate, Orphan},
        vault::Vault,
    },
    forge::{self, Forge, Wanted},
    record::{Cleaning, Control, DrillId, EventKind, Finding, NotBack, Phase, Place, Rule},
    state::{Dead, Drills, Item, State, StateError},
};

/// How long it is tried to give back.
const TIME: Duration = Duration::from_mins(1);

/// So far apart may the clocks of two machines be.
const CLOCKS_DIFFER: Duration = Duration::from_mins(10);

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
    /// This was cut, and removed by somebody meanwhile: nobody can give it back.
    Gone {
        /// What became of it, in a sentence.
        what: String,
        /// What a person does about it.
        advice: String,
        /// Which drill of whom had cut it, and when.
        cut_by: String,
    },
    /// A drill holds the path and lives: it was not touched.
    Alive(String),
    /// This may still be away.
    NotBack(NotBack),
    /// Whether something is away cannot be seen here.
    Unseen(NotBack),
    /// A lease that is left: it is deleted last, since it says how everything else is given back.
    Lease(NotBack),
    /// Nothing says that something is away, and nothing that nothing is: the lease could not be read.
    Unread(String),
    /// Something to be known beside it.
    Note(String),
}

impl Seen {
    /// A part that was cut, and is gone.
    pub(super) fn gone(wire: &Wire, control: &Control, cut_by: &str) -> Self {
        let (what, advice) = (back::gone(wire, control), back::see_who_removed(control));
        Self::Gone { what, advice, cut_by: cut_by.to_owned() }
    }

    /// Whether it speaks of a lease that is left, and comes last.
    #[must_use]
    pub fn is_lease(&self) -> bool {
        matches!(self, Self::Lease(_))
    }
}

/// Whether a path is as it was, as far as drills that are dead go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is, but for what was told to be gone.
    AllBack,
    /// It may not be.
    NotAllBack,
    /// It is as far as this machine knows, and the forge could not be asked.
    Unknown,
    /// Nobody holds a lease, and what this machine knows could not be read.
    UnknownHere,
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

impl Goal<'_> {
    pub(super) fn wire(&self) -> Wire {
        Wire::new(Arc::clone(&self.forge), self.api).taking_effect(self.late_effect)
    }
}

/// Gives back at one place.
///
/// # Errors
/// The state folder cannot be read: then it is not known which drills live.
pub async fn recover(
    state: &State,
    goal: &Goal<'_>,
    foreign: Foreign,
    tell: &(dyn Fn(Seen) + Sync),
) -> Result<Outcome, StateError> {
    let wire = goal.wire();
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
    let places = names(drills, wire, tell).await;
    for damaged in &drills.damaged {
        tell(Seen::Unseen(blind::of_damaged(damaged)));
        outcome = Outcome::NotAllBack;
    }
    if !noted::give_back((state, drills), (wire, &places), tell).await {
        outcome = Outcome::NotAllBack;
    }
    for dead in &drills.dead {
        for left in blind::elsewhere(dead, &places, "it is at another place than the one asked for") {
            tell(left);
            outcome = Outcome::NotAllBack;
        }
    }
    match lease::held(wire).await {
        Ok(Held::Nobody) => {}
        Ok(Held::By(lease)) => match of_lease(&lease, drills, foreign) {
            Some(Ok(alive)) => tell(Seen::Alive(alive)),
            Some(Err(odd)) => {
                tell(Seen::Unseen(not_known(wire, &odd)));
                outcome = Outcome::NotAllBack;
            }
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
    // Last: a run takes its time to end, and nothing stays cut for that.
    join_all(drills.dead.iter().map(|dead| end_runs(dead, (wire, &places), tell))).await;
    outcome
}

/// The place, by every name that journals of dead drills know it by: it may have been renamed since.
async fn names(drills: &Drills, wire: &Wire, tell: &(dyn Fn(Seen) + Sync)) -> Vec<Place> {
    let place = wire.forge.place();
    let mut names = vec![place.clone()];
    let items = drills.dead.iter().flat_map(Dead::items);
    let noted: HashSet<_> = items.filter_map(|(_, item)| place_of(item)).collect();
    let others = noted.into_iter().filter(|other| *other != place && other.kind == place.kind && other.url == place.url);
    for other in others {
        match wire.was_called(other.repository.as_str()).await {
            Ok(true) => {
                tell(Seen::Note(format!("{other} is called `{}` today", place.repository)));
                names.push(other.clone());
            }
            Ok(false) => {}
            Err(trouble) => tell(Seen::Note(format!("whether {other} has another name today is not known: {trouble}"))),
        }
    }
    names
}

fn place_of(item: &Item) -> Option<&Place> {
    match item {
        Item::Cut { place, .. } | Item::Lease { place, .. } => Some(place),
        _ => None,
    }
}

/// Ends what a dead drill has asked a spare runner for: nobody waits for it, and nobody reads back what it pushes.
async fn end_runs(dead: &Dead, (wire, places): (&Wire, &[Place]), tell: &(dyn Fn(Seen) + Sync)) {
    for (entry, item) in dead.items() {
        let Some(run) = Orphan::of(item).filter(|run| places.contains(run.place())) else { continue };
        let what = format!("{}, which drill {} had asked for", run.named(), dead.drill());
        let (told, is_over) = match run.end(&wire.forge).await {
            Ok(Fate::Over) => (None, true),
            Ok(Fate::Cancelled) => (Some(format!("cancelled {what}")), true),
            Ok(Fate::Ending) => (Some(format!("cancelled {what}; it has not ended yet")), false),
            Ok(Fate::Awaited) => (Some(format!("{what}, is not to be found, and may appear yet")), false),
            Ok(Fate::NotThere) => (Some(format!("{what}, is not to be found, if it ever was")), true),
            Err(error) => (Some(format!("{what}, could not be cancelled: {error}; do it at the forge")), false),
        };
        if let Some(told) = told {
            tell(Seen::Note(told));
        }
        if is_over {
            dead.gone(*entry);
        }
    }
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
    let late = Calls::written(lease.late_until, LASTS);
    let away: Vec<_> = named.into_iter().map(|control| Away { control, calls: late }).collect();
    let own = Own { drill: &lease.drill, cut_at: Some(lease.cut_at), calls: Calls::Answered };
    if !all {
        let (until, told) = (back::at_the_latest(TIME, [&late]), told(wire, (&cut_by, tell)));
        back::parts(wire, own, &away, (until, &told)).await;
        tell(Seen::Lease(back::lease_left(wire, "it stays for whoever knows what it names: delete it last")));
        return false;
    }
    let given = give_back(wire, own, &away, (&cut_by, tell)).await;
    if given == Given::AllBack && away.is_empty() {
        tell(Seen::Note(format!("drill {} died before it had turned anything off: its lease is deleted", lease.drill)));
    }
    if given == Given::AllBack {
        drop(state.note_given_back(&lease.drill));
    }
    given != Given::NotAllBack
}

pub(super) async fn give_back(wire: &Wire, own: Own<'_>, away: &[Away], whom: (&str, &(dyn Fn(Seen) + Sync))) -> Given {
    let until = back::at_the_latest(TIME, away.iter().map(|away| &away.calls).chain([&own.calls]));
    back::give_back(wire, own, away, (until, &told(wire, whom))).await
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
        Told::Gone(control) => tell(Seen::gone(wire, &control, cut_by)),
        Told::OfAnother(control) => tell(Seen::Note(format!("{control} is in the hands of the drill that holds the lease"))),
        Told::NotBack(Some(_), not) => tell(Seen::NotBack(not)),
        Told::NotBack(None, not) => tell(Seen::Lease(not)),
        Told::Note(note) => tell(Seen::Note(note)),
    }
}

/// Whether what a lease names is off cannot be left to a drill of which nobody knows whether it lives.
fn not_known(wire: &Wire, odd: &str) -> NotBack {
    NotBack {
        what: format!("what the lease of {} names", wire.forge.place()).into(),
        reason: odd.into(),
        by_hand: "canship recover --now   # once that drill is certainly dead".into(),
    }
}

/// Why a lease is left alone: its drill lives, or may; an error if that may be for longer than any lease is written for.
fn of_lease(lease: &Lease, drills: &Drills, foreign: Foreign) -> Option<Result<String, String>> {
    let lives = |why: &str| Some(Ok(format!("{}: {why}; it was not touched", lease.cut_by())));
    if drills.living.contains(&lease.drill) {
        return lives("it lives on this machine");
    }
    let is_dead_here = drills.dead.iter().any(|dead| *dead.drill() == lease.drill)
        || drills.damaged.iter().any(|damaged| damaged.drill.as_ref() == Some(&lease.drill))
        || drills.buried.contains(&lease.drill);
    if is_dead_here || foreign == Foreign::Dead || lease.until <= now() {
        return None;
    }
    if lease.until > later(now(), LASTS + CLOCKS_DIFFER) {
        return Some(Err(format!(
            "{}, and its lease runs until {}, longer than any is written for: the clock of that machine or of this one is wrong, so \
             that nobody knows whether the drill lives",
            lease.cut_by(),
            lease.until
        )));
    }
    lives(&format!("it may live on another machine until {} (`--now` says that it is dead)", lease.until))
}

impl Lease {
    /// Which drill of whom cut, and when.
    pub(super) fn cut_by(&self) -> String {
        format!("drill {} of {} ({}) had cut it at {}", self.drill, self.who, self.why, self.cut_at)
    }
}

/// Strikes out of the journal of a dead drill what was given back, and notes that; best effort, since it may be given back
/// twice. What is gone stays in it, with whose cut it was, until somebody was told.
pub(super) fn strike(state: &State, drill: &DrillId, gone: &[Control], now: Timestamp) {
    let Ok(drills) = state.drills(now) else { return };
    for dead in drills.dead.iter().filter(|dead| dead.drill() == drill) {
        let cut = dead.items().iter().filter(|(_, item)| match item {
            Item::Cut { control, .. } => !gone.contains(control),
            item => gone.is_empty() && matches!(item, Item::Lease { .. }),
        });
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
    let outcome = match recover(&drill.state, &goal, Foreign::WaitedFor, &tell).await {
        Ok(outcome) => outcome,
        Err(error) => return unseen(error.to_string()),
    };
    let mut told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    told.sort_by_key(Seen::is_lease);
    let alive = told.iter().find_map(|seen| if let Seen::Alive(text) = seen { Some(text.clone()) } else { None });
    for seen in told {
        drill.bus.emit(match seen {
            Seen::Back { what, cut_by } => EventKind::Cleaned(Cleaning::Gone { what: format!("a cut of {what}: {cut_by}").into() }),
            Seen::Gone { what, advice, cut_by } => {
                EventKind::Found(Finding::new(Rule::PartGone, Phase::Prepare, format!("{what}; {cut_by}"), advice))
            }
            Seen::NotBack(not) | Seen::Lease(not) => EventKind::NotGivenBack(not),
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
