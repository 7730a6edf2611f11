//! The JSON schema of mesh.toml.

use std::sync::OnceLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use super::types;

/// The JSON schema (draft 7) of mesh.toml, as editors and `taplo lint` read it.
#[must_use]
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft07().for_deserialize();
    settings.transforms.push(Box::new(RecursiveTransform(Tidy)));
    // No `$id`: Taplo rejects a schema with a relative one.
    settings.into_generator().into_root_schema_for::<types::File>().to_value()
}

/// The schema, made once.
pub(super) fn known() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(schema)
}

/// TOML has no null, and a choice of names reads better as one list.
#[derive(Debug, Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
            choices.retain(|choice| choice["type"] != "null");
            if let [only] = choices.as_slice() {
                // Draft 7 ignores the siblings of a $ref, including a description. allOf keeps both.
                let only = only.clone();
                object.remove("anyOf");
                object.insert("allOf".into(), json!([only]));
            }
        }
        object.remove("default");
        object.remove("format");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checks evaluate every keyword of the schema, except those that only describe.
    #[test]
    fn the_checks_know_every_keyword() {
        fn walk(value: &Value, inside_properties: bool) {
            let Some(object) = value.as_object() else {
                if let Some(array) = value.as_array() {
                    array.iter().for_each(|item| walk(item, false));
                }
                return;
            };
            for (key, inner) in object {
                if !inside_properties {
                    assert!(super::super::shape::KEYWORDS.contains(&key.as_str()), "`{key}` is new in the schema");
                }
                walk(inner, !inside_properties && matches!(key.as_str(), "properties" | "definitions"));
            }
        }
        walk(&schema(), false);
    }
}
