//! The plan's steps in a fresh room, and the artifacts out of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::SetOnce;

use super::{
    Drill, cause, image, packed, rehearsal,
    rooms::{Opening, Purpose, Rooms},
    scope::Scope,
    steps::{self, Ran},
    unchanged,
    vault::Vault,
    version, ways,
};
use crate::{
    archive::{Fill, Unpacked},
    plan::{Step, Version},
    record::{Artifact, BuiltFacts, EventKind, Finding, Phase, RoomFacts, Rule, StepId},
    registry::Platform,
    source::{Checkout, Passing},
    spare::{self, Room, SpareError},
};

/// Artifacts that the build made: a folder of this drill's own, with the artifacts by their last names.
pub(super) struct Built {
    pub(super) artifacts: PathBuf,
    /// Operating system and architecture that it was built for.
    pub(super) platform: Platform,
}

/// What the build made.
pub(super) enum Product {
    /// Artifacts, of which canship makes the image.
    Artifacts(Built),
    /// The image of a Dockerfile, as an image layout in a folder of this drill's own.
    Image(PathBuf),
}

/// What a build works with.
pub(super) struct Inputs<'i> {
    pub(super) checkout: &'i Checkout,
    pub(super) vault: &'i Vault,
    /// Where the version goes, if the room must tell it.
    pub(super) version: &'i SetOnce<Option<String>>,
    /// Told when the first step is about to begin: from then on, this machine mostly waits for the room.
    pub(super) on_filled: &'i (dyn Fn() + Sync),
}

/// Builds; none if there is nothing to publish afterwards. Without a room that is opening, the image that it is made
/// from is built first.
pub(super) async fn build(drill: &Drill, rooms: &Rooms, opening: Option<Opening>, inputs: Inputs<'_>) -> Option<Product> {
    let mut waiting = opening;
    let mut opened = None;
    let built = drill
        .phase(Phase::Build, async |scope| {
            if waiting.is_none()
                && let Some(dockerfile) = drill.plan.build.dockerfile()
            {
                let both = (inputs.checkout, inputs.vault);
                let image = image::build(drill, scope, rooms, both, (dockerfile, Purpose::Image)).await?;
                scope.emit(EventKind::ImageBuilt(BuiltFacts {
                    dockerfile: dockerfile.file.to_string_lossy().into_owned().into(),
                    builder: image.builder.into(),
                    id: image.id.clone(),
                }));
                if drill.plan.build.released_image().is_some() {
                    return image::take(drill, scope, rooms, inputs.vault, (&image, "image")).await.map(Product::Image);
                }
                waiting = Some(rooms.open(Purpose::Build));
            }
            opened = open(scope, &mut waiting).await;
            steps_and_artifacts(drill, scope, &mut **opened.as_mut()?, &inputs).await.map(Product::Artifacts)
        })
        .await;
    match (opened, waiting) {
        (Some(room), _) => rooms.close(room, Purpose::Build),
        (None, Some(opening)) => rooms.close_unopened(opening, Purpose::Build),
        (None, None) => {}
    }
    built
}

/// Waits for the room; leaves what is not open yet where it is if the wait is given up.
pub(super) async fn open(scope: &Scope, waiting: &mut Option<Opening>) -> Option<Box<dyn Room>> {
    let opened = waiting.as_mut()?.await;
    *waiting = None;
    let problem = match opened {
        Ok(Ok(room)) => {
            scope.emit(EventKind::RoomReady(room.facts()));
            return Some(room);
        }
        Ok(Err(problem)) => problem,
        Err(stopped) => SpareError::Failed { what: "a room could not be opened".to_owned(), reason: stopped.to_string() },
    };
    scope.found(spare::finding(&problem, scope.of()));
    None
}

async fn steps_and_artifacts(drill: &Drill, scope: &Scope, room: &mut dyn Room, inputs: &Inputs<'_>) -> Option<Built> {
    let passing = Passing::below(&drill.plan.build.artifacts);
    fill(drill, scope, room, inputs.checkout.watched_content(passing.clone())).await?;
    // From here on what the plan's commands print is told and kept: none of them runs before all that must not be is known.
    drill.board.logins.wait().await;
    (inputs.on_filled)();
    let deadline = tokio::time::Instant::now() + drill.plan.build.limits.time;
    if let Version::Command(command) = &drill.plan.source.version {
        let version = version::of_room(scope, room, (command, inputs.vault), left(deadline)).await;
        drop(inputs.version.set(version));
    }
    run_all(drill, scope, room, (&steps(drill, inputs.checkout), inputs.vault), deadline).await?;
    let Collected { folder, files, complete } = collect(drill, scope, room, (inputs.vault, "artifacts")).await?;
    for path in &drill.plan.build.artifacts {
        if has_no_content(path, &files) {
            scope.found(empty(path));
        }
    }
    if let Some(limit) = unchanged::limit(&drill.plan.build.artifacts, &files, &passing) {
        scope.emit(EventKind::Limited { limit: limit.into() });
    }
    for file in files {
        scope.emit(EventKind::ArtifactCollected(Artifact {
            path: file.path.to_string_lossy().into_owned().into(),
            size: file.size,
            digest: file.digest,
            executable: file.executable,
        }));
    }
    complete.then(|| Built { artifacts: folder, platform: platform(&room.facts()) })
}

/// Streams the source into a room.
pub(super) async fn fill(drill: &Drill, scope: &Scope, room: &mut dyn Room, content: Fill) -> Option<()> {
    let filled = furnish(drill, room, content).await;
    filled.map_err(|problem| scope.found(spare::finding(&problem, scope.of()))).ok()
}

