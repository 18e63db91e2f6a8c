//! The checks of access, side by side and beside the phases that ship: what fails early is told early, and one drill
//! shows all that is wrong.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;

use super::{Drill, outside::Outside, scope::Scope, vault::Vault};
use crate::{
    plan::{OciTarget, TagAt, Target},
    probe,
    record::{CheckKind, EventKind, Phase},
    registry::{self, Client},
    spare::{RoomPlan, Spare},
};

/// Runs every check and puts what it comes to on the board.
pub(super) async fn probe(drill: &Drill, outside: &Outside, (builder, room): (&dyn Spare, &RoomPlan)) {
    drill
        .phase(Phase::Probe, async |scope| {
            // Secrets come first, beside nothing that could print one of them.
            let vault = Arc::new(Vault::new(secrets(drill, scope).await));
            drill.bus.scrub_with(vault.scrubber());
            drop(drill.board.vault.set(Arc::clone(&vault)));
            tokio::join!(
                check_spare(drill, scope, builder, room),
                check_tag_place(drill, scope),
                check_targets(drill, scope, (&vault, outside))
            );
            Some(())
        })
        .await;
}

async fn secrets(drill: &Drill, scope: &Scope) -> BTreeMap<crate::plan::SecretName, crate::secret::Secret> {
    let reads = drill.plan.secrets.iter().map(|(name, source)| {
        scope.check(CheckKind::Secret, name.as_str(), async |check| match probe::secret(name, source, &drill.folder).await {
            Ok(value) => Some((name.clone(), value)),
            Err(finding) => {
                check.found(finding);
                None
            }
        })
    });
    join_all(reads).await.into_iter().flatten().collect()
}

async fn check_spare(drill: &Drill, scope: &Scope, builder: &dyn Spare, room: &RoomPlan) {
    scope
        .check(CheckKind::Spare, "engine, image and disk", async |check| match probe::spare(builder, room).await {
            Ok((facts, short_of_disk)) => {
                check.emit(EventKind::RoomReady(facts));
                if let Some(gap) = short_of_disk {
                    check.found(gap);
                }
                drop(drill.board.spare.set(true));
            }
            Err(finding) => {
                check.found(finding);
                drop(drill.board.spare.set(false));
            }
        })
        .await;
}

async fn check_tag_place(drill: &Drill, scope: &Scope) {
    if drill.plan.tag.is_none() || drill.plan.tag_at == TagAt::Nowhere {
        return;
    }
    scope
        .check(CheckKind::TagPlace, place_name(drill.plan.tag_at), async |check| {
            let reached = probe::tag_place(&drill.git, &drill.plan, &drill.folder).await;
            drop(drill.board.tag_place.set(reached.is_ok()));
            if let Err(finding) = reached {
                check.found(finding);
            }
        })
        .await;
}

fn place_name(at: TagAt) -> &'static str {
    match at {
        TagAt::Mirror => "the mirror",
        TagAt::Origin | TagAt::Nowhere => "the origin",
    }
}

/// Who logs in, and where it is noted what they do.
type With<'w> = (&'w Vault, &'w Outside);

async fn check_targets(drill: &Drill, scope: &Scope, with: With<'_>) {
    let checks = drill.plan.publish.iter().zip(&drill.board.targets).map(async |(target, granted)| {
        let Target::Oci(target) = target else { return };
        // A release needs the right to its own repository; the drill also needs the scratch one.
        let repositories = std::iter::once(&target.repository).chain(&target.scratch);
        let rights = join_all(repositories.map(|name| check_push_right(drill, scope, with, (target, name)))).await;
        drop(granted.set(rights.iter().all(|granted| *granted)));
    });
    join_all(checks).await;
}

async fn check_push_right(drill: &Drill, scope: &Scope, (vault, outside): With<'_>, (target, name): (&OciTarget, &str)) -> bool {
    scope
        .check(CheckKind::Registry, name, async |check| {
            let proof = async {
                let (repository, timeouts) = (probe::repository(name)?, &drill.plan.timeouts);
                let credentials = probe::credentials(&repository, target.login.as_ref(), vault.password(target), timeouts).await?;
                let client =
                    Client::new(repository, credentials, timeouts).map_err(|error| registry::finding(&error, Phase::Probe))?;
                // Noted before it opens an upload: a signal may come before it has cancelled it.
                outside.will_push(client.clone());
                probe::push_right(&client).await
            };
            let proved = proof.await;
            let granted = proved.is_ok();
            if let Err(finding) = proved {
                check.found(finding);
            }
            granted
        })
        .await
}
