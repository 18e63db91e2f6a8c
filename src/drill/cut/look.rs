//! Whether a path may be cut and can be given back, without cutting it: all that a real cut proves before, and no more.

use std::sync::{Arc, Mutex, PoisonError};

use super::{gate, now, wire::Wire};
use crate::{
    forge::{Forge, Wanted},
    plan::{Plan, Primary},
    record::PrimaryFacts,
    state::{Item, State, StateError},
};

/// What was seen.
#[derive(Debug)]
pub struct Looked {
    /// The path, if it could be read.
    pub found: Option<PrimaryFacts>,
    /// Why it would not be cut, each with what to do; none if it would.
    pub refusals: Vec<(String, String)>,
    /// What is not known for certain, and what a cut would do beside turning parts off: each in a sentence.
    pub notes: Vec<String>,
    /// Requests that were sent.
    pub requests: u64,
}

/// Looks at the path and proves the way back.
///
/// # Errors
/// The state folder cannot be read.
pub async fn look(
    forge: Arc<dyn Forge>,
    plan: &Plan,
    (primary, wanted): (&Primary, &Wanted),
    state: &State,
) -> Result<Looked, StateError> {
    let wire = Wire::new(Arc::clone(&forge), plan.timeouts.api);
    let drills = state.drills(now())?;
    let found = Mutex::new(None);
    let tell = |facts| *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
    let (proved, leased) = tokio::join!(gate::prove(&wire, (primary, wanted), now(), tell), gate::leased(&wire));
    let mut refusals: Vec<_> = drills
        .damaged
        .iter()
        .map(|damaged| {
            let reason = format!("what a drill noted in `{}` cannot be read: {}", damaged.path.display(), damaged.reason);
            (reason, "look into it, see to what it names by hand, then remove it".to_owned())
        })
        .collect();
    refusals.extend(drills.dead.iter().filter_map(|dead| {
        let is_cut = dead.items().iter().any(|(_, item)| matches!(item, Item::Cut { .. } | Item::Lease { .. }));
        is_cut.then(|| (format!("drill {} died while it had cut", dead.drill()), "run `canship recover`".to_owned()))
    }));
    refusals.extend(leased.map(|refusal| (refusal.reason, refusal.advice)));
    let mut notes = Vec::new();
    match proved {
        Ok(proved) => {
            notes.extend(proved.limits);
            notes.extend(proved.running.iter().map(|run| format!("{run} would be cancelled")));
        }
        Err(more) => refusals.extend(more.into_iter().map(|refusal| (refusal.reason, refusal.advice))),
    }
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Looked { found, refusals, notes, requests: forge.budget().sent })
}
