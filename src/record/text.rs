//! Text from outside (build output, a server's words, names in archives), made harmless when it is taken in.
//!
//! Removed or broken up: terminal escapes and every other control character, characters that reorder or hide
//! text, and the workflow commands of CI systems that work in the middle of a line (`##[set-env …]`,
//! `##vso[…]`, `##teamcity[…]`). Commands that need the start of a line (`::set-env …`) are harmless as long
//! as a view never begins a line with a [`Text`]; the views in `report` do not.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// The longest text of a peer that is told: so much of its beginning, and so much of its end.
const MOST_TOLD: (usize, usize) = (600, 200);
const BETWEEN: &str = " … ";

/// One line or a few, safe to print anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// The text without anything that a terminal or a CI log would act on. Line ends stay.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let mut clean = String::with_capacity(raw.len());
        let mut rest = raw.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\u{1b}' => skip_escape(&mut rest),
                '\t' => clean.push_str("    "),
                '\r' if rest.peek() == Some(&'\n') => {}
                '\r' | '\n' => clean.push('\n'),
                '[' | 'a'..='z' | 'A'..='Z' if clean.ends_with("##") => {
                    clean.pop();
                    clean.extend(['\u{200a}', '#', c]);
                }
                // Left out, not replaced: what stands around it is sought for secrets.
                c if c.is_control() || is_invisible(c) => {}
                c => clean.push(c),
            }
        }
        Self(clean)
    }

    /// The text of bytes that may not be UTF-8.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Self {
        Self::new(&String::from_utf8_lossy(raw))
    }

    /// A peer's words: harmless and on one line. Not cut here, where a part of a secret might be left of which nobody
    /// knows that it is one: see [`Text::shorten`].
    #[must_use]
    pub fn words(raw: &str) -> Self {
        Self::new(raw).one_line().into()
    }

    /// The same and short: for what no server has said.
    #[must_use]
    pub fn brief(raw: &str) -> Self {
        let mut words = Self::words(raw);
        words.shorten();
        words
    }

    /// Cuts the middle out of a long text. Only once it was freed of secrets.
    pub fn shorten(&mut self) {
        let (first, last) = MOST_TOLD;
        let length = self.0.chars().count();
        if length > first + last + BETWEEN.chars().count() {
            let end = self.0.chars().skip(length - last);
            *self = Self::new(&self.0.chars().take(first).chain(BETWEEN.chars()).chain(end).collect::<String>());
        }
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Replaces the text by what `change` makes of it; costs nothing where it gives the same text back.
    pub fn rewrite(&mut self, change: impl FnOnce(&str) -> Cow<'_, str>) {
        if let Cow::Owned(changed) = change(&self.0) {
            *self = Self::new(&changed);
        }
    }

    /// The text on one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        self.0.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Leaves out what follows ESC: a CSI sequence up to its final byte, an OSC, DCS, PM or APC string up to its end,
/// or the one character of a short escape. Source: ECMA-48, sections 5.3 to 5.6.
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => {
            while rest.next_if(|c| !('@'..='~').contains(c) && *c != '\n').is_some() {}
            rest.next_if(|c| *c != '\n');
        }
        Some(']' | 'P' | '^' | '_') => while rest.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {},
        Some(_) | None => {}
    }
}

/// Characters that show nothing themselves but change how their neighbours read (bidirectional controls,
/// zero-width characters, tags). Source: Unicode TR 36, section 2.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Text {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl From<&str> for Text {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// A word of a command that a person types, as a shell takes it: nothing is read into it.
#[must_use]
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// So many of a thing: `1 step`, `2 steps`, `3 processes`.
#[must_use]
pub fn count<N: Copy + fmt::Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    match number == N::from(1) {
        true => format!("1 {thing}"),
        false if thing.ends_with(['s', 'x']) || thing.ends_with("ch") => format!("{number} {thing}es"),
        false => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_told_as_one() {
        assert_eq!([count(0_u64, "commit"), count(1_u64, "commit")], ["0 commits", "1 commit"]);
        assert_eq!(
            [count(1_usize, "process"), count(2_usize, "process"), count(2_usize, "branch")],
            ["1 process", "2 processes", "2 branches"]
        );
    }

    #[test]
    fn escapes_and_control_characters_do_not_survive() {
        let raw = "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}ok\u{8}\u{0}\r\nnext\rlast\u{202e}";
        assert_eq!(Text::new(raw).as_str(), "red ok\nnext\nlast");
    }

    #[test]
    fn commands_in_the_middle_of_a_line_are_broken_up() {
        for raw in ["x ##[set-env name=A]b", "##vso[task.setvariable]", "###teamcity[x]", "##\u{200b}[x]", "##\u{1b}[0m[x]"] {
            let text = Text::new(raw);
            assert!(["##[", "##v", "##t"].iter().all(|command| !text.as_str().contains(command)), "{raw}");
        }
        assert_eq!(Text::new("## ${A##*/} ##").as_str(), "## ${A##*/} ##");
    }

    #[test]
    fn an_escape_that_never_ends_takes_no_more_than_its_line() {
        assert_eq!(Text::new("\u{1b}]0;never\nnext \u{1b}[").as_str(), "\nnext ");
        assert_eq!(Text::new("\u{1b}[12;\nnext").as_str(), "\nnext");
    }

    #[test]
    fn a_talkative_peer_is_cut_short_in_the_middle() {
        let mut text = Text::words(&format!("begin{}end", "x".repeat(10_000)));
        text.shorten();
        assert_eq!(text.as_str().chars().count(), MOST_TOLD.0 + MOST_TOLD.1 + 3);
        assert!(text.as_str().starts_with("begin") && text.as_str().ends_with("end"));
        let (once, short) = (text.clone(), Text::from("short"));
        text.shorten();
        assert_eq!(text, once);
        let mut same = short.clone();
        same.shorten();
        assert_eq!(same, short);
    }

    #[test]
    fn cleaning_twice_changes_nothing_more() {
        let once = Text::new("## \u{1b}[1m#\u{1b}[0m# a\tb");
        assert_eq!(Text::new(once.as_str()), once);
    }
}
