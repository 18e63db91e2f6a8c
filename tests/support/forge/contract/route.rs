//! Which path of a contract a request means.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Parameters that may hold slashes.
const LONG: &[&str] = &["{ref}", "{path}"];

/// The path of the contract with the most words of its own that fits, and what its parameters are.
pub(super) fn find<'a>(document: &'a Value, path: &str) -> Option<(&'a str, Vec<(String, String)>)> {
    let given: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let paths = document["paths"].as_object()?.keys();
    let fitting = paths.filter_map(|template| Some((template.as_str(), fit(template, &given)?)));
    fitting.max_by_key(|(template, _)| template.split('/').filter(|part| !part.starts_with('{')).count())
}

fn fit(template: &str, given: &[&str]) -> Option<Vec<(String, String)>> {
    let parts: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
    let is_long = parts.last().is_some_and(|last| LONG.contains(last)) && given.len() >= parts.len();
    if parts.len() != given.len() && !is_long {
        return None;
    }
    let mut parameters = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let rest = if is_long && at + 1 == parts.len() { given[at..].join("/") } else { given[at].to_owned() };
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => parameters.push((name.to_owned(), percent_decode_str(&rest).decode_utf8().ok()?.into_owned())),
            None if *part == rest => {}
            None => return None,
        }
    }
    Some(parameters)
}
