//! `canship drill`: chooses the spare, composes sinks and signals, runs the drill, writes the reports.

use std::{io, path::Path, sync::Arc, time::Duration};

use super::{
    Failure,
    arguments::{DrillOptions, Outputs},
    cut::{self, Asking},
    environment, forge,
    history::{self, Kept},
    network, output,
    place::{self, Place},
    plan::load_plan,
    reports::Reports,
};
use crate::{
    drill::{self, Builder, Builds, Interrupts, Registries, Setup},
    history::log::LogSink,
    plan::{self, Loaded, SpareKind},
    record::{Exit, Mode, Nonce, Record, Signal, Sink, SpareFacts},
    report::{self, terminal},
    spare::{container, host},
};

/// What to drill and where to tell of it.
pub(super) struct Order<'o> {
    pub(super) loaded: Loaded,
    pub(super) plan_file: &'o Path,
    /// The spare by name; without it the plan's first.
    pub(super) spare: Option<&'o str>,
    pub(super) mode: Mode,
    pub(super) builds: Builds,
    /// By which a drill elsewhere asks for this one.
    pub(super) nonce: Option<Nonce>,
    /// Whether the primary path is cut, and whether that is asked.
    pub(super) cut: Option<Asking>,
    pub(super) outputs: &'o Outputs,
    pub(super) registries: Registries,
}

pub(super) fn run(options: &DrillOptions) -> Result<Exit, Failure> {
    let loaded = load_plan(&options.plan.plan)?;
    if options.cut.dry_run {
        return runtime()?.block_on(cut::dry_run(&loaded));
    }
    let asking = if options.cut.yes { Asking::Never } else { Asking::Once };
    let order = Order {
        loaded,
        plan_file: &options.plan.plan,
        spare: options.spare.as_deref(),
        mode: if options.rehearse { Mode::Rehearsal } else { Mode::Drill },
        builds: if options.twice { Builds::Twice } else { Builds::Once },
        nonce: options.nonce.clone(),
        cut: options.cut.cut.then_some(asking),
        outputs: &options.outputs,
        registries: Registries::Elsewhere,
    };
    runtime()?.block_on(rehearse(order))
}

/// The threads that a drill runs on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|reason| Failure::failed("no threads could be started; nothing was changed", &reason))
}

/// Drills, prints the final report and writes the others.
pub(super) async fn rehearse(order: Order<'_>) -> Result<Exit, Failure> {
    let spare = choose(&order)?.clone();
    if order.mode == Mode::Rehearsal {
        refuse_access(&spare, &order.loaded.plan)?;
    }
    let reports = Reports::open(order.outputs, order.plan_file)?;
    let network = network::network(&order.loaded)?;
    let place = Place::open(&order.loaded.plan)?;
    let cut = order.cut.map(|asking| cut::order(&order.loaded, &place.state, asking)).transpose()?;
    let builder = builder(&spare, &order, place.root())?;
    let nonce = order.nonce.clone();
    let interrupts =
        Interrupts::listen().map_err(|reason| Failure::failed("signals cannot be caught; nothing was changed", &reason))?;
    let kept = history::of_plan(&order.loaded, order.mode, &network).await;
    if let Some(kept) = &kept {
        history::prepare(&*kept.history)?;
    }
    let hidden = kept.iter().flat_map(|kept| kept.variables).copied();
    let ways = network::of_git(&network, place.root())?;
    let git = place::git(&order.loaded.plan, place.journal.drill(), hidden, ways).telling(network.known.clone());
    network.known.add(kept.iter().flat_map(|kept| &kept.secrets));
    let surroundings = place::surroundings(&place.state, &order.loaded.plan);
    let spares = spares(&order.loaded.plan, order.mode);
    let unread = unread_context(&spare, order.mode);
    let about_cut = if order.cut.is_some() { cut::limits() } else { uncut(&order) };
    let forges = forge::forges(&network, order.loaded.plan.timeouts, Vec::new());
    let setup = Setup {
        plan_file: order.plan_file.display().to_string(),
        git: if order.mode == Mode::Rehearsal { git.without_access() } else { git },
        network,
        docker_config: environment::docker_config().filter(|_| order.mode == Mode::Drill),
        loaded: order.loaded,
        spare,
        builder,
        journal: Arc::clone(&place.journal),
        registries: order.registries,
        surroundings,
        workspace: place.folder("drill")?,
        sinks: sinks(order.outputs, kept.as_ref())?,
        interrupts: interrupts.clone(),
        mode: order.mode,
        builds: order.builds,
        nonce,
        forges,
        cut,
        spares,
        notes: place::makeshift().into_iter().chain(unread).chain(about_cut).collect(),
    };
    let done = Box::pin(drill::run(setup)).await;
    let done = done.ok_or_else(|| Failure::failed("the drill", &io::Error::other("it told nothing of itself")))?;
    // Whoever reads none of what follows holds up nothing that matters.
    drop(place);
    let exit = Exit::of(&done.record, order.outputs.accept.into());
    tokio::spawn(end_soon(interrupts.clone(), exit));
    let mut problems = reports.write(&done.record, order.outputs.accept.into());
    problems.extend(done.broken_sinks);
    for problem in &problems {
        output::warn(&format!("error: {problem}"));
    }
    let exit = conclude(&done.record, order.outputs, &problems)?;
    if let Some(kept) = &kept {
        let line = history::deliver(&*kept.history, &done.record.drill.drill, &interrupts).await;
        // Not on standard output: that is the report, byte for byte as it is made again later.
        if !order.outputs.quiet {
            output::warn(&line);
        }
    }
    if exit == Exit::Failed {
        let what = "the drill can ship, but what shows that could not be written";
        output::warn(&format!("error: exit code {}: {what}: {}", exit.code(), problems.join("; ")));
    }
    Ok(exit)
}

