//! A job's matrix as the combinations that it runs in.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrix>.
//! Invariants: no more combinations than GitHub allows (256); what they come to is counted as work; what an expression
//! decides while a workflow runs is open.

use std::{cell::Cell, collections::HashSet, rc::Rc};

use super::{
    eval::{self, Eval, Val, of_node},
    scope::Scope,
};
use crate::pipeline::yaml::{Value, Yaml};

const MOST: usize = 256;
/// How many keys looking one up is cheap in.
const USUAL: usize = 16;
/// How many copies or comparisons of a value count as much as an expression.
const CHEAPER: usize = 32;

/// A key with all values that it has.
type Axis = (Rc<str>, Vec<Val>);

/// One combination: the values of its keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Combo {
    values: Vec<(Rc<str>, Val)>,
    /// The expression that adds keys nobody knows yet.
    open: Option<String>,
}

impl Combo {
    /// What `matrix.a.b` is here.
    pub(super) fn value(&self, path: &[&str], eval: Eval<'_>) -> Vec<Val> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let Some((_, value)) = self.values.iter().rev().find(|(key, _)| &**key == *first) else {
            return vec![match &self.open {
                Some(text) => Val::Open(text.clone()),
                None => Val::Known(String::new()),
            }];
        };
        let mut value = value.clone();
        for part in rest {
            value = match &value {
                Val::Node(node) => match (part.parse::<usize>(), &node.value) {
                    (Ok(at), Value::List(items)) => items.get(at).map_or(Val::Known(String::new()), of_node),
                    _ => node.get(part).map_or(Val::Known(String::new()), of_node),
                },
                Val::Known(_) => Val::Known(String::new()),
                Val::Open(text) => Val::Open(text.clone()),
            };
        }
        match value {
            // A value may itself be an expression; the matrix is not known within.
            Val::Known(text) if text.contains("${{") => Eval { combo: None, ..eval }.text(&text),
            value => vec![value],
        }
    }

    fn has(&self, key: &str) -> Option<&Val> {
        self.values.iter().rev().find(|(known, _)| &**known == key).map(|(_, value)| value)
    }

    fn set(&mut self, key: &Rc<str>, value: Val) {
        self.values.retain(|(known, _)| known != key);
        self.values.push((Rc::clone(key), value));
    }
}

/// The combinations of a job; none if it has no matrix.
pub(super) fn combos(job: &Yaml, scope: &Scope, env: &[Yaml], work: &Cell<u32>) -> Vec<Combo> {
    let eval = Eval { scope, env, combo: None, work, depth: 0 };
    let Some(matrix) = job.get("strategy").and_then(|strategy| strategy.get("matrix")) else { return Vec::new() };
    let too_much = || vec![Combo { values: Vec::new(), open: Some("strategy.matrix".to_owned()) }];
    if !eval::has_room(work) {
        return too_much();
    }
    let Some(matrix) = whole(matrix, eval) else {
        return vec![Combo { values: Vec::new(), open: matrix.as_str().map(bare) }];
    };
    let axes: Vec<Axis> = matrix
        .entries()
        .iter()
        .filter(|entry| !matches!(&*entry.key, "include" | "exclude"))
        .map(|entry| (Rc::clone(&entry.key), axis(&entry.node, eval)))
        .collect();
    let made = product(&axes, eval).and_then(|mut found| {
        if let Some(exclude) = matrix.get("exclude") {
            exclude.items().iter().all(|item| eval.spends(comparing(item, &found, &axes))).then_some(())?;
            found.retain(|combo| !exclude.items().iter().any(|item| excludes(item, combo)));
        }
        if let Some(include) = matrix.get("include") {
            add(&mut found, include, &axes, eval)?;
        }
        Some(found)
    });
    let mut found = made.unwrap_or_else(too_much);
    found.truncate(MOST);
    eval.spends(found.len());
    found
}

/// What comparing an item of `include` or `exclude` with these combinations comes to, in expressions.
fn comparing(item: &Yaml, combos: &[Combo], axes: &[Axis]) -> usize {
    let size = |node: &Yaml| usize::try_from(node.size()).unwrap_or(usize::MAX);
    let nodes = axes.iter().flat_map(|(_, values)| values).filter_map(|value| match value {
        Val::Node(node) => Some(size(node)),
        Val::Known(_) | Val::Open(_) => None,
    });
    let looked_through = size(item) + nodes.max().unwrap_or_default() + combos.last().map_or(0, |combo| combo.values.len());
    combos.len().saturating_mul(size(item)).saturating_mul(1 + looked_through / USUAL) / CHEAPER
}

