//! A YAML value with its location. Scalars are those of YAML 1.1, as kubectl and kustomize read them.

use crate::diag::Location;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) location: Location,
}

/// The kinds of values.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    String(String),
    List(Vec<Node>),
    /// In the order of the file. Keys are unique.
    Map(Vec<Entry>),
}

/// A key of a map and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_location: Location,
    pub(crate) value: Node,
}

impl Node {
    /// The entry of a map. `None` if the value is not a map or has no such key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value at a path of map keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a map, none for other values.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list, none for other values.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The value as JSON, without the places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::String(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|it| (it.key.clone(), it.value.to_json())).collect(),
        }
    }

    /// A value of JSON, all of it at one place.
    pub(super) fn from_json(json: &serde_json::Value, location: Location) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Boolean(*value),
            Json::Number(number) => Value::Number(number.clone()),
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(|item| Self::from_json(item, location)).collect()),
            Json::Object(map) => {
                let entry = |(key, value): (&String, &Json)| {
                    let value = Self::from_json(value, location);
                    Entry { key: key.clone(), key_location: location, value }
                };
                Value::Map(map.iter().map(entry).collect())
            }
        };
        Self { value, location }
    }

    /// The text of a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a map, to change it.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value),
            _ => None,
        }
    }

    /// The value at a path of map keys, to change it.
    pub(super) fn at_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// Sets the value of a key. What is not a map becomes one.
    pub(super) fn set(&mut self, key: &str, key_location: Location, value: Self) {
        if let Some(old) = self.get_mut(key) {
            *old = value;
            return;
        }
        let entry = Entry { key: key.to_owned(), key_location, value };
        match &mut self.value {
            Value::Map(entries) => entries.push(entry),
            other => *other = Value::Map(vec![entry]),
        }
    }

    /// Sets the value of a key to a string.
    pub(super) fn set_text(&mut self, key: &str, text: &str, location: Location) {
        self.set(key, location, Self::text(text, location));
    }

    /// The value of a key, which is created as an empty map if it is missing or null.
    pub(super) fn map_mut(&mut self, key: &str, location: Location) -> Option<&mut Self> {
        if self.get(key).is_none_or(|value| matches!(value.value, Value::Null)) {
            self.set(key, location, Self { value: Value::Map(Vec::new()), location });
        }
        self.get_mut(key)
    }

    /// Removes a key of a map.
    pub(super) fn remove(&mut self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index).value)
    }

    /// The entries of a map, to change them.
    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        match &mut self.value {
            Value::Map(entries) => entries,
            _ => &mut [],
        }
    }

    /// The elements of a list, to change them.
    pub(super) fn items_mut(&mut self) -> &mut [Self] {
        match &mut self.value {
            Value::List(items) => items,
            _ => &mut [],
        }
    }

    /// A string.
    pub(super) fn text(text: &str, location: Location) -> Self {
        Self { value: Value::String(text.to_owned()), location }
    }

    pub(super) const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether two values are equal, wherever they are written. The order of a map's keys doesn't count.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Value::Map(a), Value::Map(b)) => {
                let equal = |entry: &Entry| other.get(&entry.key).is_some_and(|value| entry.value.same(value));
                a.len() == b.len() && a.iter().all(equal)
            }
            _ => false,
        }
    }
}
