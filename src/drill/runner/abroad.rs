//! The run at the forge, from the request to its end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::SetOnce, time::sleep};

use super::{
    orphan::{self, as_run},
    site::Site,
};
use crate::{
    forge::{Cancel, Effect, ForgeError, RunRef, Unready},
    record::{Cleaning, Leftover, RunKnown, Text},
};

/// How often a run whose answer was lost is looked for: lists of runs are some seconds behind.
const LOOKS: u32 = 12;

/// A run that was asked for, and may be there. Clones are the same one.
#[derive(Clone)]
pub(in crate::drill) struct Abroad(Arc<Inner>);

struct Inner {
    site: Site,
    poll: Duration,
    started: SetOnce<Started>,
    is_over: AtomicBool,
}

/// What came of the request.
#[derive(Debug)]
pub(super) enum Started {
    /// The forge has the run.
    Run(RunRef, RunKnown),
    /// The workflow cannot be run.
    Unready(Unready),
    /// The forge did not take it.
    NotTaken(ForgeError),
    /// Whether the forge took it is not known, and no run with the nonce is there; the error of the request, if it had one.
    Unclear(Option<ForgeError>),
}

impl Abroad {
    /// Asks for the run, in a task of its own: a request that is given up half-way may have been taken.
    pub(super) fn ask(site: &Site, poll: Duration) -> Self {
        let abroad = Self(Arc::new(Inner { site: site.clone(), poll, started: SetOnce::new(), is_over: AtomicBool::new(false) }));
        let asked = abroad.clone();
        tokio::spawn(async move {
            let started = asked.0.start().await;
            drop(asked.0.started.set(started));
        });
        abroad
    }

    /// What came of the request.
    pub(super) async fn started(&self) -> &Started {
        self.0.started.wait().await
    }

    /// It has ended: there is nothing to cancel.
    pub(super) fn is_over(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// What it is, and how a person ends it.
    pub(in crate::drill) fn named(&self) -> (Text, Text) {
        let wish = &self.0.site.wish;
        let place = self.0.site.forge.place();
        let what = orphan::named(wish, place);
        let remedy = match self.0.started.get() {
            Some(Started::Run(RunRef { url: Some(url), .. }, _)) => format!("cancel it at {url}"),
            _ => format!("look for a run with the nonce {} at the forge, and cancel it", wish.nonce),
        };
        (what.into(), remedy.into())
    }

    /// Cancels it unless it is over, and sees it end. Its own drill cleans up after itself then.
    pub(in crate::drill) async fn end(self) -> Vec<Cleaning> {
        let reason = match self.started().await {
            Started::Run(..) if self.0.is_over.load(Ordering::Relaxed) => return Vec::new(),
            Started::Unready(_) | Started::NotTaken(_) => return Vec::new(),
            Started::Run(run, _) => match self.0.cancel(run).await {
                Ok(()) => return vec![Cleaning::Gone { what: self.named().0 }],
                Err(error) => error.to_string(),
            },
            Started::Unclear(_) => "whether the forge started it is not known, and it is not to be found".to_owned(),
        };
        let (what, remedy) = self.named();
        vec![Cleaning::Left(Leftover { what, reason: reason.into(), remedy })]
    }
}

impl Inner {
    async fn start(&self) -> Started {
        let Site { forge, wish, ready, .. } = &self.site;
        match forge.start(wish, ready).await {
            Ok(Ok(Some(run))) => Started::Run(run, RunKnown::Answered),
            Ok(Ok(None)) => self.look_up(None).await,
            Ok(Err(unready)) => Started::Unready(unready),
            Err(error) if error.effect() == Effect::None => Started::NotTaken(error),
            Err(error) => self.look_up(Some(error)).await,
        }
    }

    /// Looks for the run by its nonce. It is never asked for again.
    async fn look_up(&self, lost: Option<ForgeError>) -> Started {
        for _ in 0..LOOKS {
            // An error says as little as that it is not there yet.
            if let Ok(Some(run)) = self.site.forge.find(&self.site.wish, &self.site.ready).await {
                return Started::Run(run, RunKnown::LookedUp);
            }
            sleep(self.poll).await;
        }
        Started::Unclear(lost)
    }

    async fn cancel(&self, run: &RunRef) -> Result<(), ForgeError> {
        let of_forge = as_run(&self.site.wish, run);
        let cancelled = self.site.forge.cancel(&of_forge, Cancel::Asked).await;
        // Whatever the answer was, a look tells. Whoever waits for this has a bound.
        loop {
            match (self.site.forge.sight(run).await, &cancelled) {
                (Ok(sight), _) if sight.conclusion.is_some() => return Ok(()),
                (Ok(_), Err(error)) => return Err(error.clone()),
                (Err(error), _) => return Err(error),
                (Ok(_), Ok(())) => sleep(self.poll.min(Duration::from_secs(2))).await,
            }
        }
    }
}