/// The matrix as a map, also if an expression makes it from what is known.
fn whole(matrix: &Yaml, eval: Eval<'_>) -> Option<Yaml> {
    if matrix.is_map() || matrix.is_null() {
        return Some(Rc::clone(matrix));
    }
    match eval.text(matrix.as_str()?).as_slice() {
        [Val::Node(node)] => Some(Rc::clone(node)),
        _ => None,
    }
}

fn axis(node: &Yaml, eval: Eval<'_>) -> Vec<Val> {
    if node.is_list() {
        return node.items().iter().map(of_node).collect();
    }
    let Some(text) = node.as_str() else { return Vec::new() };
    let values = eval.text(text);
    let items = |value: Val| match value {
        Val::Node(node) if node.is_list() => node.items().iter().map(of_node).collect(),
        value => vec![value],
    };
    values.into_iter().flat_map(items).collect()
}

/// The combinations of these values; none if making them is more than there is room for.
fn product(axes: &[Axis], eval: Eval<'_>) -> Option<Vec<Combo>> {
    if axes.is_empty() {
        return Some(Vec::new());
    }
    let mut found = vec![Combo::default()];
    for (at, (key, values)) in axes.iter().filter(|(_, values)| !values.is_empty()).enumerate() {
        eval.spends((found.len() * values.len()).min(MOST) * (at + 1) / CHEAPER).then_some(())?;
        found = found
            .iter()
            .flat_map(|combo| {
                values.iter().map(move |value| {
                    let mut combo = combo.clone();
                    combo.values.push((Rc::clone(key), value.clone()));
                    combo
                })
            })
            .take(MOST)
            .collect();
    }
    Some(found)
}

fn excludes(item: &Yaml, combo: &Combo) -> bool {
    !item.entries().is_empty()
        && item.entries().iter().all(|entry| combo.has(&entry.key).is_some_and(|value| same(value, &entry.node)))
}

fn same(value: &Val, node: &Yaml) -> bool {
    match value {
        Val::Known(text) => node.as_str().unwrap_or_default() == text,
        Val::Node(other) => Rc::ptr_eq(other, node) || equal(other, node),
        Val::Open(_) => false,
    }
}

/// Whether two nodes say the same; a map in `exclude` may say less.
fn equal(whole: &Yaml, part: &Yaml) -> bool {
    match (&whole.value, &part.value) {
        (Value::Scalar { text: a, .. }, Value::Scalar { text: b, .. }) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Map(_), Value::Map(b)) => {
            b.iter().all(|entry| whole.get(&entry.key).is_some_and(|value| equal(value, &entry.node)))
        }
        _ => false,
    }
}

/// Adds what `include` says: to each combination that it contradicts in no axis, else as one more; none if that is more than
/// there is room for.
fn add(found: &mut Vec<Combo>, include: &Yaml, axes: &[Axis], eval: Eval<'_>) -> Option<()> {
    let keys: HashSet<&str> = axes.iter().map(|(key, _)| &**key).collect();
    let items: Vec<Val> = if include.is_list() {
        include.items().iter().map(of_node).collect()
    } else {
        include.as_str().map_or_else(Vec::new, |text| axis(&yaml_text(text, include), eval))
    };
    let originals = found.clone();
    for item in items {
        let item = match item {
            Val::Node(item) => item,
            Val::Open(text) => {
                for combo in found.iter_mut() {
                    combo.open = Some(text.clone());
                }
                found.push(Combo { values: Vec::new(), open: Some(text) });
                continue;
            }
            Val::Known(_) => continue,
        };
        let begun = found.get(..originals.len()).unwrap_or_default();
        eval.spends(comparing(&item, begun, axes)).then_some(())?;
        let mut fits_one = false;
        for (at, original) in originals.iter().enumerate() {
            let fits = item
                .entries()
                .iter()
                .all(|entry| !keys.contains(&*entry.key) || original.has(&entry.key).is_some_and(|value| same(value, &entry.node)));
            if let Some(combo) = found.get_mut(at).filter(|_| fits) {
                fits_one = true;
                for entry in item.entries() {
                    combo.set(&entry.key, of_node(&entry.node));
                }
            }
        }
        if !fits_one && found.len() < MOST {
            found.push(Combo {
                values: item.entries().iter().map(|entry| (Rc::clone(&entry.key), of_node(&entry.node))).collect(),
                open: None,
            });
        }
    }
    Some(())
}

fn yaml_text(text: &str, near: &Yaml) -> Yaml {
    crate::pipeline::yaml::Node::text(text, near.place)
}

/// An expression without its braces.
pub(super) fn bare(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix("${{").and_then(|text| text.strip_suffix("}}")).unwrap_or(text).trim().to_owned()
}
