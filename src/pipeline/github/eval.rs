//! What an expression can come to, without running anything: a set of values, some of them open.
//!
//! A condition nobody can know leads to both of its sides; a value nobody can know stays as the text that decides.
//! Invariants: sets, nesting and work are bounded; what goes beyond is open, not dropped.

use std::{cell::Cell, rc::Rc};

use super::{
    expr::{self, Expr, Piece},
    matrix::Combo,
    scope::Scope,
};
use crate::pipeline::yaml::{self, Value, Yaml};

/// One value that an expression can have.
#[derive(Clone, Debug)]
pub(super) enum Val {
    Known(String),
    /// A list or a map.
    Node(Yaml),
    /// Known only elsewhere or later: the text that decides.
    Open(String),
}

/// The most values that are told apart.
const MOST: usize = 256;
const DEEPEST: u32 = 24;
/// The most values that a text of JSON may have.
const JSON: u64 = 10_000;
/// The longest text that is put together, as GitHub takes no longer expression.
const LONGEST: usize = 21_000;
/// How many bytes of a text, or values of a set, count as much as an expression.
const BYTES: usize = 64;
const VALUES: usize = 8;
/// What computing may come to for one repository: an expression counts one, and what it makes besides.
const WORK: u32 = 200_000;

/// Where names lead to, for one job or one step.
#[derive(Clone, Copy)]
pub(super) struct Eval<'s> {
    pub(super) scope: &'s Scope,
    /// Maps of `env`, the innermost first.
    pub(super) env: &'s [Yaml],
    pub(super) combo: Option<&'s Combo>,
    pub(super) work: &'s Cell<u32>,
    pub(super) depth: u32,
}

