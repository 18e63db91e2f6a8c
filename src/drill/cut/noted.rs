//! Gives back by the journals of this machine's drills that are dead.

use futures_util::future::join_all;
use jiff::Timestamp;

use super::{
    back::{self, Away, Calls, Outcome as Given, Own},
    lease::{self, Held, LASTS, Lease},
    recover::{self, Seen},
    wire::Wire,
};
use crate::{
    forge,
    record::Place,
    state::{Dead, Drills, Entry, Item, State},
};

/// By the journals of the drills of this machine that are dead, side by side: one whose part stalls holds up no other.
pub(super) async fn give_back(
    (state, drills): (&State, &Drills),
    (wire, places): (&Wire, &[Place]),
    tell: &(dyn Fn(Seen) + Sync),
) -> bool {
    let noted: Vec<_> = drills.dead.iter().filter_map(|dead| Noted::of(dead, (wire, places))).collect();
    let given = join_all(noted.iter().map(|noted| here(noted, wire, tell))).await;
    // Last: what is off for another drill that is dead is on by now.
    let seen = noted.iter().zip(given).map(async |(noted, given)| match given {
        Ok(given) => given,
        Err(held) => was_given_back(wire, (&noted.away, held.as_deref()), (&noted.cut_by, tell)).await,
    });
    let mut all = true;
    for (noted, given) in noted.iter().zip(join_all(seen).await) {
        all &= given != Given::NotAllBack;
        // What is left to another drill stays noted: nobody has seen it back.
        if given == Given::AllBack {
            noted.entries.iter().for_each(|entry| noted.dead.gone(*entry));
            drop(state.note_given_back(noted.dead.drill()));
        }
    }
    all
}

/// What the journal of a drill of this machine that is dead says of a place, by any of its names.
struct Noted<'d> {
    dead: &'d Dead,
    entries: Vec<Entry>,
    lease: Option<Lease>,
    away: Vec<Away>,
    /// What is known of the call that created its lease.
    calls: Calls,
    cut_by: String,
}

impl<'d> Noted<'d> {
    /// None if that is nothing.
    fn of(dead: &'d Dead, (wire, places): (&Wire, &[Place])) -> Option<Self> {
        let mut noted = Self {
            dead,
            entries: Vec::new(),
            lease: None,
            away: Vec::new(),
            calls: Calls::Answered,
            cut_by: format!("drill {}", dead.drill()),
        };
        let written = |until: &Timestamp| Calls::written(*until, wire.longest().max(LASTS));
        for (entry, item) in dead.items() {
            match item {
                Item::Cut { place: at, control, until, .. } if places.contains(at) => {
                    let calls = until.as_ref().map_or(Calls::Answered, written);
                    noted.away.push(Away { control: control.clone(), calls });
                }
                Item::Lease { place: at, lease, until, .. } if places.contains(at) => {
                    noted.calls = written(until);
                    noted.lease = Lease::read(lease).ok();
                    noted.cut_by = noted.lease.as_ref().map_or(noted.cut_by, Lease::cut_by);
                }
                _ => continue,
            }
            noted.entries.push(*entry);
        }
        if noted.entries.is_empty() { None } else { Some(noted) }
    }
}

/// Gives back what one of them took; an error if somebody has done so, as its lease is gone, with whose there is instead.
async fn here(noted: &Noted<'_>, wire: &Wire, tell: &(dyn Fn(Seen) + Sync)) -> Result<Given, Option<Box<Lease>>> {
    let Noted { dead, lease, away, calls, cut_by, .. } = noted;
    let is_settled = away.iter().all(|away| away.calls.until().is_none());
    match lease::held(wire).await {
        // Where nothing was turned off yet, the lease may be created yet.
        Ok(held) if !held.is_of(dead.drill()) && !away.is_empty() && is_settled => Err(match held {
            Held::By(lease) => Some(lease),
            Held::Nobody | Held::Unreadable { .. } => None,
        }),
        // What cannot be seen keeps nothing cut.
        Ok(_) | Err(_) => {
            let own = Own { drill: dead.drill(), cut_at: lease.as_ref().map(|lease| lease.cut_at), calls: *calls };
            Ok(recover::give_back(wire, own, away, (cut_by, tell)).await)
        }
    }
}

/// Without its lease, a drill's cut was given back by somebody: what is off now is so for another reason, or its lease was
/// deleted before its time. Which of the two, only a person knows.
/// What the drill that holds the lease has turned off is that drill's.
async fn was_given_back(
    wire: &Wire,
    (away, held): (&[Away], Option<&Lease>),
    (cut_by, tell): (&str, &(dyn Fn(Seen) + Sync)),
) -> Given {
    let mut given = Given::AllBack;
    for Away { control, .. } in away {
        if let Some(held) = held.filter(|held| held.may_be_off().contains(control)) {
            tell(Seen::Note(format!("{control} is in the hands of drill {} of {}, which holds the lease", held.drill, held.who)));
            given = given.and(Given::LeftToAnother);
            continue;
        }
        let reason = match wire.look(control).await {
            Ok(forge::State::Gone) => {
                tell(Seen::gone(wire, control, cut_by));
                continue;
            }
            Ok(forge::State::On | forge::State::Other(_)) => continue,
            Ok(forge::State::Off) => {
                format!("{cut_by}, but its lease is gone and this is off: it was turned off again, or the lease deleted too early")
            }
            Err(trouble) => trouble.to_string(),
        };
        tell(Seen::Unseen(back::not_back(wire, control, &reason)));
        given = Given::NotAllBack;
    }
    given
}
