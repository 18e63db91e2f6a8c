//! What a drill has put outside, besides its rooms: noted before it is put there, so that cleaning can take it away
//! whatever became of the act itself.

use crate::{
    registry::{Client, Ledger},
    source::DrillTag,
};

/// Everything to take away again.
#[derive(Default)]
pub(super) struct Outside {
    /// The tag under the drill's name, once its push was about to begin.
    pub(super) tag: Option<DrillTag>,
    /// For each registry that was about to be written to: who can delete there, and what there is to delete.
    pub(super) images: Vec<(Client, Ledger)>,
}
