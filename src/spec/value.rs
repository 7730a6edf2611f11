//! A value of any shape, with the location of each part: configurations, volumes and mounts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value as Json;

use super::Spanned;

/// A table of any shape.
pub(crate) type Table = BTreeMap<String, Spanned<Value>>;

/// A TOML value that JSON can represent.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    String(String),
    /// A number or a boolean.
    Scalar(Json),
    Array(Vec<Spanned<Value>>),
    Table(Table),
}

impl Value {
    /// The text of a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON, without its locations.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::String(text) => Json::String(text.clone()),
            Self::Scalar(value) => value.clone(),
            Self::Array(items) => items.iter().map(|item| item.to_json()).collect(),
            Self::Table(table) => Json::Object(to_json(table)),
        }
    }
}

/// The table as JSON, without its locations.
pub(crate) fn to_json(table: &Table) -> serde_json::Map<String, Json> {
    table.iter().map(|(key, value)| (key.clone(), value.to_json())).collect()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> de::Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::String(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Scalar(value.into()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Scalar(value.into()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Scalar(value.into()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Scalar(value.into()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(Value::Array)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(entries)).map(Value::Table)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// The schema that accepts anything.
impl JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Json::json_schema(generator)
    }
}
