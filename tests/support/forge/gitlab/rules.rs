//! GitLab's `rules:` and their conditions, as far as release pipelines use them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::runner::yaml;

/// When these rules let a job, or a pipeline, be, in the word of the one that holds; none if never.
pub(super) fn when(rules: &Value, variables: &BTreeMap<String, String>) -> Result<Option<String>, String> {
    for rule in rules.as_array().into_iter().flatten() {
        let holds = match rule.get("if") {
            Some(condition) => holds(&yaml::text(condition), variables)?,
            None => true,
        };
        if holds {
            let when = rule["when"].as_str().unwrap_or("on_success");
            return Ok((when != "never").then(|| when.to_owned()));
        }
    }
    Ok(None)
}

/// Whether a condition holds. `&&` binds closer than `||`.
fn holds(condition: &str, variables: &BTreeMap<String, String>) -> Result<bool, String> {
    for side in condition.split("||") {
        let all = side.split("&&").map(|part| part_holds(part.trim(), variables)).collect::<Result<Vec<_>, _>>()?;
        if all.into_iter().all(|holds| holds) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn part_holds(part: &str, variables: &BTreeMap<String, String>) -> Result<bool, String> {
    for (sign, is_same) in [("==", true), ("!=", false)] {
        if let Some((one, other)) = part.split_once(sign) {
            return Ok((value(one, variables)? == value(other, variables)?) == is_same);
        }
    }
    Ok(value(part, variables)?.is_some_and(|value| !value.is_empty()))
}

fn value(text: &str, variables: &BTreeMap<String, String>) -> Result<Option<String>, String> {
    let text = text.trim();
    if let Some(name) = text.strip_prefix('$') {
        return Ok(variables.get(name.trim_matches(['{', '}'])).cloned());
    }
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    match (quoted, text) {
        (Some(text), _) => Ok(Some(text.to_owned())),
        (None, "null") => Ok(None),
        (None, other) => Err(format!("`{other}` of a rule is not simulated")),
    }
}
