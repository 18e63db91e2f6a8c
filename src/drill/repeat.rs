//! The build once more, from the same checkout in a second fresh room: does the same come out? Of a Dockerfile, the image
//! once more, cold like the first.

use std::path::{Path, PathBuf};

use super::{
    Builds, Drill,
    build::{self, Collected, Product},
    compare::{differences_of, evidence},
    image,
    rooms::{Purpose, Rooms},
    scope::Scope,
    vault::Vault,
};
use crate::{
    compare::{Bounds, Tree},
    record::{ComparedWith, ComparisonFacts, ComparisonResult, EventKind, Finding, Phase, Rule, Severity},
    registry::image_parts,
    source::Checkout,
    spare::Room,
};

/// What both builds come from, and what the first one made.
type Inputs<'i> = (&'i Checkout, &'i Vault, &'i Product);

/// Builds again if that is asked for. A release has shipped by then: what goes wrong here leaves only open whether the
/// build is reproducible.
pub(super) async fn repeat(drill: &Drill, rooms: &Rooms, (checkout, vault, built): Inputs<'_>) {
    if drill.builds == Builds::Once {
        return;
    }
    let room = matches!(built, Product::Artifacts(_)).then(|| rooms.open(Purpose::Repeat));
    let (mut waiting, mut opened) = (room, None);
    drill
        .phase(Phase::Repeat, async |scope| {
            scope.proves_no_blocker();
            match built {
                Product::Artifacts(built) => {
                    opened = build::open(scope, &mut waiting).await;
                    let again = artifacts(drill, scope, &mut **opened.as_mut()?, (checkout, vault)).await?;
                    let ours = built.artifacts.clone();
                    let tree = |folder: &Path, bounds: &Bounds| Tree::of(folder, bounds).map_err(|reason| reason.to_string());
                    let trees = move |bounds: &Bounds| Ok([tree(&ours, bounds)?, tree(&again, bounds)?]);
                    compared(drill, scope, "what was built", trees).await
                }
                Product::Image(ours) => {
                    let (ours, again) = (ours.clone(), image_again(drill, scope, rooms, (checkout, vault)).await?);
                    let tree = |layout: &Path| image_parts(layout).map(Tree::of_parts).map_err(|reason| reason.to_string());
                    let trees = move |_: &Bounds| Ok([tree(&ours)?, tree(&again)?]);
                    compared(drill, scope, "the image that was built", trees).await
                }
            }
        })
        .await;
    match (opened, waiting) {
        (Some(room), _) => rooms.close(room, Purpose::Repeat),
        (None, Some(opening)) => rooms.close_unopened(opening, Purpose::Repeat),
        (None, None) => {}
    }
}

/// Builds in the room, and collects what comes out.
async fn artifacts(drill: &Drill, scope: &Scope, room: &mut dyn Room, (checkout, vault): (&Checkout, &Vault)) -> Option<PathBuf> {
    build::fill(drill, scope, room, checkout.content()).await?;
    let deadline = tokio::time::Instant::now() + drill.plan.build.limits.time;
    build::run_all(drill, scope, room, (&build::steps(drill, checkout), vault), deadline).await?;
    let Collected { folder, complete, .. } = build::collect(drill, scope, room, (vault, "artifacts-again")).await?;
    complete.then_some(folder)
}

/// Builds the image of the Dockerfile, and takes it out.
async fn image_again(drill: &Drill, scope: &Scope, rooms: &Rooms, both: (&Checkout, &Vault)) -> Option<PathBuf> {
    let dockerfile = drill.plan.build.dockerfile()?;
    let image = image::build(drill, scope, rooms, both, (dockerfile, Purpose::Repeat)).await?;
    image::take(drill, scope, rooms, both.1, (&image, "image-again")).await
}

/// What to look for where steps build.
const OF_STEPS: &str = "look for the time (steps get SOURCE_DATE_EPOCH, the commit's own time: use it), random names and build ids, \
    paths of the build's folder, and the order in which files are found or finish (sort them)";
/// The same of a Dockerfile: no builder is told a time, and each writes its own into what it makes.
const OF_IMAGE: &str = "where only times differ the content is the same, and the builder wrote when it made a folder or file: copy into \
    folders that the base image has, and let `RUN` set times (`touch -d`) where they must be equal; else look for packages \
    that are not pinned, random names and build ids";

/// Tells how the two that `trees` gives differ, ours first.
async fn compared(
    drill: &Drill,
    scope: &Scope,
    subject: &str,
    trees: impl FnOnce(&Bounds) -> Result<[Tree; 2], String> + Send + 'static,
) -> Option<()> {
    let result = match differences_of(drill, trees).await {
        Ok(result) => result,
        Err(reason) => {
            let summary = format!("the two builds could not be compared: {reason}");
            let advice = "see whether this machine's disk is full or not readable, then drill again";
            let finding = Finding::new(Rule::NotReproducible, Phase::Repeat, summary, advice);
            scope.found(Finding { severity: Severity::Unverified, ..finding });
            return None;
        }
    };
    let facts = ComparisonFacts {
        with: ComparedWith::SecondBuild,
        subject: subject.into(),
        place: "a second build of the same commit, from nothing".into(),
        result,
    };
    scope.emit(EventKind::Compared(facts.clone()));
    if let ComparisonResult::Differs { differences, total } = &facts.result {
        scope.differs();
        let summary = format!("the build is not reproducible: built twice from one commit; differences in what came out: {total}");
        let advice = if drill.plan.build.released_image().is_some() { OF_IMAGE } else { OF_STEPS };
        scope.found(evidence(Finding::new(Rule::NotReproducible, Phase::Repeat, summary, advice), differences, *total));
    }
    Some(())
}
