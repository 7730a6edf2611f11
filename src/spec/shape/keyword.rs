//! What the keywords of a JSON schema accept, and how messages name it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use toml::de::DeValue;

use crate::diag::suggest;

/// The schema's keywords: first those that the checks evaluate, then those that only describe.
#[cfg(test)]
pub(in crate::spec) const KEYWORDS: [&str; 18] = [
    "type",
    "properties",
    "additionalProperties",
    "required",
    "items",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "allOf",
    "$ref",
    "minimum",
    "maximum",
    "minItems",
    "$schema",
    "title",
    "description",
    "definitions",
];

/// Whether the schema accepts values of this type.
pub(super) fn accepts(schema: &Value, value: &DeValue<'_>) -> bool {
    let name = match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        // In a free table, a date gets a message of its own.
        DeValue::Datetime(_) => return schema.get("type").is_none() && choices(schema).is_empty(),
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    };
    match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(some) => some.iter().any(|one| one == name),
        _ => choices(schema).is_empty() || name == "string",
    }
}

/// The strings of an enumeration in the order of their declaration. schemars writes documented ones as `oneOf` constants.
pub(super) fn choices(schema: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    collect_choices(schema, &mut names);
    names
}

fn collect_choices<'a>(schema: &'a Value, names: &mut Vec<&'a str>) {
    names.extend(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str));
    names.extend(schema["const"].as_str());
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        collect_choices(choice, names);
    }
}

/// The keys of a table.
pub(super) fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    schema["properties"].as_object().map(Map::keys).into_iter().flatten().map(String::as_str)
}

/// The key that `key` most likely means. Keys that are not present yet come first.
pub(super) fn near<'a>(schema: &'a Value, key: &str, present: &BTreeSet<&str>) -> Option<&'a str> {
    suggest(key, keys(schema).filter(|name| !present.contains(name))).or_else(|| suggest(key, keys(schema)))
}

/// The first sentence of a schema's description, in lower case and without its period.
pub(super) fn summary(schema: &Value) -> String {
    let sentence = schema["description"].as_str().and_then(|text| text.split(". ").next());
    let mut chars = sentence.unwrap_or_default().trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The name with its article: `a string`, `an integer`.
pub(super) fn article(name: &str) -> String {
    let an = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if an { "an" } else { "a" })
}
