//! A rule explained: of a check, or of a drill.

use std::fmt::Write as _;

use super::words;
use crate::{
    audit::{self, RULES},
    record::{Rule, Severity},
};

/// The columns of a paragraph.
const WIDTH: usize = 96;

/// All that there is to say about a rule of a check.
#[must_use]
pub fn check_rule(rule: &audit::Rule) -> String {
    let mut out = format!("{} ({} at most)\n  {}\n", rule.id, rule.severity.name(), rule.title);
    let parts = [("detects", rule.detects), ("misses", rule.misses), ("why", rule.why), ("what to do", rule.advice)];
    for (title, text) in parts {
        let _written = write!(out, "\n{title}\n{}", wrapped(text));
    }
    let _written = write!(
        out,
        "\naccepted with a reason by\n  # canship: ignore[{}] reason\n  on the line or the one above, or in the plan by\n  check: {{ ignore: [{{ rule: {}, reason: … }}] }}\n",
        rule.id, rule.id
    );
    out
}

/// What a finding of a drill means.
#[must_use]
pub fn drill_rule(rule: Rule) -> String {
    let effect = match rule.severity() {
        Severity::Gap => "It lowers the verdict to degraded: a release can be shipped, with a gap.",
        Severity::Unverified => "It lowers the verdict to unknown: something that the answer needs could not be verified.",
        Severity::Blocker => "It lowers the verdict to cannot ship: a release would fail here.",
    };
    let place =
        "What was tried, on what, what was answered and what to do stands in the finding itself, in the report of the drill.";
    let (meaning, severity) = (wrapped(rule.meaning()), words::severity(rule.severity()));
    format!(
        "{rule} ({severity} unless the finding says otherwise)\n{meaning}\nwhat it does\n{}\nwhat to do\n{}",
        wrapped(effect),
        wrapped(place)
    )
}

/// Every rule in a line.
#[must_use]
pub fn list() -> String {
    let of_check = RULES.iter().map(|rule| (rule.id, rule.severity.name(), rule.title));
    let of_drill = Rule::ALL.iter().map(|rule| (rule.id(), words::severity(rule.severity()), rule.meaning()));
    format!("what `canship check` finds\n{}\nwhat `canship drill` finds\n{}", lines(&of_check), lines(&of_drill))
}

fn lines<'r>(rules: &(impl Iterator<Item = (&'r str, &'r str, &'r str)> + Clone)) -> String {
    let wide = |part: fn(&(&'r str, &'r str, &'r str)) -> usize| rules.clone().map(|rule| part(&rule)).max().unwrap_or_default();
    let (ids, severities) = (wide(|rule| rule.0.len()), wide(|rule| rule.1.len()));
    rules.clone().fold(String::new(), |mut out, (id, severity, title)| {
        let _written = writeln!(out, "  {id:ids$}  {severity:severities$}  {title}");
        out
    })
}

fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::from(" ");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _written = writeln!(out, "{line}");
            line = String::from(" ");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _written = writeln!(out, "{line}");
    out
}
