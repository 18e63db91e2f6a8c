//! The source of a release: a clean clone by real git, its age, its version, and the hotfix tag.
//!
//! Invariants: git never asks a person anything, runs no hook, filter, template or file-system monitor of the user's,
//! and is not misled by variables of a git hook that canship itself may run in; its processes do not outlive the call;
//! a call that stays silent for longer than its bound is ended. Nothing is written outside of the folder given to
//! [`fetch()`], but for the drill's tag, by [`DrillTag::push`] and [`DrillTag::remove`]. No URL that is shown, or that
//! is an argument of any program, has credentials in it. The user's credential helpers and ssh configuration stay in use.

mod again;
mod behind;
mod checkout;
mod content;
mod error;
mod fetch;
mod finding;
mod git;
mod left;
mod lfs;
mod login;
mod note;
mod passing;
mod refs;
mod remote;
mod submodule;
mod tag;
mod version;

pub use again::look_again;
pub use checkout::Checkout;
pub use error::SourceError;
pub use fetch::{FetchPlan, Reach, fetch};
pub use finding::{Meaning, finding, tag_finding};
pub use git::Git;
pub use left::{LeftTag, empty_repository, left_tags, remove_tags, tag_name};
pub use note::Note;
pub use passing::Passing;
pub use tag::{DrillTag, ReadBack, TagPlace, look};
pub use version::{VersionError, lacking, usable};
