//! What the tests of whole drills share: a project with a mirror, the services that `ci/up` starts, and the binary in an
//! environment of nothing but what a test gives it.
#![expect(dead_code, reason = "each test binary uses its own part")]

pub mod project;
pub mod run;
pub mod services;

pub use project::{Plan, Project};
pub use run::{Canship, Ran, Running};
pub use services::Services;
