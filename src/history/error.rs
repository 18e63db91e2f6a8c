//! Why a history gives or takes nothing.

use std::{io, path::PathBuf};

use super::store_error::StoreError;

/// What went wrong with the place as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The folder cannot be made or written.
    #[error("records cannot be kept in `{}`: {reason}", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// The folder is there, but cannot be read.
    #[error("the records in `{}` cannot be read: {reason}", path.display())]
    NotReadable {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// The object store does not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}
