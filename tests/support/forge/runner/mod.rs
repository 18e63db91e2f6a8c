//! What a runner's machine does with a job: it checks out a real git repository into a workspace of its own, and runs a
//! job's lines as real processes, in an environment of nothing but what the forge and the job give them.
//!
//! What it does to processes, the real runners do, too: how each forge's ends those of a cancelled job is in
//! [`process::Signals`]. When a job of GitHub's has ended, what it left running is found by the mark in its environment, and
//! killed; a GitLab runner's shell knows no mark.

pub(super) mod expression;
pub(super) mod files;
pub(super) mod process;
pub(super) mod yaml;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

/// A machine that a runner runs on.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Where programs are.
    pub(crate) path: OsString,
    /// What else its administrator put into every job's environment.
    pub(crate) variables: BTreeMap<String, String>,
    /// In which step of a job it dies, counted from 1, after that step's process has begun.
    pub(crate) dies_in: Option<usize>,
}

impl Machine {
    /// One with the programs of this machine.
    pub(crate) fn usual() -> Self {
        Self { path: std::env::var_os("PATH").unwrap(), variables: BTreeMap::new(), dies_in: None }
    }

    /// One that has these programs as well, before the others.
    #[must_use]
    pub(crate) fn with_programs(mut self, folder: PathBuf) -> Self {
        let rest = std::env::split_paths(&self.path).collect::<Vec<_>>();
        self.path = std::env::join_paths(std::iter::once(folder).chain(rest)).unwrap();
        self
    }
}
