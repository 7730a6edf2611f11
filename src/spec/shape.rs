//! Holds mesh.toml against its schema: unknown keys, wrong types, values that are not on the list, missing keys. All of them
//! in one run, each at its place.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Document, Place, schema};
use crate::diag::{Code, Diagnostic, Sink, suggest};

/// The schema's keywords that are acted on here, then those that only describe.
#[cfg(test)]
pub(super) const KEYWORDS: [&str; 18] = [
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

/// Reports what does not have the shape of a mesh.toml and returns the entries that hold such a thing: a fixed table, or one
/// filter or workload. Entries with a syntax error in them, at the offsets `broken`, are passed over.
pub(super) fn check(document: &Document, table: &DeTable<'_>, broken: &[usize], sink: &mut Sink) -> BTreeSet<Place> {
    let root = schema();
    let mut shape = Shape { root: &root, document, sink, refused: BTreeSet::new() };
    let sections: BTreeSet<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
    for (key, value) in table {
        let section = AsRef::<str>::as_ref(key.get_ref());
        let place = Place::default().key(section);
        let Some(schema) = root["properties"].get(section) else {
            if !shape.is_broken(&place, broken) {
                shape.unknown_key(&root, &place, value.get_ref(), &sections);
            }
            continue;
        };
        match (shape.resolve(schema).get("additionalProperties"), value.get_ref()) {
            (Some(entry @ Value::Object(_)), DeValue::Table(entries)) => {
                for (name, value) in entries {
                    let place = place.key(name.get_ref().as_ref());
                    if !shape.is_broken(&place, broken) {
                        shape.entry(entry, value, place);
                    }
                }
            }
            _ if !shape.is_broken(&place, broken) => shape.entry(schema, value, place),
            _ => {}
        }
    }
    shape.refused
}

struct Shape<'a> {
    root: &'a Value,
    document: &'a Document,
    sink: &'a mut Sink,
    refused: BTreeSet<Place>,
}

impl<'a> Shape<'a> {
    fn entry(&mut self, schema: &'a Value, value: &Spanned<DeValue<'_>>, place: Place) {
        let before = self.sink.errors();
        self.value(schema, value, &place);
        if self.sink.errors() > before {
            self.refused.insert(place);
        }
    }

    /// Whether a syntax error stands in the lines of the entry.
    fn is_broken(&self, place: &Place, broken: &[usize]) -> bool {
        let Range { start, end } = self.document.extent(place);
        broken.iter().any(|offset| (start..=end).contains(offset))
    }

