//! The diagnostics about the shape of mesh.toml.

use std::collections::BTreeSet;

use serde_json::Value;
use toml::de::DeValue;

use super::keyword::{article, choices, keys, near, summary};
use super::{Entry, Shape};
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::spec::place::Place;

/// The tables of a test, by their names in the schema.
const TEST_TABLES: [(&str, &str); 6] = [
    ("Test", "the test itself: `[[workloads.NAME.tests]]`"),
    ("Request", "`request = { … }`"),
    ("Response", "`upstream = { … }`"),
    ("Callout", "`callouts.CLUSTER = { … }`"),
    ("Expect", "`expect = { … }`"),
    ("ExpectedCall", "`expect.calls = [{ … }]`"),
];

/// Follows `$ref` and the single `allOf` that carries a description.
pub(in crate::spec) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/definitions/")) {
        return resolve(root, &root["definitions"][name]);
    }
    match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) => resolve(root, only),
        _ => schema,
    }
}

/// Reports the required keys that are not present in the table at a place, whose key is at a location. `names`: the names of the
/// tables of its kind.
pub(super) fn missing_keys(
    schema: &Value,
    present: &BTreeSet<&str>,
    (place, key_location): (&Place, Location),
    names: &[&str],
    sink: &mut Sink,
) {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing: Vec<_> = required.filter(|key| !present.contains(key)).collect();
    if missing.is_empty() {
        return;
    }
    // A key that is present under a misspelled name is reported already.
    let known = |key: &str| schema["properties"].get(key).is_some();
    let meant: Vec<_> = present.iter().filter(|key| !known(key)).filter_map(|key| near(schema, key, present)).collect();
    for key in missing.into_iter().filter(|key| !meant.contains(key)) {
        let diagnostic = Diagnostic::error(Code::MC0105, format!("`{place}` has no `{key}`")).at(key_location);
        // A table with tests alone belongs to a workload whose name is misspelled.
        let is_tests_alone = key == "filters" && present.iter().eq(["tests"].iter());
        let others = names.iter().copied().filter(|name| *name != place.last_key());
        let meant = is_tests_alone.then(|| suggest(place.last_key(), others)).flatten();
        sink.push(match meant {
            Some(near) => {
                let tests = Place::default().key("workloads").key(near).key("tests");
                diagnostic.help(format!("did you mean `[[{tests}]]`?"))
            }
            None => diagnostic.help(format!("add `{key} = …`: {}", summary(&schema["properties"][key]))),
        });
    }
}

