//! The registry client against real registries, honest and lying.

#[cfg(test)]
mod cleaning;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod images;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod logins;
#[cfg(test)]
#[path = "../support/registry/mod.rs"]
#[expect(dead_code, reason = "the tests of whole drills use the rest")]
mod support;

#[cfg(test)]
/// Whoever is not interested in progress.
fn quiet(_: u64) {}
