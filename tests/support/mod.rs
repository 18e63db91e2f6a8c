//! What the tests of whole drills share: a project with a mirror, the services that `ci/up` starts, and the binary in an
//! environment of nothing but what a test gives it.
#![cfg(test)]
#![expect(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod engines;
pub(crate) mod project;
pub(crate) mod run;
pub(crate) mod services;

pub(crate) use project::Project;
pub(crate) use run::Canship;
pub(crate) use services::Services;