/// How long after a signal what is told of a drill that is over may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Ends this process after a signal, though somebody may hold up what it prints.
#[expect(clippy::exit, reason = "what hangs in a write cannot be asked to end")]
async fn end_soon(interrupts: Interrupts, exit: Exit) {
    let signal = interrupts.signalled().await;
    tokio::time::sleep(LAST_WORDS).await;
    let exit = signal.filter(|_| exit != Exit::MayStillBeCut).map_or(exit, Signal::exit);
    std::process::exit(exit.code().into());
}

fn choose<'o>(order: &'o Order<'_>) -> Result<&'o plan::Spare, Failure> {
    match order.spare {
        Some(name) => spare_of(&order.loaded, name),
        None => order.loaded.plan.spares.first().ok_or_else(|| Failure::invalid("the plan names no spare")),
    }
}

/// The plan's spare of this name.
pub(super) fn spare_of<'l>(loaded: &'l Loaded, name: &str) -> Result<&'l plan::Spare, Failure> {
    let spares = &loaded.plan.spares;
    spares.iter().find(|spare| spare.name == name).ok_or_else(|| {
        let known: Vec<_> = spares.iter().map(|spare| format!("`{}`", spare.name)).collect();
        Failure::invalid(format!("the plan has no spare `{name}`")).advise(format!("name one of {}", known.join(", ")))
    })
}

/// All spares of the plan, each with what it depends on.
fn spares(plan: &plan::Plan, mode: Mode) -> Vec<SpareFacts> {
    let engine = |spare: &plan::Spare| match &spare.kind {
        SpareKind::Container { engine } => Some(place::locate(engine.as_deref(), plan, mode).place()),
        SpareKind::Host | SpareKind::Runner { .. } => None,
    };
    plan.spares.iter().map(|spare| drill::spare_facts(spare, engine(spare), plan)).collect()
}

/// Refuses a rehearsal on a spare that is reached or worked on with what gives the user access.
fn refuse_access(spare: &plan::Spare, plan: &plan::Plan) -> Result<(), Failure> {
    let refused = |why: &str| {
        let what = "the drill did not start and nothing was changed";
        Failure::refused(format!(
            "{what}: {why}, so no rehearsal on the spare `{}` can promise that nothing is published",
            spare.name
        ))
        .advise("name with --spare a clean room whose engine is reached by its socket or over TLS")
    };
    match &spare.kind {
        SpareKind::Host => Err(refused("steps on this machine have the rights and the logins of the user")),
        SpareKind::Container { engine }
            if place::locate(engine.as_deref(), plan, Mode::Rehearsal).place().address.as_str().starts_with("ssh:") =>
        {
            Err(refused("ssh uses the keys of the user"))
        }
        SpareKind::Runner { .. } => Err(refused("the drill on the runner publishes")),
        SpareKind::Container { .. } => Ok(()),
    }
}

