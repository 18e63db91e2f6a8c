//! The image of the plan's Dockerfile: built before anything else of the build, and taken out if it is the release.

use std::path::PathBuf;

use tokio::sync::oneshot;

use super::{
    Drill, packed, rehearsal,
    rooms::{Purpose, Rooms},
    scope::Scope,
    steps::Ran,
    vault::Vault,
};
use crate::{
    plan::Dockerfile,
    record::{EventKind, Finding, Phase, Rule, StepEnd, StepId, shell_word},
    registry::{self, LocalError, Saved},
    source::{self, Checkout},
    spare::{self, BuildOrder, ImageBuilt},
};

/// After so many bytes of the image it is told how far it is.
const TOLD_EVERY: u64 = 4 << 20;

/// The step that builds the image; the plan's own steps count from 1.
fn step(scope: &Scope) -> StepId {
    StepId { phase: scope.of(), number: 0 }
}

/// Whether an image must be built before a room can be opened.
pub(super) fn comes_first(drill: &Drill, rooms: &Rooms) -> bool {
    drill.plan.build.dockerfile().is_some() && rooms.has_images()
}

/// Builds the image; none if there is none in the end. Later rooms are made from the first one.
pub(super) async fn build(
    drill: &Drill,
    scope: &Scope,
    rooms: &Rooms,
    (checkout, vault): (&Checkout, &Vault),
    (dockerfile, purpose): (&Dockerfile, Purpose),
) -> Option<ImageBuilt> {
    if let Some(name) = vault.lacks(&dockerfile.secrets) {
        if !drill.reads(name) {
            rehearsal::left_out(scope, step(scope), name);
            return None;
        }
        scope.failed();
        let summary =
            format!("the image of `{}` was not built: it needs the secret `{name}`, which is missing", dockerfile.file.display());
        scope.emit(EventKind::Limited { limit: summary.into() });
        return None;
    }
    let ignore = match ignore(checkout, dockerfile, scope.of()).await {
        Ok(ignore) => ignore,
        Err(finding) => {
            scope.found(finding);
            return None;
        }
    };
    let order = BuildOrder {
        content: checkout.content(),
        ignore,
        secrets: vault.hand_out(&dockerfile.secrets),
        proxies: drill.ways.variables.clone(),
        time: drill.plan.build.limits.time,
        halt: tokio_util::sync::CancellationToken::new(),
    };
    // What the build prints is told: it waits until all that must not be is known.
    drill.board.logins.wait().await;
    // Whoever stops waiting for the build gives it up.
    let _give_up = order.halt.clone().drop_guard();
    let built = rooms.build_image((order, purpose), (step(scope), arguments(dockerfile)), vault.scrubber()).await;
    match built {
        Ok((_, Some(image))) => return Some(image),
        Ok((ran, None)) => scope.found(failed(step(scope), dockerfile, ran)),
        Err(problem) => scope.found(spare::finding(&problem, scope.of())),
    }
    None
}

/// The text of the file that says what is not part of the context; one beside the Dockerfile outranks the usual one.
async fn ignore(checkout: &Checkout, dockerfile: &Dockerfile, phase: Phase) -> Result<String, Finding> {
    let file = dockerfile.file.to_string_lossy();
    let read = async |path: &str| checkout.file(path).await.map_err(|error| source::finding(&error));
    if read(&file).await?.is_none() {
        let summary = format!("`{file}` is not in the commit: there is no Dockerfile to build");
        let advice = "correct `build.dockerfile`, or commit the file";
        return Err(Finding::new(Rule::BuildStepFailed, phase, summary, advice));
    }
    let own = read(&format!("{file}.dockerignore")).await?;
    let text = if own.is_some() { own } else { read(".dockerignore").await? };
    Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned())
}

/// What a client is given to build the same.
fn arguments(dockerfile: &Dockerfile) -> String {
    let mut arguments = format!("-f {}", shell_word(&dockerfile.file.to_string_lossy()));
    if let Some(target) = &dockerfile.target {
        arguments = format!("{arguments} --target {}", shell_word(target));
    }
    for (name, value) in &dockerfile.args {
        arguments = format!("{arguments} --build-arg {}", shell_word(&format!("{name}={value}")));
    }
    for name in &dockerfile.secrets {
        arguments = format!("{arguments} --secret id={name}");
    }
    arguments + " ."
}

