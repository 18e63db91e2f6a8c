//! A clean clone of the ref, and its age.

use std::{io, path::Path, sync::Arc};

use super::{Drill, rehearsal, scope::Scope};
use crate::{
    record::{EventKind, Finding, Phase, Rule, count},
    source::{self, Checkout, FetchPlan, Meaning, Reach, SourceError},
    spare::{self, SpareError},
};

/// Fetches; none if there is nothing to build.
pub(super) async fn fetch(drill: &Drill, scope: &Scope) -> Option<Arc<Checkout>> {
    let source = &drill.plan.source;
    let plan = FetchPlan {
        git: &drill.git,
        folder: &drill.folder,
        reference: &source.reference,
        mirror: source.mirror.as_deref(),
        reach: Reach::Servers,
    };
    let mut fetched = source::fetch(&plan, &drill.workspace.join("source")).await;
    if let Err(error) = &fetched
        && drill.is_rehearsal()
    {
        scope.found(rehearsal::not_fetched(error));
        fetched = source::fetch(&FetchPlan { reach: Reach::Here, ..plan }, &drill.workspace.join("source-here")).await;
    }
    let checkout = match fetched {
        Ok(checkout) => checkout,
        Err(error) => {
            let error = source::look_again(error, &drill.network, drill.plan.timeouts.api).await;
            scope.found(if is_full(&drill.workspace) { no_room(&error) } else { source::finding(&error) });
            return None;
        }
    };
    scope.emit(EventKind::SourceFetched(checkout.facts().clone()));
    if let Some(commits @ 1..) = checkout.facts().behind {
        scope.found(behind(commits));
    }
    for note in checkout.notes() {
        match note.meaning() {
            Meaning::Finding(finding) => scope.found(finding),
            Meaning::Limit(limit) => scope.emit(EventKind::Limited { limit: limit.into() }),
        }
    }
    Some(Arc::new(checkout))
}

/// Whether next to nothing more can be written there: git's own words seldom say that of a clone.
fn is_full(folder: &Path) -> bool {
    const TOO_LITTLE: u64 = 1 << 20;
    rustix::fs::statvfs(folder).is_ok_and(|seen| seen.f_bavail.saturating_mul(seen.f_frsize) < TOO_LITTLE)
}

fn no_room(error: &SourceError) -> Finding {
    let machine = SpareError::Machine { what: "fetching the source".to_owned(), reason: io::ErrorKind::StorageFull.into() };
    spare::finding(&machine, Phase::Fetch).with_evidence(error.to_string())
}

fn behind(commits: u64) -> Finding {
    let summary = format!("the mirror is {} behind the origin: a hotfix would be built on an old state", count(commits, "commit"));
    Finding::new(Rule::MirrorBehind, Phase::Fetch, summary, "mirror on every push, and watch that it happens")
}
