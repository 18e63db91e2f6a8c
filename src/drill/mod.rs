//! The engine: one timed rehearsal of a release on one spare.
//!
//! Who owns what: [`run`] owns the order of the phases; `Outside` owns every room, tag and image that was put outside;
//! a phase (one file each) does its part and tells what it finds; the `Bus` puts all events in one line; the `Board`
//! holds what the checks of access have come to, so that a phase waits for just the part it needs; [`cut`] owns what of
//! the primary path is away. What does not
//! depend on each other runs side by side: the checks and the removal of what earlier drills left beside everything,
//! the room beside the fetch, the tag beside the build, the smoke room beside the push.
//!
//! Invariants: what is put outside is noted in `Outside` before it is put there, and cleaning runs after every end of
//! the phases, be it success, failure or a signal; one finding never hides another: what can still be looked at is;
//! `DrillFinished` is the last event, exactly once. A signal drops the phases' own futures only; rooms that are being
//! opened are waited for and closed.

mod access;
mod addresses;
mod board;
mod build;
mod bus;
mod cause;
mod clean;
mod clock;
mod compare;
pub mod cut;
mod deadline;
mod fetch;
mod image;
mod independence;
mod interrupt;
pub mod leftovers;
mod limits;
mod output;
mod outside;
mod packed;
mod prepare;
mod publish;
mod rehearsal;
mod repeat;
mod rooms;
mod runner;
mod scope;
mod ship;
mod smoke;
mod steps;
mod tag;
mod unchanged;
mod vault;
mod version;
mod ways;

use std::{path::PathBuf, pin::pin, sync::Arc};

use tokio_util::sync::CancellationToken;

use self::{
    board::Board,
    bus::Bus,
    clock::Clock,
    cut::{Cut, Forges},
    leftovers::Surroundings,
    outside::Outside,
    rooms::{Purpose, Rooms},
    runner::Runner,
    scope::Scope,
};
use crate::{
    network::{Expiring, Network, Ways},
    plan::{self, Loaded, Plan},
    probe,
    record::{DrillFacts, EventKind, Finding, LOG_VERSION, Measure, Mode, Nonce, Phase, Record, Rule, Seal, Sink, SpareFacts},
    source::Git,
    spare::Spare,
    state::{Journal, State},
};

pub use deadline::{deadline, new_id};
pub use independence::spare_facts;
pub use interrupt::Interrupts;
pub use runner::Order;

/// Everything a drill needs, chosen by the command line.
pub struct Setup {
    /// The plan.
    pub loaded: Loaded,
    /// The plan file as the user named it.
    pub plan_file: String,
    /// The spare to drill: one of the plan's.
    pub spare: plan::Spare,
    /// What builds there.
    pub builder: Builder,
    /// The git of this machine.
    pub git: Git,
    /// How servers are reached.
    pub network: Network,
    /// The file in which Docker keeps logins, if it has a place.
    pub docker_config: Option<PathBuf>,
    /// The drill's journal: its id, and what it puts outside. The caller ends it.
    pub journal: Arc<Journal>,
    /// An empty folder of the drill's own for clone, artifacts and what comes back. The caller removes it.
    pub workspace: PathBuf,
    /// Who follows live.
    pub sinks: Vec<Box<dyn Sink>>,
    /// Whether what is pushed outlives this process.
    pub registries: Registries,
    /// Where leftovers of earlier drills are looked for.
    pub surroundings: Surroundings,
    /// The signals that end a drill early.
    pub interrupts: Interrupts,
    /// Whether it may publish under its own name. A rehearsal is given neither Docker's logins nor a git with access.
    pub mode: Mode,
    /// How often it is built.
    pub builds: Builds,
    /// By which a drill elsewhere asked for this one: what is pushed is left for that one to read back and delete.
    pub nonce: Option<Nonce>,
    /// How forges are reached.
    pub forges: Forges,
    /// How the primary path is taken away; none if it is not.
    pub cut: Option<cut::Order>,
    /// All spares of the plan, each with what it depends on.
    pub spares: Vec<SpareFacts>,
    /// What is known beforehand that this drill can never prove, each in a sentence.
    pub notes: Vec<String>,
}

/// What builds a release.
pub enum Builder {
    /// Rooms that this process opens.
    Rooms(Arc<dyn Spare>),
    /// A runner of the forge, on which canship drills in turn.
    Runner(Order),
}

/// How often a drill builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builds {
    /// Once.
    Once,
    /// Once more after it has shipped, to see whether the same comes out.
    Twice,
}

