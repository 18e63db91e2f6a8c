//! `canship drill --cut`: what it is composed of, what it asks, and its dry run.

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::{Failure, environment, forge, network, output, place};
use crate::{
    drill::cut::{self, Order, Program},
    forge::Wanted,
    plan::{Loaded, Primary},
    probe,
    record::{Digest, Exit, PartFacts, PrimaryFacts},
    secret::Secret,
    state::State,
};

/// How a terminal is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// The first time for each repository.
    Once,
    /// Never.
    Never,
}

/// How this plan's primary path is cut, or why it is not.
pub(super) fn order(loaded: &Loaded, state: &State, asking: Asking) -> Result<Order, Failure> {
    let (primary, wanted) = primary(loaded)?;
    if asking == Asking::Once {
        ask(primary, state)?;
    }
    Ok(Order { wanted, who: environment::who().into(), program: program(loaded, state)? })
}

fn primary(loaded: &Loaded) -> Result<(&Primary, Wanted), Failure> {
    let primary = loaded.plan.primary.as_ref().zip(Wanted::of(&loaded.plan));
    let primary = primary.ok_or_else(|| {
        Failure::invalid("the plan does not say where the primary path is, so there is nothing to cut")
            .advise("name it under `primary` in the plan, with `github` or `gitlab`")
    })?;
    if primary.0.token.is_none() {
        let message = "the plan names no token that may cut the primary path and give it back";
        return Err(Failure::invalid(message).advise("name a secret with `token:` beside the repository or project"));
    }
    Ok(primary)
}

/// This program once more, in an environment without the plan's secrets.
fn program(loaded: &Loaded, state: &State) -> Result<Program, Failure> {
    let failed = |reason| Failure::failed("this program does not find itself; nothing was changed", &reason);
    // What runs now, also where its file was replaced meanwhile.
    let path =
        if Path::new("/proc/self/exe").exists() { "/proc/self/exe".into() } else { std::env::current_exe().map_err(failed)? };
    let hidden: Vec<_> = place::secret_variables(&loaded.plan).chain(environment::AWS_KEY).collect();
    let trust: Vec<PathBuf> = loaded.plan.trust.iter().map(|file| loaded.folder.join(file)).collect();
    let trust = trust.iter().map(std::path::absolute).collect::<io::Result<_>>().map_err(failed)?;
    let state = std::path::absolute(state.root()).map_err(failed)?;
    Ok(Program { path, argument: super::watchdog::ARGUMENT, environment: environment::of_watchdog(&hidden), trust, state })
}

/// Asks whether the path may be cut, if a person is there and was not asked yet for this repository.
fn ask(primary: &Primary, state: &State) -> Result<(), Failure> {
    let asked = state.root().join("cut");
    let mark = asked.join(Digest::from_sha256(&Sha256::digest(primary.place.to_string())).short());
    if !(io::stdin().is_terminal() && output::is_watched()) || mark.exists() {
        return Ok(());
    }
    output::warn(&format!(
        "This cuts the primary path of {} for real, for at most {}, and gives it back.\n\
         `canship drill --cut --dry-run` shows what it would turn off.\n\
         Type the repository's name to go on:",
        primary.place,
        crate::record::Measure(primary.max_cut)
    ));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_err() || answer.trim() != primary.place.repository.as_str() {
        return Err(Failure::refused("the drill did not start and nothing was changed: the cut was not agreed to"));
    }
    let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&asked).and_then(|()| fs::write(&mark, ""));
    // It is asked once more, then.
    drop(made);
    Ok(())
}

/// What a real cut would do, and whether it could be given back.
pub(super) async fn dry_run(loaded: &Loaded) -> Result<Exit, Failure> {
    let (primary, wanted) = primary(loaded)?;
    let network = network::network(loaded)?;
    let token = token(loaded, primary).await?;
    let state = State::open(environment::state().path);
    let state = state.map_err(|error| Failure::failed("nothing was changed; it is not known which drills live", &error))?;
    network.known.add([&token]);
    let forges = forge::forges(&network, loaded.plan.timeouts, Vec::new());
    let forge = forges(&primary.place, token).map_err(|error| Failure::failed("nothing was changed", &error))?;
    let looked = cut::look(Arc::clone(&forge), &loaded.plan, (primary, &wanted), &state).await;
    let looked = looked.map_err(|error| Failure::failed("nothing was changed", &error))?;
    let mut text = looked.found.as_ref().map(found).unwrap_or_default();
    text.extend(looked.notes.iter().map(|note| format!("note          {note}\n")));
    let refused = |(reason, advice): &(String, String)| format!("REFUSED       {reason}\n              fix: {advice}\n");
    text.extend(looked.refusals.iter().map(refused));
    let end = if looked.refusals.is_empty() { "It could be cut and given back" } else { "It would not be cut" };
    text.extend([format!("{end}; nothing was changed ({} requests).\n", looked.requests)]);
    output::result(&network.known.scrub(&text))?;
    Ok(if looked.refusals.is_empty() { Exit::CanShip } else { Exit::Unknown })
}

fn found(PrimaryFacts { place, parts }: &PrimaryFacts) -> String {
    let part = |PartFacts { control, state, left }: &PartFacts| {
        let word = control.word(state);
        match left {
            None => format!("would cut     {control} ({word})\n"),
            Some(reason) => format!("would leave   {control} ({word}): {}\n", reason.one_line()),
        }
    };
    std::iter::once(format!("primary path  {place}\n")).chain(parts.iter().map(part)).collect()
}

/// The token of the plan's primary path.
pub(super) async fn token(loaded: &Loaded, primary: &Primary) -> Result<Secret, Failure> {
    let name = primary.token.as_ref().ok_or_else(|| Failure::invalid("the plan names no `token:` for the primary path"))?;
    let source = loaded.plan.secrets.get(name).ok_or_else(|| Failure::invalid(format!("the plan has no secret `{name}`")))?;
    probe::secret(name, source, &loaded.folder)
        .await
        .map_err(|finding| Failure::refused(format!("nothing was changed: {}", finding.summary)).advise(finding.advice.to_string()))
}

/// What a cut cannot promise here: the watchdog outlives what starts it, but not the machine that it runs on.
pub(super) fn limits() -> Option<String> {
    let is_contained = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists());
    is_contained.then(|| {
        "canship runs in a container, and its watchdog ends with it: where that is ended from outside, only the lease and \
         `canship recover` elsewhere give back what is cut"
            .to_owned()
    })
}
