//! The place where the tag goes answers. Whether it takes a tag shows itself only when one is pushed.

use std::path::Path;

use crate::{
    plan::Plan,
    record::{Finding, Phase},
    source::{self, Git},
};

/// Looks at the tag's place; `folder` is the plan's.
///
/// # Errors
/// The finding that it cannot be reached or read.
pub async fn tag_place(git: &Git, plan: &Plan, folder: &Path) -> Result<(), Finding> {
    let looked = source::look(git, folder, plan.source.mirror.as_deref(), plan.tag_at).await;
    looked.map(drop).map_err(|error| source::tag_finding(&error, Phase::Probe))
}