/// Where the registries of a drill are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registries {
    /// Somewhere else: what is pushed there is noted in the journal.
    Elsewhere,
    /// In this process, with which they end.
    Here,
}

/// What a drill leaves behind for its caller.
#[derive(Debug)]
pub struct Done {
    /// Everything it saw.
    pub record: Record,
    /// Sinks that failed on the way, each with the reason.
    pub broken_sinks: Vec<String>,
}

/// What all phases look at.
struct Drill {
    journal: Arc<Journal>,
    plan: Plan,
    folder: PathBuf,
    workspace: PathBuf,
    git: Git,
    network: Network,
    /// What every room is given to reach servers with.
    ways: Ways,
    docker_config: Option<PathBuf>,
    bus: Bus,
    board: Board,
    interrupts: Interrupts,
    mode: Mode,
    builds: Builds,
    nonce: Option<Nonce>,
    forges: Forges,
    state: State,
    /// What it began with.
    facts: DrillFacts,
}

impl Drill {
    /// What logins are looked up with.
    fn keys(&self) -> probe::Keys<'_> {
        probe::Keys { docker: self.docker_config.as_deref(), timeouts: &self.plan.timeouts, network: &self.network }
    }

    /// Runs a phase until it ends or a signal comes; none if it did not do its work.
    async fn phase<T>(&self, phase: Phase, body: impl AsyncFnOnce(&Scope) -> Option<T>) -> Option<T> {
        let scope = Scope::phase(&self.bus, phase);
        let ended = self.interrupts.unless(body(&scope)).await;
        if ended.is_none() {
            scope.errored();
        }
        scope.finish();
        ended.flatten()
    }

    fn skip(&self, phase: Phase, reason: &str) {
        Scope::skip(&self.bus, phase, if self.interrupts.which().is_some() { "the drill was interrupted" } else { reason });
    }
}

/// Runs a drill to its end. Whatever happens inside is an event, never an error; none only if no event was taken.
pub async fn run(setup: Setup) -> Option<Done> {
    let clock = Clock::start();
    let facts = facts(&setup);
    let bus = Bus::new(clock, setup.sinks, setup.network.known.clone());
    setup.journal.keep_out(setup.network.known.clone());
    bus.emit(EventKind::DrillStarted(facts.clone()));
    let Loaded { plan, folder, .. } = setup.loaded;
    let board = Board::new(&plan);
    let Setup { journal, workspace, git, network, docker_config, interrupts, mode, builds, nonce, forges, .. } = setup;
    let ways = ways::of(&network, &setup.spare.kind);
    let drill = Drill {
        journal,
        plan,
        folder,
        workspace,
        git,
        network,
        ways,
        docker_config,
        bus,
        board,
        interrupts,
        mode,
        builds,
        nonce,
        forges,
        state: setup.surroundings.state.clone(),
        facts,
    };
    let cut = setup.cut.map(Cut::new);

    let ended = CancellationToken::new();
    let drilling = async {
        match &setup.builder {
            Builder::Rooms(builder) => Box::pin(phases(&drill, (builder, setup.registries), cut.as_ref(), setup.notes)).await,
            Builder::Runner(order) => Box::pin(phases_on_runner(&drill, order, cut.as_ref(), setup.notes)).await,
        }
        ended.cancel();
    };
    tokio::join!(prepare::prepare(&drill, &setup.surroundings, &ended), drilling);
    drill.board.give_up_reading(&drill.network.known);
    drill.bus.open();
    drill.bus.finish();
    Some(Done { record: drill.bus.record()?, broken_sinks: drill.bus.broken_sinks() })
}

/// Runs all phases but that which cleans up after earlier drills, in rooms.
async fn phases(drill: &Drill, (builder, registries): (&Arc<dyn Spare>, Registries), cut: Option<&Cut>, notes: Vec<String>) {
    let rooms = Rooms::new(drill, Arc::clone(builder));
    let room = rooms::plan(drill, Purpose::Build);
    let outside = Outside::new(Arc::clone(&drill.journal), registries);
    // Boxed: together they would make a large future of this one.
    let work = Box::pin(async {
        let ship = cut_and(drill, cut, ship::ship(drill, &rooms, &outside), ship::skip_all);
        tokio::join!(access::probe(drill, &outside, (&**builder, &room)), ship);
    });
    let told = work_and_give_back(drill, cut, work).await;
    limits::tell(drill, &**builder, (&room, notes));
    clean_up(drill, told, clean::clean(drill, Some(rooms), outside)).await;
}

