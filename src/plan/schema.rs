//! The JSON Schema of a plan, from the types it is read with.

use schemars::{
    Schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::Value;

use super::raw::RawPlan;

/// The JSON Schema of `canship.yaml`, for editors and other tools. It cannot know what spans several keys: names of
/// secrets, spares that need an image.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(RawPlan);
    Strict.transform(&mut schema);
    schema.to_value()
}

/// A key that is there has a value: what is optional may be absent, not null.
struct Strict;

impl Transform for Strict {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(options)) = schema.get_mut("anyOf") {
            options.retain(|option| option.get("type").is_none_or(|name| name != "null"));
            if let [Value::Object(only)] = options.as_slice() {
                let only = only.clone();
                schema.remove("anyOf");
                for (key, value) in only {
                    schema.insert(key, value);
                }
            }
        }
        // A missing optional map is an empty one to serde; saying so helps nobody.
        if schema.get("default").is_some_and(|default| default.as_object().is_some_and(serde_json::Map::is_empty)) {
            schema.remove("default");
        }
        // Doc comments are broken into lines for their source file.
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = description.replace('\n', " ");
        }
        transform_subschemas(self, schema);
    }
}
