//! The build once more, from the same checkout in a second fresh room: does the same come out?

use super::{
    Builds, Drill,
    build::{self, Built, Collected},
    compare::{differences_of, evidence},
    rooms::{Purpose, Rooms},
    scope::Scope,
    vault::Vault,
};
use crate::{
    record::{ComparedWith, ComparisonFacts, ComparisonResult, EventKind, Finding, Phase, Rule},
    source::Checkout,
    spare::Room,
};

/// What both builds come from, and what the first one made.
type Inputs<'i> = (&'i Checkout, &'i Vault, &'i Built);

/// Builds again if that is asked for. A release has shipped by then: what goes wrong here leaves only open whether the
/// build is reproducible.
pub(super) async fn repeat(drill: &Drill, rooms: &Rooms, inputs: Inputs<'_>) {
    if drill.builds == Builds::Once {
        return;
    }
    let (mut waiting, mut opened) = (Some(rooms.open(Purpose::Repeat)), None);
    drill
        .phase(Phase::Repeat, async |scope| {
            scope.proves_no_blocker();
            opened = build::open(scope, &mut waiting).await;
            again(drill, scope, &mut **opened.as_mut()?, inputs).await
        })
        .await;
    match (opened, waiting) {
        (Some(room), _) => rooms.close(room, Purpose::Repeat),
        (None, Some(opening)) => rooms.close_unopened(opening, Purpose::Repeat),
        (None, None) => {}
    }
}

async fn again(drill: &Drill, scope: &Scope, room: &mut dyn Room, (checkout, vault, built): Inputs<'_>) -> Option<()> {
    build::fill(drill, scope, room, checkout).await?;
    let deadline = tokio::time::Instant::now() + drill.plan.build.limits.time;
    build::run_all(drill, scope, room, (&build::steps(drill, checkout), vault), deadline).await?;
    let Collected { folder, complete, .. } = build::collect(drill, scope, room, (vault, "artifacts-again")).await?;
    if !complete {
        return None;
    }
    let result = match differences_of(drill, &built.artifacts, &folder).await {
        Ok(result) => result,
        Err(reason) => {
            let summary = format!("the two builds could not be compared: {reason}");
            let advice = "see whether this machine's disk is full or not readable, then drill again";
            let finding = Finding::new(Rule::NotReproducible, Phase::Repeat, summary, advice);
            scope.found(Finding { severity: crate::record::Severity::Unverified, ..finding });
            return None;
        }
    };
    let facts = ComparisonFacts {
        with: ComparedWith::SecondBuild,
        subject: "what was built".into(),
        place: "a second build of the same commit in a fresh room".into(),
        result,
    };
    scope.emit(EventKind::Compared(facts.clone()));
    if let ComparisonResult::Differs { differences, total } = &facts.result {
        scope.differs();
        let summary = format!("the build is not reproducible: built twice from one commit; differences in what came out: {total}");
        let advice = "look for the time (steps get SOURCE_DATE_EPOCH, the commit's own time: use it), random names and build ids, \
                      paths of the build's folder, and the order in which files are found or finish (sort them)";
        scope.found(evidence(Finding::new(Rule::NotReproducible, Phase::Repeat, summary, advice), differences, *total));
    }
    Some(())
}
