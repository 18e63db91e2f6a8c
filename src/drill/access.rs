//! The checks of access, side by side and beside the phases that ship: what fails early is told early, and one drill
//! shows all that is wrong.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;

use super::{Drill, addresses, board::Reading, outside::Outside, rehearsal, scope::Scope, vault::Vault};
use crate::{
    plan::{BuildImage, OciTarget, ReleasePlace, SecretName, TagAt, Target},
    probe,
    record::{CheckKind, EventKind, Finding, Phase, Rule},
    registry::{self, Client, Role},
    secret::Secret,
    spare::{RoomPlan, Spare},
};

/// Runs every check and puts what it comes to on the board.
pub(super) async fn probe(drill: &Drill, outside: &Outside, (builder, room): (&dyn Spare, &RoomPlan)) {
    drill
        .phase(Phase::Probe, async |scope| {
            // Secrets come first, beside nothing that could print one of them.
            let vault = open_vault(drill, scope, Release(drill)).await;
            if let Some(variable) = drill.network.proxies.too_short() {
                scope.found(short_of_proxy(variable));
            }
            if drill.is_rehearsal() {
                rehearsal::tell(drill, scope);
                drop(drill.board.logins.set(()));
                check_spare(drill, scope, builder, room).await;
                return Some(());
            }
            tokio::join!(
                check_spare(drill, scope, builder, room),
                check_tag_place(drill, scope),
                check_targets(drill, scope, (&vault, outside))
            );
            Some(())
        })
        .await;
}

/// What of a proxy's address cannot be kept out of the output must not get into it.
fn short_of_proxy(variable: &str) -> Finding {
    let summary = format!("the password in `{variable}` has fewer than four characters: it cannot be kept out of the output");
    Finding::new(Rule::SecretTooShort, Phase::Probe, summary, "use a longer password at the proxy")
}

/// Which secrets are read, and what it means that one is missing.
pub(super) trait Wants {
    fn wants(&self, name: &SecretName) -> bool;

    fn weigh(&self, _name: &SecretName, missing: Finding) -> Finding {
        missing
    }
}

/// Everything that a release on this machine needs.
struct Release<'d>(&'d Drill);

impl Wants for Release<'_> {
    fn wants(&self, name: &SecretName) -> bool {
        let asked_for = self.0.nonce.is_some();
        let plan = &self.0.plan;
        self.0.reads(name) && !plan.only_history_needs(name) && !(asked_for && plan.only_forge_needs(name))
    }
}

/// Reads the secrets that are wanted; from then on what happens is told, without any of them.
pub(super) async fn open_vault(drill: &Drill, scope: &Scope, wants: impl Wants) -> Arc<Vault> {
    let vault = Arc::new(Vault::new(secrets(drill, scope, wants).await, &drill.network.known));
    drill.bus.open();
    addresses::judge(drill, scope, &vault);
    drop(drill.board.vault.set(Arc::clone(&vault)));
    vault
}

/// Reads those that are wanted, and tells those that are missing.
async fn secrets(drill: &Drill, scope: &Scope, wants: impl Wants) -> BTreeMap<SecretName, Secret> {
    let read = drill.plan.secrets.iter().filter(|(name, _)| wants.wants(name));
    let wants = &wants;
    let reads = read.map(|(name, source)| {
        scope.check(CheckKind::Secret, name.as_str(), async move |check| match probe::secret(name, source, &drill.folder).await {
            Ok(value) => {
                drill.board.read(&value);
                Some((name.clone(), value))
            }
            Err(finding) => {
                check.found(wants.weigh(name, finding));
                None
            }
        })
    });
    join_all(reads).await.into_iter().flatten().collect()
}

async fn check_spare(drill: &Drill, scope: &Scope, builder: &dyn Spare, room: &RoomPlan) {
    let subject = if builder.place().is_some() { "engine and disk" } else { "disk" };
    let image = scope
        .check(CheckKind::Spare, subject, async |check| match probe::spare(builder, room).await {
            Ok((facts, short_of_disk)) => {
                let image = facts.image.clone();
                check.emit(EventKind::RoomReady(facts));
                if let Some(gap) = short_of_disk {
                    check.found(gap);
                }
                drop(drill.board.spare.set(true));
                Some(image)
            }
            Err(finding) => {
                check.found(finding);
                drop(drill.board.spare.set(false));
                None
            }
        })
        .await;
    let (Some(image), Some(BuildImage::Image(name))) = (image, &room.image) else { return };
    let subject = format!("image {name}");
    match image {
        _ if builder.place().is_none() => {}
        Some(_) => scope.check(CheckKind::Spare, subject, async |_| ()).await,
        None => {
            let reason = "it is not on the engine; whether it can be pulled shows itself in the build";
            scope.skip_check(CheckKind::Spare, subject, reason);
        }
    }
}

