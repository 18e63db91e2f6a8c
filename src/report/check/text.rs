//! Findings for people: what, where with the line, why it may be wrong, what to do.

use std::{fmt::Write as _, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle};

use super::{Colour, clean, elsewhere};
use crate::{
    audit::{Finding, Report, Severity, Spot, Subject},
    pipeline::{At, LONG_LINE},
};

/// Characters of a line that are shown on either side of the place.
const SHOWN: usize = 100;
/// Bytes on either side in which a token is sought.
const LOOKED_AT: usize = 2_000;
/// Places beside the first that are shown with their lines.
const RELATED: usize = 2;

pub(super) fn render(report: &Report, subject: &Subject<'_>, colour: Colour) -> String {
    let renderer = if colour == Colour::On { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for finding in &report.findings {
        let told = Told::new(finding, subject);
        out.push_str(&renderer.render(&[told.group(finding)]));
        out.push_str("\n\n");
    }
    for suppressed in &report.suppressed {
        let Finding { rule, spot, .. } = &suppressed.finding;
        let _written = writeln!(out, "suppressed: {} at {}: {}", rule.id, place(&spot.at), clean(&suppressed.reason));
    }
    summary(report, &mut out);
    out
}

fn summary(report: &Report, out: &mut String) {
    let count = |severity: Severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let counted = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let kinds: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .map(|severity| (count(*severity), severity.name()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| counted(n, name))
        .collect();
    let told = if kinds.is_empty() { "nothing found".to_owned() } else { kinds.join(", ") };
    let rest = if report.suppressed.is_empty() { String::new() } else { format!("; {} suppressed", report.suppressed.len()) };
    let more = if kinds.is_empty() { "" } else { " (`canship explain RULE` says more about each)" };
    let _written = writeln!(out, "{told}{rest}{more}");
}

fn place(at: &At) -> String {
    format!("{}:{}:{}", clean(&at.file), at.line, at.column)
}

/// A line as it can be shown, and what of it is meant.
struct Line {
    file: String,
    number: usize,
    text: String,
    meant: Range<usize>,
    what: String,
}

/// The texts of a finding, made harmless; the renderer borrows them.
struct Told {
    title: String,
    first: Result<Line, String>,
    others: Vec<Line>,
    notes: Vec<String>,
    advice: String,
}

impl Told {
    fn new(finding: &Finding, subject: &Subject<'_>) -> Self {
        let first = line(&finding.spot, "", subject).ok_or_else(|| clean(&finding.spot.at.file));
        let related = elsewhere(finding);
        let others: Vec<Line> = related.iter().take(RELATED).filter_map(|(spot, what)| line(spot, what, subject)).collect();
        let mut notes: Vec<String> = finding.doubt.iter().map(|doubt| format!("not certain: {}", clean(doubt))).collect();
        let rest: Vec<String> = related
            .iter()
            .skip(others.len())
            .take(20)
            .map(|(spot, what)| format!("{} at {}", clean(what), place(&spot.at)))
            .collect();
        if !rest.is_empty() {
            let more = related.len() - others.len() - rest.len();
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            notes.push(format!("and {}{more}", rest.join(", ")));
        }
        Self { title: clean(&finding.message), first, others, notes, advice: clean(&finding.advice) }
    }

    fn group(&self, finding: &Finding) -> Group<'_> {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(self.title.as_str()).id(finding.rule.id);
        let mut group = match &self.first {
            Ok(line) => title.element(snippet(line, AnnotationKind::Primary)),
            Err(file) => title.element(Origin::path(file.as_str())),
        };
        for line in &self.others {
            group = group.element(snippet(line, AnnotationKind::Context));
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        group.element(Level::HELP.message(self.advice.as_str()))
    }
}

fn snippet(line: &Line, kind: AnnotationKind) -> Snippet<'_, Annotation<'_>> {
    let annotation = kind.span(line.meant.clone());
    let annotation = if line.what.is_empty() { annotation } else { annotation.label(line.what.as_str()) };
    Snippet::source(line.text.as_str()).path(line.file.as_str()).line_start(line.number).fold(false).annotation(annotation)
}

fn line(spot: &Spot, what: &str, subject: &Subject<'_>) -> Option<Line> {
    let At { file, line, column } = &spot.at;
    let number = usize::try_from(*line).ok()?;
    let whole = match subject.plan.filter(|written| *written.file == **file) {
        Some(plan) => plan.text.lines().nth(number.checked_sub(1)?)?,
        None => subject.pipeline.line(file, *line)?,
    };
    let start = usize::try_from(*column).ok()?.saturating_sub(1);
    // Columns that far are counted in bytes.
    let start = if start > LONG_LINE {
        whole.floor_char_boundary(start)
    } else {
        whole.char_indices().nth(start).map_or(whole.len(), |(at, _)| at)
    };
    let (text, meant) = shown(whole, start, spot.length);
    Some(Line { file: clean(file), number, text, meant, what: clean(what) })
}

/// The part of a line around the byte `start`, harmless, and where the `length` characters from there are in it; of a part
/// that looks like it has a token in it, nothing is shown.
fn shown(line: &str, start: usize, length: usize) -> (String, Range<usize>) {
    let (before, rest) = line.split_at(start);
    let near = before.ceil_char_boundary(start.saturating_sub(LOOKED_AT))..line.floor_char_boundary(start + LOOKED_AT);
    let near = line.get(near).unwrap_or_default();
    if crate::plan::without_tokens(near).as_ref() != near {
        return ("(this line is not shown: it may hold a secret)".to_owned(), 0..0);
    }
    let harmless = |text: &str| crate::record::Text::new(text).as_str().replace('\n', " ");
    let after = |text: &'_ str, count: usize| text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    let from = before.char_indices().rev().nth(SHOWN - 1).map_or(0, |(at, _)| at);
    let (meant, rest) = rest.split_at(after(rest, length.min(SHOWN)));
    let (next, left) = rest.split_at(after(rest, SHOWN));
    let mut text = if from > 0 { "…".to_owned() } else { String::new() };
    text.push_str(&harmless(&before[from..]));
    let at = text.len();
    let meant = harmless(meant);
    text.push_str(&meant);
    // Blanks at the end are shown and not marked: what is marked ends before the next word.
    let until = at + meant.trim_end().len();
    text.push_str(&harmless(next));
    if !left.is_empty() {
        text.push('…');
    }
    (text, at..until)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_is_marked_keeps_its_blanks() {
        let line = "  - cron: '*/15 * * * *'";
        for (start, length) in [(10, 11), (11, 11), (0, 100), (24, 1)] {
            assert_eq!(shown(line, start, length).0, line, "{start}");
        }
        assert_eq!(shown("a b c", 2, 2), ("a b c".to_owned(), 2..3));
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let line = format!("{}é{}", "x".repeat(200_000), "y".repeat(200_000));
        let (text, meant) = shown(&line, 200_000, 2);
        assert_eq!((&text[meant], text.chars().count()), ("éy", 1 + 100 + 2 + 100 + 1));
    }
}
