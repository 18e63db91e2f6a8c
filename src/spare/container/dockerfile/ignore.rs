//! `.dockerignore`: what of the source is not part of a build's context.
//!
//! Docker's rules, not git's: every pattern is anchored at the root, `**` stands for any number of folders, a pattern
//! holds for all that lies below what it matches, and the last pattern that matches decides.
//! Source: <https://docs.docker.com/build/concepts/context/#dockerignore-files>.

use std::{collections::HashMap, path::Path};

/// The patterns of a `.dockerignore`.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
    /// Which patterns hold for a folder: every path below it asks again.
    folders: HashMap<String, Vec<bool>>,
}

#[derive(Debug)]
struct Pattern {
    tokens: Vec<Token>,
    /// `!`: takes back what an earlier pattern left out.
    brings_back: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    One(char),
    /// `?`: any character but `/`.
    Any,
    /// `[a-z]`, `[^a-z]`: a character of these ranges, or of none of them.
    Class { ranges: Vec<(char, char)>, negated: bool },
    /// `*`: anything without a `/`.
    Some,
    /// `**/`: nothing, or anything that ends with a `/`.
    Folders,
    /// `**` at the end: anything.
    Rest,
}

impl Ignore {
    /// Reads the file; a line that cannot be a pattern is an error that quotes it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.trim_start_matches('\u{feff}').lines();
        let patterns = lines.filter(|line| !line.starts_with('#')).map(str::trim).filter(|line| !line.is_empty());
        let patterns = patterns.filter_map(|line| pattern(line).transpose()).collect::<Result<_, _>>()?;
        Ok(Self { patterns, folders: HashMap::new() })
    }

    /// Whether this path, relative to the root, is left out.
    pub(super) fn leaves_out(&mut self, path: &Path) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let path = path.to_string_lossy();
        let matched = self.matched(path.trim_end_matches('/'));
        let last = self.patterns.iter().zip(matched).rev().find(|(_, matched)| *matched);
        last.is_some_and(|(pattern, _)| !pattern.brings_back)
    }

    /// Which patterns match the path or a folder that it lies in.
    fn matched(&mut self, path: &str) -> Vec<bool> {
        let above = match path.rsplit_once('/') {
            None => vec![false; self.patterns.len()],
            Some((folder, _)) => {
                if !self.folders.contains_key(folder) {
                    let matched = self.matched(folder);
                    self.folders.insert(folder.to_owned(), matched);
                }
                self.folders[folder].clone()
            }
        };
        self.patterns.iter().zip(above).map(|(pattern, above)| above || pattern.matches(path)).collect()
    }
}

/// The pattern of a line; none if it stands for nothing.
fn pattern(line: &str) -> Result<Option<Pattern>, String> {
    let (brings_back, text) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    let clean = clean(text);
    if clean.is_empty() {
        return if brings_back && text.is_empty() { Err("`!` stands alone".to_owned()) } else { Ok(None) };
    }
    let tokens = tokens(&clean).ok_or_else(|| format!("`{line}` is no pattern: a `[` or `\\` in it has no end"))?;
    Ok(Some(Pattern { tokens, brings_back }))
}

/// The path without `.`, `..`, doubled and outer slashes.
fn clean(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' if rest.peek() == Some(&'*') => {
                while rest.next_if_eq(&'*').is_some() {}
                rest.next_if_eq(&'/');
                if rest.peek().is_none() { Token::Rest } else { Token::Folders }
            }
            '*' => Token::Some,
            '?' => Token::Any,
            '[' => class(&mut rest)?,
            '\\' => Token::One(rest.next()?),
            other => Token::One(other),
        });
    }
    Some(tokens)
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let one = match rest.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class { ranges, negated }),
            '\\' => rest.next()?,
            other => other,
        };
        let to = if rest.next_if_eq(&'-').is_some() { rest.next()? } else { one };
        ranges.push((one, to));
    }
}

