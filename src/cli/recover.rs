//! `canship recover`: gives back what drills that are dead have cut, from this machine or any other.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Failure, arguments::RecoverOptions, cut, drill::runtime, environment, forge, network, output, place, plan::load_plan};
use crate::{
    drill::cut::recover::{self, Foreign, Outcome, Seen},
    forge::Wanted,
    network::Network,
    plan::{LATE_EFFECT, Timeouts},
    record::{Exit, ForgeKind, NotBack, Place, Text},
    secret::Secret,
    state::State,
};

/// The bounds of a plan that says nothing of them.
const USUAL: Timeouts = Timeouts { api: Duration::from_secs(30), retry_after_max: Duration::from_mins(1) };

/// Where and with what.
struct Goal {
    place: Place,
    token: Secret,
    timeouts: Timeouts,
    late_effect: Duration,
    /// What the plan names of the path; none without a plan.
    wanted: Option<Wanted>,
    network: Network,
}

pub(super) fn run(options: &RecoverOptions) -> Result<Exit, Failure> {
    runtime()?.block_on(recover(options))
}

async fn recover(options: &RecoverOptions) -> Result<Exit, Failure> {
    let Goal { place, token, timeouts, late_effect, wanted, network } = match goal(options).await {
        Ok(Some(goal)) => goal,
        Ok(None) => return without_place(),
        Err(failure) => return hindered(failure),
    };
    let state = state()?;
    if let Some(note) = place::makeshift() {
        output::warn(&format!("note: {note}"));
    }
    network.known.add([&token]);
    let forges = forge::forges(&network, timeouts, Vec::new());
    let forge = forges(&place, token).map_err(|error| Failure::failed("nothing was given back", &error))?;
    let foreign = if options.now { Foreign::Dead } else { Foreign::WaitedFor };
    let told = Mutex::new(Vec::new());
    let tell = |seen| {
        let text = network.known.scrub(&line(&seen)).into_owned();
        told.lock().unwrap_or_else(PoisonError::into_inner).push((seen, text));
    };
    let goal = recover::Goal { forge, api: timeouts.api, late_effect, wanted: wanted.as_ref() };
    let outcome = recover::recover(&state, goal, foreign, &tell).await;
    let outcome = outcome.map_err(|error| Failure::failed("nothing was given back", &error))?;
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut text: String = told.iter().map(|(_, text)| text.as_str()).collect();
    let count = told.iter().filter(|(seen, _)| matches!(seen, Seen::Back { .. })).count();
    let is_alive = told.iter().any(|(seen, _)| matches!(seen, Seen::Alive(_)));
    text.extend([match outcome {
        Outcome::NotAllBack => still_cut(&format!("The primary path of {place}")),
        Outcome::Unknown => format!(
            "Whether drills of other machines have cut {place} is NOT KNOWN; nothing here says so. See to it that the forge can be \
             asked with this token, then run `canship recover` again.\n"
        ),
        Outcome::AllBack if is_alive => format!("The primary path of {place} is in the hands of a drill that lives.\n"),
        Outcome::AllBack if count == 0 => format!("Nothing of {place} is cut by a drill.\n"),
        Outcome::AllBack => format!("The primary path of {place} is as it was: {count} given back, read back.\n"),
    }]);
    let printed = output::result(&text);
    match outcome {
        // Nothing outranks a path that may be cut.
        Outcome::NotAllBack => Ok(Exit::MayStillBeCut),
        Outcome::Unknown => printed.map(|_| Exit::Unknown),
        Outcome::AllBack => printed,
    }
}

fn state() -> Result<State, Failure> {
    let state = State::open(environment::state().path);
    state.map_err(|error| Failure::failed("nothing was given back, since it is not known which drills live", &error))
}

/// Of a plan that names no primary path nothing can be cut; of another one, a journal of this machine would say so.
fn without_place() -> Result<Exit, Failure> {
    let noted = recover::noted(&state()?, "the plan does not name its place");
    let noted = noted.map_err(|error| Failure::failed("nothing was given back", &error))?;
    if noted.is_empty() {
        return output::result("Nothing to give back: the plan names no primary path.\n");
    }
    Ok(may_be_cut(&noted))
}

/// Without a place or a token nothing is given back; what journals of this machine say is away is told all the same.
fn hindered(failure: Failure) -> Result<Exit, Failure> {
    let noted = state().ok().and_then(|state| recover::noted(&state, "it was not tried, for the reason above").ok());
    match noted {
        Some(noted) if !noted.is_empty() => {
            output::failure(&failure);
            Ok(may_be_cut(&noted))
        }
        _ => Err(failure),
    }
}

fn may_be_cut(noted: &[Seen]) -> Exit {
    let mut text: String = noted.iter().map(line).collect();
    text.push_str(&still_cut("A primary path"));
    // Nothing outranks a path that may be cut.
    drop(output::result(&text));
    Exit::MayStillBeCut
}

fn still_cut(path: &str) -> String {
    format!("{path} MAY STILL BE CUT: a person is needed now. With the token in CANSHIP_TOKEN, the commands above give it back.\n")
}

fn line(seen: &Seen) -> String {
    match seen {
        Seen::Back { what, cut_by } => format!("given back    {}\n              {}\n", one_line(what), one_line(cut_by)),
        Seen::Alive(text) => format!("left alone    {}\n", one_line(text)),
        Seen::Unread(reason) => format!("NOT KNOWN     {}\n", one_line(reason)),
        Seen::Note(text) => format!("note          {}\n", one_line(text)),
        Seen::NotBack(NotBack { what, reason, by_hand }) | Seen::Unseen(NotBack { what, reason, by_hand }) => {
            format!("NOT BACK      {}\n              {}\n{}{by_hand}\n", what.one_line(), reason.one_line(), output::COMMAND)
        }
    }
}

fn one_line(text: &str) -> String {
    Text::new(text).one_line()
}

/// None: the plan names no primary path.
async fn goal(options: &RecoverOptions) -> Result<Option<Goal>, Failure> {
    let named = match (&options.github, &options.gitlab) {
        (Some(name), _) => Some((ForgeKind::Github, name, "https://api.github.com")),
        (None, Some(name)) => Some((ForgeKind::Gitlab, name, "https://gitlab.com")),
        (None, None) => None,
    };
    let Some((kind, repository, usual)) = named else {
        let loaded = load_plan(&options.plan.plan)?;
        let Some(primary) = loaded.plan.primary.as_ref() else { return Ok(None) };
        let token = cut::token(&loaded, primary).await?;
        let (place, timeouts, late_effect) = (primary.place.clone(), loaded.plan.timeouts, primary.late_effect);
        let (wanted, network) = (Wanted::of(&loaded.plan), network::network(&loaded)?);
        return Ok(Some(Goal { place, token, timeouts, late_effect, wanted, network }));
    };
    let usual = || usual.parse().map_err(|reason| Failure::failed("the usual address", &reason));
    let url = options.url.clone().map_or_else(usual, Ok)?;
    let place = Place { kind, url, repository: repository.as_str().into() };
    let token = environment::token().ok_or_else(|| {
        Failure::invalid("`CANSHIP_TOKEN` is not set: without a plan the token comes from there")
            .advise("set it to a token that may change what the drill had cut, and variables")
    })?;
    let network = network::of_files(&[])?;
    Ok(Some(Goal { place, token, timeouts: USUAL, late_effect: LATE_EFFECT, wanted: None, network }))
}
