//! mesh.toml as it is written: TOML with its places kept, nothing of Kubernetes.
//!
//! The [`types`] are the one description of the file. Their JSON schema is what editors read (`mesh-compile schema`)
//! and what [`shape`] holds the file against, so an editor and a render refuse the same things.

mod document;
mod place;
mod schema;
mod shape;
pub(crate) mod types;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

pub(crate) use document::Document;
pub(crate) use place::Place;
pub use schema::schema;
pub(crate) use types::{Filter, Mesh, Names, Output, Rollout, Workload};

use crate::diag::{Code, Diagnostic, FileId, Location, Sink};
use crate::world::{Usage, World};

/// The whole file, each entry well-formed, nothing yet checked against anything else.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) document: Document,
    pub(crate) mesh: Mesh,
    pub(crate) output: Output,
    pub(crate) rollout: Rollout,
    pub(crate) names: Names,
    pub(crate) vars: BTreeMap<String, types::Var>,
    pub(crate) filters: BTreeMap<String, Filter>,
    pub(crate) workloads: BTreeMap<String, Workload>,
    /// Filters that are there but were refused: naming one of them is not a second mistake.
    pub(crate) refused_filters: BTreeSet<String>,
    /// Whether there are workloads that were refused.
    pub(crate) refused_workloads: bool,
}

/// Reads and decodes `file`, shown to the user as it is given. `None` when the text itself could not be read or parsed;
/// everything wrong inside goes to `sink`.
pub(crate) fn load(world: &dyn World, file: &Utf8Path, sink: &mut Sink) -> Option<Spec> {
    let file = read(world, file, sink)?;
    let source = world.sources().get(file);
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let document = Document::new(file, source.clone(), &table);
    let broken = document::syntax_errors(&document, &errors, sink);
    let refused = shape::check(&document, table.get_ref(), &broken, sink);
    if !broken.is_empty() {
        return None;
    }
    Some(decode(document, table.get_ref(), &refused, sink))
}

const BOM: char = '\u{feff}';

fn read(world: &dyn World, file: &Utf8Path, sink: &mut Sink) -> Option<FileId> {
    let sources = world.sources();
    let bytes = match world.read_argument(file, Usage::Spec) {
        Ok(bytes) => bytes,
        Err(error) => {
            sink.push(
                Diagnostic::error(Code::MC0107, format!("cannot read `{file}`: {error}"))
                    .at(Location::whole(sources.id(file)))
                    .help("name the file with `-f`, or start one with `mesh-compile init`"),
            );
            return None;
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.trim_start_matches(BOM).trim().is_empty() => {
            sink.push(
                Diagnostic::error(Code::MC0109, format!("`{file}` is empty"))
                    .at(Location::whole(sources.id(file)))
                    .help("`mesh-compile init` writes a mesh.toml that renders at once"),
            );
            None
        }
        // No editor counts the byte order mark as a column; and a checkout may end its lines otherwise, which TOML would hand on in
        // strings of several lines.
        Ok(text) => Some(sources.add(file, text.strip_prefix(BOM).unwrap_or(text).replace("\r\n", "\n"))),
        Err(error) => {
            let valid = error.valid_up_to();
            let text = String::from_utf8_lossy(&bytes);
            let end = text[valid..].chars().next().map_or(valid, |c| valid + c.len_utf8());
            sink.push(
                Diagnostic::error(Code::MC0108, format!("`{file}` is not valid UTF-8"))
                    .at_label(Location::new(sources.add(file, text), valid..end), format!("byte {valid} of the file"))
                    .help("save the file as UTF-8"),
            );
            None
        }
    }
}

fn decode(document: Document, table: &DeTable<'_>, refused: &BTreeSet<Place>, sink: &mut Sink) -> Spec {
    let mut decoder = Decoder { document: &document, table, refused, sink };
    let (mesh, output, rollout) = (decoder.section("mesh"), decoder.section("output"), decoder.section("rollout"));
    let (names, mut vars): (_, BTreeMap<String, types::Var>) = (decoder.section("names"), decoder.section("vars"));
    let (filters, workloads) = (decoder.entries("filters"), decoder.entries("workloads"));
    // A template that speaks of a variable that was refused is not wrong itself.
    for name in declared(table, "vars") {
        vars.entry(name).or_insert(types::Var::Integer(0));
    }
    let refused_filters = declared(table, "filters").filter(|name| !filters.contains_key(name)).collect();
    let refused_workloads = declared(table, "workloads").any(|name| !workloads.contains_key(&name));
    Spec { mesh, output, rollout, names, vars, filters, workloads, refused_filters, refused_workloads, document }
}

/// The names under a section, also where its own name is misspelt.
fn declared(table: &DeTable<'_>, section: &str) -> impl Iterator<Item = String> {
    let is_meant = move |key: &str| key == section || shape::near_section(key) == Some(section);
    let tables = table.iter().filter(move |(key, _)| is_meant(key.get_ref()));
    let names = tables.filter_map(|(_, value)| value.get_ref().as_table()).flatten();
    names.map(|(name, _)| name.get_ref().to_string())
}

/// Decodes the entries that have the right shape, each by itself.
struct Decoder<'a, 'toml> {
    document: &'a Document,
    table: &'a DeTable<'toml>,
    refused: &'a BTreeSet<Place>,
    sink: &'a mut Sink,
}

impl<'toml> Decoder<'_, 'toml> {
    /// One of the fixed tables, with the defaults of the keys that are left out or were refused.
    fn section<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let place = Place::default().key(name);
        let Some(mut value) = self.table.get(name).cloned() else { return T::default() };
        let DeValue::Table(table) = value.get_mut() else { return T::default() };
        let written: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
        for key in written.iter().filter(|key| self.refused.contains(&place.key(key.as_str()))) {
            table.remove(key.as_str());
        }
        self.decode(value, &place).unwrap_or_default()
    }

    /// The entries of a table of named things, without those that were refused.
    fn entries<T: DeserializeOwned>(&mut self, name: &str) -> BTreeMap<String, T> {
        let entries = self.table.get(name).and_then(|value| value.get_ref().as_table());
        let mut decoded = BTreeMap::new();
        for (key, value) in entries.into_iter().flatten() {
            let place = Place::default().key(name).key(key.get_ref().as_ref());
            if self.refused.contains(&place) {
                continue;
            }
            if let Some(entry) = self.decode(value.clone(), &place) {
                decoded.insert(key.get_ref().to_string(), entry);
            }
        }
        decoded
    }

    fn decode<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'toml>>, place: &Place) -> Option<T> {
        let error = match T::deserialize(ValueDeserializer::from(value)) {
            Ok(decoded) => return Some(decoded),
            Err(error) => error,
        };
        let location = error.span().map_or_else(|| self.document.at(place), |span| self.document.location(span));
        self.sink.push(Diagnostic::error(Code::MC0103, error.message().to_owned()).at(location));
        None
    }
}