impl Pattern {
    /// Walks over the path once with the set of all places in the pattern that it may have come to.
    fn matches(&self, path: &str) -> bool {
        let end = self.tokens.len();
        let mut at = vec![false; end + 1];
        at[0] = true;
        self.skip_empty(&mut at);
        // Within `**/`, behind at least one character.
        let mut inside = vec![false; end];
        for c in path.chars() {
            let (mut next, mut next_inside) = (vec![false; end + 1], vec![false; end]);
            for (place, token) in self.tokens.iter().enumerate() {
                if token == &Token::Folders && (at[place] || inside[place]) {
                    next_inside[place] = true;
                    next[place + 1] |= c == '/';
                } else if at[place] {
                    match token {
                        Token::One(one) => next[place + 1] |= *one == c,
                        Token::Any => next[place + 1] |= c != '/',
                        Token::Class { ranges, negated } => {
                            let within = ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                            next[place + 1] |= c != '/' && within != *negated;
                        }
                        Token::Some => next[place] |= c != '/',
                        Token::Rest => next[place] = true,
                        Token::Folders => {}
                    }
                }
            }
            (at, inside) = (next, next_inside);
            self.skip_empty(&mut at);
        }
        at[end]
    }

    /// What may stand for nothing is passed over.
    fn skip_empty(&self, at: &mut [bool]) {
        for (place, token) in self.tokens.iter().enumerate() {
            if at[place] && matches!(token, Token::Some | Token::Folders | Token::Rest) {
                at[place + 1] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(file: &str, paths: &[&str]) -> Vec<String> {
        let mut ignore = Ignore::parse(file).unwrap();
        paths.iter().filter(|path| ignore.leaves_out(Path::new(path))).map(ToString::to_string).collect()
    }

    #[test]
    fn patterns_are_anchored_at_the_root() {
        assert_eq!(left_out("target", &["target", "target/a", "sub/target", "targets"]), ["target", "target/a"]);
        assert_eq!(left_out("/a/b", &["a/b", "a/b/c", "a/c", "b"]), ["a/b", "a/b/c"]);
        assert_eq!(left_out("*.md", &["a.md", "docs/a.md"]), ["a.md"]);
        assert_eq!(left_out("*/b?", &["a/bc", "a/bc/d", "b", "a/x/bc", "a/b"]), ["a/bc", "a/bc/d"]);
    }

    #[test]
    fn two_stars_stand_for_any_number_of_folders() {
        assert_eq!(left_out("**/*.log", &["a.log", "x/a.log", "x/y/a.log", "a.logs"]), ["a.log", "x/a.log", "x/y/a.log"]);
        assert_eq!(left_out("a/**/b", &["a/b", "a/x/b", "a/x/y/b/c", "ab", "x/a/b"]), ["a/b", "a/x/b", "a/x/y/b/c"]);
        assert_eq!(left_out("docs/**", &["docs/a", "docs/a/b", "doc"]), ["docs/a", "docs/a/b"]);
        assert_eq!(left_out("**", &["a", "b/c"]), ["a", "b/c"]);
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let file = "*\n!src\nsrc/secret\n!src/secret/ok # no comment here\n";
        assert_eq!(left_out(file, &["a", "src", "src/a", "src/secret", "src/secret/x"]), ["a", "src/secret", "src/secret/x"]);
        assert_eq!(
            left_out("*.md\n!README*.md\nREADME-secret.md", &["a.md", "README.md", "README-secret.md"]),
            ["a.md", "README-secret.md"]
        );
    }

    #[test]
    fn comments_blank_lines_and_marks_of_editors_mean_nothing() {
        assert_eq!(left_out("\u{feff}# a\n\n  b  \n/\n.\n", &["a", "b", "# a"]), ["b"]);
    }

    #[test]
    fn classes_and_escapes_are_those_of_file_names() {
        assert_eq!(left_out("[a-c]x\n[^d]y\n\\*z", &["ax", "dx", "ay", "dy", "*z", "az"]), ["ax", "ay", "*z"]);
        for wrong in ["[a", "a\\", "[]", "!"] {
            assert!(Ignore::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_few() {
        let pattern = "*a".repeat(30);
        assert_eq!(left_out(&pattern, &[&"a".repeat(200)]).len(), 1);
        assert!(left_out(&pattern, &[&format!("{}b", "a".repeat(200))]).is_empty());
    }
}
