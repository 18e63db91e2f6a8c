//! Lines for people: wrapped to a width, coloured or not, and never beginning with what came from outside.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::words;
use crate::record::{Outcome, Severity, Text, Verdict};

/// Whether lines carry the escapes that colour them. Who calls decides (`NO_COLOR`, is it a terminal).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Off,
    /// With the sixteen colours that every terminal has.
    On,
}

/// How lines are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The columns a line may take; below 40 counts as 40.
    pub width: usize,
    /// Whether it is coloured.
    pub colour: Colour,
    /// What charts are drawn with.
    pub drawing: Drawing,
}

/// What charts are drawn with. Who calls decides: not every terminal and every file shows more than ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drawing {
    /// Characters that are shown everywhere.
    #[default]
    Ascii,
    /// Blocks.
    Blocks,
}

impl Default for Layout {
    fn default() -> Self {
        Self { width: 100, colour: Colour::Off, drawing: Drawing::Ascii }
    }
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const PLAIN: Style = Style::new();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const OPEN: Style = AnsiColor::Yellow.on_default();

pub(super) fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::CanShip => GOOD,
        Verdict::CannotShip => BAD,
        Verdict::Degraded | Verdict::Unknown => OPEN,
    }
    .bold()
}

pub(super) fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Blocker => BAD.bold(),
        Severity::Unverified | Severity::Gap => OPEN.bold(),
    }
}

pub(super) fn outcome_style(outcome: Option<&Outcome>) -> Style {
    match outcome {
        Some(Outcome::Passed) => GOOD,
        Some(Outcome::Failed) => BAD,
        Some(Outcome::Errored) | None => OPEN,
        Some(Outcome::Skipped { .. }) => DIM,
    }
}

impl Colour {
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::On if style != PLAIN && !text.is_empty() => format!("{style}{text}{style:#}"),
            Self::On | Self::Off => text.to_owned(),
        }
    }
}

/// A piece of a line that may be written as it is, with its style.
pub(super) type Label<'a> = (Style, &'a str);

/// Lines that are being written.
pub(super) struct Lines {
    out: String,
    layout: Layout,
}