impl Eval<'_> {
    fn deeper(self) -> Option<Self> {
        (self.spends(1) && self.depth < DEEPEST).then_some(Self { depth: self.depth + 1, ..self })
    }

    /// Whether there was room for so much more work.
    pub(super) fn spends(self, work: usize) -> bool {
        self.work.set(self.work.get().saturating_add(u32::try_from(work).unwrap_or(u32::MAX)));
        has_room(self.work)
    }

    /// Whether there was room for these values, which then are told apart.
    fn counted(self, values: Vec<Val>) -> Option<Vec<Val>> {
        let bytes = values.iter().map(|value| match value {
            Val::Known(text) | Val::Open(text) => text.len(),
            Val::Node(_) => 0,
        });
        self.spends(values.len() / VALUES + bytes.sum::<usize>() / BYTES).then(|| distinct(values))
    }

    /// The text that decides, as the one value.
    fn open(self, text: &str) -> Vec<Val> {
        self.spends(text.len() / BYTES);
        vec![Val::Open(text.trim().to_owned())]
    }

    /// What a text can come to.
    pub(super) fn text(self, text: &str) -> Vec<Val> {
        let pieces = expr::pieces(text);
        match pieces.as_slice() {
            [] => vec![Val::Known(String::new())],
            [Piece::Text(text)] => vec![Val::Known((*text).to_owned())],
            [Piece::Expression(inner, _)] => self.expression(inner),
            pieces => self.joined(pieces, text),
        }
    }

    fn joined(self, pieces: &[Piece<'_>], text: &str) -> Vec<Val> {
        let mut all = vec![String::new()];
        for piece in pieces {
            let values: Vec<String> = match piece {
                Piece::Text(text) => vec![(*text).to_owned()],
                Piece::Expression(inner, _) => {
                    let mut known = Vec::new();
                    for value in self.expression(inner) {
                        match value {
                            Val::Known(text) => known.push(text),
                            Val::Node(_) | Val::Open(_) => return vec![Val::Open(text.trim().to_owned())],
                        }
                    }
                    known
                }
            };
            let longest = |texts: &[String]| texts.iter().map(String::len).max().unwrap_or_default();
            let (length, count) = (longest(&all) + longest(&values), (all.len() * values.len()).min(MOST + 1));
            if length > LONGEST || !self.spends(count * (1 + length / BYTES) / VALUES) {
                return self.open(text);
            }
            all = all.iter().flat_map(|start| values.iter().map(move |end| format!("{start}{end}"))).take(MOST + 1).collect();
        }
        distinct(all.into_iter().map(Val::Known).collect())
    }

    /// What an expression without its braces can come to.
    pub(super) fn expression(self, text: &str) -> Vec<Val> {
        // What is not computed any more is not even taken apart.
        let Some(eval) = self.deeper() else { return vec![Val::Open(text.trim().to_owned())] };
        self.spends(text.len() / BYTES);
        let values = expr::parse(text).map(|expr| eval.expr(&expr, text.trim()));
        values.and_then(|values| self.counted(values)).unwrap_or_else(|| self.open(text))
    }

    fn expr(self, expr: &Expr, text: &str) -> Vec<Val> {
        let open = || self.open(text);
        match expr {
            _ if !has_room(self.work) => open(),
            Expr::Literal(value) => vec![Val::Known(value.clone())],
            Expr::Path(path) => self.path(path, text),
            Expr::Not(inner) => match truth(&self.expr(inner, text)) {
                Some(truth) => vec![Val::Known((!truth).to_string())],
                None => open(),
            },
            Expr::And(left, right) => {
                let left = self.expr(left, text);
                match truth(&left) {
                    Some(true) => self.expr(right, text),
                    Some(false) => left,
                    None => {
                        let right = self.expr(right, text);
                        self.counted(std::iter::once(Val::Known(String::new())).chain(right).collect()).unwrap_or_else(open)
                    }
                }
            }
            Expr::Or(left, right) => {
                let left = self.expr(left, text);
                match truth(&left) {
                    Some(true) => left,
                    Some(false) => self.expr(right, text),
                    None => {
                        let holds = left.into_iter().filter(|value| truth_of(value) != Some(false));
                        self.counted(holds.chain(self.expr(right, text)).collect()).unwrap_or_else(open)
                    }
                }
            }
            Expr::Compare(sign, left, right) => {
                let (left, right) = (self.expr(left, text), self.expr(right, text));
                let has_room = self.spends(left.len() * right.len() / BYTES);
                match compare(sign, &left, &right).filter(|_| has_room) {
                    Some(truth) => vec![Val::Known(truth.to_string())],
                    None => open(),
                }
            }
            Expr::Call(name, arguments) => self.call(name, arguments, text),
            Expr::Within(inner, path) => {
                let values = self.expr(inner, text);
                self.counted(values.iter().flat_map(|value| within(value, path, text)).collect()).unwrap_or_else(open)
            }
        }
    }

    fn path(self, path: &[String], text: &str) -> Vec<Val> {
        let whole = || vec![Val::Open(if path.len() > 1 { path.join(".") } else { text.to_owned() })];
        let Some(eval) = self.deeper() else { return whole() };
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["matrix", rest @ ..] if !rest.is_empty() => match eval.combo {
                Some(combo) => combo.value(rest, eval),
                None => whole(),
            },
            ["inputs", name, rest @ ..] | ["github", "event", "inputs", name, rest @ ..] => match eval.scope.input(name) {
                Some(values) => {
                    let rest: Vec<String> = rest.iter().map(|part| (*part).to_owned()).collect();
                    self.counted(values.iter().flat_map(|value| within(value, &rest, text)).collect()).unwrap_or_else(whole)
                }
                None => whole(),
            },
            ["env", name] => {
                let found = eval.env.iter().enumerate().find_map(|(at, map)| Some((at, map.get(name)?.as_str()?)));
                match found {
                    // An outer variable of the same name is meant where a variable names itself.
                    Some((at, value)) => {
                        Eval { env: &eval.env[at + usize::from(value.contains(&format!("env.{name}")))..], ..eval }.text(value)
                    }
                    None => whole(),
                }
            }
            _ => whole(),
        }
    }

    fn call(self, name: &str, arguments: &[Expr], text: &str) -> Vec<Val> {
        let open = || self.open(text);
        let values: Vec<Vec<Val>> = arguments.iter().map(|argument| self.expr(argument, text)).collect();
        match (name, values.as_slice()) {
            ("format", [pattern, rest @ ..]) => {
                let Some(pattern) = only(pattern) else { return open() };
                let mut done = pattern.to_owned();
                for (at, value) in rest.iter().enumerate() {
                    let Some(value) = only(value) else { return open() };
                    let mark = format!("{{{at}}}");
                    let length = done.len() + done.matches(&mark).count().saturating_mul(value.len());
                    if length > LONGEST || !self.spends(length / BYTES) {
                        return open();
                    }
                    done = done.replace(&mark, value);
                }
                vec![Val::Known(done)]
            }
            ("fromjson", [values]) => {
                let parsed = |value: &Val| match value {
                    Val::Known(json) if !self.spends(json.len() / BYTES) => Val::Open(text.to_owned()),
                    value => from_json(value, text),
                };
                values.iter().map(parsed).collect()
            }
            ("contains" | "startswith" | "endswith", [whole, part]) => {
                let (Some(whole), Some(part)) = (only(whole), only(part)) else { return open() };
                if !self.spends((whole.len() + part.len()) / BYTES) {
                    return open();
                }
                let (whole, part) = (whole.to_lowercase(), part.to_lowercase());
                let holds = match name {
                    "contains" => whole.contains(&part),
                    "startswith" => whole.starts_with(&part),
                    _ => whole.ends_with(&part),
                };
                vec![Val::Known(holds.to_string())]
            }
            _ => open(),
        }
    }
}

