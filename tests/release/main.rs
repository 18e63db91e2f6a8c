//! Whole drills that compare what was built with what the primary path has released, or with a second build, and drills
//! that can publish nothing. Real servers, real registries, a real engine.

#[cfg(test)]
mod images;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod packing;
#[cfg(test)]
mod rehearse;
#[cfg(test)]
mod server;
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod twice;
#[cfg(test)]
mod urls;
