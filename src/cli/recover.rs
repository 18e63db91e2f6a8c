//! `canship recover`: gives back what drills that are dead have cut, from this machine or any other.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Failure, arguments::RecoverOptions, cut, drill::runtime, environment, forge, network, output, place, plan::load_plan};
use crate::{
    drill::cut::{
        blind,
        recover::{self, Foreign, Outcome, Seen},
    },
    forge::Wanted,
    network::Network,
    plan::{LATE_EFFECT, Timeouts},
    record::{Exit, ForgeKind, NotBack, Place, Text},
    secret::Secret,
    state::{State, StateError},
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
    let state = State::open(environment::state().path);
    let goal = match goal(options).await {
        Ok(Some(goal)) => goal,
        Ok(None) => return without_place(state),
        Err(failure) => return hindered(failure, state),
    };
    if let Some(note) = place::makeshift() {
        output::warn(&format!("note: {note}"));
    }
    goal.network.known.add([&goal.token]);
    let forges = forge::forges(&goal.network, goal.timeouts, Vec::new());
    let forge = match forges(&goal.place, goal.token.clone()) {
        Ok(forge) => forge,
        Err(error) => return hindered(Failure::failed("nothing was given back", &error), state),
    };
    let told = Mutex::new(Vec::new());
    let tell = |seen| {
        let text = goal.network.known.scrub(&line(&seen)).into_owned();
        told.lock().unwrap_or_else(PoisonError::into_inner).push((seen, text));
    };
    let path = recover::Goal { forge, api: goal.timeouts.api, late_effect: goal.late_effect, wanted: goal.wanted.as_ref() };
    let foreign = if options.now { Foreign::Dead } else { Foreign::WaitedFor };
    let looked = match state {
        Ok(state) => recover::recover(&state, &path, foreign, &tell).await,
        Err(error) => Err(error),
    };
    let outcome = match looked {
        Ok(outcome) => outcome,
        Err(error) => {
            output::failure(&Failure::failed("nothing is given back, since it is not known which drills live", &error));
            blind::by_lease(&path, &tell).await
        }
    };
    end(told.into_inner().unwrap_or_else(PoisonError::into_inner), (&goal.place, outcome), foreign)
}

/// Prints what was told, and how it ends.
fn end(mut told: Vec<(Seen, String)>, (place, outcome): (&Place, Outcome), foreign: Foreign) -> Result<Exit, Failure> {
    told.sort_by_key(|(seen, _)| seen.is_lease());
    let mut text: String = told.iter().map(|(_, text)| text.as_str()).collect();
    let count = |is_meant: fn(&Seen) -> bool| told.iter().filter(|(seen, _)| is_meant(seen)).count();
    let (back, gone) = (count(|seen| matches!(seen, Seen::Back { .. })), count(|seen| matches!(seen, Seen::Gone { .. })));
    let is_alive = told.iter().any(|(seen, _)| matches!(seen, Seen::Alive(_)));
    let again = match foreign {
        Foreign::WaitedFor => "canship recover",
        Foreign::Dead => "canship recover --now",
    };
    text.extend([match outcome {
        Outcome::NotAllBack => still_cut(&format!("The primary path of {place}")),
        Outcome::Unknown => format!(
            "Whether drills of other machines have cut {place} is NOT KNOWN; nothing here says so. See to it that the forge can be \
             asked with this token, then run `{again}` again.\n"
        ),
        Outcome::UnknownHere => format!(
            "Whether drills of this machine have cut {place} is NOT KNOWN; nobody holds a lease on it. See to what is said above, \
             then run `{again}` again.\n"
        ),
        Outcome::AllBack if is_alive => format!("The primary path of {place} is in the hands of a drill that lives.\n"),
        Outcome::AllBack if gone > 0 => format!(
            "Nothing of {place} is cut by a drill any more: {back} given back, read back. But {gone} of its parts SOMEBODY HAS REMOVED \
             meanwhile, which nobody can give back and is told only once: a person should look at that.\n"
        ),
        Outcome::AllBack if back == 0 => format!("Nothing of {place} is cut by a drill.\n"),
        Outcome::AllBack => format!("The primary path of {place} is as it was: {back} given back, read back.\n"),
    }]);
    let printed = output::result(&text);
    match outcome {
        // Nothing outranks a path that may be cut.
        Outcome::NotAllBack => Ok(Exit::MayStillBeCut),
        Outcome::Unknown | Outcome::UnknownHere => printed.map(|_| Exit::Unknown),
        // It is not as it was, and whether that is meant only a person knows.
        Outcome::AllBack if gone > 0 => printed.map(|_| Exit::Unknown),
        Outcome::AllBack => printed,
    }
}

/// Of a plan that names no primary path nothing can be cut; of another one, a journal of this machine would say so.
fn without_place(state: Result<State, StateError>) -> Result<Exit, Failure> {
    let noted = state.and_then(|state| blind::noted(&state, "the plan does not name its place"));
    let noted = noted.map_err(|error| Failure::failed("nothing was given back: what drills have left cut is not known", &error))?;
    if noted.is_empty() {
        return output::result("Nothing to give back: the plan names no primary path.\n");
    }
    Ok(may_be_cut(noted))
}

/// Without a place or a token nothing is given back; what journals of this machine say is away is told all the same, and
/// that they cannot be read.
fn hindered(failure: Failure, state: Result<State, StateError>) -> Result<Exit, Failure> {
    match state.and_then(|state| blind::noted(&state, "it was not tried, for the reason above")) {
        Ok(noted) if noted.is_empty() => Err(failure),
        Ok(noted) => {
            output::failure(&failure);
            Ok(may_be_cut(noted))
        }
        Err(error) => {
            output::failure(&failure);
            output::failure(&Failure::failed("what drills of this machine have left cut is not known either", &error));
            Ok(may_be_cut(Vec::new()))
        }
    }
}

fn may_be_cut(mut noted: Vec<Seen>) -> Exit {
    noted.sort_by_key(Seen::is_lease);
    let mut text: String = noted.iter().map(line).collect();
    text.push_str(&still_cut("A primary path"));
    // Nothing outranks a path that may be cut.
    drop(output::result(&text));
    Exit::MayStillBeCut
}

fn still_cut(path: &str) -> String {
    format!(
        "{path} MAY STILL BE CUT: a person is needed now. With the token in CANSHIP_TOKEN, the commands above, if there are any, give it back.\n"
    )
}

fn line(seen: &Seen) -> String {
    match seen {
        Seen::Back { what, cut_by } => format!("given back    {}\n              {}\n", one_line(what), one_line(cut_by)),
        Seen::Gone { what, advice, cut_by } => {
            format!("GONE          {}\n              {}\n              {}\n", one_line(what), one_line(cut_by), one_line(advice))
        }
        Seen::Alive(text) => format!("left alone    {}\n", one_line(text)),
        Seen::Unread(reason) => format!("NOT KNOWN     {}\n", one_line(reason)),
        Seen::Note(text) => format!("note          {}\n", one_line(text)),
        Seen::NotBack(NotBack { what, reason, by_hand })
        | Seen::Unseen(NotBack { what, reason, by_hand })
        | Seen::Lease(NotBack { what, reason, by_hand }) => {
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