/// Whether there is room for more after this much work.
pub(super) fn has_room(work: &Cell<u32>) -> bool {
    work.get() < WORK
}

/// The one text that a set of values is.
fn only(values: &[Val]) -> Option<&str> {
    match values {
        [Val::Known(text)] => Some(text),
        _ => None,
    }
}

fn from_json(value: &Val, text: &str) -> Val {
    match value {
        // JSON is YAML, and what is read here stands nowhere.
        Val::Known(json) if !json.trim().is_empty() => match yaml::read(json, u32::MAX, JSON).documents.into_iter().next() {
            Some(node) => of_node(&node),
            None => Val::Open(text.to_owned()),
        },
        Val::Node(node) => Val::Node(Rc::clone(node)),
        Val::Known(_) => Val::Known(String::new()),
        Val::Open(inner) => Val::Open(inner.clone()),
    }
}

/// A node as a value, its own expressions not computed.
pub(super) fn of_node(node: &Yaml) -> Val {
    match &node.value {
        Value::Scalar { .. } => Val::Known(node.as_str().unwrap_or_default().to_owned()),
        Value::List(_) | Value::Map(_) => Val::Node(Rc::clone(node)),
    }
}

fn within(value: &Val, path: &[String], text: &str) -> Vec<Val> {
    match value {
        value if path.is_empty() => vec![value.clone()],
        Val::Node(node) => {
            let mut nodes = vec![Rc::clone(node)];
            for part in path {
                nodes = nodes
                    .iter()
                    .flat_map(|node| match (part.as_str(), &node.value) {
                        ("*", Value::List(items)) => items.clone(),
                        ("*", Value::Map(entries)) => entries.iter().map(|entry| Rc::clone(&entry.node)).collect(),
                        (number, Value::List(items)) => {
                            number.parse().ok().and_then(|at: usize| items.get(at)).cloned().into_iter().collect()
                        }
                        (key, _) => node.get(key).cloned().into_iter().collect(),
                    })
                    .take(MOST)
                    .collect();
            }
            if nodes.is_empty() { vec![Val::Known(String::new())] } else { nodes.iter().map(of_node).collect() }
        }
        Val::Known(_) => vec![Val::Known(String::new())],
        Val::Open(_) => vec![Val::Open(text.to_owned())],
    }
}

fn truth_of(value: &Val) -> Option<bool> {
    match value {
        Val::Known(text) => Some(!matches!(text.as_str(), "" | "false" | "0" | "null")),
        Val::Node(_) => Some(true),
        Val::Open(_) => None,
    }
}

/// Whether all values are true or all are false.
pub(super) fn truth(values: &[Val]) -> Option<bool> {
    let first = truth_of(values.first()?)?;
    values.iter().all(|value| truth_of(value) == Some(first)).then_some(first)
}

fn compare(sign: &str, left: &[Val], right: &[Val]) -> Option<bool> {
    let mut answers = left.iter().flat_map(|left| {
        right.iter().map(move |right| match (left, right) {
            (Val::Known(left), Val::Known(right)) => match sign {
                "==" => Some(left.eq_ignore_ascii_case(right)),
                "!=" => Some(!left.eq_ignore_ascii_case(right)),
                _ => None,
            },
            _ => None,
        })
    });
    let first = answers.next()??;
    answers.all(|answer| answer == Some(first)).then_some(first)
}

/// Each value once, in order.
pub(super) fn distinct(values: Vec<Val>) -> Vec<Val> {
    if values.len() < 2 {
        return values;
    }
    let mut known = std::collections::HashSet::new();
    let key = |value: &Val| match value {
        Val::Known(text) => (0_u8, text.clone()),
        Val::Open(text) => (1, text.clone()),
        Val::Node(node) => (2, format!("{:p}", Rc::as_ptr(node))),
    };
    let mut found: Vec<Val> = values.into_iter().filter(|value| known.insert(key(value))).take(MOST + 1).collect();
    if found.len() > MOST {
        found.truncate(MOST);
        found.push(Val::Open(format!("one of more than {MOST} values")));
    }
    found
}
