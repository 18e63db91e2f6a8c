//! Records on record: kept by drills whatever becomes of them, read back by `canship status`.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should stop it there")]

mod damage;
#[expect(dead_code, reason = "these tests use some of the drills")]
#[path = "../report/drills.rs"]
mod drills;
mod far;
mod kept;
mod shelf;
mod status;
mod store;
#[path = "../support/mod.rs"]
mod support;
