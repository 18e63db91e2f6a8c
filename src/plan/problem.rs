//! What is wrong with a plan, shown like a good compiler does.
//!
//! Invariants: a line that may hold a secret is never shown, nor any line beside the one that is meant; whatever of
//! the plan is shown is harmless on a terminal and short.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle};

use super::{
    suspect, token,
    tree::{Node, Place},
};
use crate::record::Text;

/// Characters of a line that are shown on either side of the place.
const SHOWN: usize = 120;
/// Problems that are worked out; more help nobody, and a hostile file could hold any number.
const MOST: usize = 50;

/// Why a plan was refused: one problem or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The file, as it was named.
    pub name: String,
    /// What is wrong, in the file's order; never empty.
    pub problems: Vec<Problem>,
    /// How many more problems there are.
    pub omitted: usize,
}

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 if the file as a whole is meant.
    pub column: usize,
    /// How many characters are meant, on this line.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The line as it can be shown; none if it may hold a secret.
    pub line_text: Option<String>,
    /// Where the meant characters begin in `line_text`, in bytes.
    shown_at: std::ops::Range<usize>,
}

impl Invalid {
    /// A problem of the file as a whole.
    pub(super) fn file(name: &str, message: impl Into<String>, help: Option<&str>) -> Self {
        let problem = Problem {
            line: 0,
            column: 0,
            length: 0,
            message: message.into(),
            help: help.map(str::to_owned),
            line_text: None,
            shown_at: 0..0,
        };
        Self { name: Text::new(name).one_line(), problems: vec![problem], omitted: 0 }
    }

    /// All problems, each with place, line and help; with terminal colours if `colour`.
    #[must_use]
    pub fn render(&self, colour: Colour) -> String {
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Ansi => Renderer::styled(),
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut shown: Vec<String> = self.problems.iter().map(|problem| renderer.render(&[problem.group(&self.name)])).collect();
        if self.omitted > 0 {
            shown.push(format!("error: {} more problems are not shown", self.omitted));
        }
        shown.join("\n\n")
    }
}

/// Whether colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Text only.
    Plain,
    /// With terminal colours.
    Ansi,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

impl std::error::Error for Invalid {}

impl Problem {
    fn group<'a>(&'a self, name: &'a str) -> Group<'a> {
        let title = Level::ERROR.primary_title(self.message.as_str());
        let group = match &self.line_text {
            Some(line) => title.element(
                Snippet::source(line.as_str())
                    .path(name)
                    .line_start(self.line)
                    .fold(false)
                    .annotation(AnnotationKind::Primary.span(self.shown_at.clone())),
            ),
            None if self.line == 0 => title.element(Origin::path(name)),
            None => title
                .element(Origin::path(name).line(self.line).char_column(self.column))
                .element(Level::NOTE.message("the line is not shown: it may hold a secret")),
        };
        match &self.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }
}

/// A problem whose place is known by offset only.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) hidden: bool,
}

impl Flaw {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None, hidden: false }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        self.help_if(Some(help))
    }

    pub(super) fn help_if(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    /// The line may hold a secret.
    pub(super) fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Covers the word that stands at the place, if it does.
    pub(super) fn pointing_at(mut self, text: &str, word: &str) -> Self {
        if text.get(self.place.start..).is_some_and(|rest| rest.starts_with(word)) {
            self.place.end = self.place.start + word.len();
        }
        self
    }
}

/// The text of a plan, and which of its lines may be shown.
pub(super) struct Source<'t> {
    name: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    withheld: Vec<bool>,
}

