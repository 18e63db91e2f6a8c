//! A drill that can publish nothing: no credential that can push is read, so all that needs one stays unproved and is
//! said to be.
//!
//! canship cannot know what a secret may do, so a rehearsal reads none but those that the plan says publish nothing; a
//! step that names another is not run. Docker's saved logins are not looked at, no registry that is published to is
//! called, and git has nothing that gives access.

use super::{Drill, build::Built, publish, scope::Scope};
use crate::{
    archive::Fill,
    plan::{SecretName, TagAt, Target},
    record::{CheckKind, EventKind, Finding, Mode, Phase, Rule, StepId},
    registry,
    source::SourceError,
};

/// Why something is not tried.
pub(super) const SKIPPED: &str = "a rehearsal reads no credential that can push";

const ADVICE: &str = "drill without --rehearse where the logins may be used";

impl Drill {
    pub(super) fn is_rehearsal(&self) -> bool {
        self.mode == Mode::Rehearsal
    }

    /// Whether this secret may be read.
    pub(super) fn reads(&self, secret: &SecretName) -> bool {
        !self.is_rehearsal() || self.plan.harmless.contains(secret)
    }
}

/// Tells all that is known beforehand not to be shown.
pub(super) fn tell(drill: &Drill, scope: &Scope) {
    let unread: Vec<_> = drill.plan.secrets.keys().filter(|name| !drill.reads(name)).collect();
    for name in &unread {
        scope.skip_check(CheckKind::Secret, name.as_str(), SKIPPED);
    }
    if !unread.is_empty() {
        let names: Vec<_> = unread.iter().map(|name| format!("`{name}`")).collect();
        let summary = format!("that these secrets are there was not shown, they were not read: {}", names.join(", "));
        let advice = "say `publishes: false` of those with which nothing can be published, then a rehearsal reads them";
        scope.found(Finding::new(Rule::NotRehearsed, Phase::Probe, summary, advice));
    }
    for target in &drill.plan.publish {
        match target {
            Target::Oci(target) => {
                scope.skip_check(CheckKind::Registry, target.repository.as_str(), SKIPPED);
                let summary = format!(
                    "that `{}` takes the login, grants the right to push, and gives back what was pushed was not shown: \
                     its registry was not called",
                    target.repository
                );
                scope.found(Finding::new(Rule::NotRehearsed, Phase::Publish, summary, ADVICE));
            }
            Target::Other { kind, name } => scope.found(publish::not_verified(kind, name)),
        }
    }
    if let Some(tag) = drill.plan.tag.as_ref().filter(|_| drill.plan.tag_at != TagAt::Nowhere) {
        scope.skip_check(CheckKind::TagPlace, "where the tag goes", SKIPPED);
        let summary = format!("that the tag `{}` can be pushed was not shown", tag.as_str());
        scope.found(Finding::new(Rule::NotRehearsed, Phase::Tag, summary, ADVICE));
    }
}

/// What a rehearsal cannot prove at all.
pub(super) fn limits(drill: &Drill) -> Vec<String> {
    let smoke = "the smoke steps ran on what was built, not on what came back from a registry";
    let sight = "a credential that lies in the source, in the build image or with the engine is not seen by a rehearsal: \
                 the build's own steps have the network and could use it";
    (!drill.plan.build.smoke.is_empty()).then_some(smoke).into_iter().chain([sight]).map(str::to_owned).collect()
}

/// A step that is left out, since it needs a secret that is not read. Later steps may miss what it does: that they fail
/// shows no blocker.
pub(super) fn left_out(scope: &Scope, id: StepId, secret: &SecretName) {
    let summary = format!("{id} was not run: it needs the secret `{secret}`, which a rehearsal does not read");
    let advice = format!("say `publishes: false` of `{secret}` if nothing can be published with it, or drill without --rehearse");
    scope.proves_no_blocker();
    scope.found(Finding::new(Rule::NotRehearsed, id.phase, summary, advice));
}

/// The source was not to be had without a login.
pub(super) fn not_fetched(error: &SourceError) -> Finding {
    let summary = "that the source can be fetched was not shown: git has no login in a rehearsal, so the repository that the plan \
                   lies in was built";
    let advice = "name a `source.mirror` that can be read without a login, or drill without --rehearse";
    Finding::new(Rule::NotRehearsed, Phase::Fetch, summary, advice).with_evidence(error.to_string())
}

/// What the smoke steps run on, in place of what would have come back.
pub(super) async fn content(drill: &Drill, built: &Built) -> Option<Fill> {
    match registry::artifacts(&built.artifacts).await {
        Ok(content) => Some(content),
        Err(error) => {
            drill.bus.emit(EventKind::Found(publish::local(&error)));
            None
        }
    }
}