async fn check_tag_place(drill: &Drill, scope: &Scope) {
    if drill.plan.tag.is_none() || drill.plan.tag_at == TagAt::Nowhere {
        return;
    }
    scope
        .check(CheckKind::TagPlace, place_name(drill.plan.tag_at), async |check| {
            let reached = probe::tag_place(&drill.git, &drill.plan, &drill.folder, &drill.network).await;
            drop(drill.board.tag_place.set(reached.as_ref().err().map(|finding| finding.severity)));
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
    let reading = Arc::new(Reading(&drill.board));
    let checks = drill.plan.publish.iter().zip(&drill.board.targets).map(|one| (one, Arc::clone(&reading)));
    let checks = checks.map(async |((target, worst), reading)| {
        let Target::Oci(target) = target else { return };
        // A release needs the right to its own repository; the drill also needs the scratch one.
        let repositories = std::iter::once(&target.repository).chain(&target.scratch);
        let rights = join_all(repositories.map(|name| check_push_right(drill, scope, with, (target, name, Arc::clone(&reading)))));
        let (rights, base) = tokio::join!(rights, check_base(drill, scope, target, reading));
        let mut wrong: Vec<Finding> = Vec::new();
        for (name, finding) in rights.into_iter().flatten() {
            match wrong.iter_mut().find(|first| first.rule == finding.rule && is_of_the_whole_registry(finding.rule)) {
                Some(first) => *first = first.clone().with_evidence(format!("the same at `{name}`")),
                None => wrong.push(finding),
            }
        }
        wrong.extend(base);
        drop(worst.set(wrong.iter().map(|finding| finding.severity).max()));
        for finding in wrong {
            scope.found(finding);
        }
    });
    let checks = join_all(checks);
    tokio::join!(checks, read_logins_of_released(drill, reading));
}

/// Reads the logins with which what the primary path has released will be fetched: the build may show those as well. What
/// is wrong with one is told where it is needed.
async fn read_logins_of_released(drill: &Drill, reading: Arc<Reading<'_>>) {
    let images = drill.plan.released.iter().filter_map(|release| match &release.place {
        // A login is that of a registry, whatever the version.
        ReleasePlace::Image { image, login: None, .. } => image.fill(Some("0")),
        _ => None,
    });
    join_all(images.map(async |image| probe::base_client(&image, drill.keys()).await.ok())).await;
    drop(reading);
}

/// What is said once for all repositories of a target: they are at one registry in nearly every plan.
fn is_of_the_whole_registry(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::RegistryUnauthorized
            | Rule::RegistryRateLimited
            | Rule::RegistryUnavailable
            | Rule::CertificateExpired
            | Rule::CertificateNotYetValid
            | Rule::CertificateWrongHost
            | Rule::CertificateSelfSigned
            | Rule::CertificateUntrusted
            | Rule::CertificateInvalid
            | Rule::ProxyUnauthorized
            | Rule::ProxyForbidden
            | Rule::ProxyUnavailable
    )
}

/// Which repository, and what is wrong there.
type Wrong<'n> = Option<(&'n str, Finding)>;

async fn check_push_right<'n>(
    drill: &Drill,
    scope: &Scope,
    (vault, outside): With<'_>,
    (target, name, reading): (&OciTarget, &'n str, Arc<Reading<'_>>),
) -> Wrong<'n> {
    scope
        .check(CheckKind::Registry, name, async |check| {
            let proof = async {
                let repository = probe::repository(name)?;
                let credentials = probe::credentials(&repository, target, vault.password(target), drill.keys()).await;
                drop(reading);
                let credentials = credentials?;
                let client = Client::new(repository, credentials, &drill.plan.timeouts, &drill.network)
                    .map_err(|error| registry::finding(&error, Phase::Probe, Role::Target(target.login.as_ref())))?;
                // Noted before it opens an upload: a signal may come before it has cancelled it.
                outside.will_push(client.clone());
                probe::push_right(&client, target).await
            };
            let finding = proof.await.err()?;
            check.weigh(finding.severity);
            Some((name, finding))
        })
        .await
}

async fn check_base(drill: &Drill, scope: &Scope, target: &OciTarget, reading: Arc<Reading<'_>>) -> Option<Finding> {
    let name = target.base.as_deref()?;
    scope
        .check(CheckKind::Registry, name, async |check| {
            let proof = async {
                let (client, image) = probe::base_client(name, drill.keys()).await?;
                drop(reading);
                probe::base(name, &client, &image).await
            };
            let finding = proof.await.err()?;
            check.weigh(finding.severity);
            Some(finding)
        })
        .await
}
