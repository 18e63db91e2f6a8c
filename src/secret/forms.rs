//! The forms in which a secret turns up in output: plain, encoded, escaped, line by line.

use std::{collections::HashMap, ops::Range};

use base64::{
    Engine as _,
    engine::general_purpose::{self, GeneralPurpose},
};
use secrecy::zeroize::{Zeroize as _, Zeroizing};

use super::{
    dumps, escapes,
    parts::{self, Part},
};
use crate::record::Text;

/// Fewer characters than this cannot be hidden: they would turn up in every line of any output.
pub(super) const SHORTEST: usize = 4;

/// A longer form is sought in pieces of this many bytes, which lie side by side and so are hidden as one. Bounds what
/// a stream holds back.
pub(super) const LONGEST: usize = 256;

/// Where tools break the lines of what they encode: `base64`, PEM and `xxd -p`.
const BASE64_COLUMNS: [usize; 2] = [76, 64];
const HEX_COLUMNS: usize = 60;

/// Where a secret stands behind something else, such a line can begin and end anywhere within it: then this many
/// characters in a row are enough to be hidden. At the ends of a line, fewer may stay.
const BASE64_ENOUGH: usize = 8;
const HEX_ENOUGH: usize = 16;

/// What is left of a form for its last line is sought only behind another form if it has fewer bytes than this: texts that
/// are so short make the search three times as slow.
const SWIFT: usize = SHORTEST + 3;

/// For a secret with more bytes (a large key), that would be more forms than is good; its own lines are still sought.
const LONGEST_BROKEN: usize = 4096;

/// A secret with more bytes is sought in the usual dumps only, and in base64 in base64 as a whole only: that are forms enough.
const LARGE: usize = 512;

/// For a part with more bytes, every other place is enough: a dump has sixteen in a line.
const LONGEST_DUMPED: usize = 512;

/// Where tools break the lines of base32.
const BASE32_COLUMNS: usize = 76;

/// What is to be done about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A short end of a line: hidden wherever it stands once another text was found, since no tool prints one without the
    /// lines before.
    Remainder,
    /// Hidden wherever it stands.
    Hidden,
    /// The same with the rest of its line, which shows the same once more or goes on with it.
    Dump,
    /// Hidden, and also looked for in what is published.
    Telling,
}

/// Texts to hide, each at most [`LONGEST`] and at least [`SHORTEST`] bytes long. Wiped when dropped.
#[derive(Default)]
pub(super) struct Forms(HashMap<Vec<u8>, Kind>);

impl Forms {
    fn insert(&mut self, form: &[u8], kind: Kind) {
        match self.0.get_mut(form) {
            Some(known) => *known = kind.max(*known),
            None => drop(self.0.insert(form.to_owned(), kind)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Kind)> + Clone {
        self.0.iter().map(|(form, kind)| (form.as_slice(), *kind))
    }
}

impl Drop for Forms {
    fn drop(&mut self) {
        self.0.drain().for_each(|(mut form, _)| form.zeroize());
    }
}

/// The forms of one part.
struct Of<'f> {
    forms: &'f mut Forms,
    effort: Effort,
    /// What a form of all of it is.
    kind: Kind,
    /// Whether the secret that it is of is large.
    is_large: bool,
}

/// How many forms of a secret are sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Every one.
    Full,
    /// Not those that tools break into lines, dump, or spell.
    Usual,
}

/// Adds the forms of this secret: of the whole of it, and of each of its parts.
pub(super) fn add(secret: &str, effort: Effort, forms: &mut Forms) {
    for Part { text, telling } in parts::of(secret) {
        let is_large = secret.len() > LARGE;
        let mut of = Of { forms, effort, kind: if telling { Kind::Telling } else { Kind::Hidden }, is_large };
        of.plain(&text);
        of.escaped(&text);
        of.base64(text.as_bytes());
        of.hex(text.as_bytes());
        if effort == Effort::Full {
            of.spelled(&text);
            of.base64_twice(text.as_bytes());
            of.base32(text.as_bytes());
            // What has lines is dumped with them.
            if !text.trim_end().contains('\n') {
                of.dumped(&text);
            }
        }
        of.wide(&text);
    }
}

