//! What canship keeps on this machine so that nothing is left behind by a drill that was killed: the host's id, and for
//! each drill a folder with a lock and a journal.
//!
//! Invariants:
//! - A drill holds its lock as long as it lives, and no child of it does: whether it lives is never guessed by a clock.
//! - What is about to be put outside is on disk before it is put there; that it is gone may be written late or never,
//!   since removing something twice does no harm.
//! - A journal holds no secret. What was not written by us, or not whole, is never acted upon, changed or deleted: it is
//!   named, and everything else goes on.
//! - What a journal says is a hint: whoever acts on it looks first whether it is a drill's own.

mod error;
mod folder;
mod item;
mod journal;
mod read;

pub use error::StateError;
pub use folder::{Drills, State};
pub use item::Item;
pub use journal::{Entry, Journal};
pub use read::{Damaged, Dead};