fn failed(step: StepId, dockerfile: &Dockerfile, ran: Ran) -> Finding {
    let summary = format!("{step} (`{}`) failed: {}", dockerfile.file.display(), ran.end);
    let said = |words: &str| ran.tail.iter().any(|line| line.as_str().contains(words));
    let (rule, advice) = match &ran.end {
        StepEnd::TimedOut { .. } => (Rule::LimitReached, "make the build faster, or raise `build.limits.time`, its limit"),
        _ if said("No space left on device") || said("no space left on device") => {
            (Rule::LimitReached, "free some disk on the engine's machine, or let the build write less")
        }
        _ if UNPULLED.iter().any(|words| said(words)) => (
            Rule::ImageMissing,
            "load the image that `FROM` names on the engine, or name one that it can pull, also when its usual registry is out",
        ),
        _ => (Rule::BuildStepFailed, "mend the Dockerfile, or what it needs on the spare; the builder's last lines are above"),
    };
    ran.tail.into_iter().fold(Finding::new(rule, step.phase, summary, advice), Finding::with_evidence)
}

/// How builders say that the image of a `FROM` cannot be had.
const UNPULLED: [&str; 5] = [
    "initializing source docker://",
    "failed to resolve source metadata",
    "failed to do request: Head",
    "pull access denied",
    "manifest unknown",
];

/// Takes the image out of the engine into a new folder of this name, as a layout that can be pushed; none if it must not be.
pub(super) async fn take(
    drill: &Drill,
    scope: &Scope,
    rooms: &Rooms,
    vault: &Vault,
    (image, name): (&ImageBuilt, &str),
) -> Option<PathBuf> {
    let layout = drill.workspace.join(name);
    let not_taken = |reason: &str| not_taken(scope.of(), reason);
    if let Err(reason) = tokio::fs::create_dir(&layout).await {
        scope.found(not_taken(&format!("`{}` cannot be made: {reason}", layout.display())));
        return None;
    }
    let (into, mut search, (tell, told)) =
        (layout.clone(), vault.search(), oneshot::channel::<(Result<Saved, LocalError>, bool)>());
    let (progress, mut taken) = (scope.progress("taking the image out"), 0);
    let take = Box::new(move |archive: &mut dyn std::io::Read| {
        let saved = registry::take_apart(archive, &into, &mut |piece| {
            search.push(piece);
            let before = taken / TOLD_EVERY;
            taken += u64::try_from(piece.len()).unwrap_or(0);
            if taken / TOLD_EVERY != before {
                progress(taken);
            }
        });
        // Nobody may be waiting any more: the drill was interrupted.
        drop(tell.send((saved, search.has_found())));
    });
    let saved = rooms.save_image(&image.name, take).await;
    match (saved, told.await) {
        (Err(problem), _) => scope.found(spare::finding(&problem, scope.of())),
        (Ok(()), Err(_)) => scope.found(not_taken("it was not read to its end")),
        (Ok(()), Ok((Err(problem), _))) => scope.found(not_taken(&problem.to_string())),
        (Ok(()), Ok((Ok(saved), in_layers))) => {
            let place = match (vault.holds_secret(&saved.config), in_layers) {
                (true, _) => "configuration or history",
                (false, true) => "layers",
                (false, false) if packed::is_clean(drill, scope, vault, saved.layers).await => return Some(layout),
                (false, false) => "layers, in something packed",
            };
            scope.found(secret_in_image(scope.of(), place));
        }
    }
    None
}

fn not_taken(phase: Phase, reason: &str) -> Finding {
    let advice = "check this machine's disk, and the engine's own log, then drill again";
    Finding::new(Rule::EngineFailed, phase, format!("the image could not be taken out of the engine: {reason}"), advice)
}

fn secret_in_image(phase: Phase, place: &str) -> Finding {
    let summary = format!("the image that was built has a secret of the plan in its {place}: it was not published");
    let advice = "give the build its secrets by `RUN --mount=type=secret` only, and let no instruction write one down; what the \
                  engine keeps of the build still holds it, so remove that (`docker builder prune`; with Podman, \
                  `podman image prune`), and renew the secret if such an image was ever pushed, or if others use this engine";
    Finding::new(Rule::SecretInImage, phase, summary, advice)
}
