//! Leftovers of earlier drills, removed beside everything else. Whatever comes of it, it says nothing about the release.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    Drill,
    cut::recover,
    leftovers::{self, Ground, Mode, Seen, Surroundings},
    scope::Scope,
    vault::Vault,
};
use crate::{
    plan::OciTarget,
    record::{Cleaning, EventKind, Leftover, Phase},
};

/// How long the end of a drill waits for it.
const GRACE: Duration = Duration::from_secs(10);

/// Removes what earlier drills have left, until that is done or the drill itself has been for some time.
pub(super) async fn prepare(drill: &Drill, surroundings: &Surroundings, ended: &CancellationToken) {
    if drill.is_rehearsal() {
        drop(drill.board.scratch_cleaned.set(()));
        return drill.skip(Phase::Prepare, "a rehearsal uses no login that could remove anything; `canship clean` does");
    }
    // Secrets first: only then nothing can pass the bus with one in it, and registries can be logged in to.
    match drill.interrupts.unless(drill.board.vault.wait()).await {
        Some(vault) => {
            let cleaning = drill.phase(Phase::Prepare, async |scope| {
                // First: nothing is more urgent than a path that is cut.
                drop(drill.board.recovered.set(recover::at_start(drill, vault).await));
                clean(drill, scope, vault, (surroundings, ended)).await;
                Some(())
            });
            cleaning.await;
        }
        None => drill.skip(Phase::Prepare, "the secrets were not read"),
    }
    drop(drill.board.scratch_cleaned.set(()));
    drop(drill.board.recovered.set(Some("it was not seen what earlier drills have left".to_owned())));
}

async fn clean(drill: &Drill, scope: &Scope, vault: &Vault, (surroundings, ended): (&Surroundings, &CancellationToken)) {
    let password = |target: &OciTarget| vault.password(target).cloned();
    let ground = Ground {
        own: drill.journal.drill(),
        surroundings,
        plan: &drill.plan,
        folder: &drill.folder,
        git: &drill.git,
        network: &drill.network,
        docker_config: drill.docker_config.as_deref(),
        password: &password,
        // Runs are ended with what is cut, before.
        forge: None,
    };
    let tell = |seen| match seen {
        Seen::Cleaned(cleaning) => scope.emit(EventKind::Cleaned(cleaning)),
        Seen::Unseen(left) => scope.emit(EventKind::Cleaned(Cleaning::Left(left))),
        // That a place of the plan does not answer, the checks of access tell.
        Seen::Unknown(_) | Seen::Found(_) => {}
    };
    let after_scratch = || drop(drill.board.scratch_cleaned.set(()));
    let cleaning = leftovers::clean(&ground, Mode::Remove, &tell, &after_scratch);
    let late = async {
        ended.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let failed = tokio::select! {
        cleaned = cleaning => cleaned.err().map(|error| error.to_string()),
        () = late => Some("the drill had ended by then".to_owned()),
    };
    if let Some(reason) = failed {
        tell(Seen::Unseen(Leftover {
            what: "what earlier drills may have left".into(),
            reason: reason.into(),
            remedy: "run `canship clean`".into(),
        }));
    }
}
