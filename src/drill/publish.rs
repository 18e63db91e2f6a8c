//! The image, pushed to every target's scratch repository, pulled back by digest with a fresh client, and compared.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use super::{Drill, build::Product, outside::Outside, scope::Scope, vault::Vault};
use crate::{
    archive::Fill,
    plan::{OciTarget, Target},
    probe,
    record::{Digest, EventKind, Finding, Phase, PulledFacts, PushedFacts, Rule, count},
    registry::{self, Base, Client, Fault, Image, Marks, Pushed, RegistryError, Role, Which},
};

/// The most that is taken back: an image of a build's artifacts is far smaller, and a registry must not fill the disk.
pub(super) const PULL_LIMIT: u64 = 64 << 30;

/// How often an image is pushed that is gone before it came back: another drill of the same content may have deleted it.
const TRIES: u32 = 3;

/// What smoke steps run on: what came back from a registry, in a rehearsal what was built.
pub(super) enum Returned {
    /// The artifacts of an image that canship made.
    Files(Fill),
    /// The image of a Dockerfile, as an image layout in this folder.
    Image(PathBuf),
}

/// Whether there will be something that smoke steps can run on: an image that comes back, in a rehearsal what was built.
pub(super) fn will_come_back(drill: &Drill) -> bool {
    let has_scratch = |target: &Target| matches!(target, Target::Oci(OciTarget { scratch: Some(_), .. }));
    !drill.plan.build.smoke.is_empty() && (drill.is_rehearsal() || drill.plan.publish.iter().any(has_scratch))
}

/// Publishes to every target, side by side; gives the image that came back first in the plan's order.
pub(super) async fn publish(drill: &Drill, vault: &Vault, built: &Product, outside: &Outside) -> Option<Returned> {
    drill
        .phase(Phase::Publish, async |scope| {
            tell_unlinked(drill, scope, built).await;
            let targets = drill.plan.publish.iter().enumerate();
            let returned = join_all(targets.map(async |(at, target)| match target {
                Target::Oci(target) => to_registry(drill, scope, (vault, built, outside), (at, target)).await,
                Target::Other { kind, name } => {
                    scope.found(not_verified(kind, name));
                    None
                }
            }));
            let returned = returned.await;
            if returned.iter().all(Option::is_none) {
                scope.skipped("nothing was pushed");
            }
            Some(returned)
        })
        .await?
        .into_iter()
        .flatten()
        .next()
}

/// Tells which programs cannot start in an image of the artifacts alone: smoke steps run where they were built.
async fn tell_unlinked(drill: &Drill, scope: &Scope, built: &Product) {
    let is_bare = |target: &Target| matches!(target, Target::Oci(OciTarget { base: None, .. }));
    let Product::Artifacts(built) = built else { return };
    if !drill.plan.publish.iter().any(is_bare) {
        return;
    }
    // An image that cannot be made is told where it is made.
    let unlinked = registry::unlinked(&built.artifacts).await.unwrap_or_default();
    let Some((program, linker)) = unlinked.first() else { return };
    let more = match unlinked.len() - 1 {
        0 => String::new(),
        more => format!(" (and so {})", count(more, "more program")),
    };
    let summary = format!(
        "`{program}` cannot start in its image: it needs `{linker}`{more}, and without a `base` the image holds the artifacts alone"
    );
    let advice = "link it statically (Rust: `--target x86_64-unknown-linux-musl`; Go: `CGO_ENABLED=0`), or name under `base:` an \
                  image that has what it needs";
    scope.found(Finding::new(Rule::BaseMissing, Phase::Publish, summary, advice));
}

pub(super) fn not_verified(kind: &str, name: &str) -> Finding {
    let summary = format!("publishing the {kind} `{name}` is not verified: this version cannot drill targets of this kind");
    Finding::new(Rule::TargetNotVerified, Phase::Publish, summary, "rehearse this target by hand, and note when that was done")
}

type Inputs<'i> = (&'i Vault, &'i Product, &'i Outside);

async fn to_registry(drill: &Drill, scope: &Scope, inputs: Inputs<'_>, (at, target): (usize, &OciTarget)) -> Option<Returned> {
    let wrong = *drill.board.targets[at].wait().await;
    if let Some(severity) = wrong {
        // It was told by the check of access.
        scope.weigh(severity);
        return None;
    }
    let Some(scratch) = &target.scratch else {
        scope.found(not_rehearsed(target));
        return None;
    };
    match there_and_back(drill, scope, inputs, (at, target, scratch)).await {
        Ok(pulled) => {
            if target.rehearses_elsewhere() {
                scope.found(rehearsed_elsewhere(target, scratch));
            }
            Some(pulled)
        }
        Err(finding) => {
            scope.found(finding);
            None
        }
    }
}

fn not_rehearsed(target: &OciTarget) -> Finding {
    let summary = format!("pushing to `{}` was not rehearsed: only the right to push was shown", target.repository);
    let advice = "name a repository under `scratch:` that a drill may push to and delete from";
    Finding::new(Rule::PushNotRehearsed, Phase::Publish, summary, advice)
}

fn rehearsed_elsewhere(target: &OciTarget, scratch: &str) -> Finding {
    let summary = format!(
        "pushing was rehearsed at another registry, to `{scratch}`: of `{}` only the right to push was shown",
        target.repository
    );
    let advice = "name a `scratch:` repository at the registry that the release goes to";
    Finding::new(Rule::PushNotRehearsed, Phase::Publish, summary, advice)
}

