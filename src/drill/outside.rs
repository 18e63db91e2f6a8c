//! What a drill has put outside, besides its rooms: noted before it is put there, so that cleaning can take it away
//! whatever became of the act itself.

use std::sync::{Mutex, PoisonError};

use crate::{registry::Client, source::DrillTag};

/// Everything to take away again.
#[derive(Default)]
pub(super) struct Outside {
    tag: Mutex<Option<DrillTag>>,
    registries: Mutex<Vec<Client>>,
}

impl Outside {
    /// The tag is about to be pushed.
    pub(super) fn will_tag(&self, tag: DrillTag) {
        *self.tag.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag);
    }

    /// This client is about to push; its ledger says what.
    pub(super) fn will_push(&self, client: Client) {
        self.registries.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    /// All of it, for cleaning.
    pub(super) fn into_parts(self) -> (Option<DrillTag>, Vec<Client>) {
        let registries = self.registries.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.tag.into_inner().unwrap_or_else(PoisonError::into_inner), registries)
    }
}
