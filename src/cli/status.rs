//! `canship status`: what the drills that are on record come to today.

use jiff::Timestamp;

use super::{
    Failure,
    arguments::{StatusFormat, StatusOptions},
    drill, environment, history, network, output,
    plan::load_plan,
};
use crate::{
    plan::Loaded,
    record::{Demand, Exit, Mode, Names, Of, Restored, Shelf, Status},
    report,
    state::State,
};

pub(super) fn run(options: &StatusOptions) -> Result<Exit, Failure> {
    let loaded = load_plan(&options.plan.plan)?;
    let status = drill::runtime()?.block_on(look_back(&loaded, options))?;
    match options.format {
        StatusFormat::Text => output::result(&report::render_status(&status, output::layout()))?,
        StatusFormat::Json => output::result(&report::render_status_json(&status))?,
    };
    Ok(status.exit())
}

async fn look_back(loaded: &Loaded, options: &StatusOptions) -> Result<Status, Failure> {
    let all: Vec<&str> = loaded.plan.spares.iter().map(|spare| spare.name.as_str()).collect();
    let spares = match &options.spare {
        None => all.clone(),
        Some(name) => vec![drill::spare_of(loaded, name)?.name.as_str()],
    };
    let Some(kept) = history::of_plan(loaded, Mode::Drill, &network::network(loaded)?).await else {
        return Err(Failure::refused("the plan says `history: none`, so there is no proof to look at")
            .advise("remove that line, and drill"));
    };
    let now = Timestamp::now();
    let mut shelf = kept.history.read(now).await.map_err(Failure::refused)?;
    if let Some(reason) = &shelf.closed {
        output::warn(&format!("error: {reason}"));
    }
    see_what_was_given_back(&mut shelf);
    let demand = Demand {
        now,
        max_age: options.max_age,
        accept: options.accept.into(),
        plan_digest: loaded.digest.clone(),
        of: if options.same_plan { Of::Today } else { Of::Any },
        target: loaded.plan.target,
    };
    let (plan, place) = (options.plan.plan.to_string_lossy(), kept.history.place());
    let names = Names { release: &loaded.plan.release, plan: &plan, place: place.as_str(), spares: &spares, all: &all };
    Ok(Status::new(demand, shelf, names))
}

/// The record of a drill that died with the path cut ends there; whoever gave the path back has noted that on this machine.
fn see_what_was_given_back(shelf: &mut Shelf) {
    let mut cut = shelf.drills.iter_mut().filter(|drill| drill.restored == Restored::No).peekable();
    if cut.peek().is_none() {
        return;
    }
    // Without the notes it stays as the record has it.
    let Ok(state) = State::open(environment::state().path) else { return };
    for drill in cut.filter(|drill| state.was_given_back(&drill.drill)) {
        drill.restored = Restored::Yes;
    }
}
