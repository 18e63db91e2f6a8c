//! Secrets that are nobody else's, and the search for every form that they could leak in.
//!
//! Each canary is made of *marks* with awkward characters between them. The search knows the two halves of each mark, plain
//! and encoded, so that also a part of a secret is found; it shares no code with the scrubber.

#![cfg(test)]

use std::{
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A secret and its marks.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    pub(crate) value: String,
    marks: Vec<String>,
}

impl Canary {
    /// A secret like most tokens.
    pub(crate) fn plain() -> Self {
        Self::of(|mark| format!("ghx_{}", mark()))
    }

    /// A secret so long that tools break the lines of what they encode.
    pub(crate) fn long() -> Self {
        Self::of(|mark| format!("github_pat_{}_{}{}{}{}{}{}", mark(), mark(), mark(), mark(), mark(), mark(), mark()))
    }

    /// A secret with characters that every encoding writes differently.
    pub(crate) fn awkward() -> Self {
        Self::of(|mark| format!("{}\"q\\u&<'>$(`) %+/~ü{}", mark(), mark()))
    }

    /// A secret with characters that are made harmless wherever they are shown.
    pub(crate) fn dangerous() -> Self {
        Self::of(|mark| format!("{}\t##  {}", mark(), mark()))
    }

    /// A secret of several lines.
    pub(crate) fn lines() -> Self {
        Self::of(|mark| format!("-----BEGIN KEY-----\n{}\n  {}=\n-----END KEY-----", mark(), mark()))
    }

    /// A secret that somebody else has chosen, without awkward characters.
    pub(crate) fn given(value: &str) -> Self {
        Self { value: value.to_owned(), marks: vec![value.to_owned()] }
    }

    /// This secret with that one behind it.
    pub(crate) fn followed_by(self, other: &Self) -> Self {
        Self { value: self.value + &other.value, marks: [self.marks, other.marks.clone()].concat() }
    }

    fn of(make: impl FnOnce(&mut dyn FnMut() -> String) -> String) -> Self {
        let mut marks = Vec::new();
        let value = make(&mut || {
            marks.push(mark());
            mark_of(&marks)
        });
        Self { value, marks }
    }

    /// The secret as programs print it: a name for each form, and the form.
    pub(crate) fn forms(&self) -> Vec<(&'static str, String)> {
        let (value, bytes) = (&self.value, self.value.as_bytes());
        let after = |prefix: &str| [prefix.as_bytes(), bytes].concat();
        let json = serde_json::to_string(value).unwrap();
        // Other characters would be no text then.
        let wide = |bytes: fn(u16) -> [u8; 2]| if value.is_ascii() { wide(value, bytes) } else { value.clone() };
        let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        vec![
            ("plain", value.clone()),
            ("inside a word", format!("a{value}b")),
            ("base64", STANDARD.encode(bytes)),
            ("base64 after one byte", STANDARD.encode(after("u"))),
            ("base64 after two bytes", STANDARD.encode(after("u:"))),
            ("base64 before more", STANDARD.encode([bytes, b"@host"].concat())),
            ("base64 for URLs", URL_SAFE.encode(bytes)),
            ("base64 for URLs after one byte", URL_SAFE_NO_PAD.encode(after("u"))),
            ("base64 for URLs after two bytes", URL_SAFE_NO_PAD.encode(after("u:"))),
            ("hex", hex(bytes)),
            ("upper hex", hex(bytes).to_uppercase()),
            ("URL", utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()),
            ("lower URL", lower_escapes(&utf8_percent_encode(value, NON_ALPHANUMERIC).to_string())),
            ("form", url::form_urlencoded::byte_serialize(bytes).collect()),
            ("JSON", json.clone()),
            ("JSON in JSON", serde_json::to_string(&json).unwrap()),
            ("Rust", format!("{value:?}")),
            ("XML", xml.clone()),
            ("XML attribute", xml.replace('"', "&quot;").replace('\'', "&apos;")),
            ("HTML attribute", xml.replace('"', "&#34;").replace('\'', "&#39;")),
            ("shell", format!("'{}'", value.replace('\'', "'\\''"))),
            ("hex apart", apart(bytes, " ")),
            ("hex with colons", apart(bytes, ":").to_uppercase()),
            ("xxd", dump(bytes, |line| line.chunks(2).map(hex).collect::<Vec<_>>().join(" "))),
            ("hexdump", dump(bytes, |line| line.chunks(8).map(|half| apart(half, " ")).collect::<Vec<_>>().join("  "))),
            ("escaped bytes", bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat()),
            ("all of it in a URL", bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()),
            ("escaped units", value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()),
            ("UTF-16", wide(u16::to_le_bytes)),
            ("UTF-16, big end first", wide(u16::to_be_bytes)),
            ("bells in between", value.chars().map(|c| format!("{c}\u{7}")).collect::<Vec<_>>().concat()),
            ("broken by what is not seen", [&value[..5], "\u{200b}", &value[5..9], "\u{7}", &value[9..]].concat()),
        ]
    }

