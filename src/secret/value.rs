//! The one type that holds a secret.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::{forms, parts};

/// A secret value: cannot be printed, is wiped when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value in.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that sends it where it belongs.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether a [`super::Scrubber`] can keep it out of a stream: fewer than four characters would turn up in every
    /// line of any output.
    #[must_use]
    pub fn is_scrubbable(&self) -> bool {
        self.expose().trim().chars().count() >= forms::SHORTEST
    }
}

impl Secret {
    /// Whether a [`super::Search`] can look for any of it in a file: a few characters, or a word, may stand there by chance.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        parts::of(self.expose()).iter().any(|part| part.telling)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
