//! Keeps secrets out of streams and texts.

use std::{borrow::Cow, mem};

use secrecy::zeroize::Zeroizing;

use super::{
    Secret,
    finder::{Finder, Occurrence, State},
    forms::{self, Effort, Forms, Kind},
};

/// A token of a token service has thousands of bytes, and a drill gets many of them.
const LONG: usize = 256;

/// What stands where a secret was; secrets that overlap or touch become one.
const MASK: &str = "***";

/// Knows every secret of a drill in its usual encodings and replaces each by `***`.
///
/// Hidden are the whole secret, each of its lines and the values in it, plain, in base64 wherever it begins (also in base64
/// once more), in base32, in hexadecimal, dumped, in UTF-16, and escaped for URLs, JSON, source code, shells, XML and
/// terminals. A secret that is not [`Secret::is_scrubbable`] is not hidden.
#[derive(Debug)]
pub struct Scrubber(Sought);

/// What a scrubber looks for.
#[derive(Debug)]
pub(super) enum Sought {
    /// There is no secret.
    Nothing,
    Forms(Box<Finder>),
    /// More than can be sought: then nothing at all is let through.
    TooMuch,
}

impl Scrubber {
    /// Knows these secrets.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self::of(secrets, |_| Effort::Full)
    }

    /// Knows credentials that come from servers, which may be long: those in their usual forms only.
    pub(super) fn of_others<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let is_long = |secret: &Secret| secret.expose().len() > LONG;
        Self::of(secrets, |secret| if is_long(secret) { Effort::Usual } else { Effort::Full })
    }

    fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>, effort: impl Fn(&Secret) -> Effort) -> Self {
        let mut forms = Forms::default();
        for secret in secrets {
            forms::add(secret.expose(), effort(secret), &mut forms);
        }
        if forms.iter().next().is_none() {
            return Self(Sought::Nothing);
        }
        let finder = Finder::new(forms.iter());
        Self(finder.map_or(Sought::TooMuch, |finder| Sought::Forms(Box::new(finder))))
    }

    /// The text without any secret.
    #[must_use]
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut stream = self.stream();
        let mut clean = Vec::new();
        stream.push(text.as_bytes(), &mut clean);
        stream.finish(&mut clean);
        if clean == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8(clean).unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned()))
    }

    /// Scrubs a stream that comes in chunks.
    #[must_use]
    pub fn stream(&self) -> ScrubStream<'_> {
        ScrubStream {
            sought: &self.0,
            state: State::of_all(),
            held: Zeroizing::default(),
            runs: Vec::new(),
            masked: false,
            dumping: false,
        }
    }
}

impl Scrubber {
    /// Whether there is no secret that a stream could hold.
    pub(super) fn seeks_nothing(&self) -> bool {
        matches!(self.0, Sought::Nothing)
    }

    pub(super) fn sought(&self) -> &Sought {
        &self.0
    }
}

/// Scrubs across the borders of chunks. Holds back at most the beginning of one form of a secret, a few hundred bytes,
/// and nothing when the last chunk ends with no such beginning.
#[derive(Debug)]
pub struct ScrubStream<'s> {
    sought: &'s Sought,
    state: State,
    /// What was taken in and not given out.
    held: Zeroizing<Vec<u8>>,
    /// Occurrences in `held`, apart from each other, ascending.
    runs: Vec<(usize, usize)>,
    /// Whether what was given out last is a mask: an occurrence that begins `held` is part of it.
    masked: bool,
    /// Whether the line that is under way is a dump that is not to be seen.
    dumping: bool,
}