impl Lines {
    pub(super) fn new(layout: Layout) -> Self {
        Self { out: String::new(), layout: Layout { width: layout.width.max(40), ..layout } }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An empty line and a heading.
    pub(super) fn heading(&mut self, text: &str) {
        self.out.push('\n');
        for piece in wrap(text, self.layout.width) {
            self.line(&self.layout.colour.paint(BOLD, &piece));
        }
    }

    /// The labels, then the text, which continues under its own beginning.
    pub(super) fn hanging(&mut self, labels: &[Label<'_>], text: &str) {
        let indent: usize = labels.iter().map(|(_, label)| label.width()).sum();
        let room = self.layout.width.saturating_sub(indent).max(20);
        let pieces = wrap(text, room);
        let mut line: String = labels.iter().map(|(style, label)| self.layout.colour.paint(*style, label)).collect();
        let mut pieces = pieces.iter().peekable();
        line.push_str(pieces.next_if(|piece| piece.width() <= room).map_or("", String::as_str));
        self.line(&line);
        for piece in pieces {
            // What may not be parted is moved out instead, as far as that helps.
            let indent = indent.min(self.layout.width.saturating_sub(piece.width()));
            self.line(&format!("{:indent$}{piece}", ""));
        }
    }

    /// Lines from outside, each behind a bar; kept as they are but for lines that are too long.
    pub(super) fn quoted(&mut self, indent: &str, text: &str) {
        let bar = self.layout.colour.paint(DIM, "│");
        let width = self.layout.width.saturating_sub(indent.width() + 2).max(20);
        for line in text.lines() {
            for piece in split(&words::clip(line), width) {
                self.line(&format!("{indent}{bar} {piece}"));
            }
        }
    }

    /// A command that is to be run as it stands: never wrapped.
    pub(super) fn command(&mut self, command: &Text) {
        for line in command.as_str().lines() {
            self.line(&format!("    {}", defuse(line)));
        }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }
}

/// The same text, without the power of a workflow command if it came to stand at the beginning of a line.
///
/// GitHub's runner looks for `::` after leading white space, so indenting is not enough, and compares as a language
/// does, which passes over characters that show nothing.
/// Source: actions/runner, `src/Runner.Common/ActionCommand.cs`, `TryParseV2`.
pub(super) fn defuse(line: &str) -> String {
    let mut seen = line.char_indices().filter(|(_, c)| !shows_nothing(*c));
    match (seen.next(), seen.next()) {
        (Some((first, ':')), Some((_, ':'))) => format!("{}\u{200a}{}", &line[..=first], &line[first + 1..]),
        _ => line.to_owned(),
    }
}

fn shows_nothing(c: char) -> bool {
    c.is_whitespace() || c == '\u{ad}' || c.width().is_none_or(|width| width == 0)
}

/// What a number of one is not torn from.
const UNITS: [&str; 9] = ["ms", "s", "m", "h", "d", "%", "B", "MiB", "GiB"];

/// The words of the text in lines of at most `width` columns.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        // A number stays with its unit.
        let unit = words.peek().filter(|next| word.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(next));
        let needs = word.width() + unit.map_or(0, |unit| 1 + unit.width());
        if !line.is_empty() && line.width() + 1 + needs > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.width() > width {
            let mut pieces = split(&line, width);
            line = pieces.pop().unwrap_or_default();
            lines.append(&mut pieces);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines.iter().map(|line| defuse(line)).collect()
}

/// The line in pieces of at most `width` columns, parted behind a blank where there is one; at least one piece.
fn split(line: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(over) = over(rest, width) {
        // What stands before the first word is no place to part.
        let from = rest.len() - rest.trim_start().len();
        let blank = rest[..over].rfind(' ').filter(|at| *at > from).map(|at| at + 1);
        let at = blank.unwrap_or_else(|| beside_digest(rest, over));
        if at == rest.len() {
            break;
        }
        let (piece, after) = rest.split_at(at);
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces.push(rest.to_owned());
    pieces
}

/// Where to part the line, which would be here: before a digest if that would part it, or after it if it comes first. Who
/// copies a digest copies all of it.
fn beside_digest(line: &str, at: usize) -> usize {
    const NAME: &str = "sha256:";
    let digests = line.match_indices(NAME).filter_map(|(start, _)| {
        let hex = line[start + NAME.len()..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let behind = line.get(start + NAME.len() + hex..)?.bytes().take_while(|byte| b"`'\",.;:)]".contains(byte)).count();
        let before = line[..start].trim_end_matches(['`', '\'', '"', '(', '[']).len();
        (hex == 64).then_some((before, start + NAME.len() + hex + behind))
    });
    let parted = digests.into_iter().find(|(start, end)| (start + 1..*end).contains(&at));
    parted.map_or(at, |(start, end)| if line[..start].trim().is_empty() { end } else { start })
}

/// Where the first character starts that does not fit into so many columns, which is never the very first.
fn over(line: &str, width: usize) -> Option<usize> {
    let mut used = 0;
    let mut wide = line.char_indices().map(|(at, c)| {
        used += c.width().unwrap_or(0);
        (at, used)
    });
    wide.find(|(at, used)| *at > 0 && *used > width).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_go_to_the_next_line_where_they_do_not_fit() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a 123456789", 4), ["a", "1234", "5678", "9"]);
        assert_eq!(wrap("発射 準備", 5), ["発射", "準備"]);
        assert_eq!(wrap("  ", 5), Vec::<String>::new());
        assert_eq!(wrap("took 4 m 59 s", 6), ["took", "4 m", "59 s"]);
    }

    #[test]
    fn what_is_quoted_is_parted_behind_a_blank_if_there_is_one() {
        assert_eq!(split("one two three", 8), ["one two ", "three"]);
        assert_eq!(split("  123456789 a", 6), ["  1234", "56789 ", "a"]);
        assert_eq!(split("発射準備", 5), ["発射", "準備"]);
        assert_eq!(split("発", 1), ["発"]);
        assert_eq!(split("", 5), [""]);
    }

    #[test]
    fn a_digest_is_never_parted() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let name = format!("docker.io/library/debian@{digest}");
        let pieces = wrap(&format!("from `{name}`, pulled"), 72);
        assert_eq!(pieces, ["from", "`docker.io/library/debian@", &format!("{digest}`,"), "pulled"]);
        assert_eq!(wrap(&format!("`{digest}`"), 40), [format!("`{digest}`")]);
        assert_eq!(wrap(&digest, 40), [digest.as_str()]);
        assert_eq!(wrap(&format!("a {digest} b"), 40), ["a", &digest, "b"]);
        let mut lines = Lines::new(Layout { width: 80, ..Layout::default() });
        lines.hanging(&[(PLAIN, "           image: ")], &name);
        lines.hanging(&[(PLAIN, "          digest: ")], &digest);
        let expected =
            format!("           image: docker.io/library/debian@\n         {digest}\n          digest:\n         {digest}\n");
        assert_eq!(lines.finish(), expected);
    }

    #[test]
    fn a_command_loses_its_power_behind_white_space_too() {
        assert_eq!(defuse(" \u{a0}::error::x"), " \u{a0}:\u{200a}:error::x");
        assert_eq!(defuse("\u{ad}:\u{fe0f}:error::x"), "\u{ad}:\u{200a}\u{fe0f}:error::x");
        assert_eq!(defuse("a ::error"), "a ::error");
        assert_eq!(defuse(": error"), ": error");
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        assert_eq!(Colour::Off.paint(BOLD, "x"), "x");
        assert_eq!(Colour::On.paint(BOLD, "x"), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(Colour::On.paint(PLAIN, "x"), "x");
    }

    proptest! {
        // No character is wider than three columns, and one that is wider than a line has one of its own.
        #[test]
        fn no_line_is_wider_than_asked_for(text in "(\\PC{0,30} ?){0,9}", width in 3_usize..60) {
            for line in wrap(&text, width) {
                // Taking the power from a command adds one column.
                prop_assert!(line.replace('\u{200a}', "").width() <= width, "{line:?}");
                prop_assert!(!line.trim_start().starts_with("::"));
            }
        }
    }
}