/// The same on a spare runner.
async fn phases_on_runner(drill: &Drill, order: &Order, cut: Option<&Cut>, notes: Vec<String>) {
    let runner = Runner::new(order.clone());
    let outside = Outside::new(Arc::clone(&drill.journal), Registries::Elsewhere);
    let work = Box::pin(async {
        let ship = cut_and(drill, cut, runner::ship(drill, &runner, &outside), runner::skip_all);
        tokio::join!(runner::probe(drill, &runner), ship);
    });
    let told = work_and_give_back(drill, cut, work).await;
    runner::limits(drill, notes);
    clean_up(drill, told, clean::clean(drill, None, outside)).await;
}

/// Ships, once the primary path is away if that is asked for.
async fn cut_and(drill: &Drill, cut: Option<&Cut>, ship: impl Future<Output = ()>, skip_all: fn(&Drill, &str)) {
    let Some(cut) = cut else { return ship.await };
    let work = async {
        if cut::take(drill, cut).await {
            ship.await;
        } else {
            skip_all(drill, "the primary path is not cut");
        }
    };
    Box::pin(cut::guard(drill, cut, work)).await;
}

/// Does the work, gives back what was cut for it, and judges the time it took. Whether a signal was told.
async fn work_and_give_back(drill: &Drill, cut: Option<&Cut>, work: impl Future<Output = ()>) -> bool {
    deadline::within(drill, work).await;
    if let Some(cut) = cut {
        Box::pin(cut::see_that_it_lasted(drill, cut)).await;
    }
    let told = tell_signal(drill);
    if let Some(cut) = cut {
        Box::pin(cut::restore(drill, cut)).await;
    }
    judge_time(drill);
    judge_certificates(drill);
    told
}

/// Cleans; a signal is told as soon as it comes: whoever sent it waits for cleaning to end.
async fn clean_up(drill: &Drill, told: bool, clean: impl Future<Output = ()>) {
    let mut told = told || tell_signal(drill);
    {
        let mut cleaned = pin!(clean);
        tokio::select! {
            () = &mut cleaned => {}
            () = drill.interrupts.came(), if !told => {
                told = tell_signal(drill);
                cleaned.await;
            }
        }
    }
    if !told {
        tell_signal(drill);
    }
}

/// Says so if a signal has come.
fn tell_signal(drill: &Drill) -> bool {
    let signal = drill.interrupts.which();
    if let Some(signal) = signal {
        drill.bus.emit(EventKind::Interrupted { signal });
    }
    signal.is_some()
}

/// Says so if the release took longer than it may.
fn judge_time(drill: &Drill) {
    let target = drill.plan.target;
    if let Some(took) = drill.bus.record().and_then(|record| record.time_to_ship).filter(|took| *took > target) {
        let summary = format!("shipping took {}, more than the target of {}", Measure(took), Measure(target));
        let advice = "look at the slowest phases and steps: warm what may be warm, and split what can run side by side";
        drill.bus.emit(EventKind::Found(Finding::new(Rule::OverTarget, Phase::Smoke, summary, advice)));
    }
}

/// Tells the servers whose certificate has to be renewed soon.
fn judge_certificates(drill: &Drill) {
    for Expiring { server, until } in drill.network.trust.expiring() {
        let summary = format!("the certificate of `{server}` expires soon, at {until}: from then on nothing ships through it");
        let advice = format!("renew the certificate of `{server}`, and see why that does not happen by itself in time");
        drill.bus.emit(EventKind::Found(Finding::new(Rule::CertificateExpiring, Phase::Probe, summary, advice)));
    }
}

fn facts(setup: &Setup) -> DrillFacts {
    let Setup { loaded, plan_file, .. } = setup;
    let engine = match &setup.builder {
        Builder::Rooms(builder) => builder.place(),
        Builder::Runner(_) => None,
    };
    DrillFacts {
        log: LOG_VERSION,
        drill: setup.journal.drill().clone(),
        canship: env!("CARGO_PKG_VERSION").to_owned(),
        release: loaded.plan.release.as_str().into(),
        plan: plan_file.as_str().into(),
        plan_digest: loaded.digest.clone(),
        spare: spare_facts(&setup.spare, engine, &loaded.plan),
        spares: setup.spares.clone(),
        target: loaded.plan.target,
        seal: Seal::Open,
        mode: setup.mode,
        nonce: setup.nonce.clone(),
    }
}
