//! What publishes what: the targets, and tables of the commands and actions that reach them. The tables are data.

pub(super) mod actions;
pub(super) mod commands;
pub(super) mod hosts;
mod images;
pub(super) mod shell;
mod target;

pub use target::Target;

/// The registry's host in an image's name; none for a registry of this machine or one that only a variable knows.
#[must_use]
pub fn registry_of(image: &str) -> Option<String> {
    hosts::of_image(image)
}
