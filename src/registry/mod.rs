//! OCI registries: log in, prove the right to push, push, pull back by digest, delete.
//!
//! Invariants: every wait has a bound; what is put outside is written into the [`Ledger`] before it is put there, so
//! that it can be removed whatever happens; nothing that a registry says is believed where it can be computed;
//! credentials never leave for another host, and plain http is spoken on this machine's loopback only. Reading
//! ([`Client::check_login`], [`Client::pull`]) and changing ([`Client::push`], [`Client::clean`]) are separate;
//! [`Client::probe_push`] changes for a moment and gives back.
//!
//! From the wire up: `wire` (one exchange, bounded) → `auth` (logins) → `transport` (calls: logged in, redirected,
//! tried again) → `upload`, `clean` (blobs, the ledger) → `push`, `pull` (images). An image is never whole in memory:
//! what goes out is made while it goes (`feed`, `layer`).

mod auth;
mod base;
mod challenge;
mod clean;
mod client;
mod credentials;
mod embedded;
mod error;
mod feed;
mod finding;
mod image;
mod layer;
mod layout;
mod ledger;
mod left;
mod loadable;
mod marks;
mod pull;
mod pulse;
mod push;
mod repository;
mod saved;
mod transport;
mod upload;
mod wire;

pub use base::{Base, Packing};
pub use clean::lost_upload;
pub use client::{Access, Client, Login};
pub use credentials::Credentials;
pub use embedded::{Embedded, Rights};
pub use error::{Fault, LocalError, RegistryError};
pub use finding::{Role, finding};
pub use image::{Image, Platform, artifacts, unlinked};
pub use layout::image_parts;
pub use ledger::Ledger;
pub use left::{Inherited, tag_of};
pub use loadable::Loadable;
pub use marks::{Marked, Marks};
pub use pull::Pulled;
pub use push::Pushed;
pub use repository::{ImageName, InvalidName, Repository, Which};
pub use saved::{Saved, take_apart};
