//! Checks mesh.toml against its schema: unknown keys, wrong types, unknown values, missing keys. One run reports all errors, each at
//! its location.

mod keyword;
mod report;

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::Place;
use super::schema::known as schema;
use super::syntax::Parsed;
use super::tree::{self, Node};
use crate::diag::{Code, Location, Sink};
#[cfg(test)]
pub(super) use keyword::KEYWORDS;
use keyword::accepts;
#[cfg(test)]
pub(super) use report::resolve;

/// The entries that are not decoded.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    /// Entries with an error inside: a table of the file, one of its keys, or one entry of a table of named things.
    pub(super) reported: BTreeSet<Place>,
    /// Tables of the file, and entries of tables of named things, with a syntax error inside.
    pub(super) broken: BTreeSet<Place>,
    /// Elements of arrays of tables, such as `[[bindings]]`, with an error inside.
    pub(super) items: BTreeSet<Location>,
    /// Entries whose name most likely contains a dot that is not quoted.
    pub(super) dotted: BTreeSet<Place>,
}

impl Rejected {
    /// Adds what is rejected in another file, at its place in the merged spec of an environment.
    #[must_use]
    pub(super) fn merged(mut self, file: &Self, environment: Option<&str>) -> Self {
        let merged = |places: &BTreeSet<Place>| {
            let places = places.iter().map(Place::merged).filter(|(of, _)| of.is_none() || *of == environment);
            places.map(|(_, place)| place).collect::<Vec<_>>()
        };
        self.reported.extend(merged(&file.reported));
        self.broken.extend(merged(&file.broken));
        self.dotted.extend(merged(&file.dotted));
        self.items.extend(&file.items);
        self
    }

    /// Whether a section of the file is probably there, under a misspelled name.
    pub(super) fn misspells_section(&self, section: &str) -> bool {
        let mut unknown = self.reported.iter().filter_map(|place| place.key_below(&[]));
        unknown.any(|key| near_section(key) == Some(section))
    }

    /// Whether one of these keys of `[mesh]` is probably there, under a misspelled name.
    pub(super) fn misspells_in_mesh(&self, keys: &[&str]) -> bool {
        let mut unknown = self.reported.iter().filter_map(|place| place.key_below(&["mesh"]));
        unknown.any(|key| !keys.contains(&key) && crate::diag::suggest(key, keys.iter().copied()).is_some())
    }
}

/// Reports every value whose shape is wrong. Entries with a syntax error inside, at the offsets `errors`, are skipped.
pub(super) fn check(parsed: Parsed<'_>, errors: &[usize], sink: &mut Sink) -> Rejected {
    let schema = schema();
    let mut shape = Shape { schema, parsed, sink, rejected: Rejected::default() };
    shape.sections(schema, parsed.root, &Place::default(), errors);
    shape.rejected
}

/// Reports and rejects filters and workloads that lack a required key, after everything that could set it is merged.
pub(super) fn complete(sections: &tree::Table<'_>, rejected: &mut Rejected, sink: &mut Sink) {
    let schema = schema();
    for section in ["filters", "workloads"] {
        let Some(entries) = sections.get(section) else { continue };
        let of_entry =
            report::resolve(schema, &report::resolve(schema, &schema["properties"][section])["additionalProperties"]);
        let names = entries.keys();
        for name in &names {
            let Some(entry) = entries.get(name).filter(Node::is_table) else { continue };
            let place = Place::default().key(section).key(*name);
            if !rejected.broken.contains(&place) && !rejected.dotted.contains(&place) {
                let present: BTreeSet<&str> = entry.keys().into_iter().collect();
                let before = sink.errors();
                report::missing_keys(of_entry, &present, (&place, entry.key_location()), &names, sink);
                if sink.errors() > before {
                    rejected.reported.insert(place);
                }
            }
        }
    }
}

/// A value, its path and the range of its key.
struct Entry<'a, 'toml> {
    place: Place,
    /// The key before the value; the value itself for an element of an array.
    key: Range<usize>,
    value: &'a Spanned<DeValue<'toml>>,
}

impl<'a, 'toml> Entry<'a, 'toml> {
    fn entries<'s>(&'s self, table: &'a DeTable<'toml>) -> impl Iterator<Item = Entry<'a, 'toml>> + use<'s, 'a, 'toml> {
        let place = &self.place;
        table.iter().map(move |(key, value)| Entry { place: place.key(key.get_ref().as_ref()), key: key.span(), value })
    }
}

struct Shape<'a> {
    schema: &'a Value,
    parsed: Parsed<'a>,
    sink: &'a mut Sink,
    rejected: Rejected,
}

