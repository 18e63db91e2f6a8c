//! The forms in which a secret turns up in output: plain, encoded, escaped, line by line.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::{Zeroize as _, Zeroizing};

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

/// Texts to hide, each at most [`LONGEST`] and at least [`SHORTEST`] bytes long. Wiped when dropped.
#[derive(Default)]
pub(super) struct Forms {
    forms: HashSet<String>,
    remainders: HashSet<String>,
}

impl Forms {
    fn insert(&mut self, form: &str) {
        insert(&mut self.forms, form);
    }

    /// The texts to hide wherever they stand.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.forms.iter().map(String::as_bytes)
    }

    /// Short ends of lines, to hide wherever they stand once another text was found: no tool prints one without the
    /// lines before.
    pub(super) fn remainders(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.remainders.difference(&self.forms).map(String::as_bytes)
    }
}

impl Drop for Forms {
    fn drop(&mut self) {
        self.forms.drain().chain(self.remainders.drain()).for_each(|mut form| form.zeroize());
    }
}

fn insert(texts: &mut HashSet<String>, text: &str) {
    if !texts.contains(text) {
        texts.insert(text.to_owned());
    }
}

/// Adds every form of this secret: of the whole of it, and of each of its lines.
pub(super) fn add(secret: &str, forms: &mut Forms) {
    let mut parts: HashSet<&str> = HashSet::from([secret, secret.trim()]);
    parts.extend(secret.lines());
    parts.extend(secret.lines().map(str::trim));
    for part in parts {
        if part.trim().chars().count() >= SHORTEST {
            add_plain(part, forms);
            add_escaped(part, forms);
            add_base64(part.as_bytes(), forms);
            add_hex(part.as_bytes(), forms);
        }
    }
}

/// The text itself, as it is shown once it is harmless or on one line, and as a terminal shows its line ends.
fn add_plain(part: &str, forms: &mut Forms) {
    add_pieces(part, LONGEST, forms);
    let harmless = Text::new(part);
    add_pieces(&Zeroizing::new(harmless.one_line()), LONGEST, forms);
    add_pieces(&Zeroizing::new(String::from(harmless)), LONGEST, forms);
    if part.contains('\n') {
        add_pieces(&Zeroizing::new(part.replace("\r\n", "\n").replace('\n', "\r\n")), LONGEST, forms);
    }
}

fn add_escaped(part: &str, forms: &mut Forms) {
    for set in [COMPONENT, RFC_3986, PATH, FORM, NON_ALPHANUMERIC] {
        let upper = Zeroizing::new(utf8_percent_encode(part, set).to_string());
        let lower = Zeroizing::new(with_lower_hex(&upper));
        for form in [upper, lower] {
            add_pieces(&Zeroizing::new(form.replace("%20", "+")), LONGEST, forms);
            add_pieces(&form, LONGEST, forms);
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
        add_pieces(form, LONGEST, forms);
    }
    // Inside double quotes, on its own as `printf %q` writes it, and inside single quotes as `set -x` does.
    let backslash = |c| format!("\\{c}");
    let plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
    add_pieces(&escape(part, |c| (c == '"').then(|| backslash(c))), LONGEST, forms);
    add_pieces(&escape(part, |c| matches!(c, '"' | '\\' | '$' | '`').then(|| backslash(c))), LONGEST, forms);
    add_pieces(&escape(part, |c| (!plain(c)).then(|| backslash(c))), LONGEST, forms);
    add_pieces(&Zeroizing::new(part.replace('\'', "'\\''")), LONGEST, forms);
    add_pieces(&Zeroizing::new(part.replace('\'', "'\"'\"'")), LONGEST, forms);
    for [quote, apostrophe] in XML_QUOTES {
        let entity = |c| match c {
            '&' => Some("&amp;".to_owned()),
            '<' => Some("&lt;".to_owned()),
            '>' => Some("&gt;".to_owned()),
            '"' => Some(quote.to_owned()),
            '\'' => Some(apostrophe.to_owned()),
            _ => None,
        };
        add_pieces(&escape(part, entity), LONGEST, forms);
    }
}

/// Base64 as it looks at each of the three places where the secret can begin within a group of three bytes. The
/// characters that also depend on the bytes around are left off; where the secret ends the text, its padded end is
/// a form of its own.
fn add_base64(part: &[u8], forms: &mut Forms) {
    for engine in [&general_purpose::STANDARD, &general_purpose::URL_SAFE] {
        for before in 0..3 {
            let mut bytes = Zeroizing::new(vec![0; before]);
            bytes.extend_from_slice(part);
            let whole = Zeroizing::new(engine.encode(&*bytes));
            let first = [0, 2, 3][before];
            let certain = whole.trim_end_matches('=').len() - usize::from(bytes.len() % 3 != 0);
            add_pieces(&whole[first..certain], LONGEST, forms);
            add_pieces(&whole[first..], LONGEST, forms);
            add_windows(&whole[first..certain], (BASE64_ENOUGH, 1), forms);
            if before == 0 {
                for columns in BASE64_COLUMNS {
                    add_pieces(&whole[..certain], columns, forms);
                }
            }
        }
    }
}

fn add_hex(part: &[u8], forms: &mut Forms) {
    let digit = |d: u8| char::from_digit(u32::from(d), 16).unwrap_or_default();
    let lower: Zeroizing<String> = Zeroizing::new(part.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect());
    let upper = Zeroizing::new(lower.to_uppercase());
    for form in [lower, upper] {
        add_pieces(&form, LONGEST, forms);
        add_pieces(&form, HEX_COLUMNS, forms);
        add_windows(&form, (HEX_ENOUGH, 2), forms);
    }
}

/// Adds every `width` characters in a row, from every `step`th on, of a form that is long enough to be broken into lines.
fn add_windows(form: &str, (width, step): (usize, usize), forms: &mut Forms) {
    if (width..=2 * LONGEST_BROKEN).contains(&form.len()) {
        let places = (0..=form.len() - width).step_by(step);
        places.filter_map(|at| form.get(at..at + width)).for_each(|window| forms.insert(window));
    }
}

/// Cuts a form into pieces of at most `longest` bytes, at borders of characters. The last piece is as long as the others
/// and so may overlap the one before.
fn add_pieces(form: &str, longest: usize, forms: &mut Forms) {
    let mut rest = form;
    while rest.len() > longest {
        let cut = rest.floor_char_boundary(longest);
        forms.insert(&rest[..cut]);
        rest = &rest[cut..];
    }
    if rest.len() < form.len() && longest == LONGEST {
        rest = &form[form.ceil_char_boundary(form.len() - longest)..];
    }
    if (SHORTEST..SWIFT).contains(&rest.len()) && rest.len() < form.len() {
        insert(&mut forms.remainders, rest);
    } else if rest.len() >= SHORTEST {
        forms.insert(rest);
    }
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
