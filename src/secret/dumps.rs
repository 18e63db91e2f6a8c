//! How tools dump bytes: `xxd`, `hexdump`, `od`, fingerprints, and lists of numbers in the source of a program.

use std::fmt::Write as _;

use secrecy::zeroize::Zeroizing;

/// Bytes in a row that a dump is known by; what follows on its line is of the dump.
pub(super) const KNOWN_BY: usize = 4;

/// Bytes in a row that are nobody else's.
pub(super) const TELLING: usize = 8;

/// What stands between the bytes of a dump in hexadecimal.
const BETWEEN: [&str; 5] = [" ", ":", "-", ",", ", "];

/// The forms that most tools have: bytes apart and in pairs, in either order.
pub(super) fn usual(bytes: [u8; KNOWN_BY]) -> Vec<Zeroizing<String>> {
    let [a, b, c, d] = bytes;
    let mut forms = Vec::new();
    for between in &BETWEEN[..2] {
        forms.push(apart(&bytes, between, |byte| format!("{byte:02x}")));
        forms.push(apart(&bytes, between, |byte| format!("{byte:02X}")));
    }
    forms.push(Zeroizing::new(format!("{a:02x}{b:02x} {c:02x}{d:02x}")));
    forms.push(Zeroizing::new(format!("{b:02x}{a:02x} {d:02x}{c:02x}")));
    forms
}

/// The forms that only some tools have.
pub(super) fn others(bytes: [u8; KNOWN_BY]) -> Vec<Zeroizing<String>> {
    let [a, b, c, d] = bytes;
    let mut forms = Vec::new();
    for between in BETWEEN {
        forms.push(apart(&bytes, between, |byte| format!("{byte:02x}")));
        forms.push(apart(&bytes, between, |byte| format!("{byte:02X}")));
    }
    for between in [" ", ",", ", "] {
        forms.push(apart(&bytes, between, |byte| format!("0x{byte:02x}")));
        forms.push(apart(&bytes, between, |byte| format!("0x{byte:02X}")));
    }
    forms.push(Zeroizing::new(format!("{a:02X}{b:02X} {c:02X}{d:02X}")));
    forms.push(Zeroizing::new(format!("{d:02x}{c:02x}{b:02x}{a:02x}")));
    forms.push(apart(&bytes, " ", |byte| format!("{byte:08b}")));
    forms.push(apart(&bytes, " ", |byte| format!("{byte:03o}")));
    let word = |low: u8, high: u8| u16::from_le_bytes([low, high]);
    forms.push(Zeroizing::new(format!("{:06o} {:06o}", word(a, b), word(c, d))));
    forms.push(in_columns(&bytes, |byte| match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("{byte:03o}"),
    }));
    // `48, 49, 50, 51` stands in many a table.
    if bytes.array_windows().any(|[one, next]| one.abs_diff(*next) > 1) {
        forms.extend([" ", ",", ", "].map(|between| apart(&bytes, between, |byte| byte.to_string())));
        forms.push(in_columns(&bytes, |byte| byte.to_string()));
    }
    forms
}

/// The forms in which files have what is nobody else's.
pub(super) fn telling(bytes: [u8; TELLING]) -> Vec<Zeroizing<String>> {
    let words = |word: fn([u8; 2]) -> u16| {
        let (words, _) = bytes.as_chunks();
        let mut text = Zeroizing::new(String::new());
        for (at, bytes) in words.iter().enumerate() {
            text.push_str(if at > 0 { " " } else { "" });
            let _written = write!(text, "{:04x}", word(*bytes));
        }
        text
    };
    vec![
        apart(&bytes, " ", |byte| format!("{byte:02x}")),
        apart(&bytes, ", ", |byte| format!("0x{byte:02x}")),
        apart(&bytes, ", ", |byte| byte.to_string()),
        words(u16::from_be_bytes),
        words(u16::from_le_bytes),
    ]
}

fn apart(bytes: &[u8], between: &str, write: fn(u8) -> String) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (at, byte) in bytes.iter().enumerate() {
        text.push_str(if at > 0 { between } else { "" });
        text.push_str(&write(*byte));
    }
    text
}

/// As `od -c` and `od -tu1` show them: four columns for each, from the first that is not empty on.
fn in_columns(bytes: &[u8], show: fn(u8) -> String) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for byte in bytes {
        let _written = write!(text, "{:>4}", show(*byte));
    }
    Zeroizing::new(text.trim_start().to_owned())
}
