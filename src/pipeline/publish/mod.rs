//! What publishes what: the targets, and tables of the commands and actions that reach them. The tables are data.

pub(super) mod actions;
pub(super) mod commands;
pub(super) mod hosts;
pub(super) mod shell;
mod target;

pub use target::Target;
