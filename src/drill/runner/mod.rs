//! A drill on a spare runner of the forge: asks for a run there, once, follows it, and believes nothing that it says
//! before it was read back from the registry.
//!
//! Who owns what: `site` is what was found before the run is asked for; [`Abroad`] is the run, from the request to its
//! end, outside of every future that a signal drops; `follow` watches it and says why it does not go on; `report` reads
//! the event log that came back, in an archive or, by `joblog`, in what its jobs have printed; `back` holds it against what
//! the registry has; `orphan` ends the runs of drills that are dead.
//!
//! Invariants: the run is asked for by one request; what a lost answer leaves open is looked up by the nonce. A run that
//! has not ended when the drill ends is cancelled. A job that says success is one that left an event log of this nonce,
//! this commit and this plan, whose image the registry has; everything else is *unknown*.

mod abroad;
mod back;
mod follow;
mod joblog;
pub(super) mod orphan;
mod report;
mod site;
mod stuck;

use std::time::Duration;

use tokio::sync::SetOnce;

use self::site::Site;
use super::{Drill, fetch, outside::Outside};
use crate::record::{EventKind, Phase, Record};

pub(super) use self::{abroad::Abroad, site::probe};

/// Which runner is asked for, and how long is waited.
#[derive(Clone, Debug)]
pub struct Order {
    /// The labels, or tags, that the spare has.
    pub labels: Vec<String>,
    /// On GitHub the workflow's file, on GitLab the job.
    pub workflow: String,
    /// How long it may take to pick the job up.
    pub pick_up: Duration,
    /// How long is waited between the first looks.
    pub poll: Duration,
}

/// An order, and what it finds.
pub(super) struct Runner {
    order: Order,
    /// Set once it was looked at; none if no run can be asked for.
    site: SetOnce<Option<Site>>,
}

impl Runner {
    pub(super) fn new(order: Order) -> Self {
        Self { order, site: SetOnce::new() }
    }
}

/// What a runner of the forge can never show.
pub(super) const LIMIT: &str = "the spare runner is controlled by the forge: it replaces runners of the forge's own that are lost \
                                or starved, and is lost with the forge itself";

const ON_RUNNER: &str = "it took place on the runner, as its event log says";

/// Fetches, has the runner build and publish, and reads back what it has published.
pub(super) async fn ship(drill: &Drill, runner: &Runner, outside: &Outside) {
    // Secrets first: only then nothing can pass the bus with one in it.
    let vault = drill.interrupts.unless(drill.board.vault.wait()).await.cloned();
    let Some(vault) = vault else { return skip_from(drill, Phase::Fetch, "the secrets were not read") };
    let checkout = Box::pin(drill.phase(Phase::Fetch, async |scope| fetch::fetch(drill, scope).await)).await;
    let Some(checkout) = checkout else { return skip_from(drill, Phase::Build, "the source could not be fetched") };
    let site = drill.interrupts.unless(runner.site.wait()).await.and_then(Option::as_ref);
    let Some(site) = site else { return skip_from(drill, Phase::Build, "no run could be asked of the forge") };
    let built = async |scope: &_| {
        let report = follow::run(drill, scope, (site, &runner.order), outside).await?;
        report::accept(drill, scope, (site, &checkout.facts().commit), report)
    };
    let report = drill.phase(Phase::Build, async |scope| built(scope).await).await;
    let Some(report) = report else { return skip_from(drill, Phase::Tag, "nothing came back from the runner") };
    drill.skip(Phase::Tag, if report.tag.is_some() { ON_RUNNER } else { "there was none on the runner either" });
    drill.phase(Phase::Publish, async |scope| back::read_back(drill, scope, (&vault, &report), outside).await).await;
    drill.skip(Phase::Smoke, smoked(&report));
}

fn smoked(report: &Record) -> &'static str {
    let smoke = report.steps.iter().any(|step| step.step.phase == Phase::Smoke);
    if smoke { ON_RUNNER } else { "nothing was run on the runner either" }
}

fn skip_from(drill: &Drill, first: Phase, reason: &str) {
    for phase in [Phase::Fetch, Phase::Build, Phase::Tag, Phase::Publish, Phase::Smoke] {
        if phase >= first {
            drill.skip(phase, reason);
        }
    }
}

/// Skips everything.
pub(super) fn skip_all(drill: &Drill, reason: &str) {
    skip_from(drill, Phase::Fetch, reason);
}

/// Tells what a drill with a runner cannot prove.
pub(super) fn limits(drill: &Drill, notes: Vec<String>) {
    for limit in drill.plan.unverified.iter().cloned().chain(notes).chain([LIMIT.to_owned()]) {
        drill.bus.emit(EventKind::Limited { limit: limit.into() });
    }
}
