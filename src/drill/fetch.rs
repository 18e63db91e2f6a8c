//! A clean clone of the ref, and its age.

use std::sync::Arc;

use super::{Drill, rehearsal, scope::Scope};
use crate::{
    record::{EventKind, Finding, Phase, Rule},
    source::{self, Checkout, FetchPlan, Meaning, Reach},
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
            scope.found(source::finding(&error));
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

fn behind(commits: u64) -> Finding {
    let plural = if commits == 1 { "" } else { "s" };
    let summary = format!("the mirror is {commits} commit{plural} behind the origin: a hotfix would be built on an old state");
    Finding::new(Rule::MirrorBehind, Phase::Fetch, summary, "mirror on every push, and watch that it happens")
}
