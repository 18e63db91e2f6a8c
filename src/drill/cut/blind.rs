//! What may be cut where nothing can be given back: without a token, or without knowing which drills live. Changes nothing.

use super::{
    back,
    lease::{self, Held},
    now,
    recover::{Goal, Outcome, Seen},
};
use crate::{
    forge,
    record::{NotBack, Place},
    state::{Damaged, Dead, Item, State, StateError},
};

/// What journals of this machine say is away, wherever, and why it is not given back.
///
/// # Errors
/// The state folder cannot be read.
pub fn noted(state: &State, reason: &str) -> Result<Vec<Seen>, StateError> {
    let drills = state.drills(now())?;
    let unseen = drills.damaged.iter().map(|damaged| Seen::Unseen(of_damaged(damaged)));
    Ok(unseen.chain(drills.dead.iter().flat_map(|dead| elsewhere(dead, &[], reason))).collect())
}

/// What the journal of a dead drill says of other places than these: no token of theirs is at hand.
pub(super) fn elsewhere<'d>(dead: &'d Dead, places: &'d [Place], reason: &'d str) -> impl Iterator<Item = Seen> + 'd {
    let not = move |what: String, by_hand: &str| NotBack { what: what.into(), reason: reason.into(), by_hand: by_hand.into() };
    dead.items().iter().filter_map(move |(_, item)| match item {
        Item::Cut { place: at, control, by_hand, .. } if !places.contains(at) => {
            Some(Seen::NotBack(not(format!("{control} of {at}, which drill {} had cut", dead.drill()), by_hand)))
        }
        Item::Lease { place: at, by_hand, .. } if !places.contains(at) => {
            Some(Seen::Lease(not(format!("the lease of drill {} at {at}", dead.drill()), by_hand)))
        }
        _ => None,
    })
}

pub(super) fn of_damaged(Damaged { path, reason, .. }: &Damaged) -> NotBack {
    let path = path.display();
    NotBack {
        what: format!("what a drill may have cut that was noted in `{path}`").into(),
        reason: format!("it cannot be read, and is not touched: {reason}").into(),
        by_hand: format!("cat {path}   # look what it names, see to that by hand, then remove its folder").into(),
    }
}

/// What the lease at a place says, for a machine that does not know which drills live: what of it is off, and how that is
/// given back by hand.
pub async fn by_lease(goal: &Goal<'_>, tell: &(dyn Fn(Seen) + Sync)) -> Outcome {
    let wire = goal.wire();
    let lease = match lease::held(&wire).await {
        // Then a journal may name what only it knows.
        Ok(Held::Nobody) => return Outcome::UnknownHere,
        Ok(Held::By(lease)) => lease,
        Ok(held @ Held::Unreadable { .. }) => {
            let reason = format!("it cannot be read, and is not touched: {}", held.whose());
            tell(Seen::Unseen(back::lease_left(&wire, &reason)));
            return Outcome::NotAllBack;
        }
        Err(trouble) => {
            tell(Seen::Unread(trouble.to_string()));
            return Outcome::NotAllBack;
        }
    };
    let reason = format!("{}, and it is not known whether that drill lives, which it may until {}", lease.cut_by(), lease.until);
    for control in lease.may_be_off() {
        match wire.look(control).await {
            Ok(forge::State::Off) => tell(Seen::NotBack(back::not_back(&wire, control, &reason))),
            Ok(forge::State::Gone) => tell(Seen::gone(&wire, control, &lease.cut_by())),
            Ok(forge::State::On | forge::State::Other(_)) => {}
            Err(trouble) => tell(Seen::Unseen(back::not_back(&wire, control, &trouble.to_string()))),
        }
    }
    tell(Seen::Lease(back::lease_left(&wire, &format!("{reason}; delete it last"))));
    Outcome::NotAllBack
}
