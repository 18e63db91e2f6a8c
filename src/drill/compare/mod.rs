//! What was built, beside what the primary path has released of the same version.
//!
//! Only the same commit can be the same: where the source says that the version is another commit's, nothing is compared,
//! and that is said. A difference or a release that is not to be had is a gap: a hotfix ships without it.

mod place;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{Drill, build::Built, scope::Scope, vault::Vault};
use crate::{
    compare::{Bounds, Differences, Tree, differences},
    plan::{Release, ReleasePlace},
    record::{ComparedWith, ComparisonFacts, ComparisonResult, Difference, EventKind, Finding, Measure, Phase, Rule},
    source::Checkout,
};

/// What is compared, and with what it is fetched.
#[derive(Clone, Copy)]
pub(super) struct Against<'a> {
    pub(super) vault: &'a Vault,
    pub(super) checkout: &'a Checkout,
    pub(super) version: Option<&'a str>,
    pub(super) built: &'a Built,
}

/// Why there is no comparison, and what to do about it.
struct Unmatched {
    reason: String,
    advice: String,
}

impl Unmatched {
    fn new(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { reason: reason.into(), advice: advice.into() }
    }
}

const DISK: &str = "see whether this machine's disk is full or not writable, then drill again";

/// Compares with everything that the plan names; nothing if it names nothing.
pub(super) async fn compare(drill: &Drill, against: Against<'_>) {
    if drill.plan.released.is_empty() {
        return;
    }
    drill
        .phase(Phase::Compare, async |scope| {
            let elsewhere = elsewhere(drill, against).await;
            let all = drill.plan.released.iter().enumerate().map(async |(at, release)| {
                let result = match &elsewhere {
                    Some(reason) => Err(Unmatched::new(reason, "drill the commit that was released: name its tag as `source.ref`")),
                    None => one(drill, against, (at, release)).await,
                };
                tell(scope, release, against.version, result);
            });
            join_all(all).await;
            Some(())
        })
        .await;
}

/// Why the release of this version is not that of this commit, if the source says so.
async fn elsewhere(drill: &Drill, against: Against<'_>) -> Option<String> {
    let tag = drill.plan.tag.as_ref()?.tag(against.version?);
    let commit = against.checkout.tagged(&tag).await.ok().flatten()?;
    let short = |commit: &str| commit.chars().take(12).collect::<String>();
    let (theirs, ours) = (short(&commit), short(against.checkout.commit()));
    (theirs != ours).then(|| format!("`{tag}` is the commit {theirs}, and {ours} was built"))
}

async fn one(drill: &Drill, against: Against<'_>, (at, release): (usize, &Release)) -> Result<ComparisonResult, Unmatched> {
    let folder = drill.workspace.join(format!("released-{at}"));
    let store = folder.join("content");
    tokio::fs::create_dir_all(&store).await.map_err(|reason| Unmatched::new(reason.to_string(), DISK))?;
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let bounds = Bounds { bytes: drill.plan.build.limits.disk, stop };
    let time = drill.plan.build.limits.time;
    let work = place::Work { drill, against, release, folder: &folder, bounds };
    match tokio::time::timeout(time, place::compare(work)).await {
        Ok(result) => result,
        Err(_) => Err(Unmatched::new(
            format!("it was not done after {}", Measure(time)),
            "raise `build.limits.time`, which also bounds a comparison, or see why the server is slow",
        )),
    }
}

fn tell(scope: &Scope, release: &Release, version: Option<&str>, result: Result<ComparisonResult, Unmatched>) {
    let subject = release.artifact.as_deref().unwrap_or("all artifacts");
    let place = place::shown(&release.place, version);
    let (result, finding) = match result {
        Ok(ComparisonResult::Differs { differences, total }) => {
            scope.differs();
            let summary = format!("`{subject}` is not what the primary path has released as `{place}`");
            let finding = Finding::new(Rule::ReleaseDiffers, Phase::Compare, summary, advice(&release.place));
            let finding = evidence(finding, &differences, total);
            (ComparisonResult::Differs { differences, total }, Some(finding))
        }
        Ok(other) => (other, None),
        Err(Unmatched { reason, advice }) => {
            scope.errored();
            let summary = format!("`{subject}` was not compared with `{place}`, which the primary path has released: {reason}");
            let finding = Finding::new(Rule::ReleaseNotCompared, Phase::Compare, summary, advice);
            (ComparisonResult::NotCompared { reason: reason.as_str().into() }, Some(finding))
        }
    };
    let (subject, place) = (subject.into(), place.as_str().into());
    scope.emit(EventKind::Compared(ComparisonFacts { with: ComparedWith::Release, subject, place, result }));
    if let Some(finding) = finding {
        scope.found(finding);
    }
}

fn advice(place: &ReleasePlace) -> &'static str {
    match place {
        ReleasePlace::Digest { version: None, .. } => {
            "see whether the digest is of this very version (say so with `version:`); `canship drill --twice` says whether the build \
             is reproducible at all"
        }
        _ => {
            "`canship drill --twice` says whether the build is reproducible at all; if it is, compare the tools and versions of the \
             build image with those of the primary path"
        }
    }
}

/// The finding with each difference as evidence.
pub(super) fn evidence(finding: Finding, differences: &[Difference], total: u64) -> Finding {
    let finding = differences.iter().fold(finding, |finding, difference| finding.with_evidence(difference.to_string()));
    match total.saturating_sub(differences.len() as u64) {
        0 => finding,
        more => finding.with_evidence(format!("… and {more} more")),
    }
}

/// What differs between the two that `trees` gives, ours first.
pub(super) async fn differences_of(
    drill: &Drill,
    trees: impl FnOnce(&Bounds) -> Result<[Tree; 2], String> + Send + 'static,
) -> Result<ComparisonResult, String> {
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let bounds = Bounds { bytes: drill.plan.build.limits.disk, stop };
    let compared = spawn_blocking(move || {
        let [ours, theirs] = trees(&bounds)?;
        let found = differences(&ours, &theirs, &bounds).map_err(|reason| reason.to_string())?;
        Ok(result(ours.extent(), found))
    });
    compared.await.map_err(|stopped| stopped.to_string())?
}

/// What differences come to, in so many files with so many bytes.
fn result((files, bytes): (u64, u64), found: Differences) -> ComparisonResult {
    if found.total > 0 {
        return ComparisonResult::Differs { differences: found.told, total: found.total };
    }
    ComparisonResult::Same { files, bytes }
}
