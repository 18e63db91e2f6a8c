//! GitHub's expressions: found in texts, taken apart, and asked which contexts they name.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/expressions>. Invariants: nesting is bounded;
//! an expression that cannot be read is none, and whoever asks falls back to its text.

/// A piece of a text: as it is, or an expression without its braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// The expression and where it begins in the text.
    Expression(&'t str, usize),
}

/// The pieces of a text, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("${{").map(|start| at + start) {
        if start > at {
            found.push(Piece::Text(&text[at..start]));
        }
        let end = end_of(&text[start + 3..]).map_or(text.len(), |length| start + 3 + length);
        found.push(Piece::Expression(&text[start + 3..end], start + 3));
        at = (end + 2).min(text.len());
        if !text.is_char_boundary(at) {
            break;
        }
    }
    if at < text.len() && text.is_char_boundary(at) {
        found.push(Piece::Text(&text[at..]));
    }
    found
}

/// Where the closing braces are, which may also stand in a quoted text.
fn end_of(text: &str) -> Option<usize> {
    let mut quoted = false;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'}' if !quoted && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            // An odd quote is no reason to swallow the rest of a script, nor to look through it.
            b'\n' if quoted => break,
            _ => {}
        }
    }
    text.find("}}")
}

/// An expression taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Literal(String),
    /// `context.a.b`, `context['a'].b`
    Path(Vec<String>),
    Call(String, Vec<Expr>),
    /// `f(x).a.b`
    Within(Box<Expr>, Vec<String>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// Two sides compared by an operator.
    Compare(&'static str, Box<Expr>, Box<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'t> {
    Name(&'t str),
    Text(String),
    Number(&'t str),
    Sign(&'static str),
}

const SIGNS: &[&str] = &["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*"];
const DEEPEST: usize = 40;
const LONGEST: usize = 16 * 1024;

fn tokens(text: &str) -> Option<Vec<(Token<'_>, usize)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '\'' {
            let (value, length) = quoted(rest)?;
            found.push((Token::Text(value), at));
            at += length;
        } else if c.is_ascii_digit() || (c == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let length = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '.').map_or(rest.len(), |end| end + 1);
            found.push((Token::Number(&rest[..length]), at));
            at += length;
        } else if c.is_alphabetic() || c == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
            found.push((Token::Name(&rest[..length]), at));
            at += length;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
            found.push((Token::Sign(sign), at));
            at += sign.len();
        }
    }
    Some(found)
}

/// A quoted text and how long it is with its quotes; a quote within is doubled.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        if c != '\'' {
            value.push(c);
        } else if rest.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((value, at + 1));
        }
    }
    None
}

/// Takes an expression apart.
pub(super) fn parse(text: &str) -> Option<Expr> {
    if text.len() > LONGEST {
        return None;
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expr = parser.or()?;
    (parser.at == parser.tokens.len()).then_some(expr)
}

struct Parser<'t> {
    tokens: Vec<(Token<'t>, usize)>,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&Token<'t>> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is);
        is
    }

    fn or(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut left = self.and()?;
        while self.sign("||") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Some(left)
    }

    fn and(&mut self) -> Option<Expr> {
        let mut left = self.compare()?;
        while self.sign("&&") {
            left = Expr::And(Box::new(left), Box::new(self.compare()?));
        }
        Some(left)
    }

    fn compare(&mut self) -> Option<Expr> {
        let left = self.not()?;
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.sign(sign) {
                return Some(Expr::Compare(sign, Box::new(left), Box::new(self.not()?)));
            }
        }
        Some(left)
    }

    fn not(&mut self) -> Option<Expr> {
        let mut count = 0;
        while self.sign("!") {
            count += 1;
        }
        let mut expr = self.value()?;
        for _ in 0..count.min(2 - count % 2) {
            expr = Expr::Not(Box::new(expr));
        }
        Some(expr)
    }

    fn value(&mut self) -> Option<Expr> {
        let (token, _) = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Text(text) => Some(Expr::Literal(text)),
            Token::Number(number) => Some(Expr::Literal(number.to_owned())),
            Token::Sign("(") => {
                let inner = self.or()?;
                self.sign(")").then_some(())?;
                self.within(inner)
            }
            Token::Name(name) if self.sign("(") => {
                let mut arguments = Vec::new();
                while !self.sign(")") {
                    arguments.push(self.or()?);
                    self.sign(",");
                }
                self.within(Expr::Call(name.to_ascii_lowercase(), arguments))
            }
            Token::Name(name @ ("true" | "false")) => Some(Expr::Literal(name.to_owned())),
            Token::Name("null") => Some(Expr::Literal(String::new())),
            Token::Name(name) => {
                let mut path = vec![name.to_owned()];
                path.extend(self.path()?);
                Some(Expr::Path(path))
            }
            Token::Sign(_) => None,
        }
    }

    fn within(&mut self, expr: Expr) -> Option<Expr> {
        let path = self.path()?;
        Some(if path.is_empty() { expr } else { Expr::Within(Box::new(expr), path) })
    }

    fn path(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        loop {
            if self.sign(".") {
                match self.tokens.get(self.at)?.0.clone() {
                    Token::Name(name) => path.push(name.to_owned()),
                    Token::Number(number) => path.push(number.to_owned()),
                    Token::Sign("*") => path.push("*".to_owned()),
                    _ => return None,
                }
                self.at += 1;
            } else if self.sign("[") {
                let inner = self.or()?;
                self.sign("]").then_some(())?;
                path.push(if let Expr::Literal(name) = inner { name } else { "*".to_owned() });
            } else {
                return Some(path);
            }
        }
    }
}