impl<'a> Shape<'a> {
    /// The tables of the file, or of an environment.
    fn sections(&mut self, schema: &'a Value, table: &DeTable<'_>, place: &Place, errors: &[usize]) {
        let sections: BTreeSet<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let section = Entry { place: place.key(name), key: key.span(), value };
            let Some(of_section) = schema["properties"].get(name) else {
                if !self.is_broken(&section, errors) {
                    self.unknown_key(schema, &section, &sections);
                }
                continue;
            };
            let of_entry = self.resolve(of_section).get("additionalProperties");
            match (of_entry.filter(|it| **it != Value::Bool(false)), value.get_ref()) {
                (Some(of_entry), DeValue::Table(entries)) => {
                    for entry in section.entries(entries) {
                        match entry.value.get_ref() {
                            DeValue::Table(overlay) if place.is_root() && name == "env" => {
                                self.sections(self.resolve(of_entry), overlay, &entry.place, errors);
                            }
                            _ if !self.is_broken(&entry, errors) => self.entry(of_entry, &entry),
                            _ => {}
                        }
                    }
                }
                (_, DeValue::Array(items)) if self.resolve(of_section)["type"] == "array" => {
                    for (i, value) in items.iter().enumerate() {
                        let entry = Entry { place: section.place.index(i), key: value.span(), value };
                        let before = self.sink.errors();
                        let is_broken = self.is_broken(&entry, errors);
                        if !is_broken {
                            self.entry(&self.resolve(of_section)["items"], &entry);
                        }
                        if is_broken || self.sink.errors() > before {
                            self.rejected.items.insert(self.at(&entry));
                        }
                    }
                }
                _ if !self.is_broken(&section, errors) => self.entry(of_section, &section),
                _ => {}
            }
        }
    }

    fn at(&self, entry: &Entry<'_, '_>) -> Location {
        self.parsed.location(entry.value.span())
    }

    fn key(&self, entry: &Entry<'_, '_>) -> Location {
        self.parsed.location(entry.key.clone())
    }

    fn entry(&mut self, schema: &'a Value, entry: &Entry<'_, '_>) {
        let before = self.sink.errors();
        self.value(schema, entry);
        if self.sink.errors() > before {
            self.rejected.reported.insert(entry.place.clone());
        }
    }

    /// Whether a syntax error is in the lines of the entry.
    fn is_broken(&mut self, entry: &Entry<'_, '_>, errors: &[usize]) -> bool {
        if errors.is_empty() {
            return false;
        }
        let Range { start, end } = self.parsed.extent(entry.key.clone(), entry.value);
        let is_broken = errors.iter().any(|offset| (start..=end).contains(offset));
        if is_broken {
            self.rejected.broken.insert(entry.place.clone());
        }
        is_broken
    }

    /// Follows `$ref` and the single `allOf` that carries a description.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        report::resolve(self.schema, schema)
    }

    fn value(&mut self, schema: &'a Value, entry: &Entry<'_, '_>) {
        let mut schema = self.resolve(schema);
        let Entry { place, value, .. } = entry;
        if let Some(choices) = schema["anyOf"].as_array() {
            let fitting =
                choices.iter().map(|choice| self.resolve(choice)).find(|choice| accepts(choice, value.get_ref()));
            match fitting {
                Some(choice) => schema = choice,
                None => return self.wrong_type(schema, entry),
            }
        }
        if !accepts(schema, value.get_ref()) {
            return self.wrong_type(schema, entry);
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(schema, table, entry),
            DeValue::Array(array) => {
                if array.len() < usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap_or(0) {
                    self.report(Code::MC0104, format!("`{place}` is empty"), entry, "list at least one".into());
                }
                for (i, value) in array.iter().enumerate() {
                    self.value(&schema["items"], &Entry { place: place.index(i), key: value.span(), value });
                }
            }
            DeValue::String(text) => self.choice(schema, text, entry),
            DeValue::Integer(_) => self.integer(schema, entry),
            DeValue::Datetime(_) => self.not_json("a TOML date", entry),
            DeValue::Float(float) => {
                let is_finite = float.as_str().parse::<f64>().is_ok_and(f64::is_finite);
                if !is_finite {
                    self.not_json(float.as_str(), entry);
                }
            }
            DeValue::Boolean(_) => {}
        }
    }

    fn table(&mut self, schema: &'a Value, table: &DeTable<'_>, entry: &Entry<'_, '_>) {
        const EMPTY: &Value = &Value::Null;
        let present: BTreeSet<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let properties = schema["properties"].as_object();
        let mut is_dotted = false;
        for inner in entry.entries(table) {
            match (properties.and_then(|p| p.get(inner.place.last_key())), schema.get("additionalProperties")) {
                (Some(property), _) => self.entry(property, &inner),
                (None, Some(Value::Bool(false))) => is_dotted |= self.unknown_key(schema, &inner, &present),
                (None, Some(of_entry @ Value::Object(_))) => self.value(of_entry, &inner),
                (None, _) => self.value(EMPTY, &inner),
            }
        }
        if is_dotted {
            self.rejected.dotted.insert(entry.place.clone());
        } else if entry.place.is_in_array() {
            report::missing_keys(schema, &present, (&entry.place, self.key(entry)), &[], self.sink);
        }
    }
}

/// The section that an unknown key of the file's root most likely means.
pub(super) fn near_section(key: &str) -> Option<&'static str> {
    const SECTIONS: [&str; 11] = [
        "mesh",
        "output",
        "rollout",
        "names",
        "vars",
        "defaults",
        "clusters",
        "filters",
        "workloads",
        "bindings",
        "env",
    ];
    if SECTIONS.contains(&key) { None } else { crate::diag::suggest(key, SECTIONS.into_iter()) }
}
