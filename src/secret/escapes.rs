//! How tools escape a text: for URLs, JSON, source code of many languages, shells, HTML, and terminals.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::Zeroizing;

/// What `encodeURIComponent` leaves as it is, what RFC 3986 does, what Python's `quote` does, and what a form does.
const COMPONENT: &AsciiSet = &RFC_3986.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const RFC_3986: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &RFC_3986.remove(b'/');
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// How XML and HTML writers write the two quotes.
const XML_QUOTES: [[&str; 2]; 6] =
    [["&quot;", "&apos;"], ["&#34;", "&#39;"], ["&quot;", "&#39;"], ["&quot;", "&#x27;"], ["&quot;", "'"], ["\"", "'"]];

/// Which quotes a text is written in, and so escapes.
const QUOTES: [&[char]; 4] = [&[], &['\''], &['"'], &['\'', '"']];

/// A text that is wiped when it is dropped.
type Wiped = Zeroizing<String>;

/// The text in every way in which tools escape some of its characters.
pub(super) fn some(text: &str) -> Vec<Wiped> {
    let mut forms = in_urls(text);
    forms.extend(in_json(text));
    forms.extend(in_code(text));
    forms.extend(in_shells(text));
    forms.extend(XML_QUOTES.map(|quotes| in_xml(text, quotes)));
    forms.push(visible(text));
    forms
}

/// The text with an escape for each character, as tools write what they take for binary, and whoever wants to hide
/// something.
pub(super) fn all(text: &str) -> Vec<Wiped> {
    let bytes = |write: fn(u8) -> String| text.bytes().fold(Wiped::default(), |text, byte| joined(text, &write(byte)));
    let points = |write: fn(u32) -> String| text.chars().fold(Wiped::default(), |text, c| joined(text, &write(u32::from(c))));
    vec![
        bytes(|byte| format!("\\x{byte:02x}")),
        bytes(|byte| format!("\\x{byte:02X}")),
        bytes(|byte| format!("%{byte:02x}")),
        bytes(|byte| format!("%{byte:02X}")),
        bytes(|byte| format!("\\{byte:03o}")),
        points(|point| format!("&#{point};")),
        points(|point| format!("&#x{point:x};")),
        points(|point| format!("&#x{point:X};")),
        points(|point| format!("\\u{{{point:x}}}")),
        points(|point| format!("\\U{point:08x}")),
        escape(text, |c| Some(units(c))),
        escape(text, |c| Some(units(c).to_uppercase().replace('U', "u"))),
    ]
}

/// Once and twice, with digits of either case.
fn in_urls(text: &str) -> Vec<Wiped> {
    let mut forms = Vec::new();
    for set in [COMPONENT, RFC_3986, PATH, FORM, NON_ALPHANUMERIC] {
        let upper = Wiped::new(utf8_percent_encode(text, set).to_string());
        let lower = Wiped::new(with_lower_hex(&upper));
        for once in [upper, lower] {
            let spaces = Wiped::new(once.replace("%20", "+"));
            forms.push(Wiped::new(once.replace('%', "%25")));
            forms.push(Wiped::new(spaces.replace('%', "%25").replace('+', "%2B")));
            forms.extend([once, spaces]);
        }
    }
    forms
}

/// As JSON, as Python, Go and PHP write that, in JSON within JSON within JSON, and for HTML.
fn in_json(text: &str) -> Vec<Wiped> {
    let json = Wiped::new(serde_json::to_string(text).unwrap_or_default());
    let json = Wiped::new(json[json.len().min(1)..json.len().saturating_sub(1)].to_owned());
    let ascii = escape(&json, |c| (!c.is_ascii()).then(|| units(c)));
    let html = escape(&json, |c| matches!(c, '<' | '>' | '&').then(|| units(c)));
    let slashes = Wiped::new(json.replace('/', "\\/"));
    let again = |json: &str| escape(json, |c| matches!(c, '"' | '\\').then(|| format!("\\{c}")));
    let mut forms = vec![html, slashes];
    for json in [json, ascii] {
        let twice = again(&json);
        forms.extend(XML_QUOTES.map(|quotes| in_xml(&json, quotes)));
        forms.extend([again(&twice), twice, json]);
    }
    forms
}