/// What a rehearsal leaves unread on the way to its engine, if the plan leaves the engine open.
fn unread_context(spare: &plan::Spare, mode: Mode) -> Option<String> {
    let is_open = matches!(spare.kind, SpareKind::Container { engine: None });
    (is_open && mode == Mode::Rehearsal)
        .then(|| "which of Docker's contexts is in use was not looked up: the file that says so holds logins".to_owned())
}

/// What a drill leaves open that knows a primary path and does not cut it.
fn uncut(order: &Order<'_>) -> Option<String> {
    let primary = order.loaded.plan.primary.as_ref()?;
    Some(format!(
        "the primary path of {} was there all the time: what needs it without anybody knowing was not seen",
        primary.place
    ))
}

/// What builds on the spare; refuses what this version cannot drill rather than to prove nothing.
fn builder(spare: &plan::Spare, order: &Order<'_>, workspace: &Path) -> Result<Builder, Failure> {
    match &spare.kind {
        SpareKind::Host if order.loaded.plan.build.released_image().is_some() => Err(Failure::refused(format!(
            "the drill did not start and nothing was changed: the image of the plan's `dockerfile:` is the release, and the host \
             spare `{}` has nothing to build an image with",
            spare.name
        ))
        .advise("name a spare of kind `container` with --spare")),
        SpareKind::Container { engine } => {
            let engine = container::Engine::new(place::locate(engine.as_deref(), &order.loaded.plan, order.mode));
            Ok(Builder::Rooms(Arc::new(engine)))
        }
        SpareKind::Host => Ok(Builder::Rooms(Arc::new(host::Host::new(workspace, environment::path())))),
        SpareKind::Runner { labels, workflow, pick_up, poll } => match (order.builds, &order.nonce) {
            (Builds::Once, None) => Ok(Builder::Runner(drill::Order {
                labels: labels.clone(),
                workflow: workflow.clone(),
                pick_up: *pick_up,
                poll: *poll,
            })),
            _ => Err(Failure::invalid(format!("the spare `{}` is a runner of the forge, which drills by itself", spare.name))
                .advise("leave out --twice and --nonce, or name another spare with --spare")),
        },
    }
}

fn sinks(outputs: &Outputs, kept: Option<&Kept>) -> Result<Vec<Box<dyn Sink>>, Failure> {
    let mut sinks: Vec<Box<dyn Sink>> = kept.map(|kept| kept.history.sink()).into_iter().collect();
    if let Some(path) = &outputs.events {
        let log = LogSink::create(path)
            .map_err(|reason| Failure::invalid(format!("event log `{}` cannot be written: {reason}", path.display())))?;
        sinks.push(Box::new(log));
    }
    let mode = match (outputs.quiet, output::is_watched() && !environment::is_dumb()) {
        (true, _) => terminal::Mode::Quiet,
        (false, true) => terminal::Mode::Bars(output::columns),
        (false, false) => terminal::Mode::Plain,
    };
    sinks.push(Box::new(terminal::Live::new(output::live(), mode, output::colour())));
    Ok(sinks)
}

fn conclude(record: &Record, outputs: &Outputs, problems: &[String]) -> Result<Exit, Failure> {
    if !outputs.quiet {
        output::warn("");
    }
    let exit = match Exit::of(record, outputs.accept.into()) {
        // A success whose report or log is missing cannot be shown to anybody afterwards.
        Exit::CanShip if !problems.is_empty() => Exit::Failed,
        exit => exit,
    };
    match (exit, output::result(&report::render_text(record, exit, output::layout()))) {
        // Nothing outranks a path that may be cut.
        (Exit::MayStillBeCut, _) => Ok(exit),
        (_, printed) => printed.map(|_| exit),
    }
}
