//! Pipelines' YAML as plain values.

use serde_json::Value;

/// One document.
pub(in super::super) fn read(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Text of a scalar: pipelines say `port: 80` and `flag: true` where text is meant.
pub(in super::super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A list, or one thing that stands for a list of it.
pub(in super::super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![text(other)],
    }
}