impl<'a> Shape<'a> {
    pub(super) fn choice(&mut self, schema: &Value, text: &str, entry: &Entry<'_, '_>) {
        let names = choices(schema);
        if names.is_empty() || names.contains(&text) {
            return;
        }
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help = match suggest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Valid values: {list}"),
            None => format!("valid values: {list}"),
        };
        self.report(Code::MC0104, format!("`{text}` is not a valid value of `{}`", entry.place), entry, help);
    }

    pub(super) fn integer(&mut self, schema: &Value, entry: &Entry<'_, '_>) {
        let number = entry.value.get_ref().as_integer();
        let number = number.and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        let (low, high) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
        let fits = number.is_some_and(|n| low.is_none_or(|low| n >= low) && high.is_none_or(|high| n <= high));
        if !fits {
            let low = low.unwrap_or(i64::MIN);
            let range = high.map_or_else(|| format!("{low} or greater"), |high| format!("{low} to {high}"));
            let message = format!("`{}` is out of range", entry.place);
            self.report(Code::MC0104, message, entry, format!("valid values: {range}"));
        }
    }

    pub(super) fn not_json(&mut self, value: &str, entry: &Entry<'_, '_>) {
        let message = format!("`{}` is {value}, which JSON cannot represent", entry.place);
        self.report(Code::MC0116, message, entry, "quote it to make it a string".into());
    }

    pub(super) fn wrong_type(&mut self, schema: &'a Value, entry: &Entry<'_, '_>) {
        let Entry { place, value, .. } = entry;
        let wanted = self.types(schema);
        let found = article(value.get_ref().type_str());
        let diagnostic = Diagnostic::error(Code::MC0103, format!("`{place}` must be {wanted}, not {found}"))
            .at_label(self.at(entry), format!("this is {found}"));
        let written = &self.parsed.text[value.span()];
        self.sink.push(match value.get_ref() {
            DeValue::String(text) if wanted == "an integer" && text.parse::<i64>().is_ok() => {
                diagnostic.help(format!("remove the quotes: `{text}`"))
            }
            DeValue::String(text) if wanted == "a boolean" && matches!(&**text, "true" | "false") => {
                diagnostic.help(format!("remove the quotes: `{text}`"))
            }
            DeValue::Float(_) | DeValue::Integer(_) | DeValue::Boolean(_) | DeValue::Datetime(_)
                if wanted.contains("a string") =>
            {
                diagnostic.help(format!("quote it: `\"{written}\"`"))
            }
            DeValue::Array(_) if place.is_in_test() && place.last_key() == "body" => {
                diagnostic.help("to send the body in several pieces, use `chunks`; an expected body is always whole")
            }
            DeValue::Table(_) if wanted == "an array" && written.starts_with('[') => {
                diagnostic.help(format!("use double brackets for each element: `[[{place}]]`"))
            }
            DeValue::String(_) | DeValue::Table(_) if wanted == "an array" => {
                diagnostic.help(format!("put it in brackets: `[{written}]`"))
            }
            DeValue::Table(_) if place.as_property().is_some() => {
                let path = place.as_property().unwrap_or_default();
                diagnostic.help(format!("quote a path that contains dots: `\"{path}.…\" = …`"))
            }
            DeValue::String(_) if place.last_key() == "config" => {
                diagnostic.help("for a configuration that is not JSON, use `config-text`")
            }
            DeValue::Array(_) if written.starts_with("[[") => {
                let of_names = self.resolve(schema)["additionalProperties"].is_object();
                let name = if of_names { ".NAME" } else { "" };
                diagnostic.help(format!("double brackets define an array: write `[{place}{name}]`"))
            }
            _ => diagnostic,
        });
    }

    /// The types that a schema accepts, in words: `a string or a table`.
    fn types(&self, schema: &'a Value) -> String {
        if let Some(choices) = schema["anyOf"].as_array() {
            let mut names: Vec<_> = choices.iter().map(|choice| self.types(choice)).collect();
            names.dedup();
            let (last, others) = names.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
            return if others.is_empty() { last.to_owned() } else { format!("{} or {last}", others.join(", ")) };
        }
        let schema = self.resolve(schema);
        if !choices(schema).is_empty() {
            return "a string".into();
        }
        match schema["type"].as_str() {
            Some("object") => "a table".into(),
            Some(name) => article(name),
            None => "a value".into(),
        }
    }

    /// Returns whether the key is rather a part of the entry's name: `[workloads.web.v1]`.
    pub(super) fn unknown_key(&mut self, schema: &Value, entry: &Entry<'_, '_>, present: &BTreeSet<&str>) -> bool {
        let Entry { place, value, .. } = entry;
        let mut diagnostic =
            Diagnostic::error(Code::MC0102, format!("unknown key `{place}`")).at_label(self.key(entry), "unknown key");
        let key = place.last_key();
        let owner = if place.is_in_test() { self.owner_in_test(key) } else { self.owner(key) };
        if let Some(owner) = owner {
            diagnostic = diagnostic.help(format!("`{key}` belongs in {owner}"));
        }
        if let Some(near) = near(schema, key, present) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        let is_alone = keys(schema).all(|name| !present.contains(name));
        let is_table = value.get_ref().is_table();
        let dotted = place.as_dotted_name().filter(|_| diagnostic.help.is_empty() && is_table && is_alone);
        if let Some(name) = &dotted {
            diagnostic = diagnostic.help(format!("quote a name that contains a dot: `[{name}]`"));
        } else if diagnostic.help.is_empty() {
            let free: Vec<_> =
                keys(schema).filter(|name| !present.contains(name)).map(|name| format!("`{name}`")).collect();
            diagnostic = diagnostic.help(format!("available keys: {}", free.join(", ")));
        }
        self.sink.push(diagnostic);
        self.rejected.reported.insert(place.clone());
        dotted.is_some()
    }

    /// The table that has `key`.
    fn owner(&self, key: &str) -> Option<String> {
        let sections = self.schema["properties"].as_object()?;
        if key == "unset" {
            return Some("`[env.NAME]`".to_owned());
        }
        let section = sections.iter().filter(|(name, _)| !matches!(name.as_str(), "defaults" | "env")).find_map(
            |(name, schema)| {
                let schema = self.resolve(schema);
                let entry = schema.get("additionalProperties").filter(|entry| entry.is_object());
                let (keys, owner) = match (entry, schema.get("items")) {
                    (Some(entry), _) => (self.resolve(entry), format!("`[{name}.NAME]`")),
                    (None, Some(item)) => (self.resolve(item), format!("`[[{name}]]`")),
                    (None, None) => (schema, format!("`[{name}]`")),
                };
                keys["properties"].get(key).map(|_| owner)
            },
        );
        let is_of_use = key != "filter" && self.has_key("UseSettings", key);
        let of_use = is_of_use.then(|| format!("a workload's list: `filters = [{{ filter = \"NAME\", {key} = … }}]`"));
        let of_test = || self.has_key("Test", key).then(|| TEST_TABLES[0].1.to_owned());
        section.or(of_use).or_else(of_test)
    }

    /// The tables of a test that have `key`.
    fn owner_in_test(&self, key: &str) -> Option<String> {
        let owners: Vec<_> =
            TEST_TABLES.iter().filter(|(name, _)| self.has_key(name, key)).map(|(_, owner)| *owner).collect();
        (!owners.is_empty()).then(|| owners.join(" or "))
    }

    fn has_key(&self, definition: &str, key: &str) -> bool {
        self.schema["definitions"][definition]["properties"].get(key).is_some()
    }

    pub(super) fn report(&mut self, code: Code, message: String, entry: &Entry<'_, '_>, help: String) {
        self.sink.push(Diagnostic::error(code, message).at(self.at(entry)).help(help));
    }
}