impl ScrubStream<'_> {
    /// Takes the next chunk and gives what is safe to pass on to `out`; holds back what could be the start of a secret.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let finder = match self.sought {
            Sought::Forms(finder) => finder,
            Sought::Nothing => return out.extend_from_slice(chunk),
            Sought::TooMuch => return out.extend_from_slice(MASK.as_bytes()),
        };
        let at = self.held.len();
        self.held.extend_from_slice(chunk);
        let (held, runs, dumping) = (&self.held, &mut self.runs, &mut self.dumping);
        if *dumping {
            merge(runs, at, end_of_line(held, at, dumping));
        }
        self.state = finder.walk(held, at, self.state, |Occurrence { begin, end, kind }| {
            let end = if kind == Kind::Dump { end_of_line(held, end, dumping) } else { end };
            merge(runs, begin, end);
        });
        let safe = self.held.len() - finder.depth(self.state);
        self.give(safe, out);
    }

    /// Gives what was held back, at the end of the stream or where it pauses.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.give(self.held.len(), out);
        (self.state, self.masked) = (self.state.anew(), false);
    }

    /// Gives out the first `safe` bytes of what is held: no later occurrence begins before.
    fn give(&mut self, safe: usize, out: &mut Vec<u8>) {
        let mut given = 0;
        for run in mem::take(&mut self.runs) {
            let (begin, end) = run;
            if begin >= safe {
                self.runs.push((begin - safe, end - safe));
                continue;
            }
            out.extend_from_slice(&self.held[given..begin]);
            if begin > given || !self.masked {
                out.extend_from_slice(MASK.as_bytes());
            }
            (given, self.masked) = (end.min(safe), true);
            if end > safe {
                self.runs.push((0, end - safe));
            }
        }
        out.extend_from_slice(&self.held[given..safe]);
        self.masked &= given == safe;
        self.held.drain(..safe);
    }
}

/// Adds an occurrence that ends no earlier than all before it, but for what a dump covers.
fn merge(runs: &mut Vec<(usize, usize)>, mut begin: usize, mut end: usize) {
    while let Some(last) = runs.pop_if(|last| last.1 >= begin) {
        (begin, end) = (begin.min(last.0), end.max(last.1));
    }
    runs.push((begin, end));
}

