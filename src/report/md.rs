//! Text from outside in Markdown: shown as it is, and nothing else.
//!
//! What it cannot do: HTML, links and images (also the ones that forges make of bare addresses), mentions and
//! references (`@user`, `#1`, `!1`), headings, lists, breaks out of a table or a code block. Literals between single
//! backticks stay code, as in canship's own messages.

use std::borrow::Cow;

use super::{lines::defuse, words};

/// Keeps a forge from reading on: no space, no width, no meaning. Source: Unicode, `WORD JOINER`.
const JOINER: char = '\u{2060}';

/// Lines that a block shows at most: forges refuse documents that are too long.
const LINES_SHOWN: usize = 100;

/// A sentence on one line.
pub(super) fn prose(text: &str) -> String {
    let text = one_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    // Without a partner a backtick is only a character, and then it is not known which has none.
    if parts.len().is_multiple_of(2) {
        return escaped(&text);
    }
    let mut out = String::with_capacity(text.len());
    for (place, part) in parts.iter().enumerate() {
        match (place % 2, part.trim().is_empty()) {
            (0, _) => out.push_str(&escaped(part)),
            (_, true) => out.push_str(&escaped("``")),
            (_, false) => {
                if out.ends_with('`') {
                    out.push(' ');
                }
                out.push_str(&code(part));
            }
        }
    }
    out
}

/// A literal on one line.
pub(super) fn code(text: &str) -> String {
    // A bar would end the cell of a table, and forges disagree on how it is escaped in code.
    let text = one_line(text).replace('|', "│");
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Lines as a block, the last ones if there are many, with an end of line after it.
pub(super) fn block<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = lines.into_iter().flat_map(str::lines).collect();
    let hidden = all.len().saturating_sub(LINES_SHOWN);
    let before = (hidden > 0).then(|| format!("… {} before", words::count(hidden, "line")));
    let lines: Vec<String> = before.into_iter().chain(all[hidden..].iter().map(|line| defuse(&words::clip(line)))).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let mut block = format!("{fence}text\n");
    for line in &lines {
        block.push_str(line);
        block.push('\n');
    }
    block + &fence + "\n"
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text without backticks that mean anything, each character that Markdown or a forge acts on made a plain one.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            // Mentions, references and boxes to tick need what follows at once, and some forges look for it in the
            // text that is already decoded.
            '@' | '#' | '!' | '~' | '%' | '^' | '$' | '&' | '[' => {
                out.push_str(&entity(c));
                out.push(JOINER);
            }
            '<' | '>' | '"' | '\'' | '`' | '*' | '_' | ']' | '{' | '}' | '|' | '\\' => out.push_str(&entity(c)),
            // What stands first on a line can begin a list, a rule or a heading; `1.` and `1)` a list.
            '-' | '+' | '=' | ':' if at == 0 => out.push_str(&entity(c)),
            '.' | ')' if at > 0 && text[..at].bytes().all(|b| b.is_ascii_digit()) => out.push_str(&entity(c)),
            // Bare addresses become links.
            ':' if text[at..].starts_with("://") => out.extend([':', JOINER]),
            '.' if out.to_ascii_lowercase().ends_with("www") => out.extend([JOINER, '.']),
            c => out.push(c),
        }
    }
    out
}

fn entity(c: char) -> Cow<'static, str> {
    match c {
        '&' => Cow::Borrowed("&amp;"),
        '<' => Cow::Borrowed("&lt;"),
        '>' => Cow::Borrowed("&gt;"),
        c => Cow::Owned(format!("&#{};", u32::from(c))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_between_backticks_stay_code_and_all_else_is_plain() {
        assert_eq!(prose("step `cargo build` failed: *no*"), "step `cargo build` failed: &#42;no&#42;");
        assert_eq!(prose("one ` alone, <b>"), "one &#96; alone, &lt;b&gt;");
        assert_eq!(prose("`a``b`"), "`a` `b`");
        assert_eq!(prose("two\nlines"), "two lines");
    }

    #[test]
    fn what_a_forge_acts_on_is_kept_apart() {
        assert_eq!(prose("@team"), "&#64;\u{2060}team");
        assert_eq!(prose("see https://x.example"), "see https:\u{2060}//x.example");
        assert_eq!(prose("WWW.x.example"), "WWW\u{2060}.x.example");
        assert_eq!(prose("1. no list"), "1&#46; no list");
    }

    #[test]
    fn code_closes_where_it_should() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a ` b"), "``a ` b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code("a | b"), "`a │ b`");
        assert_eq!(code(" \n"), "(empty)");
    }

    #[test]
    fn a_block_cannot_be_left() {
        assert_eq!(block(["a", "````", "::error::"]), "`````text\na\n````\n:\u{200a}:error::\n`````\n");
    }
}