/// The plan's build steps, with the commit's time as the time that a reproducible build takes, unless they set another.
pub(super) fn steps(drill: &Drill, checkout: &Checkout) -> Vec<Step> {
    let mut steps = drill.plan.build.run.clone();
    for step in &mut steps {
        step.env.entry("SOURCE_DATE_EPOCH".to_owned()).or_insert_with(|| checkout.source_date().to_string());
    }
    steps
}

/// Fills the room, and surrounds it with what leads to servers.
pub(super) async fn furnish(drill: &Drill, room: &mut dyn Room, content: Fill) -> Result<(), SpareError> {
    room.fill(content).await?;
    room.lead(drill.ways.clone()).await
}

/// Runs steps one after the other until one does not do what it should; none then.
pub(super) async fn run_all(
    drill: &Drill,
    scope: &Scope,
    room: &mut dyn Room,
    (all, vault): (&[Step], &Vault),
    deadline: tokio::time::Instant,
) -> Option<()> {
    for (at, step) in all.iter().enumerate() {
        let id = StepId { phase: scope.of(), number: at + 1 };
        if let Some(name) = vault.lacks(&step.secrets) {
            if !drill.reads(name) {
                rehearsal::left_out(scope, id, name);
                continue;
            }
            scope.failed();
            let summary = format!("{id} was not run: it needs the secret `{name}`, which is missing");
            scope.emit(EventKind::Limited { limit: summary.into() });
            return None;
        }
        match steps::run(drill, room, (id, step), vault, left(deadline)).await {
            Ok(Ran { end, .. }) if end.is_success() => {
                if let Some(gap) = cause::strained(&drill.plan.build.limits, (id, step), &end) {
                    scope.found(gap);
                }
            }
            Ok(ran) => {
                // A step that lacks a way out fails in words of its own.
                let lacks = ways::withheld(drill).unwrap_or_default();
                scope.found(cause::finding(&drill.plan.build.limits, (id, step), ran).with_evidence(lacks));
                return None;
            }
            Err(problem) => {
                scope.found(spare::finding(&problem, scope.of()));
                return None;
            }
        }
    }
    Some(())
}

fn left(deadline: tokio::time::Instant) -> Duration {
    deadline.saturating_duration_since(tokio::time::Instant::now())
}

/// What was taken out of a room.
pub(super) struct Collected {
    pub(super) folder: PathBuf,
    pub(super) files: Vec<Unpacked>,
    /// Whether every artifact is there.
    pub(super) complete: bool,
}

/// Takes every artifact out into a new folder of this name; looks at all of them even if one is missing.
pub(super) async fn collect(drill: &Drill, scope: &Scope, room: &mut dyn Room, (vault, name): (&Vault, &str)) -> Option<Collected> {
    let folder = drill.workspace.join(name);
    if let Err(reason) = tokio::fs::create_dir(&folder).await {
        let problem = SpareError::Failed { what: format!("`{}` cannot be made", folder.display()), reason: reason.to_string() };
        scope.found(spare::finding(&problem, scope.of()));
        return None;
    }
    let mut collected = Collected { folder, files: Vec::new(), complete: true };
    for path in &drill.plan.build.artifacts {
        let mut search = vault.search();
        let look = Box::new(move |piece: &[u8]| {
            search.push(piece);
            !search.has_found()
        });
        match room.collect(path, &collected.folder, look).await {
            // The image would show the name to everybody.
            Ok(files) if files.iter().any(|file| vault.holds_secret(&file.path.to_string_lossy())) => {
                scope.found(secret_in_name(path, scope.of()));
                collected.complete = false;
            }
            Ok(files) => {
                collected.complete &= packed::are_clean(drill, scope, vault, (&collected.folder, &files)).await;
                collected.files.extend(files);
            }
            Err(problem) => {
                scope.found(spare::finding(&problem, scope.of()));
                collected.complete = false;
            }
        }
    }
    Some(collected)
}

fn secret_in_name(artifact: &Path, phase: Phase) -> Finding {
    let summary = format!("the artifact `{}` has a secret of the plan in a file's name: it was not published", artifact.display());
    Finding::new(Rule::SecretInImage, phase, summary, "name files so that no secret is part of it")
}

/// The files of an artifact, which lie below its last name.
pub(super) fn of<'f>(artifact: &'f Path, files: &'f [Unpacked]) -> impl Iterator<Item = &'f Unpacked> {
    files.iter().filter(|file| artifact.file_name().is_some_and(|name| file.path.starts_with(name)))
}

/// Whether an artifact came out, and nothing is in it.
fn has_no_content(artifact: &Path, files: &[Unpacked]) -> bool {
    let mut of_it = of(artifact, files).peekable();
    of_it.peek().is_some() && of_it.all(|file| file.size == 0)
}

fn empty(artifact: &Path) -> Finding {
    let summary = format!("the artifact `{}` is empty: a release of nothing was rehearsed", artifact.display());
    Finding::new(
        Rule::ArtifactEmpty,
        Phase::Build,
        summary,
        "see why the steps write nothing into it, or take it off `build.artifacts`",
    )
}

/// What a room builds for: its engine's platform, or else this machine's.
fn platform(room: &RoomFacts) -> Platform {
    let engine = room.engine.as_ref().and_then(|engine| engine.platform.as_str().split_once('/'));
    match engine {
        Some((os, architecture)) => Platform { os: os.to_owned(), architecture: architecture.to_owned() },
        None => Platform { os: std::env::consts::OS.to_owned(), architecture: oci_architecture(std::env::consts::ARCH).to_owned() },
    }
}

/// The word that images use for a processor. Source: <https://go.dev/doc/install/source#environment>.
fn oci_architecture(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