/// Where the line ends that goes on at `from`; notes whether it goes on beyond what is there.
fn end_of_line(text: &[u8], from: usize, goes_on: &mut bool) -> usize {
    let end = memchr::memchr(b'\n', &text[from..]);
    *goes_on = end.is_none();
    end.map_or(text.len(), |at| from + at)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};
    use proptest::prelude::*;

    use super::*;

    fn knows(secrets: &[&str]) -> Scrubber {
        let secrets: Vec<_> = secrets.iter().map(|&secret| Secret::new(secret.to_owned())).collect();
        Scrubber::new(&secrets)
    }

    /// Marks every byte of every form, the slow way.
    fn model(secrets: &[String], text: &[u8]) -> Vec<u8> {
        let mut forms = Forms::default();
        for secret in secrets {
            forms::add(secret, Effort::Full, &mut forms);
        }
        let mut hidden = vec![false; text.len()];
        let ends = |form: &[u8]| match memchr::memmem::find(text, form) {
            Some(at) => (at + form.len()..=text.len()).filter(|&end| text[..end].ends_with(form)).collect(),
            None => Vec::new(),
        };
        let first = forms.iter().filter(|(_, kind)| *kind > Kind::Remainder).flat_map(|(form, _)| ends(form)).min();
        for (form, kind) in forms.iter() {
            let from = if kind == Kind::Remainder { first.unwrap_or(usize::MAX) } else { 0 };
            for end in ends(form).into_iter().filter(|&end| end > from) {
                let rest = if kind == Kind::Dump { text[end..].iter().take_while(|byte| **byte != b'\n').count() } else { 0 };
                hidden[end - form.len()..end + rest].fill(true);
            }
        }
        let mut clean = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            match hidden[at] {
                false => clean.push(*byte),
                true if at == 0 || !hidden[at - 1] => clean.extend_from_slice(MASK.as_bytes()),
                true => {}
            }
        }
        clean
    }

    fn streamed(scrubber: &Scrubber, text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let (mut stream, mut clean, mut rest) = (scrubber.stream(), Vec::new(), text);
        for cut in cuts {
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            stream.push(chunk, &mut clean);
            rest = after;
        }
        stream.push(rest, &mut clean);
        stream.finish(&mut clean);
        clean
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn however_the_stream_is_cut_it_equals_the_naive_model(
            secrets in proptest::collection::vec("[ab\n]{4,12}|[a-c\"]{300}", 1..4),
            text in "[ab\n]{0,120}",
            inside in any::<proptest::sample::Index>(),
            cuts in proptest::collection::vec(0_usize..40, 0..20),
        ) {
            let text = format!("{text}{}{text}", inside.get(&secrets));
            let scrubber = knows(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let clean = streamed(&scrubber, text.as_bytes(), &cuts);
            prop_assert_eq!(String::from_utf8(clean), String::from_utf8(model(&secrets, text.as_bytes())));
        }

        #[test]
        fn what_a_tool_leaves_for_a_last_line_is_hidden_whatever_stands_before_it(
            secret in "[a-z]{47,60}",
            between in "[ -~\n]{1,20}",
            cuts in proptest::collection::vec(0_usize..40, 0..20),
            columns in proptest::sample::select(&[60, 64, 76][..]),
        ) {
            let scrubber = knows(&[&secret]);
            let encoded = match columns {
                60 => secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
                _ => general_purpose::STANDARD.encode(&secret),
            };
            let lines: Vec<_> = encoded.as_bytes().chunks(columns).map(|line| String::from_utf8_lossy(line)).collect();
            let text = lines.join(&between);
            let clean = String::from_utf8(streamed(&scrubber, text.as_bytes(), &cuts)).unwrap();
            prop_assert_eq!(&clean, &String::from_utf8(model(std::slice::from_ref(&secret), text.as_bytes())).unwrap());
            // Fewer than four characters are nothing that can be sought, and the last depends on what would follow.
            let last = lines.last().unwrap().trim_end_matches('=');
            prop_assert!(last.len() <= 4 || !clean.ends_with(last), "{} of {}", clean, text);
        }

        #[test]
        fn a_secret_is_found_in_base64_wherever_it_begins(
            secret in "[ -~]{4,40}|\\PC{4,12}",
            before in proptest::collection::vec(any::<u8>(), 0..7),
            after in proptest::collection::vec(any::<u8>(), 0..7),
        ) {
            prop_assume!(secret.trim().chars().count() >= 4);
            let scrubber = knows(&[&secret]);
            let whole = [&before[..], secret.as_bytes(), &after[..]].concat();
            for engine in [general_purpose::STANDARD, general_purpose::URL_SAFE, general_purpose::STANDARD_NO_PAD] {
                let encoded = engine.encode(&whole);
                let clean = scrubber.scrub(&encoded).into_owned();
                prop_assert!(clean.contains(MASK), "{} in {}", secret, encoded);
                // At most the edges, which the bytes around decide as well, are left of the secret.
                let most = (before.len() + after.len()).div_ceil(3) * 4 + MASK.len() + 8;
                prop_assert!(clean.len() <= most, "{} left of {}", clean, encoded);
            }
        }

        #[test]
        fn a_secret_is_found_in_every_escape(secret in "[ -~]{2,30}[\"'\\\\&<>$/ \n]\\PC{2,10}") {
            prop_assume!(secret.trim() == secret);
            let scrubber = knows(&[&secret]);
            let hex: String = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let encoded = [
                secret.clone(),
                hex.to_uppercase(),
                hex,
                form,
                percent_encoding::utf8_percent_encode(&secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
                serde_json::to_string(&secret).unwrap(),
                format!("{secret:?}"),
                secret.replace('"', "\\\""),
                secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
            ];
            for text in encoded {
                let clean = scrubber.scrub(&text).into_owned();
                prop_assert!(clean == MASK || clean == format!("\"{MASK}\""), "{} left of {}", clean, text);
            }
        }
    }

    #[test]
    fn each_line_of_a_secret_is_hidden_and_lines_too_short_to_hide_are_not() {
        let scrubber = knows(&["-----BEGIN KEY-----\n  c2VjcmV0\nab\n-----END KEY-----"]);
        assert_eq!(scrubber.scrub("key: c2VjcmV0, ab"), "key: ***, ab");
        assert_eq!(scrubber.scrub("-----BEGIN KEY-----\r\n  c2VjcmV0\r\nab\r\n-----END KEY-----"), "***");
    }

    #[test]
    fn a_long_secret_that_a_tool_breaks_into_lines_is_hidden() {
        let secret: String = (0..900_u32).map(|i| char::from(b'!' + u8::try_from(i * i % 89).unwrap())).collect();
        let scrubber = knows(&[&secret]);
        let broken = |text: &str, columns| {
            text.as_bytes().chunks(columns).map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("\n")
        };
        for columns in [64, 76] {
            let clean = scrubber.scrub(&broken(&general_purpose::STANDARD.encode(&secret), columns)).into_owned();
            assert!(clean.lines().all(|line| line == MASK), "{clean}");
        }
        assert_eq!(scrubber.scrub(&format!("<{secret}>")), "<***>");
    }

    #[test]
    fn of_a_secret_behind_something_else_that_a_tool_breaks_into_lines_at_most_a_line_end_is_left() {
        let secret: String = (0..90_u32).map(|i| char::from(b'0' + u8::try_from(i * i % 71).unwrap())).collect();
        let scrubber = knows(&[&secret]);
        for before in 0..120 {
            let text = "#".repeat(before) + &secret;
            let hex = text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            for (encoded, columns, nothing) in [
                (general_purpose::STANDARD.encode(&text), 76, "IyMj"),
                (general_purpose::STANDARD.encode(&text), 64, "IyMj"),
                (hex, 60, "23"),
            ] {
                let lines = encoded.as_bytes().chunks(columns).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
                let clean = scrubber.scrub(&lines.collect::<String>()).replace(nothing, "");
                assert!(clean.split(['\n', '*']).all(|left| left.len() < 16), "after {before}: {clean}");
            }
        }
    }

    #[test]
    fn a_text_without_secrets_is_not_copied() {
        assert!(matches!(knows(&["hunter22"]).scrub("nothing here: hunter2"), Cow::Borrowed(_)));
        assert!(matches!(knows(&[]).scrub("nothing"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_that_begins_no_secret_is_given_at_once() {
        let scrubber = knows(&["hunter22"]);
        let (mut stream, mut clean) = (scrubber.stream(), Vec::new());
        stream.push(b"step one\n", &mut clean);
        assert_eq!(clean, b"step one\n");
        stream.push(b"and hun", &mut clean);
        assert_eq!(clean, b"step one\nand ");
        stream.finish(&mut clean);
        assert_eq!(clean, b"step one\nand hun");
    }

    #[test]
    fn a_stream_of_nothing_but_beginnings_is_not_held() {
        let secret = "a".repeat(5000);
        let scrubber = knows(&[&secret]);
        let (mut stream, mut clean) = (scrubber.stream(), Vec::new());
        for _ in 0..1000 {
            stream.push(&[b'a'; 1000], &mut clean);
            assert!(stream.held.len() <= forms::LONGEST);
        }
        stream.push(b".", &mut clean);
        assert_eq!(clean, b"***.");
    }

    #[test]
    fn what_is_too_short_to_hide_says_so() {
        let scrubbable = |value: &str| Secret::new(value.to_owned()).is_scrubbable();
        assert!(!scrubbable("abc") && !scrubbable(" abc\n") && scrubbable("abcd") && scrubbable("äöüß"));
        assert_eq!(knows(&["abc"]).scrub("abc"), "abc");
    }
}
