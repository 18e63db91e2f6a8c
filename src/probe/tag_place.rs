//! The place where the tag goes answers. Whether it takes a tag shows itself only when one is pushed.

use std::path::Path;

use crate::{
    network::Network,
    plan::Plan,
    record::{Finding, Phase},
    source::{self, Git},
};

/// Looks at the tag's place; `folder` is the plan's.
///
/// # Errors
/// The finding that it cannot be reached or read.
pub async fn tag_place(git: &Git, plan: &Plan, folder: &Path, network: &Network) -> Result<(), Finding> {
    let Err(error) = source::look(git, folder, plan.source.mirror.as_deref(), plan.tag_at).await else { return Ok(()) };
    let error = source::look_again(error, network, plan.timeouts.api).await;
    Err(source::tag_finding(&error, Phase::Probe))
}
