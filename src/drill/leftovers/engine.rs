//! What is left on engines: all those of the plan, and those that journals name.

use futures_util::FutureExt as _;

use super::{Ground, Known, LATE, Mode, Noted, Outcome, Seen, Task, unseen};
use crate::{
    plan::SpareKind,
    record::Cleaning,
    spare::{Spare as _, container::Engine},
    state::{Entry, Item},
};

/// One for each engine.
pub(super) fn tasks<'t>(ground: &'t Ground<'t>, known: &'t Known, mode: Mode, noted: &[Noted<'t>]) -> Vec<Task<'t>> {
    let of_plan = ground.plan.spares.iter().filter_map(|spare| match &spare.kind {
        SpareKind::Container { engine } => Some(engine.clone()),
        _ => None,
    });
    let of_journals = noted.iter().filter_map(|(_, _, item)| match item {
        Item::Engine { address } => Some(Some(address.clone())),
        _ => None,
    });
    let mut engines: Vec<Engine> = Vec::new();
    for address in of_plan.chain(of_journals) {
        let engine = (ground.surroundings.engines)(address);
        if engines.iter().all(|known| known.engine() != engine.engine()) {
            engines.push(engine);
        }
    }
    engines
        .into_iter()
        .map(|engine| {
            let own = engine.engine();
            let is_here = |item: &Item| matches!(item, Item::Engine { address } if Some(address) == own.as_ref());
            let noted: Vec<_> = noted.iter().filter(|(_, _, item)| is_here(item)).map(|(at, entry, _)| (*at, *entry)).collect();
            let place = format!("on the engine at {}", own.as_deref().unwrap_or_default());
            let late = unseen(&place, LATE, !noted.is_empty());
            Task { late, is_scratch: false, work: clean(engine, known, mode, (place, noted)).boxed() }
        })
        .collect()
}

async fn clean(engine: Engine, known: &Known, mode: Mode, (place, noted): (String, Vec<(usize, Entry)>)) -> Outcome {
    let mut dead = match engine.labelled().await {
        Ok(labelled) => labelled,
        Err(error) => {
            return Outcome { seen: vec![unseen(&place, &error.to_string(), !noted.is_empty())], gone: Vec::new() };
        }
    };
    dead.retain(|thing| known.is_dead(&thing.drill, thing.until));
    if mode == Mode::Look {
        return Outcome { seen: dead.iter().map(|thing| Seen::Found(thing.what(&engine))).collect(), gone: Vec::new() };
    }
    let cleanings = engine.remove(dead).await;
    let is_clean = cleanings.iter().all(|cleaning| matches!(cleaning, Cleaning::Gone { .. }));
    Outcome { seen: cleanings.into_iter().map(Seen::Cleaned).collect(), gone: if is_clean { noted } else { Vec::new() } }
}
