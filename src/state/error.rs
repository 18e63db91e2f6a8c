//! Why the state folder cannot be used.

use std::{io, path::PathBuf};

/// The state folder, or something in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused it.
    #[error("{what} `{path}`: {reason}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// It is not what it should be.
    #[error("`{path}` {what}", path = .path.display())]
    Strange {
        /// What.
        path: PathBuf,
        /// What is strange about it.
        what: &'static str,
    },
}

impl StateError {
    /// Names what was tried on which path.
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Io { what, path, reason }
    }
}