impl Of<'_> {
    /// The text itself, as it is shown once it is harmless or on one line, and as a terminal shows its line ends.
    fn plain(&mut self, part: &str) {
        self.pieces(part, LONGEST);
        let harmless = Text::new(part);
        self.pieces(&Zeroizing::new(harmless.one_line()), LONGEST);
        self.pieces(&Zeroizing::new(String::from(harmless)), LONGEST);
        if part.contains('\n') {
            self.pieces(&Zeroizing::new(part.replace("\r\n", "\n").replace('\n', "\r\n")), LONGEST);
        }
    }

    fn escaped(&mut self, part: &str) {
        for form in &escapes::some(part) {
            self.pieces(form, LONGEST);
        }
    }

    /// Base64 as it looks at each of the three places where the secret can begin within a group of three bytes. The
    /// characters that also depend on the bytes around are left off; where the secret ends the text, its padded end is
    /// a form of its own.
    fn base64(&mut self, part: &[u8]) {
        for engine in [&general_purpose::STANDARD, &general_purpose::URL_SAFE] {
            for before in 0..3 {
                let (whole, certain) = base64_after(before, part, engine);
                self.pieces(&whole[certain.clone()], LONGEST);
                self.pieces(&whole[certain.start..], LONGEST);
                self.windows(&whole[certain.clone()], (BASE64_ENOUGH, 1));
                if before == 0 {
                    for columns in BASE64_COLUMNS {
                        self.pieces(&whole[..certain.end], columns);
                    }
                }
            }
        }
    }

    fn hex(&mut self, part: &[u8]) {
        let digit = |d: u8| char::from_digit(u32::from(d), 16).unwrap_or_default();
        let lower: Zeroizing<String> = Zeroizing::new(part.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect());
        let upper = Zeroizing::new(lower.to_uppercase());
        for form in [lower, upper] {
            self.pieces(&form, LONGEST);
            self.pieces(&form, HEX_COLUMNS);
            self.windows(&form, (HEX_ENOUGH, 2));
        }
    }

    /// With an escape for each character.
    fn spelled(&mut self, part: &str) {
        for form in &escapes::all(part) {
            self.pieces(form, LONGEST);
        }
    }

    fn dumped(&mut self, part: &str) {
        let step = if part.len() > LONGEST_DUMPED { 2 } else { 1 };
        for window in part.as_bytes().array_windows().step_by(step) {
            let mut forms = dumps::usual(*window);
            if !self.is_large {
                forms.append(&mut dumps::others(*window));
            }
            for form in &forms {
                self.forms.insert(form.as_bytes(), Kind::Dump);
            }
        }
        if self.is_nobody_elses(part) {
            for window in part.as_bytes().array_windows().filter(|window| parts::is_patternless_bytes(*window)) {
                for form in &dumps::telling(*window) {
                    self.forms.insert(form.as_bytes(), Kind::Telling);
                }
            }
        }
    }

    /// Whether pieces of it are nobody else's: it is one value without a pattern, not a text with values and names in it. A
    /// password may well have a blank or a quote.
    fn is_nobody_elses(&self, part: &str) -> bool {
        let has_words = part.split_whitespace().count() > 3 || part.matches('"').count() > 2;
        let is_text = has_words || part.contains('\n') || part.contains("://");
        self.kind == Kind::Telling && !is_text && parts::is_patternless(part)
    }

    /// Base64 of base64: how Kubernetes keeps logins.
    fn base64_twice(&mut self, part: &[u8]) {
        for before in 0..3 {
            let (inner, certain) = base64_after(before, part, &general_purpose::STANDARD);
            // The inner one may have been broken into lines.
            let lines =
                inner.as_bytes()[certain.clone()].chunks(BASE64_COLUMNS[0]).filter(|line| before == 0 && line.len() >= HEX_ENOUGH);
            for inner in lines.chain([&inner.as_bytes()[certain.clone()]]) {
                for before in 0..3 {
                    let (outer, certain) = base64_after(before, inner, &general_purpose::STANDARD);
                    self.pieces(&outer[certain.clone()], LONGEST);
                    if !self.is_large {
                        self.windows(&outer[certain], (BASE64_ENOUGH, 1));
                    }
                }
            }
        }
    }

    /// Base32 as it looks at each of the five places where the secret can begin within a group of five bytes, without the
    /// characters that also depend on the bytes around.
    fn base32(&mut self, part: &[u8]) {
        for before in 0..5 {
            let whole = base32(&[&[0; 5][..before], part].concat());
            let (first, end) = ((before * 8).div_ceil(5), (before + part.len()) * 8 / 5);
            if let Some(certain) = whole.get(first..end) {
                self.pieces(certain, LONGEST);
                if before == 0 {
                    self.pieces(certain, BASE32_COLUMNS);
                }
            }
        }
    }

    /// As two bytes a character, which programs for Windows, .NET and Java hold.
    fn wide(&mut self, part: &str) {
        let units = || part.encode_utf16();
        let little: Zeroizing<Vec<u8>> = Zeroizing::new(units().flat_map(u16::to_le_bytes).collect());
        let big: Zeroizing<Vec<u8>> = Zeroizing::new(units().flat_map(u16::to_be_bytes).collect());
        // The zero at an end may be anything's.
        for form in [little.strip_suffix(&[0]).unwrap_or(&little), big.strip_prefix(&[0]).unwrap_or(&big)] {
            form.chunks_exact(LONGEST).for_each(|piece| self.forms.insert(piece, self.kind));
            self.forms.insert(&form[form.len().saturating_sub(LONGEST)..], self.kind);
        }
    }

    /// Adds every `width` characters in a row, from every `step`th on, of a form that is long enough to be broken into lines.
    fn windows(&mut self, form: &str, (width, step): (usize, usize)) {
        if self.effort == Effort::Full && (width..=2 * LONGEST_BROKEN).contains(&form.len()) {
            let places = (0..=form.len() - width).step_by(step);
            places.filter_map(|at| form.get(at..at + width)).for_each(|window| self.forms.insert(window.as_bytes(), Kind::Hidden));
        }
    }

    /// Cuts a form into pieces of at most `longest` bytes, at borders of characters. The last piece is as long as the others
    /// and so may overlap the one before.
    fn pieces(&mut self, form: &str, longest: usize) {
        let kind = if longest == LONGEST { self.kind } else { Kind::Hidden };
        let mut rest = form;
        while rest.len() > longest {
            let cut = rest.floor_char_boundary(longest);
            self.forms.insert(&rest.as_bytes()[..cut], kind);
            rest = &rest[cut..];
        }
        if rest.len() < form.len() && longest == LONGEST {
            rest = &form[form.ceil_char_boundary(form.len() - longest)..];
        }
        if (SHORTEST..SWIFT).contains(&rest.len()) && rest.len() < form.len() {
            self.forms.insert(rest.as_bytes(), Kind::Remainder);
        } else if rest.len() >= SHORTEST {
            self.forms.insert(rest.as_bytes(), kind);
        }
    }
}

/// The text in base64 after so many other bytes, and what of that depends on the text alone.
fn base64_after(before: usize, part: &[u8], engine: &GeneralPurpose) -> (Zeroizing<String>, Range<usize>) {
    let mut bytes = Zeroizing::new(vec![0; before]);
    bytes.extend_from_slice(part);
    let whole = Zeroizing::new(engine.encode(&*bytes));
    let end = whole.trim_end_matches('=').len() - usize::from(!bytes.len().is_multiple_of(3));
    (whole, [0, 2, 3][before]..end)
}

/// Base32 without padding (RFC 4648, section 6).
fn base32(bytes: &[u8]) -> Zeroizing<String> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bit = |at: usize| usize::from(bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1));
    let digit = |at: usize| char::from(DIGITS[(at * 5..at * 5 + 5).fold(0, |digit, at| digit * 2 + bit(at))]);
    Zeroizing::new((0..(bytes.len() * 8).div_ceil(5)).map(digit).collect())
}