    /// Follows `$ref` and the single `allOf` that carries a description.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/definitions/")) {
            return self.resolve(&self.root["definitions"][name]);
        }
        match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([only]) => self.resolve(only),
            _ => schema,
        }
    }

    fn value(&mut self, schema: &'a Value, value: &Spanned<DeValue<'_>>, place: &Place) {
        let mut schema = self.resolve(schema);
        if let Some(choices) = schema["anyOf"].as_array() {
            let fitting =
                choices.iter().map(|choice| self.resolve(choice)).find(|choice| accepts(choice, value.get_ref()));
            match fitting {
                Some(choice) => schema = choice,
                None => return self.wrong_type(schema, value, place),
            }
        }
        if !accepts(schema, value.get_ref()) {
            return self.wrong_type(schema, value, place);
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(schema, table, place),
            DeValue::Array(array) => {
                if array.len() < usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap_or(0) {
                    self.report(Code::MC0104, format!("`{place}` is empty"), place, "list at least one".into());
                }
                for (i, item) in array.iter().enumerate() {
                    self.value(&schema["items"], item, &place.index(i));
                }
            }
            DeValue::String(text) => self.choice(schema, text, place),
            DeValue::Integer(_) => self.integer(schema, value, place),
            DeValue::Datetime(_) => {
                let help = "quote it to make it a string".into();
                self.report(Code::MC0116, format!("`{place}` is a TOML date, which JSON has no form for"), place, help);
            }
            DeValue::Float(float) => {
                let finite = float.as_str().parse::<f64>().is_ok_and(f64::is_finite);
                if !finite && !float.as_str().contains('_') {
                    let help = "quote it to make it a string".into();
                    self.report(Code::MC0116, format!("`{place}` is {float}, which JSON has no form for"), place, help);
                }
            }
            DeValue::Boolean(_) => {}
        }
    }

    fn table(&mut self, schema: &'a Value, table: &DeTable<'_>, place: &Place) {
        const EMPTY: &Value = &Value::Null;
        let present: BTreeSet<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let properties = schema["properties"].as_object();
        let mut is_dotted = false;
        for (key, value) in table {
            let key = AsRef::<str>::as_ref(key.get_ref());
            let here = place.key(key);
            match (properties.and_then(|p| p.get(key)), schema.get("additionalProperties")) {
                (Some(property), _) => self.entry(property, value, here),
                (None, Some(Value::Bool(false))) => {
                    is_dotted |= self.unknown_key(schema, &here, value.get_ref(), &present)
                }
                (None, Some(entry @ Value::Object(_))) => self.value(entry, value, &here),
                (None, _) => self.value(EMPTY, value, &here),
            }
        }
        if is_dotted {
            return;
        }
        // A key that is there under a misspelt name has been reported.
        let known = |key: &str| properties.is_some_and(|p| p.contains_key(key));
        let meant: Vec<_> =
            present.iter().filter(|key| !known(key)).filter_map(|key| near(schema, key, &present)).collect();
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for key in required.filter(|key| !present.contains(key) && !meant.contains(key)) {
            let finding =
                Diagnostic::error(Code::MC0105, format!("`{place}` has no `{key}`")).at(self.document.key(place));
            // Tests alone are those of a workload whose name is misspelt.
            let alone = key == "filters" && present.iter().eq(["tests"].iter());
            let others = self.document.keys("workloads").filter(|name| *name != place.last_key());
            let meant = alone.then(|| suggest(place.last_key(), others)).flatten();
            self.sink.push(match meant {
                Some(near) => finding.help(format!("did you mean `[[workloads.{near}.tests]]`?")),
                None => finding.help(format!("add `{key} = …`: {}", lower_first(summary(&schema["properties"][key])))),
            });
        }
    }

    fn choice(&mut self, schema: &Value, text: &str, place: &Place) {
        let names = choices(schema);
        if names.is_empty() || names.contains(&text) {
            return;
        }
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help = match suggest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? It takes {list}"),
            None => format!("it takes {list}"),
        };
        self.report(Code::MC0104, format!("`{text}` is not a value of `{place}`"), place, help);
    }

    fn integer(&mut self, schema: &Value, value: &Spanned<DeValue<'_>>, place: &Place) {
        let number = value.get_ref().as_integer().and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        let (low, high) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
        let fits = number.is_some_and(|n| low.is_none_or(|low| n >= low) && high.is_none_or(|high| n <= high));
        if !fits {
            let low = low.unwrap_or(i64::MIN);
            let range = high.map_or_else(|| format!("{low} and more"), |high| format!("{low} to {high}"));
            self.report(Code::MC0104, format!("`{place}` is out of range"), place, format!("it takes {range}"));
        }
    }

    fn wrong_type(&mut self, schema: &'a Value, value: &Spanned<DeValue<'_>>, place: &Place) {
        let wanted = self.types(schema);
        let found = article(value.get_ref().type_str());
        let finding = Diagnostic::error(Code::MC0103, format!("`{place}` takes {wanted}, not {found}"))
            .at_label(self.document.at(place), format!("this is {found}"));
        let written = self.document.text_at(place);
        self.sink.push(match value.get_ref() {
            DeValue::String(text) if wanted == "an integer" && text.parse::<i64>().is_ok() => {
                finding.help(format!("without the quotes: `{text}`"))
            }
            DeValue::String(text) if wanted == "a boolean" && matches!(&**text, "true" | "false") => {
                finding.help(format!("without the quotes: `{text}`"))
            }
            DeValue::Float(_) | DeValue::Integer(_) | DeValue::Boolean(_) | DeValue::Datetime(_)
                if wanted.contains("a string") =>
            {
                finding.help(format!("quote it: `\"{written}\"`"))
            }
            DeValue::Array(_) if place.is_in_test() && place.last_key() == "body" => {
                finding.help("what is sent in several pieces stands in `chunks`; what is expected is the whole body")
            }
            DeValue::Table(_) if wanted == "an array" && written.starts_with('[') => {
                finding.help(format!("double brackets for each of them: write `[[{place}]]`"))
            }
            DeValue::String(_) | DeValue::Table(_) if wanted == "an array" => {
                finding.help(format!("put it in brackets: `[{written}]`"))
            }
            DeValue::Table(_) if place.as_property().is_some() => {
                let path = place.as_property().unwrap_or_default();
                finding.help(format!("a path with dots is quoted: `\"{path}.…\" = …`"))
            }
            DeValue::String(_) if place.last_key() == "config" => {
                finding.help("a text that goes as it is stands in `config-text`")
            }
            DeValue::Array(_) if written.starts_with("[[") => {
                let of_names = self.resolve(schema)["additionalProperties"].is_object();
                let name = if of_names { ".NAME" } else { "" };
                finding.help(format!("double brackets make an array: write `[{place}{name}]`"))
            }
            _ => finding,
        });
    }

    /// What a schema takes, in words: `a string or a table`.
    fn types(&self, schema: &'a Value) -> String {
        if let Some(choices) = schema["anyOf"].as_array() {
            let names: Vec<_> = choices.iter().map(|choice| self.types(choice)).collect();
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

    /// Returns whether it is rather a part of the entry's name: `[workloads.web.v1]`.
    fn unknown_key(&mut self, schema: &Value, place: &Place, value: &DeValue<'_>, present: &BTreeSet<&str>) -> bool {
        let mut finding = Diagnostic::error(Code::MC0102, format!("unknown key `{place}`"))
            .at_label(self.document.key(place), "no such key here");
        let key = place.last_key();
        let owner = if place.is_in_test() { self.owner_in_test(key) } else { self.owner(key) };
        if let Some(owner) = owner {
            finding = finding.help(format!("`{key}` belongs in {owner}"));
        }
        if let Some(near) = near(schema, key, present) {
            finding = finding.help(format!("did you mean `{near}`?"));
        }
        let is_alone = keys(schema).all(|name| !present.contains(name));
        let dotted = place.as_dotted_name().filter(|_| finding.help.is_empty() && value.is_table() && is_alone);
        if let Some(name) = &dotted {
            finding = finding.help(format!("a name that holds a dot is quoted: `[{name}]`"));
        } else if finding.help.is_empty() {
            let free: Vec<_> =
                keys(schema).filter(|name| !present.contains(name)).map(|name| format!("`{name}`")).collect();
            finding = finding.help(format!("the keys that can stand here are {}", free.join(", ")));
        }
        self.sink.push(finding);
        self.refused.insert(place.clone());
        dotted.is_some()
    }

    /// The table that does know `key`.
    fn owner(&self, key: &str) -> Option<String> {
        let sections = self.root["properties"].as_object()?;
        let section = sections.iter().find_map(|(name, schema)| {
            let schema = self.resolve(schema);
            let entry = schema.get("additionalProperties").filter(|entry| entry.is_object());
            let (keys, owner) = match entry {
                Some(entry) => (self.resolve(entry), format!("`[{name}.NAME]`")),
                None => (schema, format!("`[{name}]`")),
            };
            keys["properties"].get(key).map(|_| owner)
        });
        let is_of_use = key != "filter" && self.root["definitions"]["UseWith"]["properties"].get(key).is_some();
        let of_use = is_of_use.then(|| format!("a workload's list: `filters = [{{ filter = \"NAME\", {key} = … }}]`"));
        let of_test = || self.knows("Test", key).then(|| TEST_TABLES[0].1.to_owned());
        section.or(of_use).or_else(of_test)
    }

    /// The tables of a test that do know `key`.
    fn owner_in_test(&self, key: &str) -> Option<String> {
        let owners: Vec<_> =
            TEST_TABLES.iter().filter(|(name, _)| self.knows(name, key)).map(|(_, owner)| *owner).collect();
        (!owners.is_empty()).then(|| owners.join(" or "))
    }

    fn knows(&self, definition: &str, key: &str) -> bool {
        self.root["definitions"][definition]["properties"].get(key).is_some()
    }

    fn report(&mut self, code: Code, message: String, place: &Place, help: String) {
        self.sink.push(Diagnostic::error(code, message).at(self.document.at(place)).help(help));
    }
}

/// The tables of a test, by their names in the schema.
const TEST_TABLES: [(&str, &str); 6] = [
    ("Test", "the test itself: `[[workloads.NAME.tests]]`"),
    ("Request", "`request = { … }`"),
    ("Answer", "`upstream = { … }`"),
    ("Callout", "`callouts.CLUSTER = { … }`"),
    ("Expect", "`expect = { … }`"),
    ("ExpectedCall", "`expect.calls = [{ … }]`"),
];

/// The section that a key of the whole file was meant to be; `None` also for one that is right.
pub(super) fn near_section(key: &str) -> Option<&'static str> {
    const SECTIONS: [&str; 7] = ["mesh", "output", "rollout", "names", "vars", "filters", "workloads"];
    if SECTIONS.contains(&key) { None } else { suggest(key, SECTIONS.into_iter()) }
}

/// The keys of a table.
fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    schema["properties"].as_object().map(Map::keys).into_iter().flatten().map(String::as_str)
}

/// The key that `key` was meant to be: rather one that is not there yet.
fn near<'a>(schema: &'a Value, key: &str, present: &BTreeSet<&str>) -> Option<&'a str> {
    suggest(key, keys(schema).filter(|name| !present.contains(name))).or_else(|| suggest(key, keys(schema)))
}

/// Whether the value's own type is one that the schema takes.
fn accepts(schema: &Value, value: &DeValue<'_>) -> bool {
    let name = match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        // In a free table a date gets its own message.
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

/// The strings of an enumeration, in the order they are declared; schemars writes documented ones as `oneOf` constants.
fn choices(schema: &Value) -> Vec<&str> {
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

/// The first sentence of a schema's description, without its full stop.
fn summary(schema: &Value) -> &str {
    let sentence = schema["description"].as_str().and_then(|text| text.split(". ").next());
    sentence.unwrap_or_default().trim_end_matches('.')
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn article(name: &str) -> String {
    let an = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if an { "an" } else { "a" })
}