/// As a text in the source of a program, which is how programs show a text in a message.
fn in_code(text: &str) -> Vec<Wiped> {
    let others: [fn(char) -> String; 6] = [
        |c| c.to_string(),
        |c| of_bytes(c, |byte| format!("\\x{byte:02x}")),
        |c| of_bytes(c, |byte| format!("\\x{byte:02X}")),
        |c| of_bytes(c, |byte| format!("\\{byte:03o}")),
        |c| match u32::from(c) {
            point @ ..0x100 => format!("\\x{point:02x}"),
            point @ 0x1_0000.. => format!("\\U{point:08x}"),
            point => format!("\\u{point:04x}"),
        },
        |c| format!("\\u{{{:x}}}", u32::from(c)),
    ];
    let debug = Wiped::new(format!("{text:?}"));
    let mut forms = vec![Wiped::new(debug[1..debug.len() - 1].to_owned())];
    for quotes in QUOTES {
        for other in others {
            let code = |c| match c {
                '\\' => Some("\\\\".to_owned()),
                '\n' => Some("\\n".to_owned()),
                '\r' => Some("\\r".to_owned()),
                '\t' => Some("\\t".to_owned()),
                c if quotes.contains(&c) => Some(format!("\\{c}")),
                c if c.is_control() && c.is_ascii() => Some(format!("\\x{:02x}", u32::from(c))),
                c if c.is_ascii() => None,
                c => Some(other(c)),
            };
            forms.push(escape(text, code));
        }
    }
    forms
}

/// Inside double quotes, on its own as `printf %q` writes it, and inside single quotes as `set -x` does.
fn in_shells(text: &str) -> Vec<Wiped> {
    let backslash = |c| format!("\\{c}");
    let plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
    vec![
        escape(text, |c| (c == '"').then(|| backslash(c))),
        escape(text, |c| matches!(c, '"' | '\\' | '$' | '`').then(|| backslash(c))),
        escape(text, |c| (!plain(c)).then(|| backslash(c))),
        Wiped::new(text.replace('\'', "'\\''")),
        Wiped::new(text.replace('\'', "'\"'\"'")),
    ]
}

fn in_xml(text: &str, [quote, apostrophe]: [&str; 2]) -> Wiped {
    let entity = |c| match c {
        '&' => Some("&amp;".to_owned()),
        '<' => Some("&lt;".to_owned()),
        '>' => Some("&gt;".to_owned()),
        '"' => Some(quote.to_owned()),
        '\'' => Some(apostrophe.to_owned()),
        _ => None,
    };
    escape(text, entity)
}

/// As `cat -v` shows what a terminal would not.
fn visible(text: &str) -> Wiped {
    let seven = |byte: u8| match byte {
        ..32 => format!("^{}", char::from(byte + 64)),
        127 => "^?".to_owned(),
        byte => char::from(byte).to_string(),
    };
    let shown = |byte: u8| if byte < 128 { seven(byte) } else { format!("M-{}", seven(byte - 128)) };
    text.bytes().fold(Wiped::default(), |text, byte| match byte {
        b'\n' | b'\t' => joined(text, &char::from(byte).to_string()),
        byte => joined(text, &shown(byte)),
    })
}

fn joined(mut text: Wiped, more: &str) -> Wiped {
    text.push_str(more);
    text
}

fn of_bytes(c: char, write: fn(u8) -> String) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(write).collect()
}

fn escape(text: &str, instead: impl Fn(char) -> Option<String>) -> Wiped {
    let mut escaped = Wiped::new(String::with_capacity(text.len() * 2));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn knows(text: &str, forms: &[&str]) {
        let known = some(text);
        for form in forms {
            assert!(known.iter().any(|known| known.as_str() == *form), "{form} is not one of {known:#?}");
        }
    }

    #[test]
    fn a_text_is_known_as_programs_show_it() {
        // Python's `repr`, node's `console.log` and `sed -n l`, each with the quotes that they choose.
        knows("a\"b\\c", &["a\"b\\\\c", "a\\\"b\\\\c"]);
        knows("a'b\"c\\d", &["a\\'b\"c\\\\d", "a'b\\\"c\\\\d", "a\\'b\\\"c\\\\d"]);
        // Python's bytes, `ascii` and logs; git and `ls -b`; Rust and JavaScript; `cat -v`.
        knows("pä€\u{1f511}", &["p\\xc3\\xa4\\xe2\\x82\\xac\\xf0\\x9f\\x94\\x91", "p\\xe4\\u20ac\\U0001f511"]);
        knows("pä", &["p\\303\\244", "p\\u{e4}", "p\\u00e4", "p\\\\u00e4", "pM-CM-$", "p%25C3%25A4"]);
        knows("a\"/\\", &["a\\\\\\\"/\\\\\\\\", "a\\\\\\\\\\\\\\\"/\\\\\\\\\\\\\\\\", "a\\&quot;/\\\\", "a%2522%252F%255C"]);
    }
}
