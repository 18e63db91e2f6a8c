//! The phases that ship, in the order in which each can begin.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::SetOnce;

use super::{
    Builds, Drill,
    build::{self, Inputs, Product},
    compare, fetch, image,
    outside::Outside,
    publish::{self, Returned},
    rehearsal, repeat,
    rooms::{Opening, Purpose, Rooms},
    smoke, tag,
    vault::Vault,
    version,
};
use crate::{
    record::{EventKind, Finding, Phase, Rule},
    source::Checkout,
};

/// Fetches, builds, tags, publishes and smokes, as far as that goes; a phase that cannot begin is told as skipped.
pub(super) async fn ship(drill: &Drill, rooms: &Rooms, outside: &Outside) {
    // Secrets first: only then nothing can pass the bus with one in it.
    let vault = drill.interrupts.unless(drill.board.vault.wait()).await.cloned();
    let Some(vault) = vault else { return skip_from(drill, Phase::Fetch, "the secrets were not read") };
    let opening = async {
        let is_there = matches!(drill.interrupts.unless(drill.board.spare.wait()).await, Some(true));
        let opening = (is_there && !image::comes_first(drill, rooms)).then(|| rooms.open(Purpose::Build));
        (is_there, opening)
    };
    let released = SetOnce::new();
    let fetched = drill.phase(Phase::Fetch, async |scope| {
        let checkout = fetch::fetch(drill, scope).await?;
        if !version::is_told_in_room(drill) {
            drop(released.set(version::of_commit(drill, scope, &checkout, &vault).await));
        }
        Some(checkout)
    });
    let (checkout, (is_there, opening)) = tokio::join!(Box::pin(fetched), opening);
    let Some(checkout) = checkout else {
        if let Some(opening) = opening {
            rooms.close_unopened(opening, Purpose::Build);
        }
        return skip_from(drill, Phase::Build, "the source could not be fetched");
    };
    Box::pin(ship_checkout(drill, rooms, outside, Ready { vault, checkout, version: released, is_there, opening })).await;
}

/// What the phases after the fetch work with.
struct Ready {
    vault: Arc<Vault>,
    checkout: Arc<Checkout>,
    version: SetOnce<Option<String>>,
    /// Whether rooms can be opened.
    is_there: bool,
    /// The room to build in, unless an image must be built first.
    opening: Option<Opening>,
}

async fn ship_checkout(drill: &Drill, rooms: &Rooms, outside: &Outside, ready: Ready) {
    let Ready { vault, checkout, version, is_there, opening } = ready;
    let smoke_room = Mutex::new(None);
    let open_smoke_room = || {
        let opening = publish::will_come_back(drill).then(|| rooms.open(Purpose::Smoke));
        *smoke_room.lock().unwrap_or_else(PoisonError::into_inner) = opening;
    };
    let building = async {
        let built = if is_there {
            let inputs = Inputs { checkout: &checkout, vault: &vault, version: &version, on_filled: &open_smoke_room };
            build::build(drill, rooms, opening, inputs).await
        } else {
            drill.skip(Phase::Build, "no room could be opened on the spare");
            None
        };
        // Whoever still waits for a version that the build should have read waits in vain.
        drop(version.set(None));
        built
    };
    let (built, ()) = tokio::join!(building, tag::tag(drill, &checkout, &version, outside));
    let opening = smoke_room.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some(built) = built else {
        if let Some(opening) = opening {
            rooms.close_unopened(opening, Purpose::Smoke);
        }
        return skip_from(drill, Phase::Publish, "nothing was built");
    };
    let shipping = async {
        let returned = if drill.is_rehearsal() {
            drill.skip(Phase::Publish, rehearsal::SKIPPED);
            match &built {
                Product::Artifacts(artifacts) => rehearsal::content(drill, artifacts).await.map(Returned::Files),
                Product::Image(layout) => Some(Returned::Image(layout.clone())),
            }
        } else {
            publish::publish(drill, &vault, &built, outside).await
        };
        drop(drill.board.published.set(()));
        smoke::smoke(drill, rooms, opening, (returned, &vault)).await;
    };
    let version = version.get().and_then(Option::as_deref);
    match &built {
        Product::Artifacts(artifacts) => {
            let against = compare::Against { vault: &vault, checkout: &checkout, version, built: artifacts };
            // Boxed: together they would make a large future of this one.
            tokio::join!(Box::pin(shipping), Box::pin(compare::compare(drill, against)));
        }
        Product::Image(_) => {
            Box::pin(shipping).await;
            leave_uncompared(drill);
        }
    }
    Box::pin(repeat::repeat(drill, rooms, (&checkout, &vault, &built))).await;
}

/// Says that the image of a Dockerfile was not compared with what the plan names: else that would pass unseen.
fn leave_uncompared(drill: &Drill) {
    if !drill.plan.released.is_empty() {
        let reason = "this version compares artifacts only, not the image of a Dockerfile";
        let summary = format!("what was built was not compared with what the primary path has released: {reason}");
        let advice = "compare the image's digest, which is above, by hand; or take the artifacts out by `run` and `artifacts`";
        drill.bus.emit(EventKind::Found(Finding::new(Rule::ReleaseNotCompared, Phase::Compare, summary, advice)));
        drill.skip(Phase::Compare, reason);
    }
}

/// Ships nothing, and says why.
pub(super) fn skip_all(drill: &Drill, reason: &str) {
    skip_from(drill, Phase::Fetch, reason);
}

fn skip_from(drill: &Drill, first: Phase, reason: &str) {
    let asked = |phase| match phase {
        Phase::Compare => !drill.plan.released.is_empty(),
        Phase::Repeat => drill.builds == Builds::Twice,
        _ => true,
    };
    let all = [Phase::Fetch, Phase::Build, Phase::Tag, Phase::Publish, Phase::Smoke, Phase::Compare, Phase::Repeat];
    for phase in all.into_iter().filter(|phase| asked(*phase)) {
        // The tag needs no build: where there is one to place, it has its own outcome by then.
        if phase >= first && !(phase == Phase::Tag && first > Phase::Build) {
            drill.skip(phase, reason);
        }
    }
}
