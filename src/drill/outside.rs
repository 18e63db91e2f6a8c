//! What a drill has put outside, besides its rooms: noted before it is put there, here and in the drill's journal, so that
//! cleaning can take it away whatever became of the act itself, or of this process.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::Registries;
use crate::{
    registry::Client,
    source::DrillTag,
    state::{Entry, Journal},
};

/// Everything to take away again.
pub(super) struct Outside {
    journal: Arc<Journal>,
    place: Registries,
    tag: Mutex<Option<(Entry, DrillTag)>>,
    registries: Mutex<Vec<Client>>,
}

impl Outside {
    pub(super) fn new(journal: Arc<Journal>, place: Registries) -> Self {
        Self { journal, place, tag: Mutex::default(), registries: Mutex::default() }
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
        if self.place == Registries::Elsewhere {
            client.note_in(Arc::clone(&self.journal));
        }
        self.registries.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    /// All of it, for cleaning.
    pub(super) fn into_parts(self) -> (Option<(Entry, DrillTag)>, Vec<Client>) {
        let registries = self.registries.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.tag.into_inner().unwrap_or_else(PoisonError::into_inner), registries)
    }
}