    /// What is sought: halves of the marks, in each encoding.
    fn needles(&self) -> Vec<(&'static str, String)> {
        let halves = self.marks.iter().flat_map(|mark| [&mark[..mark.len() / 2], &mark[mark.len() / 2..]]);
        halves
            .flat_map(|half| {
                let encoded = (0..3).map(|offset| {
                    let bytes = [&b"\0\0"[..offset], half.as_bytes()].concat();
                    // Without the characters that also depend on what stands around.
                    let text = STANDARD.encode(&bytes);
                    let end = text.trim_end_matches('=').len() - usize::from(!bytes.len().is_multiple_of(3));
                    ("base64", text[[0, 2, 3][offset]..end].to_owned())
                });
                let hex = hex(half.as_bytes());
                let others = [
                    ("plain", half.to_owned()),
                    ("hex", hex.to_uppercase()),
                    ("hex", hex),
                    ("hex apart", apart(half.as_bytes(), " ")),
                    ("hex with colons", apart(half.as_bytes(), ":").to_uppercase()),
                    ("hex in pairs", half.as_bytes().chunks(2).map(self::hex).collect::<Vec<_>>().join(" ")),
                    ("hex in pairs", half.as_bytes()[1..].chunks(2).map(self::hex).collect::<Vec<_>>().join(" ")),
                    ("escaped bytes", half.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat()),
                    ("URL", half.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()),
                    ("escaped units", half.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()),
                    (
                        "escaped units in JSON",
                        half.encode_utf16().map(|unit| format!("\\\\u{unit:04x}")).collect::<Vec<_>>().concat(),
                    ),
                    ("escaped bytes in JSON", half.bytes().map(|byte| format!("\\\\x{byte:02x}")).collect::<Vec<_>>().concat()),
                    ("UTF-16", wide(half, u16::to_le_bytes)),
                    ("bells in between", half.chars().map(|c| format!("{c}\u{7}")).collect::<Vec<_>>().concat()),
                ];
                encoded.chain(others).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The forms in which a part of this secret stands in `text`.
    pub(crate) fn found_in(&self, text: &[u8]) -> Vec<String> {
        let needles = self.needles();
        // Whoever reads it does not see these.
        let readable = without(&without(text, b"\x07"), "\u{200b}".as_bytes());
        let seen = needles.iter().filter(|(_, needle)| contains(text, needle.as_bytes()) || contains(&readable, needle.as_bytes()));
        seen.map(|(form, needle)| format!("{form} {needle}: …{}…", around(text, needle))).collect()
    }

    /// Fails if a part of this secret stands in what `place` is.
    #[track_caller]
    pub(crate) fn is_not_in(&self, place: &str, text: impl AsRef<[u8]>) {
        let found = self.found_in(text.as_ref());
        assert!(found.is_empty(), "{place} holds {:?} as {found:#?}", self.value);
    }

    /// Fails if a part of this secret stands in a file below `folder`, or in the name of one.
    #[track_caller]
    pub(crate) fn is_in_no_file_of(&self, folder: &Path) {
        for file in files(folder) {
            self.is_not_in("a name", file.to_string_lossy().as_bytes());
            // Pipes and sockets hold nothing, and some files are gone while they are looked at.
            if file.is_file() {
                self.is_not_in(&file.to_string_lossy(), fs::read(&file).unwrap_or_default());
            }
        }
    }
}

/// Everything below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

/// Sixteen letters that stand nowhere else, and that no encoding but base64 and hex changes.
fn mark() -> String {
    let random = format!("{:016x}", RandomState::new().build_hasher().finish());
    random.chars().map(|digit| char::from(b"gHjKmNpQrSvWxYzT"[digit.to_digit(16).unwrap() as usize])).collect()
}

fn mark_of(marks: &[String]) -> String {
    marks.last().unwrap().clone()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn apart(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| hex(&[*byte])).collect::<Vec<_>>().join(between)
}

/// Sixteen bytes a line, with the place before and the text behind.
fn dump(bytes: &[u8], show: impl Fn(&[u8]) -> String) -> String {
    let text =
        |line: &[u8]| line.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect::<String>();
    let line = |(number, line): (usize, &[u8])| format!("{:08x}: {}  {}\n", number * 16, show(line), text(line));
    bytes.chunks(16).enumerate().map(line).collect::<Vec<_>>().concat()
}

fn wide(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> String {
    text.encode_utf16().flat_map(bytes).map(char::from).collect()
}

fn lower_escapes(encoded: &str) -> String {
    let (first, rest) = encoded.split_once('%').unwrap_or((encoded, ""));
    let escapes = rest.split('%').filter(|escape| !escape.is_empty());
    escapes.fold(first.to_owned(), |text, escape| text + "%" + &escape[..2].to_lowercase() + &escape[2..])
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(text, needle).is_some()
}

fn without(text: &[u8], part: &[u8]) -> Vec<u8> {
    let (mut left, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = memchr::memmem::find(rest, part) {
        left.extend_from_slice(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    left.extend_from_slice(rest);
    left
}

/// What stands around a needle, to find the place.
fn around(text: &[u8], needle: &str) -> String {
    let at = text.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap_or(0);
    let (from, to) = (at.saturating_sub(60), (at + needle.len() + 60).min(text.len()));
    String::from_utf8_lossy(&text[from..to]).into_owned()
}

#[test]
fn the_search_finds_each_form_of_each_kind_of_secret() {
    for canary in [
        Canary::plain(),
        Canary::long(),
        Canary::awkward(),
        Canary::dangerous(),
        Canary::lines(),
        Canary::given("0123456789abcdef"),
    ] {
        for (name, form) in canary.forms() {
            assert!(!canary.found_in(format!("before {form} after").as_bytes()).is_empty(), "{name}: {form}");
        }
        let half = canary.marks[0].len() / 2;
        assert!(!canary.found_in(&canary.marks[0].as_bytes()[..half]).is_empty(), "a part is found");
        assert!(canary.found_in(b"*** and nothing else").is_empty());
        assert!(Canary::plain().found_in(canary.value.as_bytes()).is_empty(), "another's is not taken for one's own");
    }
}

#[test]
fn the_search_finds_a_planted_file_and_a_planted_name() {
    let canary = Canary::plain();
    let planted = |plant: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        plant(&folder.path().join("deep"));
        let path = folder.path().to_owned();
        std::panic::catch_unwind(|| canary.is_in_no_file_of(&path)).is_err()
    };
    assert!(planted(&|deep| fs::write(deep.join("file"), STANDARD.encode(&canary.value)).unwrap()));
    assert!(planted(&|deep| fs::write(deep.join(&canary.value), "").unwrap()));
    assert!(!planted(&|deep| fs::write(deep.join("file"), "***").unwrap()));
}
