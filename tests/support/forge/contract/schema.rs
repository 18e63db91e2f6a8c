//! `OpenAPI` 3.0's schemas made into JSON schemas that judge, and text made into what a schema wants.

use serde_json::{Map, Value, json};

/// Sets a description right: `nullable` becomes a type, one of several shapes that a discriminator tells apart may fit more
/// than one of them, and the bodies of requests take no unknown fields.
pub(super) fn set_right(document: &mut Value) {
    correct(document);
    nullable(document);
    discriminated(document);
    let bodies: Vec<String> = request_schemas(document);
    for pointer in bodies {
        if let Some(schema) = document.pointer_mut(&pointer) {
            close(schema);
        }
    }
}

/// Types that GitLab's generated description has wrong: what holds a number there is said to be text, and what may be
/// missing is said to be there. (`doc/api/projects` and `doc/api/runners` show the real ones.)
fn correct(document: &mut Value) {
    let number = json!({ "type": "integer", "nullable": true });
    let schema = |name: &str, field: &str| format!("/components/schemas/API_Entities_{name}/properties/{field}");
    let numbers =
        ["access_level", "notification_level"].map(|field| ["ProjectAccess", "GroupAccess"].map(|name| schema(name, field)));
    for pointer in numbers.concat().into_iter().chain([schema("BasicGroupDetails", "id")]) {
        if let Some(wrong) = document.pointer_mut(&pointer) {
            *wrong = number.clone();
        }
    }
    for field in ["project_access", "group_access"] {
        let pointer = schema("ProjectWithAccess", &format!("permissions/properties/{field}"));
        if let Some(wrong) = document.pointer_mut(&pointer) {
            wrong["nullable"] = json!(true);
        }
    }
}

/// `nullable: true` of `OpenAPI` 3.0, which no JSON schema knows, becomes what it means.
fn nullable(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(nullable),
        Value::Object(fields) => {
            fields.values_mut().for_each(nullable);
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
                allow_null(fields);
            }
        }
        _ => {}
    }
}

/// Which of its shapes an answer has is told by a field that is often not there, so any of them will do.
fn discriminated(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(discriminated),
        Value::Object(fields) => {
            fields.values_mut().for_each(discriminated);
            if fields.contains_key("discriminator")
                && let Some(shapes) = fields.remove("oneOf")
            {
                fields.insert("anyOf".to_owned(), shapes);
            }
        }
        _ => {}
    }
}

fn allow_null(fields: &mut Map<String, Value>) {
    let is_plain = ["$ref", "allOf", "anyOf", "oneOf"].iter().all(|key| !fields.contains_key(*key));
    match fields.get("type").and_then(Value::as_str).map(str::to_owned) {
        Some(kind) if is_plain => {
            fields.insert("type".to_owned(), json!([kind, "null"]));
            if let Some(Value::Array(values)) = fields.get_mut("enum")
                && !values.contains(&Value::Null)
            {
                values.push(Value::Null);
            }
        }
        _ => {
            let rest = Value::Object(std::mem::take(fields));
            fields.insert("anyOf".to_owned(), json!([rest, { "type": "null" }]));
        }
    }
}

/// Where the schemas of the bodies of requests are.
fn request_schemas(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for method in operations.as_object().into_iter().flatten().map(|(method, _)| method) {
            let kinds = &operations[method]["requestBody"]["content"];
            for (kind, content) in kinds.as_object().into_iter().flatten() {
                let inline =
                    || format!("/paths/{}/{method}/requestBody/content/{}/schema", super::escaped(path), super::escaped(kind));
                found.push(content["schema"]["$ref"].as_str().map_or_else(inline, |reference| reference[1..].to_owned()));
            }
        }
    }
    found
}

/// An object whose fields are told takes no others.
fn close(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    if fields.contains_key("properties") {
        fields.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(close);
    }
    if let Some(items) = fields.get_mut("items") {
        close(items);
    }
}

/// Text as the value that a schema wants; as it is if it is none.
pub(super) fn from_text(schema: &Value, text: &str) -> Value {
    let is = |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    let one_of = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(one_of) = one_of {
        let number = one_of.iter().any(|schema| schema["type"] == "integer").then(|| text.parse::<u64>().ok()).flatten();
        return number.map_or_else(|| json!(text), |number| json!(number));
    }
    if is("array") {
        return text.split(',').map(|item| from_text(&schema["items"], item)).collect();
    }
    let parsed = match text {
        text if is("integer") => text.parse::<i64>().ok().map(|number| json!(number)),
        text if is("boolean") => text.parse::<bool>().ok().map(|truth| json!(truth)),
        _ => None,
    };
    parsed.unwrap_or_else(|| json!(text))
}

/// What a form says, with each text as the value that the schema wants.
pub(super) fn from_form(schema: &Value, form: &Value) -> Value {
    match form {
        Value::String(text) => from_text(schema, text),
        Value::Array(items) => items.iter().map(|item| from_form(&schema["items"], item)).collect(),
        Value::Object(fields) => {
            let typed = |(name, value): (&String, &Value)| (name.clone(), from_form(&schema["properties"][name], value));
            Value::Object(fields.iter().map(typed).collect())
        }
        other => other.clone(),
    }
}
