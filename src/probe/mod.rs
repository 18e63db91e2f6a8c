//! Read-only proofs of access: one kind, one file.
//!
//! Invariants: a probe changes nothing outside that it does not take back at once (an upload is opened and cancelled);
//! what it gives is either proof or a [finding](crate::record::Finding) that says what to do.

mod registry;
mod secret;
mod spare;
mod tag_place;

pub use registry::{Keys, base, base_client, credentials, push_right, repository, saved_credentials};
pub use secret::secret;
pub use spare::spare;
pub use tag_place::tag_place;
