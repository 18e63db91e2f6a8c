//! A rule explained.

use std::fmt::Write as _;

use crate::audit::{RULES, Rule};

/// The columns of a paragraph.
const WIDTH: usize = 96;

/// All that there is to say about a rule.
#[must_use]
pub fn render(rule: &Rule) -> String {
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

/// Every rule in a line.
#[must_use]
pub fn list() -> String {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    RULES.iter().fold(String::new(), |mut out, rule| {
        let _written = writeln!(out, "{:width$}  {:7}  {}", rule.id, rule.severity.name(), rule.title);
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
