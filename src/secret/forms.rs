//! The forms in which a secret turns up in output: plain, encoded, escaped, line by line.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::{Zeroize as _, Zeroizing};

use super::parts::{self, Part};
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

/// What `encodeURIComponent` leaves as it is, what RFC 3986 does, what Python's `quote` does, and what a form does.
const COMPONENT: &AsciiSet = &RFC_3986.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const RFC_3986: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &RFC_3986.remove(b'/');
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// How XML and HTML writers write the two quotes.
const XML_QUOTES: [[&str; 2]; 6] =
    [["&quot;", "&apos;"], ["&#34;", "&#39;"], ["&quot;", "&#39;"], ["&quot;", "&#x27;"], ["&quot;", "'"], ["\"", "'"]];

/// Dumps (`xxd`, `hexdump -C`, fingerprints) are known by this many bytes in a row; what follows on the line is of the dump.
const DUMPED: usize = 4;

/// For a part with more bytes, every other place is enough: a dump has sixteen in a line.
const LONGEST_DUMPED: usize = 512;

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
        let mut of = Of { forms, effort, kind: if telling { Kind::Telling } else { Kind::Hidden } };
        of.plain(&text);
        of.escaped(&text);
        of.base64(text.as_bytes());
        of.hex(text.as_bytes());
        if effort == Effort::Full {
            of.spelled(&text);
            of.dumped(text.as_bytes());
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
        for set in [COMPONENT, RFC_3986, PATH, FORM, NON_ALPHANUMERIC] {
            let upper = Zeroizing::new(utf8_percent_encode(part, set).to_string());
            let lower = Zeroizing::new(with_lower_hex(&upper));
            for form in [upper, lower] {
                self.pieces(&Zeroizing::new(form.replace("%20", "+")), LONGEST);
                self.pieces(&form, LONGEST);
            }
        }
        let json = Zeroizing::new(serde_json::to_string(part).unwrap_or_default());
        let json = &json[json.len().min(1)..json.len().saturating_sub(1)];
        // As Python, Go and PHP write JSON, and as a program shows a string in a message.
        let ascii = escape(json, |c| (!c.is_ascii()).then(|| units(c)));
        // JSON in a text of JSON.
        let twice = escape(json, |c| matches!(c, '"' | '\\').then(|| format!("\\{c}")));
        let html = escape(json, |c| matches!(c, '<' | '>' | '&').then(|| units(c)));
        let slashes = Zeroizing::new(json.replace('/', "\\/"));
        let debug = Zeroizing::new(format!("{part:?}"));
        for form in [json, &twice, &ascii, &html, &slashes, &debug[1..debug.len() - 1]] {
            self.pieces(form, LONGEST);
        }
        // Inside double quotes, on its own as `printf %q` writes it, and inside single quotes as `set -x` does.
        let backslash = |c| format!("\\{c}");
        let plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
        self.pieces(&escape(part, |c| (c == '"').then(|| backslash(c))), LONGEST);
        self.pieces(&escape(part, |c| matches!(c, '"' | '\\' | '$' | '`').then(|| backslash(c))), LONGEST);
        self.pieces(&escape(part, |c| (!plain(c)).then(|| backslash(c))), LONGEST);
        self.pieces(&Zeroizing::new(part.replace('\'', "'\\''")), LONGEST);
        self.pieces(&Zeroizing::new(part.replace('\'', "'\"'\"'")), LONGEST);
        for [quote, apostrophe] in XML_QUOTES {
            let entity = |c| match c {
                '&' => Some("&amp;".to_owned()),
                '<' => Some("&lt;".to_owned()),
                '>' => Some("&gt;".to_owned()),
                '"' => Some(quote.to_owned()),
                '\'' => Some(apostrophe.to_owned()),
                _ => None,
            };
            self.pieces(&escape(part, entity), LONGEST);
        }
    }

    /// Base64 as it looks at each of the three places where the secret can begin within a group of three bytes. The
    /// characters that also depend on the bytes around are left off; where the secret ends the text, its padded end is
    /// a form of its own.
    fn base64(&mut self, part: &[u8]) {
        for engine in [&general_purpose::STANDARD, &general_purpose::URL_SAFE] {
            for before in 0..3 {
                let mut bytes = Zeroizing::new(vec![0; before]);
                bytes.extend_from_slice(part);
                let whole = Zeroizing::new(engine.encode(&*bytes));
                let first = [0, 2, 3][before];
                let certain = whole.trim_end_matches('=').len() - usize::from(bytes.len() % 3 != 0);
                self.pieces(&whole[first..certain], LONGEST);
                self.pieces(&whole[first..], LONGEST);
                self.windows(&whole[first..certain], (BASE64_ENOUGH, 1));
                if before == 0 {
                    for columns in BASE64_COLUMNS {
                        self.pieces(&whole[..certain], columns);
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

    /// With an escape for each character, as tools write what they take for binary, and whoever wants to hide something.
    fn spelled(&mut self, part: &str) {
        let bytes =
            |write: fn(u8) -> String| part.bytes().fold(Zeroizing::new(String::new()), |text, byte| joined(text, &write(byte)));
        let points = |write: fn(u32) -> String| {
            part.chars().fold(Zeroizing::new(String::new()), |text, c| joined(text, &write(u32::from(c))))
        };
        for form in [
            bytes(|byte| format!("\\x{byte:02x}")),
            bytes(|byte| format!("\\x{byte:02X}")),
            bytes(|byte| format!("%{byte:02x}")),
            bytes(|byte| format!("%{byte:02X}")),
            bytes(|byte| format!("\\{byte:03o}")),
            points(|point| format!("&#{point};")),
            points(|point| format!("&#x{point:x};")),
            points(|point| format!("&#x{point:X};")),
            escape(part, |c| Some(units(c))),
            escape(part, |c| Some(units(c).to_uppercase().replace('U', "u"))),
        ] {
            self.pieces(&form, LONGEST);
        }
    }

    /// As dumps show bytes: apart, with colons, and in pairs.
    fn dumped(&mut self, part: &[u8]) {
        let step = if part.len() > LONGEST_DUMPED { 2 } else { 1 };
        for [a, b, c, d] in part.array_windows::<DUMPED>().step_by(step) {
            for form in [
                format!("{a:02x} {b:02x} {c:02x} {d:02x}"),
                format!("{a:02X} {b:02X} {c:02X} {d:02X}"),
                format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}"),
                format!("{a:02X}:{b:02X}:{c:02X}:{d:02X}"),
                format!("{a:02x}{b:02x} {c:02x}{d:02x}"),
            ] {
                self.forms.insert(Zeroizing::new(form).as_bytes(), Kind::Dump);
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

fn joined(mut text: Zeroizing<String>, more: &str) -> Zeroizing<String> {
    text.push_str(more);
    text
}

fn escape(text: &str, instead: impl Fn(char) -> Option<String>) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(text.len() * 2));
    for c in text.chars() {
        match instead(c) {
            Some(other) => escaped.push_str(&other),
            None => escaped.push(c),
        }
    }
    escaped
}

/// A character as JSON's `\u` escapes.
fn units(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().fold(String::new(), |text, unit| text + &format!("\\u{unit:04x}"))
}

/// `%2F` as `%2f`.
fn with_lower_hex(encoded: &str) -> String {
    let (mut text, mut digits) = (String::with_capacity(encoded.len()), 0_u8);
    for c in encoded.chars() {
        text.push(if digits > 0 { c.to_ascii_lowercase() } else { c });
        digits = if c == '%' { 2 } else { digits.saturating_sub(1) };
    }
    text
}
