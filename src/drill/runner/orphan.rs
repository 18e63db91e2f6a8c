//! Runs that a drill has asked for which is dead by now: nobody waits for them any more.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;

use crate::{
    drill::clock::Clock,
    forge::{Cancel, Forge, ForgeError, Ready, Run, RunRef, Sight, Wish},
    record::{Place, Text},
    state::Item,
};

/// How often it is looked whether a run that was cancelled has ended, and how long between two looks.
const LOOKS: (u32, Duration) = (15, Duration::from_secs(2));

/// A run that a journal speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::drill) struct Orphan {
    wish: Wish,
    place: Place,
    /// Its number, if the drill lived to hear it.
    run: Option<u64>,
    /// Until then it may appear.
    until: Timestamp,
}

/// What became of such a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::drill) enum Fate {
    /// It was cancelled, and has ended.
    Cancelled,
    /// It was cancelled, and goes on for now.
    Ending,
    /// It had ended before.
    Over,
    /// It is not to be found, and may appear yet.
    Awaited,
    /// It is not to be found, and can appear no more.
    NotThere,
}

/// What a run is, for people.
pub(super) fn named(wish: &Wish, place: &Place) -> String {
    format!("a run of `{}` with nonce {} at {place}", wish.workflow, wish.nonce)
}

impl Orphan {
    /// The run that a journal's item speaks of.
    pub(in crate::drill) fn of(item: &Item) -> Option<Self> {
        let Item::Run { place, workflow, nonce, run, until } = item else { return None };
        let wish = Wish { workflow: workflow.clone(), labels: Vec::new(), nonce: nonce.clone() };
        Some(Self { wish, place: place.clone(), run: *run, until: *until })
    }

    /// Where it is.
    pub(in crate::drill) fn place(&self) -> &Place {
        &self.place
    }

    /// What it is, for people.
    pub(in crate::drill) fn named(&self) -> String {
        named(&self.wish, &self.place)
    }

    /// It, if it goes on; else what became of it.
    pub(in crate::drill) async fn look(&self, forge: &Arc<dyn Forge>) -> Result<Result<RunRef, Fate>, ForgeError> {
        let any = Ready { reference: String::new(), newest: 0 };
        let run = match self.run {
            Some(id) => Some(RunRef { id, url: None }),
            None => forge.find(&self.wish, &any).await?,
        };
        Ok(match run {
            Some(run) if has_ended(&forge.sight(&run).await?) => Err(Fate::Over),
            Some(run) => Ok(run),
            None if Clock::start().started() < self.until => Err(Fate::Awaited),
            None => Err(Fate::NotThere),
        })
    }

    /// Cancels it unless it has ended.
    ///
    /// # Errors
    /// The forge does not say, or does not cancel it.
    pub(in crate::drill) async fn end(&self, forge: &Arc<dyn Forge>) -> Result<Fate, ForgeError> {
        let run = match self.look(forge).await? {
            Ok(run) => run,
            Err(fate) => return Ok(fate),
        };
        let cancelled = forge.cancel(&as_run(&self.wish, &run), Cancel::Asked).await;
        for _ in 0..LOOKS.0 {
            match (has_ended(&forge.sight(&run).await?), &cancelled) {
                (true, _) => return Ok(Fate::Cancelled),
                (false, Err(error)) => return Err(error.clone()),
                (false, Ok(())) => sleep(LOOKS.1).await,
            }
        }
        Ok(Fate::Ending)
    }
}

fn has_ended(sight: &Sight) -> bool {
    sight.conclusion.is_some()
}

/// The same, as what is cancelled.
pub(super) fn as_run(wish: &Wish, run: &RunRef) -> Run {
    Run {
        id: run.id,
        name: wish.workflow.as_str().into(),
        status: Text::default(),
        reference: None,
        commit: None,
        created: None,
        url: run.url.clone(),
    }
}
