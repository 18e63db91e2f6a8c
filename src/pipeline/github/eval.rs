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
/// The most expressions that are computed for one repository.
pub(super) const WORK: u32 = 100_000;

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
        self.work.set(self.work.get().saturating_add(1));
        (self.depth < DEEPEST && self.work.get() < WORK).then_some(Self { depth: self.depth + 1, ..self })
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
            all = all.iter().flat_map(|start| values.iter().map(move |end| format!("{start}{end}"))).take(MOST).collect();
        }
        distinct(all.into_iter().map(Val::Known).collect())
    }

    /// What an expression without its braces can come to.
    pub(super) fn expression(self, text: &str) -> Vec<Val> {
        match (expr::parse(text), self.deeper()) {
            (Some(expr), Some(eval)) => distinct(eval.expr(&expr, text.trim())),
            _ => vec![Val::Open(text.trim().to_owned())],
        }
    }

    fn expr(self, expr: &Expr, text: &str) -> Vec<Val> {
        let open = || vec![Val::Open(text.to_owned())];
        match expr {
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
                    None => std::iter::once(Val::Known(String::new())).chain(self.expr(right, text)).collect(),
                }
            }
            Expr::Or(left, right) => {
                let left = self.expr(left, text);
                match truth(&left) {
                    Some(true) => left,
                    Some(false) => self.expr(right, text),
                    None => {
                        let holds = left.into_iter().filter(|value| truth_of(value) != Some(false));
                        holds.chain(self.expr(right, text)).collect()
                    }
                }
            }
            Expr::Compare(sign, left, right) => match compare(sign, &self.expr(left, text), &self.expr(right, text)) {
                Some(truth) => vec![Val::Known(truth.to_string())],
                None => open(),
            },
            Expr::Call(name, arguments) => self.call(name, arguments, text),
            Expr::Within(inner, path) => {
                let values = self.expr(inner, text);
                values.iter().flat_map(|value| within(value, path, text)).collect()
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
                    values.iter().flat_map(|value| within(value, &rest, text)).collect()
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
        let open = || vec![Val::Open(text.to_owned())];
        let values: Vec<Vec<Val>> = arguments.iter().map(|argument| self.expr(argument, text)).collect();
        match (name, values.as_slice()) {
            ("format", [pattern, rest @ ..]) => {
                let Some(pattern) = only(pattern) else { return open() };
                let mut done = pattern.to_owned();
                for (at, value) in rest.iter().enumerate() {
                    let Some(value) = only(value) else { return open() };
                    done = done.replace(&format!("{{{at}}}"), value);
                }
                vec![Val::Known(done)]
            }
            ("fromjson", [values]) => values.iter().map(|value| from_json(value, text)).collect(),
            ("contains" | "startswith" | "endswith", [whole, part]) => {
                let (Some(whole), Some(part)) = (only(whole), only(part)) else { return open() };
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
fn distinct(values: Vec<Val>) -> Vec<Val> {
    if values.len() < 2 {
        return values;
    }
    let mut known = std::collections::HashSet::new();
    let key = |value: &Val| match value {
        Val::Known(text) => (0_u8, text.clone()),
        Val::Open(text) => (1, text.clone()),
        Val::Node(node) => (2, format!("{:p}", Rc::as_ptr(node))),
    };
    values.into_iter().filter(|value| known.insert(key(value))).take(MOST).collect()
}
