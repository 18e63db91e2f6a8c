//! The text of a draft: lines with where they come from, and questions.

use std::collections::BTreeMap;

use crate::{plan::without_tokens, record::Text};

/// Where lines come from that a person has answered.
pub(super) const SAID: &str = "as you said";

/// The column that comments begin at, where there is room.
const COLUMN: usize = 58;

/// Something that a person decides, and can be asked at a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the answer is filed under.
    pub key: String,
    /// The question.
    pub text: String,
    /// What is taken without an answer; none leaves it out.
    pub usual: Option<String>,
}

#[derive(Clone, Debug)]
enum Line {
    /// A comment alone.
    Comment(String),
    /// A question alone.
    Question(String),
    /// A line of the plan, where it comes from, and what stands there if it is not valid.
    Plan { text: String, from: String, instead: Option<String> },
}

/// A plan while it is drafted.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    lines: Vec<Line>,
    asked: Vec<Question>,
    wanted: BTreeMap<String, Wanted>,
    refused: Vec<String>,
}

/// A secret that a line of a plan names.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The name that the forge knows it by.
    pub(super) owner: String,
    /// What it is for.
    pub(super) why: String,
}

impl Sheet {
    /// The plan as it is written to a file.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |text, line| text + &written(line) + "\n")
    }

    /// What a person may be asked.
    #[must_use]
    pub fn asked(&self) -> &[Question] {
        &self.asked
    }

    /// How many questions are marked in the text.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line, Line::Question(_))).count()
    }

    pub(super) fn comment(&mut self, text: &str) {
        self.lines.push(Line::Comment(text.to_owned()));
    }

    pub(super) fn question(&mut self, text: &str) {
        self.lines.push(Line::Question(text.to_owned()));
    }

    /// A line that is valid whatever happens.
    pub(super) fn line(&mut self, text: &str, from: &str) {
        self.lines.push(Line::Plan { text: text.to_owned(), from: from.to_owned(), instead: None });
    }

    /// A line that comes from the files, and what stands there if a plan cannot hold it; nothing leaves it out.
    pub(super) fn line_or(&mut self, text: &str, from: &str, instead: &str) {
        self.lines.push(Line::Plan { text: text.to_owned(), from: from.to_owned(), instead: Some(instead.to_owned()) });
    }

    /// A question that can be answered at a terminal.
    pub(super) fn ask(&mut self, key: &str, text: &str, usual: Option<&str>) {
        self.asked.push(Question { key: key.to_owned(), text: text.to_owned(), usual: usual.map(str::to_owned) });
    }

    /// Takes in why what a person said stands in no plan.
    pub(super) fn refuse(&mut self, reason: String) {
        self.refused.push(reason);
    }

    /// Why what a person said stands in no plan; empty if all of it does.
    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// A secret that a line names, and the name that the forge knows it by.
    pub(super) fn want(&mut self, name: &str, owner: &str, why: &str) {
        let wanted = || Wanted { owner: owner.to_owned(), why: why.to_owned() };
        self.wanted.entry(name.to_owned()).or_insert_with(wanted);
    }

    pub(super) fn wanted(&self) -> BTreeMap<String, Wanted> {
        self.wanted.clone()
    }

    /// Replaces lines (counted from one) that a plan cannot hold; whether any could be.
    pub(super) fn drop_lines(&mut self, wrong: &[(usize, String)]) -> bool {
        let mut changed = false;
        for (number, reason) in wrong {
            let Some(line) = number.checked_sub(1).and_then(|at| self.lines.get_mut(at)) else { continue };
            let Line::Plan { instead: Some(instead), from, .. } = line else { continue };
            let from = std::mem::take(from);
            if from == SAID {
                self.refused.push(reason.clone());
            }
            *line = if instead.is_empty() {
                Line::Question(format!("what {from} says fits no plan ({}): what is right here?", reason.replace('`', "'")))
            } else {
                Line::Plan {
                    text: std::mem::take(instead),
                    from: format!("an example: what should stand here ({from}) fits no plan"),
                    instead: None,
                }
            };
            changed = true;
        }
        self.fill_empty();
        changed
    }

    /// Puts something below the keys that have nothing left there, or leaves them out.
    fn fill_empty(&mut self) {
        for (key, instead) in NEVER_EMPTY {
            let is_key = |line: &Line| matches!(line, Line::Plan { text, .. } if text == key);
            let Some(at) = self.lines.iter().position(is_key) else { continue };
            let below = self.lines.iter().skip(at + 1).find_map(|line| match line {
                Line::Plan { text, .. } if !text.trim().is_empty() => Some(text),
                _ => None,
            });
            let indent = |text: &str| text.len() - text.trim_start().len();
            if below.is_some_and(|text| indent(text) > indent(key)) {
                continue;
            }
            if instead.is_empty() {
                self.lines.remove(at);
            } else {
                self.lines.insert(at + 1, Line::Plan { text: (*instead).to_owned(), from: "an example".to_owned(), instead: None });
            }
        }
    }
}