async fn there_and_back(
    drill: &Drill,
    scope: &Scope,
    (vault, built, outside): Inputs<'_>,
    (at, target, scratch): (usize, &OciTarget, &str),
) -> Result<Returned, Finding> {
    let timeouts = &drill.plan.timeouts;
    let repository = probe::repository(scratch)?;
    let name = repository.to_string();
    let finding = |error: RegistryError| {
        // While an image is pushed, its base is copied out of another repository.
        let role = match &target.base {
            Some(base) if error.repository() != name => Role::Base(base),
            _ => Role::Target(target.login.as_ref()),
        };
        registry::finding(&error, Phase::Publish, role)
    };
    let credentials = probe::credentials(&repository, target, vault.password(target), drill.keys()).await?;
    let image = image(drill, built, target.base.as_deref()).await?;
    let image = match marks(drill) {
        Some(marks) => image.marked(marks),
        None => image,
    };

    drill.board.scratch_cleaned.wait().await;
    let client = Client::new(repository.clone(), credentials.clone(), timeouts, &drill.network).map_err(finding)?;
    match drill.nonce {
        Some(_) => outside.will_hand_over(client.clone()),
        None => outside.will_push(client.clone()),
    }
    let tag = registry::tag_of(drill.journal.drill());
    let mut is_told = false;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let is_last = attempt == TRIES;
        let pushed = match client.push(&image, &tag, &scope.progress("pushing")).await {
            Err(error) if !is_last && matches!(error.fault(), Fault::Lost { .. }) => continue,
            pushed => pushed.map_err(finding)?,
        };
        if !std::mem::replace(&mut is_told, true) {
            scope.emit(EventKind::ImagePushed(PushedFacts {
                target: target.repository.as_str().into(),
                reference: pushed.reference.as_str().into(),
                digest: pushed.plain.clone(),
                marked: Some(pushed.digest.clone()).filter(|marked| *marked != pushed.plain),
                bytes: pushed.bytes_sent,
                loopback: repository.is_loopback(),
            }));
        }
        // Connections and tokens of its own: what comes back came from the registry, not from what pushing left behind.
        let fresh = Client::new(repository.clone(), credentials.clone(), timeouts, &drill.network).map_err(finding)?;
        let into = folder(&drill.workspace.join(format!("returned-{at}-{attempt}"))).await?;
        let (digest, bytes, returned) = match take_back(&fresh, scope, (&pushed, built), into).await {
            Err(error) if !is_last && matches!(error.fault(), Fault::Lost { .. } | Fault::NotFound { .. }) => continue,
            back => back.map_err(finding)?,
        };
        scope.emit(EventKind::ImagePulled(PulledFacts { target: target.repository.as_str().into(), digest, bytes }));
        return Ok(returned);
    }
}

async fn take_back(
    fresh: &Client,
    scope: &Scope,
    (pushed, built): (&Pushed, &Product),
    into: PathBuf,
) -> Result<(Digest, u64, Returned), RegistryError> {
    let progress = scope.progress("pulling back");
    match built {
        Product::Artifacts(_) => {
            let pulled = fresh.pull(&pushed.digest, &into, PULL_LIMIT, &progress).await?;
            Ok((pulled.digest.clone(), pulled.bytes, Returned::Files(pulled.content())))
        }
        Product::Image(_) => {
            let which = Which::Digest(pushed.digest.clone());
            let (digest, bytes) = fresh.pull_layout(&which, &into, PULL_LIMIT, &progress).await?;
            Ok((digest, bytes, Returned::Image(into)))
        }
    }
}

/// By what the image is known to be of this drill: two that push the same content delete each their own.
fn marks(drill: &Drill) -> Option<Marks> {
    let commit = drill.bus.record()?.source?.commit;
    Some(Marks::new(drill.journal.drill(), drill.nonce.as_ref(), &commit))
}

async fn image(drill: &Drill, built: &Product, base: Option<&str>) -> Result<Image, Finding> {
    let (folder, platform) = match built {
        Product::Image(layout) => return Image::from_layout(layout).await.map_err(|error| local(&error)),
        Product::Artifacts(built) => (&built.artifacts, built.platform.clone()),
    };
    let Some(base) = base else {
        return Image::from_artifacts(folder, platform).await.map_err(|error| local(&error));
    };
    let (client, image) = probe::base_client(base, drill.keys()).await?;
    let resolved = Base::resolve(&client, &image.which, platform).await;
    let base = resolved.map_err(|error| registry::finding(&error, Phase::Publish, Role::Base(base)))?;
    Image::on_base(folder, base).await.map_err(|error| local(&error))
}

pub(super) fn local(error: &registry::LocalError) -> Finding {
    let advice = "check this machine's disk and permissions, then drill again";
    Finding::new(Rule::EngineFailed, Phase::Publish, format!("the image could not be made: {error}"), advice)
}

pub(super) async fn folder(path: &Path) -> Result<PathBuf, Finding> {
    match tokio::fs::create_dir(path).await {
        Ok(()) => Ok(path.to_owned()),
        Err(reason) => {
            let summary = format!("`{}` could not be made: {reason}", path.display());
            Err(Finding::new(
                Rule::EngineFailed,
                Phase::Publish,
                summary,
                "check this machine's disk and permissions, then drill again",
            ))
        }
    }
}
