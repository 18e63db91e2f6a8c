//! Tells whether there is a secret in what is to be published.

use std::sync::Arc;

use secrecy::zeroize::Zeroizing;

use super::{
    Scrubber,
    finder::{Finder, State},
    scrub::Sought,
};

/// Whether a stream holds a secret; one that is not [`super::Secret::is_telling`] is not looked for.
#[derive(Debug, Default)]
pub struct Search(Vec<Through>);

/// The search with one scrubber.
///
/// Looked for twice: in the stream as it is, and in the stream with its lines joined, since tools break what they encode into
/// lines of any length, and others indent those.
#[derive(Debug)]
struct Through {
    scrubber: Arc<Scrubber>,
    as_it_is: Track,
    joined: Track,
    /// Whether nothing but white space came since the last end of a line.
    indented: bool,
    found: bool,
}

/// How far the search has come in one of the two.
#[derive(Debug)]
struct Track {
    state: State,
    /// The end of what came, as far as a secret may have begun in it.
    held: Zeroizing<Vec<u8>>,
}

impl Search {
    /// Looks for what these know.
    pub(super) fn new(scrubbers: impl IntoIterator<Item = Arc<Scrubber>>) -> Self {
        let through = |scrubber: Arc<Scrubber>| Through {
            scrubber,
            as_it_is: Track::new(),
            joined: Track::new(),
            indented: false,
            found: false,
        };
        Self(scrubbers.into_iter().filter(|scrubber| !scrubber.seeks_nothing()).map(through).collect())
    }

    /// Takes the next chunk; an empty one ends a stream, and the next begins another.
    pub fn push(&mut self, chunk: &[u8]) {
        self.0.iter_mut().for_each(|through| through.push(chunk));
    }

    /// Whether there was one.
    #[must_use]
    pub fn has_found(&self) -> bool {
        self.0.iter().any(|through| through.found)
    }

    /// Whether there is no secret that could be found.
    #[must_use]
    pub fn seeks_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

impl Through {
    fn push(&mut self, chunk: &[u8]) {
        let finder = match self.scrubber.sought() {
            Sought::Forms(finder) if !self.found => finder,
            // More than can be sought: nothing is known to be free of it.
            Sought::TooMuch => return self.found = true,
            Sought::Forms(_) | Sought::Nothing => return,
        };
        if chunk.is_empty() {
            (self.as_it_is, self.joined, self.indented) = (Track::new(), Track::new(), false);
            return;
        }
        self.found |= self.as_it_is.push(finder, chunk);
        for line in chunk.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ends) = match line {
                [text @ .., b'\n' | b'\r'] => (text, true),
                text => (text, false),
            };
            let text = if self.indented { text.trim_ascii_start() } else { text };
            if !text.is_empty() {
                self.found |= self.joined.push(finder, text);
            }
            self.indented = ends || (self.indented && text.is_empty());
        }
    }
}

impl Track {
    fn new() -> Self {
        Self { state: State::of_telling(), held: Zeroizing::default() }
    }

    /// Takes what comes next, and tells whether a secret ends in it.
    fn push(&mut self, finder: &Finder, chunk: &[u8]) -> bool {
        let mut found = false;
        // Most chunks begin with nothing of a secret held: then they are looked through where they are.
        if self.held.is_empty() {
            self.state = finder.walk(chunk, 0, self.state, |_| found = true);
            self.held.extend_from_slice(&chunk[chunk.len() - finder.depth(self.state)..]);
        } else {
            let at = self.held.len();
            self.held.extend_from_slice(chunk);
            self.state = finder.walk(&self.held, at, self.state, |_| found = true);
            let done = self.held.len() - finder.depth(self.state);
            self.held.drain(..done);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};

    use super::*;
    use crate::secret::Secret;

    fn knows(secrets: &[&str]) -> Scrubber {
        let secrets: Vec<_> = secrets.iter().map(|&secret| Secret::new(secret.to_owned())).collect();
        Scrubber::new(&secrets)
    }

    #[test]
    fn a_search_finds_a_secret_across_chunks_but_not_across_streams() {
        let scrubber = Arc::new(knows(&["hunter2-hunter2"]));
        let search = |chunks: &[&str]| {
            let mut search = Search::new([Arc::clone(&scrubber)]);
            for chunk in chunks {
                search.push(chunk.as_bytes());
            }
            search.has_found()
        };
        assert!(search(&["x", "hunter2-", "hunter2", "y"]));
        assert!(search(&[&general_purpose::STANDARD.encode("hunter2-hunter2")]));
        assert!(!search(&["hunter2-", "", "hunter2"]), "one ends where the next begins");
        assert!(!search(&["hunter2", "hunter2"]));
    }

    #[test]
    fn a_secret_is_found_in_lines_of_any_length_and_indentation() {
        let secret = "Kq8-Zr72_xWmP4vT9yBn3LsDf6Hj1GcQe5Ua0";
        let scrubber = Arc::new(knows(&[secret]));
        let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        for encoded in [secret.to_owned(), general_purpose::STANDARD.encode(secret), hex] {
            for columns in [1, 5, 16, 40] {
                for between in ["\n", "\r\n", "\n\n\t  "] {
                    let lines: Vec<_> = encoded.as_bytes().chunks(columns).map(String::from_utf8_lossy).collect();
                    let text = format!("key: |\n  {}\n", lines.join(between));
                    for at in 0..text.len() {
                        let mut search = Search::new([Arc::clone(&scrubber)]);
                        text.as_bytes().chunks(at + 1).for_each(|chunk| search.push(chunk));
                        assert!(search.has_found(), "{text} in chunks of {}", at + 1);
                    }
                }
            }
        }
    }

    #[test]
    fn a_dump_of_a_password_with_a_blank_and_a_quote_is_found() {
        let secret = "Kq8-Zr72_xWm \"P4vT9yBn3LsDf6";
        let scrubber = Arc::new(knows(&[secret]));
        let dump = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let mut search = Search::new([scrubber]);
        search.push(dump.as_bytes());
        assert!(search.has_found(), "{dump}");
    }
}
