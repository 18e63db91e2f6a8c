//! What the registry has of what the runner says that it has published: fetched by a client of this machine, whole, and
//! held against nonce, drill, commit and digest.

use futures_util::future::join_all;

use crate::{
    drill::{Drill, outside::Outside, publish, scope::Scope, vault::Vault},
    plan::{OciTarget, Target},
    probe,
    record::{EventKind, Finding, Nonce, Phase, PublishRecord, PulledFacts, Record, Rule},
    registry::{self, Client, Marked, Marks, RegistryError, Role, Which},
};

/// Reads back from every target; none if there was nothing to read.
pub(super) async fn read_back(drill: &Drill, scope: &Scope, (vault, report): (&Vault, &Record), outside: &Outside) -> Option<()> {
    let nonce = report.drill.nonce.as_ref()?;
    let reads = drill.plan.publish.iter().enumerate().map(async |(at, target)| match target {
        Target::Oci(target) => {
            // That it was not rehearsed, the runner's findings say.
            let Some(scratch) = &target.scratch else { return };
            let one = One { at, target, scratch, nonce };
            if let Err(finding) = one.read(drill, scope, (vault, report), outside).await {
                scope.found(finding);
            }
        }
        // The runner's findings say that, too.
        Target::Other { .. } => {}
    });
    join_all(reads).await;
    Some(())
}

/// One target that is read.
struct One<'o> {
    at: usize,
    target: &'o OciTarget,
    scratch: &'o str,
    nonce: &'o Nonce,
}

impl One<'_> {
    async fn read(
        &self,
        drill: &Drill,
        scope: &Scope,
        (vault, report): (&Vault, &Record),
        outside: &Outside,
    ) -> Result<(), Finding> {
        let Self { at, target, scratch, .. } = self;
        let is_it = |published: &&PublishRecord| published.pushed.target.as_str() == target.repository;
        let said = report.published.iter().find(is_it);
        let said = said.ok_or_else(|| self.lied("the runner does not say that it pushed there"))?;
        let repository = probe::repository(scratch)?;
        let credentials = probe::credentials(&repository, target, vault.password(target), drill.keys()).await?;
        let finding = |error: RegistryError| registry::finding(&error, Phase::Publish, Role::Target(target.login.as_ref()));
        let client = || Client::new(repository.clone(), credentials.clone(), &drill.plan.timeouts, &drill.network).map_err(finding);

        drill.board.scratch_cleaned.wait().await;
        let cleaner = client()?;
        outside.will_push(cleaner.clone());
        cleaner.inherit_tag(&report.drill.drill).await.map_err(finding)?;

        let fresh = client()?;
        let tag = registry::tag_of(&report.drill.drill);
        let Marked { digest, plain, marks } = fresh.marked(&tag).await.map_err(finding)?;
        if digest != *said.pushed.as_pushed() {
            return Err(self
                .lied(&format!("tag `{tag}` leads to {digest}, and the runner says that it pushed {}", said.pushed.as_pushed())));
        }
        if plain != said.pushed.digest {
            let what =
                format!("without its marks tag `{tag}` leads to {plain}, and the runner says that it made {}", said.pushed.digest);
            return Err(self.lied(&what));
        }
        let commit = report.source.as_ref().map(|source| &source.commit);
        let expected = commit.map(|commit| Marks::new(&report.drill.drill, Some(self.nonce), commit));
        if expected.as_ref() != Some(&marks) {
            return Err(self.lied(&format!("the image of tag `{tag}` is marked with {marks:?}, not as the one that was asked for")));
        }
        scope.emit(EventKind::ImagePushed(said.pushed.clone()));
        let into = publish::folder(&drill.workspace.join(format!("returned-{at}"))).await?;
        let progress = scope.progress("pulling back");
        let whole = fresh.pull_layout(&Which::Digest(digest), &into, publish::PULL_LIMIT, &progress).await;
        let (digest, bytes) = whole.map_err(finding)?;
        scope.emit(EventKind::ImagePulled(PulledFacts { target: target.repository.as_str().into(), digest, bytes }));
        Ok(())
    }

    fn lied(&self, why: &str) -> Finding {
        let summary = format!("what the runner published to `{}` is not what it says: {why}", self.scratch);
        let advice = "look at the run's log, and at whether something else pushes to that repository";
        Finding::new(Rule::RunNotBelieved, Phase::Publish, summary, advice)
    }
}
