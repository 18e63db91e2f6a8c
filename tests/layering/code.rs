//! A Rust source file with everything blanked out that is not the program itself: comments, the content of literals, and
//! what is only compiled for tests. Lines stay where they are.

/// The program in a source text.
pub(crate) fn program(source: &str) -> String {
    without_tests(&without_literals(source))
}

/// Blanks comments and the content of string and character literals.
fn without_literals(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let literal = literal_end(&chars, at);
        // A name is passed on as a whole, so that its last letter is never taken for a literal's prefix.
        let end = literal.unwrap_or_else(|| word_end(&chars, at));
        let blank = |c: &char| if literal.is_some() && *c != '\n' { ' ' } else { *c };
        out.extend(chars[at..end].iter().map(blank));
        at = end;
    }
    out
}

fn word_end(chars: &[char], at: usize) -> usize {
    let word = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    at + word.max(1)
}

/// Where the comment or literal ends that starts here, if one does.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => Some(at + rest.iter().take_while(|c| **c != '\n').count()),
        ['/', '*', ..] => Some(at + block_comment(rest)),
        ['b' | 'c', '"', ..] => Some(at + 1 + quoted(&rest[1..], '"')),
        ['"', ..] => Some(at + quoted(rest, '"')),
        ['b' | 'c', 'r', '"' | '#', ..] => raw(&rest[2..]).map(|length| at + 2 + length),
        ['r', '"' | '#', ..] => raw(&rest[1..]).map(|length| at + 1 + length),
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        ['\'', '\\', ..] => Some(at + quoted(rest, '\'')),
        ['\'', _, '\'', ..] => Some(at + 3),
        _ => None,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of `#"…"#`; none for a raw name such as `r#type`.
fn raw(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &rest[hashes + 1..];
    let length = body.windows(close.len()).position(|window| window == close).map_or(body.len(), |found| found + close.len());
    Some(hashes + 1 + length)
}

/// Blanks every item under `#[cfg(test)]`. The text has no comments and literals any more, so braces pair up.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let end = start + item_end(&rest[start..]);
        out.push_str(&rest[..start]);
        out.extend(rest[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    out + rest
}

/// Where the item ends that starts here with its attributes: at its closing brace, or at a semicolon before any.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

#[test]
fn comments_and_literals_are_not_the_program() {
    let source = "let a = \"env::var\"; // env::var\n/* a /* nested */ env::var */ let r = r#\"x\"env::var\"#; let c = '\"'; f('a', b\"y\\\"\");";
    let code = without_literals(source);
    assert!(!code.contains("env::var"), "{code}");
    assert!(code.contains("let a =") && code.contains("let r =") && code.contains("f("), "{code}");
    assert_eq!(code.lines().count(), source.lines().count());
}

#[test]
fn lifetimes_and_raw_names_are_the_program() {
    let source = "fn f<'a>(r#type: &'a str, b: &'a str) -> &'a str { for_ward(b) }";
    assert_eq!(without_literals(source), source);
}

#[test]
fn what_is_only_compiled_for_tests_is_not_the_program() {
    let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if true { c() } }\n}\n#[cfg(test)]\nuse x::y;\nfn d() {}\n";
    let code = program(source);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["fn", "a()", "{}", "fn", "d()", "{}"]);
    assert_eq!(code.lines().count(), source.lines().count());
}
