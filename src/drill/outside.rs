//! What a drill has put outside, besides its rooms: noted before it is put there, here and in the drill's journal, so that
//! cleaning can take it away whatever became of the act itself, or of this process.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Registries, runner::Abroad};
use crate::{
    registry::Client,
    source::DrillTag,
    state::{Entry, Item, Journal},
};

/// Everything to take away again.
pub(super) struct Outside {
    journal: Arc<Journal>,
    place: Registries,
    tag: Mutex<Option<(Entry, DrillTag)>>,
    registries: Mutex<Vec<Client>>,
    /// What whoever asked for the drill reads back.
    promised: Mutex<Vec<Client>>,
    run: Mutex<Option<(Entry, Abroad)>>,
}

/// What was put outside, kind by kind.
pub(super) struct Parts {
    pub(super) tag: Option<(Entry, DrillTag)>,
    pub(super) registries: Vec<Client>,
    /// What whoever asked for the drill reads back, if all went well.
    pub(super) promised: Vec<Client>,
    /// The run that was asked of a forge.
    pub(super) run: Option<(Entry, Abroad)>,
}

impl Outside {
    pub(super) fn new(journal: Arc<Journal>, place: Registries) -> Self {
        Self {
            journal,
            place,
            tag: Mutex::default(),
            registries: Mutex::default(),
            promised: Mutex::default(),
            run: Mutex::default(),
        }
    }

    /// The tag is about to be pushed.
    ///
    /// # Errors
    /// That cannot be noted: it must not be pushed.
    pub(super) fn will_tag(&self, tag: DrillTag) -> io::Result<()> {
        let entry = self.journal.put(&tag.item())?;
        *self.tag.lock().unwrap_or_else(PoisonError::into_inner) = Some((entry, tag));
        Ok(())
    }

    /// This client is about to push; its ledger says what, and so does the journal.
    pub(super) fn will_push(&self, client: Client) {
        self.note(&client);
        self.registries.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    /// This client is about to push what is handed over if all goes well.
    pub(super) fn will_hand_over(&self, client: Client) {
        self.note(&client);
        self.promised.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    fn note(&self, client: &Client) {
        if self.place == Registries::Elsewhere {
            client.note_in(Arc::clone(&self.journal));
        }
    }

    /// This run is about to be asked of the forge; `ask` asks.
    ///
    /// # Errors
    /// That cannot be noted: it is not asked for.
    pub(super) fn will_run(&self, item: &Item, ask: impl FnOnce() -> Abroad) -> io::Result<Abroad> {
        let entry = self.journal.put(item)?;
        let run = ask();
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some((entry, run.clone()));
        Ok(run)
    }

    /// The forge has said what the run is. Where that cannot be noted, it is looked for by its nonce.
    pub(super) fn runs_as(&self, item: &Item) {
        if let Some((entry, _)) = &*self.run.lock().unwrap_or_else(PoisonError::into_inner) {
            drop(self.journal.change(*entry, item));
        }
    }

    /// All of it, for cleaning.
    pub(super) fn into_parts(self) -> Parts {
        Parts {
            tag: self.tag.into_inner().unwrap_or_else(PoisonError::into_inner),
            registries: self.registries.into_inner().unwrap_or_else(PoisonError::into_inner),
            promised: self.promised.into_inner().unwrap_or_else(PoisonError::into_inner),
            run: self.run.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
