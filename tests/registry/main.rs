//! The registry client against real registries, honest and lying.

mod cleaning;
mod embedded;
mod faults;
mod images;
mod lies;
mod logins;
#[path = "../support/registry/mod.rs"]
mod support;

/// Whoever is not interested in progress.
fn quiet(_: u64) {}
