//! What a forge's state is, for who compares it before and after.

use serde_json::Value;

/// What is not as it was, in lines; nothing if all is. What was cancelled meanwhile is left out, since no one can give it
/// back; times are not part of a state.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(place: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after || is_cancelled(after) {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        found.push(format!("{place}: was {before}, is {after}"));
        return;
    };
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for name in names {
        let place = format!("{place}/{name}");
        let of = |state: &serde_json::Map<String, Value>| state.get(name).cloned().unwrap_or_default();
        compare(&place, &of(old), &of(new), found);
    }
}

fn is_cancelled(state: &Value) -> bool {
    ["cancelled", "canceled"].contains(&state.as_str().unwrap_or_default())
}