/// Keys that must have something below them, each with what stands there if nothing else is left; nothing leaves the key out.
const NEVER_EMPTY: &[(&str, &str)] = &[
    ("publish:", "  - oci: registry.example/team/name"),
    ("  run:", "    - \"echo 'canship.yaml does not say yet how this is built'; exit 1\""),
    ("secrets:", ""),
];

fn written(line: &Line) -> String {
    match line {
        Line::Comment(text) => format!("# {}", harmless(text)),
        Line::Question(text) => format!("# QUESTION: {}", harmless(text)),
        Line::Plan { text, from, .. } if from.is_empty() => text.clone(),
        Line::Plan { text, from, .. } => format!("{text:COLUMN$} # {}", harmless(from)),
    }
}

/// What stands in a comment: one line, with nothing that looks like a token.
fn harmless(text: &str) -> String {
    Text::new(&without_tokens(text)).as_str().replace('\n', " ").trim_end().to_owned()
}

/// A text as YAML has it, quoted where that is needed; safe between brackets as well.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '=' | '+' | '@');
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/' | '_'));
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | ".inf" | ".nan"
    );
    let inner = text.split([' ', ':']).all(|part| !part.is_empty() && part.chars().all(plain));
    if starts && inner && !word {
        return text.to_owned();
    }
    // JSON's strings are YAML's.
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A name as a secret of a plan can have it.
pub(super) fn variable(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_ascii_digit()) || plain.is_empty() { format!("_{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_yaml_would_read_something_else() {
        for text in ["a/b:1.2", "v1", "cargo build --release", "ssh://git@a.example/b"] {
            assert_eq!(quoted(text), text);
        }
        for text in ["", "1.0", "true", "a: b", "- x", "{x}", "x, y", "a #b", "\u{1b}[1m", "a:"] {
            assert!(quoted(text).starts_with('"'), "{text}");
        }
    }

    #[test]
    fn a_key_that_loses_all_that_is_below_it_gets_an_example_or_goes() {
        let mut sheet = Sheet::default();
        for (key, entry) in [("  run:", "    - x"), ("publish:", "  - { crate: a, token: T }"), ("secrets:", "  T: { env: T }")] {
            sheet.line(key, "");
            sheet.line_or(entry, "a file", "");
        }
        assert!(sheet.drop_lines(&[(2, "a".into()), (4, "b".into()), (6, "c".into())]));
        let text = sheet.text();
        assert!(text.contains("exit 1") && text.contains("  - oci: registry.example/team/name"), "{text}");
        assert!(!text.contains("secrets:"), "{text}");
    }

    #[test]
    fn a_name_becomes_one_that_a_plan_takes() {
        assert_eq!((variable("gh-token").as_str(), variable("1A").as_str()), ("gh_token", "_1A"));
    }
}
