//! Passes over the output of steps in a log, which is most of it, as strictly as if it were kept.
//!
//! Invariant: a line is passed over only if all of it would be read: either it was, or it differs from one that was in
//! nothing but the fraction of its second and its text, and both are such that no reader could refuse them.

use std::{borrow::Cow, mem};

use jiff::Timestamp;
use serde::Deserialize;

use crate::record::{StepId, Stream};

/// How a line of output begins, up to the last digit of its second.
const SECOND: usize = "{\"at\":\"2026-11-20T23:35:12".len();
/// What follows its time, as every canship writes it.
const EVENT: &[u8] = b"Z\",\"event\":\"step-output\",";
/// What stands before its text.
const TEXT: &[u8] = b",\"line\":\"";
const END: &[u8] = b"\"}\n";

/// The lines of output that were passed over.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// The last one.
    line: Vec<u8>,
    parts: Option<Parts>,
    /// Its time, if it was read.
    ended: Option<Timestamp>,
    /// Whether it came since the time was asked for.
    is_news: bool,
}

/// Where the parts of a plain line begin.
#[derive(Clone, Copy, Debug)]
struct Parts {
    /// The rest behind the time.
    rest: usize,
    text: usize,
}

/// A line of output as it stands in the log. Borrows where it can.
#[derive(Deserialize)]
struct OutputLine<'l> {
    at: Timestamp,
    #[serde(rename = "step")]
    _step: StepId,
    #[serde(rename = "stream")]
    _stream: Stream,
    #[serde(rename = "line", borrow)]
    _line: Cow<'l, str>,
}

impl Outputs {
    /// Passes over this line if it is output; it is no longer in `line` then.
    pub(super) fn take(&mut self, line: &mut Vec<u8>) -> bool {
        if let Some(parts) = self.alike(line) {
            (self.parts, self.ended) = (Some(parts), None);
        } else {
            let output = is_output(line).then(|| serde_json::from_slice::<OutputLine<'_>>(line));
            let Some(Ok(output)) = output else { return false };
            self.ended = Some(output.at);
            self.parts = Parts::of(line);
        }
        mem::swap(&mut self.line, line);
        self.is_news = true;
        true
    }

    /// The time of the last one, if any came since this was asked last.
    pub(super) fn ended(&mut self) -> Option<Timestamp> {
        if !mem::take(&mut self.is_news) {
            return None;
        }
        let written = || str::from_utf8(self.line.get("{\"at\":\"".len()..=self.parts?.rest)?).ok()?.parse().ok();
        self.ended.or_else(written)
    }

    /// The parts of a line that is as good as the last one.
    fn alike(&self, line: &[u8]) -> Option<Parts> {
        let known = self.parts?;
        let rest = rest(line)?;
        let between = &self.line[known.rest..known.text];
        let is_same = line[..SECOND] == self.line[..SECOND] && line[rest..].starts_with(between);
        let text = rest + between.len();
        (is_same && is_plain(&line[text..])).then_some(Parts { rest, text })
    }
}

impl Parts {
    /// The parts of a line that was read, if its text is the last of them and is plain.
    fn of(line: &[u8]) -> Option<Self> {
        let rest = rest(line).filter(|rest| line[*rest..].starts_with(EVENT))?;
        let text = rest + line[rest..].windows(TEXT.len()).position(|window| window == TEXT)? + TEXT.len();
        is_plain(&line[text..]).then_some(Self { rest, text })
    }
}

/// Whether this line is output, told by how every canship writes it; no field before the event's name has a comma.
fn is_output(line: &[u8]) -> bool {
    let comma = line.iter().position(|byte| *byte == b',');
    line.starts_with(b"{\"at\":\"") && comma.is_some_and(|at| line[at + 1..].starts_with(b"\"event\":\"step-output\","))
}

/// Where the `Z` stands that ends a time, behind at most nine digits of a fraction.
fn rest(line: &[u8]) -> Option<usize> {
    let after = line.get(SECOND..)?;
    let length = after.iter().take("Z.123456789".len()).position(|byte| *byte == b'Z')?;
    let is_fraction = match after[..length].split_first() {
        None => true,
        Some((point, digits)) => *point == b'.' && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
    };
    is_fraction.then_some(SECOND + length)
}

/// Whether this is a text that needs no escapes, and the end of a line.
fn is_plain(text: &[u8]) -> bool {
    text.strip_suffix(END).is_some_and(|text| {
        text.iter().all(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\') && str::from_utf8(text).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = r#"{"at":"2026-11-20T23:35:12.532817Z","event":"step-output","step":{"phase":"build","number":1},"stream":"stdout","line":"ab"}"#;

    /// Whether the line is taken, and the time that is told then.
    fn take(outputs: &mut Outputs, line: &[u8]) -> (bool, Option<Timestamp>) {
        let taken = outputs.take(&mut line.to_vec());
        (taken, outputs.ended())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn a_line_behind_another_is_taken_if_it_would_be_alone(
            texts in proptest::collection::vec("[a-z é\"\\\\\u{1}]{0,3}", 2),
            fractions in proptest::collection::vec("|\\.[0-9]{1,10}|\\.", 2),
            damages in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0_usize..3), 0..3),
        ) {
            let line = |at: usize| {
                let whole = LINE.replace("\"ab\"", &format!("\"{}\"", texts[at])).replace(".532817", &fractions[at]);
                format!("{whole}\n").into_bytes()
            };
            let mut second = line(1);
            for (place, byte, kind) in damages {
                let at = place.index(second.len());
                match kind {
                    0 => second[at] = byte,
                    1 => second.insert(at, byte),
                    _ => drop(second.remove(at)),
                }
            }
            let mut both = Outputs::default();
            take(&mut both, &line(0));
            prop_assert_eq!(take(&mut both, &second), take(&mut Outputs::default(), &second));
        }
    }

    #[test]
    fn lines_that_differ_in_text_and_fraction_are_alike() {
        let mut outputs = Outputs::default();
        assert!(take(&mut outputs, format!("{LINE}\n").as_bytes()).0);
        let other = LINE.replace("ab", "something else").replace(".532817", ".9");
        assert!(outputs.alike(format!("{other}\n").as_bytes()).is_some());
        assert!(outputs.alike(other.as_bytes()).is_none(), "it may be cut off");
    }
}
