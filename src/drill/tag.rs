//! The hotfix tag: made in the clone, pushed under the drill's name, read back. Cleaning removes it.

use std::sync::Arc;

use tokio::sync::SetOnce;

use super::{Drill, outside::Outside, rehearsal, scope::Scope};
use crate::{
    plan::{TagAt, TagTemplate},
    record::{EventKind, Finding, Phase, Rule, Text},
    source::{self, Checkout, DrillTag, ReadBack},
};

/// Rehearses the tag, as soon as the version is known.
pub(super) async fn tag(drill: &Drill, checkout: &Arc<Checkout>, version: &SetOnce<Option<String>>, outside: &Outside) {
    let Some(template) = &drill.plan.tag else { return drill.skip(Phase::Tag, "the plan names no tag") };
    if drill.plan.tag_at == TagAt::Nowhere {
        let summary = format!("pushing the tag `{}` was not rehearsed", template.as_str());
        let advice = "name a `source.mirror`, or set `tag_at: origin` if pipelines there do not start on `canship-drill/*`";
        drill.bus.emit(EventKind::Found(Finding::new(Rule::TagNotRehearsed, Phase::Tag, summary, advice)));
        return drill.skip(Phase::Tag, "the plan has no place to rehearse it");
    }
    if drill.is_rehearsal() {
        return drill.skip(Phase::Tag, rehearsal::SKIPPED);
    }
    match drill.interrupts.unless(version.wait()).await {
        Some(Some(version)) => {
            drill.phase(Phase::Tag, async |scope| rehearse(drill, scope, checkout, (template, version), outside).await).await;
        }
        _ => drill.skip(Phase::Tag, "the version is not known"),
    }
}

async fn rehearse(
    drill: &Drill,
    scope: &Scope,
    checkout: &Arc<Checkout>,
    (template, version): (&TagTemplate, &str),
    outside: &Outside,
) -> Option<()> {
    if let Some(severity) = *drill.board.tag_place.wait().await {
        // What is wrong was found by the check of access.
        scope.weigh(severity);
        return None;
    }
    let wrong = |error| source::tag_finding(&error, Phase::Tag);
    let placed = async {
        let name = template.tag(version);
        let tag = DrillTag::make(checkout, drill.journal.drill(), &name, drill.plan.tag_at).await.map_err(wrong)?;
        if tag.is_taken().await.map_err(wrong)? {
            let limit = format!("`{name}` is there already, on another commit: a release of this one needs another version");
            scope.emit(EventKind::Limited { limit: limit.into() });
        }
        outside.will_tag(tag.clone()).map_err(|reason| unnoted(&reason))?;
        tag.push().await.map_err(wrong)?;
        match tag.read_back().await.map_err(wrong)? {
            ReadBack::Same(facts) => Ok(facts),
            ReadBack::Differs { expected, found } => Err(differs(&expected, &found)),
        }
    };
    match placed.await {
        Ok(facts) => {
            scope.emit(EventKind::TagReadBack(facts));
            Some(())
        }
        Err(finding) => {
            scope.found(finding);
            None
        }
    }
}

fn unnoted(reason: &std::io::Error) -> Finding {
    let summary = format!("the tag was not pushed, since that could not be written into the drill's journal first: {reason}");
    Finding::new(Rule::TagUnreachable, Phase::Tag, summary, "see whether this machine's disk is full, then drill again")
}

fn differs(expected: &Text, found: &Text) -> Finding {
    let summary = format!("the tag that came back is not the one that was pushed: {expected} was pushed, {found} is there");
    Finding::new(Rule::TagDiffers, Phase::Tag, summary, "find out what rewrites tags at that server before releasing from it")
}