impl<'t> Source<'t> {
    /// Withholds what looks like a secret on its face; [`Self::withhold_secrets`] does the rest once the text is read.
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        let line_starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let withheld = vec![false; line_starts.len()];
        let mut source = Self { name, text, line_starts, withheld };
        for place in suspect::suspects(text) {
            source.withhold(place);
        }
        source
    }

    /// Withholds what the tree shows to be a secret, or where one may stand by mistake.
    pub(super) fn withhold_secrets(&mut self, root: &Node) {
        for place in suspect::misplaced(root) {
            self.withhold(place);
        }
    }

    /// Withholds what may be a secret in a text that cannot be read.
    pub(super) fn withhold_blocks(&mut self) {
        for place in suspect::blocks(self.text) {
            self.withhold(place);
        }
    }

    fn withhold(&mut self, place: Place) {
        let (first, last) = (self.line_at(place.start), self.line_at(place.end.max(place.start)));
        for line in self.withheld.iter_mut().take(last + 1).skip(first) {
            *line = true;
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn line(&self, index: usize) -> &'t str {
        let start = self.line_starts.get(index).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(index + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// Line and column, from 1, the column in characters.
    pub(super) fn locate(&self, offset: usize) -> (usize, usize) {
        let index = self.line_at(offset);
        let line = self.line(index);
        let within = offset.saturating_sub(self.line_starts.get(index).copied().unwrap_or(0)).min(line.len());
        (index + 1, line[..line.floor_char_boundary(within)].chars().count() + 1)
    }

    /// The error that these flaws are, in the file's order.
    pub(super) fn invalid(&self, mut flaws: Vec<Flaw>) -> Invalid {
        flaws.sort_by_key(|flaw| flaw.place.start);
        let omitted = flaws.len().saturating_sub(MOST);
        flaws.truncate(MOST);
        let mut problems: Vec<Problem> = flaws.into_iter().map(|flaw| self.problem(flaw)).collect();
        problems.dedup();
        Invalid { name: Text::new(self.name).one_line(), problems, omitted }
    }

    fn problem(&self, flaw: Flaw) -> Problem {
        let index = self.line_at(flaw.place.start);
        let (line, column) = self.locate(flaw.place.start);
        let whole = self.line(index);
        let offset = self.line_starts.get(index).copied().unwrap_or(0);
        let start = whole.floor_char_boundary(flaw.place.start.saturating_sub(offset).min(whole.len()));
        let end = whole.floor_char_boundary(flaw.place.end.saturating_sub(offset).clamp(start, whole.len()));
        let length = whole[start..end].chars().count().max(1);
        let hidden = flaw.hidden || self.withheld.get(index).copied().unwrap_or(true);
        let (line_text, shown_at) = if hidden { (None, 0..0) } else { shown(whole, start, end) };
        Problem {
            line,
            column,
            length,
            message: harmless(&flaw.message, "a value here is wrong, and is not shown because it may be a secret"),
            help: flaw.help.map(|help| harmless(&help, "see the place")),
            line_text,
            shown_at,
        }
    }
}

/// The message as it can be shown. The second net under everything that quotes the plan: no text that looks like a
/// token gets through.
fn harmless(message: &str, instead: &str) -> String {
    if token::find(message).is_some() { instead.to_owned() } else { Text::new(message).one_line() }
}

/// The part of a line around a place, harmless, and where the place is in it.
fn shown(line: &str, start: usize, end: usize) -> (Option<String>, std::ops::Range<usize>) {
    let from = line.floor_char_boundary(start.saturating_sub(SHOWN));
    let to = line.ceil_char_boundary((end.min(start + SHOWN) + SHOWN).min(line.len()));
    let end = line.floor_char_boundary(end.min(to));
    let mut text = if from > 0 { "…".to_owned() } else { String::new() };
    text.push_str(Text::new(&line[from..start]).as_str());
    let at = text.len();
    text.push_str(Text::new(&line[start..end.max(start)]).as_str());
    let until = text.len().max(at);
    text.push_str(Text::new(&line[end.max(start)..to]).as_str());
    if to < line.len() {
        text.push('…');
    }
    // Once more for what came together at the seams; a lone carriage return would start a new line.
    let text = Text::new(&text).as_str().replace('\n', " ");
    let until = text.floor_char_boundary(until.min(text.len()));
    let at = text.floor_char_boundary(at.min(until));
    (Some(text), at..until)
}
