//! What came back from the registry runs in a fresh room.

use super::{
    Drill, build,
    publish::Returned,
    rooms::{Opening, Purpose, Rooms},
    vault::Vault,
};
use crate::{
    archive::{Fill, Writer},
    record::{Finding, Phase, Rule},
    spare::{self, SpareError},
};

/// Runs the smoke steps on `returned`, in the room that is being opened for them.
pub(super) async fn smoke(drill: &Drill, rooms: &Rooms, opening: Option<Opening>, (returned, vault): (Option<Returned>, &Vault)) {
    let mut waiting = opening;
    let mut opened = None;
    match (returned, &waiting) {
        (Some(returned), opening) if opening.is_some() || !drill.plan.build.smoke.is_empty() => {
            drill
                .phase(Phase::Smoke, async |scope| {
                    let tell = |problem: SpareError| scope.found(spare::finding(&problem, Phase::Smoke));
                    let content: Fill = match returned {
                        Returned::Files(content) => content,
                        // The room is made from what came back, so it can be opened only now.
                        Returned::Image(layout) => {
                            rooms.load_image(layout).await.map_err(tell).ok()?;
                            waiting = Some(rooms.open(Purpose::Smoke));
                            Box::new(|_: &mut Writer<'_>| Ok(()))
                        }
                    };
                    opened = build::open(scope, &mut waiting).await;
                    let room = opened.as_mut()?;
                    build::furnish(drill, &mut **room, content).await.map_err(tell).ok()?;
                    let deadline = tokio::time::Instant::now() + drill.plan.build.limits.time;
                    build::run_all(drill, scope, &mut **room, (&drill.plan.build.smoke, vault), deadline).await
                })
                .await;
        }
        _ if drill.plan.build.smoke.is_empty() => no_steps(drill),
        (Some(_), _) => drill.skip(Phase::Smoke, "no room was opened for it"),
        (None, _) => drill.skip(Phase::Smoke, "nothing came back from a registry"),
    }
    match (opened, waiting) {
        (Some(room), _) => rooms.close(room, Purpose::Smoke),
        (None, Some(opening)) => rooms.close_unopened(opening, Purpose::Smoke),
        (None, None) => {}
    }
}

fn no_steps(drill: &Drill) {
    let summary = "the plan has no smoke step: nothing was run on what came back from the registry";
    let advice = "add to `build.smoke` a command that shows that the release works, for example `./program --version`";
    drill.bus.emit(crate::record::EventKind::Found(Finding::new(Rule::NoSmoke, Phase::Smoke, summary, advice)));
    drill.skip(Phase::Smoke, "the plan has no smoke step");
}