/// A context that an expression names: `secrets` and `TOKEN`, and where it begins in the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference<'t> {
    pub(super) context: &'t str,
    pub(super) name: &'t str,
    pub(super) at: usize,
}

/// Every context that is named in an expression, also in one that cannot be read.
pub(super) fn references(text: &str) -> Vec<Reference<'_>> {
    let bytes = text.as_bytes();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\'' => at += text.get(at..).and_then(quoted).map_or(1, |(_, length)| length),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let end = bytes[at..].iter().position(|byte| !is_name(byte)).map_or(bytes.len(), |length| at + length);
                let follows = at.checked_sub(1).is_some_and(|before| bytes[before] == b'.');
                let name = match bytes.get(end) {
                    Some(b'.') => {
                        let last =
                            bytes[end + 1..].iter().position(|byte| !is_name(byte)).map_or(bytes.len(), |length| end + 1 + length);
                        Some((end + 1, last))
                    }
                    Some(b'[') => text[end + 1..]
                        .trim_start()
                        .strip_prefix('\'')
                        .and_then(|rest| rest.find('\'').map(|length| (text.len() - rest.len(), text.len() - rest.len() + length))),
                    _ => None,
                };
                if let Some((start, last)) = name.filter(|(start, last)| !follows && last > start) {
                    found.push(Reference { context: &text[at..end], name: &text[start..last], at });
                    at = last;
                } else {
                    at = end;
                }
            }
            _ => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        references(text).iter().map(|found| format!("{}.{}", found.context, found.name)).collect()
    }

    #[test]
    fn texts_are_taken_apart() {
        assert_eq!(
            pieces("a ${{ b }}-${{ '}}' }}"),
            [Piece::Text("a "), Piece::Expression(" b ", 5), Piece::Text("-"), Piece::Expression(" '}}' ", 14)]
        );
        assert_eq!(pieces("${{ open"), [Piece::Expression(" open", 3)]);
    }

    #[test]
    fn secrets_are_seen_wherever_they_stand() {
        assert_eq!(names("vars.C && secrets.A || secrets['b-c']"), ["vars.C", "secrets.A", "secrets.b-c"]);
        assert_eq!(names("secrets.X != ''"), ["secrets.X"]);
    }

    #[test]
    fn what_only_looks_like_the_context_is_another() {
        assert_eq!(names("steps.get-secrets.outputs.X"), ["steps.get-secrets"]);
        assert_eq!(names("inputs.secrets"), ["inputs.secrets"]);
        assert_eq!(names("'secrets.X'"), Vec::<String>::new());
    }

    #[test]
    fn operators_bind_as_github_binds_them() {
        let parsed = parse("a == 'x' && 'y' || !b").unwrap();
        assert!(matches!(parsed, Expr::Or(left, _) if matches!(*left, Expr::And(..))));
        assert_eq!(parse("a &&"), None);
    }

    #[test]
    fn nesting_is_bounded() {
        assert_eq!(parse(&"(".repeat(10_000)), None);
        assert_eq!(parse(&"!".repeat(10_000)), None);
    }
}
