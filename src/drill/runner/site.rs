//! What is found before a run is asked for: the secrets that this needs here, the workflow, and the runners.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::Runner;
use crate::{
    drill::{Drill, access, scope::Scope, vault::Vault},
    forge::{Forge, ForgeError, ForgeFault, Ready, Runners, Unready, Wish},
    plan::{Primary, SecretName, Target},
    record::{CheckKind, EventKind, Finding, Nonce, Phase, Rule, Severity},
    state::Item,
};

/// A forge that can be asked for the run.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) forge: Arc<dyn Forge>,
    pub(super) wish: Wish,
    pub(super) ready: Ready,
}

impl Site {
    /// The run, as a journal has it: with its number once that is known, else until when it may appear.
    pub(super) fn item(&self, run: Option<u64>, until: Timestamp) -> Item {
        let (place, workflow) = (self.forge.place().clone(), self.wish.workflow.clone());
        Item::Run { place, workflow, nonce: self.wish.nonce.clone(), run, until }
    }
}

/// Looks at everything that the run needs here.
pub(in crate::drill) async fn probe(drill: &Drill, runner: &Runner) {
    drill
        .phase(Phase::Probe, async |scope| {
            let vault = access::open_vault(drill, scope, Needs::of(drill)).await;
            let site = scope
                .check(CheckKind::Spare, "workflow and runners", async |check| look(drill, check, (runner, &vault)).await)
                .await;
            drop(runner.site.set(site));
            Some(())
        })
        .await;
    // Whoever still waits, waits in vain.
    drop(runner.site.set(None));
}

/// Which secrets are read, and what it means that one is missing: everything else is the runner's own matter.
struct Needs {
    token: Option<SecretName>,
    logins: BTreeSet<SecretName>,
}

impl Needs {
    fn of(drill: &Drill) -> Self {
        let logins = drill.plan.publish.iter().filter_map(|target| match target {
            Target::Oci(target) => target.login.as_ref().map(|login| login.password.clone()),
            Target::Other { .. } => None,
        });
        let token = drill.plan.primary.as_ref().and_then(|primary| primary.token.clone());
        Self { token, logins: logins.collect() }
    }
}

impl access::Wants for Needs {
    fn wants(&self, name: &SecretName) -> bool {
        self.token.as_ref() == Some(name) || self.logins.contains(name)
    }

    /// Without a login here nothing can be read back; that says nothing about the runner's.
    fn weigh(&self, name: &SecretName, missing: Finding) -> Finding {
        if self.token.as_ref() == Some(name) { missing } else { Finding { severity: Severity::Unverified, ..missing } }
    }
}

async fn look(drill: &Drill, check: &Scope, (runner, vault): (&Runner, &Vault)) -> Option<Site> {
    let Primary { place, token, .. } = drill.plan.primary.as_ref()?;
    // That it is missing was told.
    let token = vault.get(token.as_ref()?)?;
    let wish = Wish {
        workflow: runner.order.workflow.clone(),
        labels: runner.order.labels.clone(),
        nonce: Nonce::new(uuid::Uuid::now_v7().as_u128()),
    };
    let looked = async {
        let forge = (drill.forges)(place, token.clone())?;
        let (ready, runners) = tokio::join!(forge.ready(&wish), forge.runners(&wish));
        Ok::<_, ForgeError>((ready?, runners, forge))
    };
    let (ready, runners, forge) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            check.found(of_error(&error));
            return None;
        }
    };
    check.emit(match runners {
        Ok(Runners { facts, .. }) => EventKind::RunnersSeen(facts),
        Err(error) => EventKind::Limited { limit: format!("which runners there are is unknown: {error}").into() },
    });
    match ready {
        Ok(ready) => Some(Site { forge, wish, ready }),
        Err(unready) => {
            check.found(of_unready(&unready, &wish));
            None
        }
    }
}

/// The finding that it is if the workflow cannot be run.
pub(super) fn of_unready(unready: &Unready, wish: &Wish) -> Finding {
    let workflow = &wish.workflow;
    match unready {
        Unready::Disabled(word) => Finding::new(
            Rule::WorkflowDisabled,
            Phase::Build,
            format!("the spare's workflow `{workflow}` is disabled: {word}"),
            format!("enable `{workflow}` at the forge, and see who or what disables it"),
        ),
        Unready::Unusable(reason) => Finding::new(
            Rule::WorkflowUnusable,
            Phase::Build,
            format!("the spare's workflow `{workflow}` cannot be started: {reason}"),
            "put it on the default branch, as pipelines/README.md has it, so that it takes the nonce of a drill",
        ),
    }
}

/// The finding that it is if the forge does not do what it is asked.
pub(super) fn of_error(error: &ForgeError) -> Finding {
    match error.fault() {
        ForgeFault::Unauthorized { .. } => Finding::new(
            Rule::ForgeForbidden,
            Phase::Build,
            error.to_string(),
            "make a new token for the primary path's forge, and give it to whoever drills",
        ),
        ForgeFault::NoRights { missing, .. } => {
            Finding::new(Rule::ForgeForbidden, Phase::Build, error.to_string(), format!("grant the token `{missing}`"))
        }
        ForgeFault::NotFoundOrHidden { .. } => Finding::new(
            Rule::ForgeForbidden,
            Phase::Build,
            error.to_string(),
            "correct the repository's name in the plan, or give the token access to it",
        ),
        _ => Finding::new(
            Rule::ForgeUnavailable,
            Phase::Build,
            error.to_string(),
            "look at the forge's status; a drill on a spare that needs no forge shows whether a release can ship meanwhile",
        ),
    }
}
