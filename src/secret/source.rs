//! Where secrets come from.

use std::path::Path;

use super::Secret;
use crate::plan::SecretSource;

/// Why a secret is not there. Never holds any part of a value, nor of what a command printed.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// It is there, but empty.
    #[error("it is empty")]
    Empty,
}

/// Reads a secret from its source; relative files and commands stand in `folder`. One line end at the end is left off.
///
/// # Errors
/// It is not there, is empty, or its source failed.
pub async fn read(_source: &SecretSource, _folder: &Path) -> Result<Secret, Missing> {
    Err(Missing::Empty)
}
