//! mesh.toml as written: TOML with the location of every value. Nothing here knows Kubernetes.
//!
//! The [`types`] are the only description of the file. Editors read their JSON schema (`mesh-compile schema`), and [`shape`] checks
//! the file against the same schema, so editors and renders reject the same files.

mod decode;
mod place;
mod read;
mod schema;
mod shape;
mod spanned;
mod syntax;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

pub use schema::schema;
pub(crate) use spanned::Spanned;
pub(crate) use types::{Binding, Filter, Mesh, Names, Output, Rollout, Workload};
pub(crate) use value::{Table, Value, to_json};

use crate::diag::{Code, Diagnostic, FileId, Location, Sink};
use crate::world::World;
use place::Place;
use shape::Rejected;
use syntax::Parsed;

/// The whole file. Each entry is well-formed, but nothing is checked against other entries yet.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) file: FileId,
    /// The directory of each file that the spec consists of: paths are relative to the file that holds them.
    dirs: BTreeMap<FileId, Utf8PathBuf>,
    /// The environment that this is the spec of. `None` if mesh.toml declares no environments.
    pub(crate) environment: Option<String>,
    /// The path of the file, as the user names it.
    pub(crate) path: Utf8PathBuf,
    pub(crate) mesh: Mesh,
    pub(crate) output: Output,
    pub(crate) rollout: Rollout,
    pub(crate) names: Names,
    pub(crate) vars: BTreeMap<String, types::Var>,
    pub(crate) filters: BTreeMap<String, Spanned<Filter>>,
    pub(crate) workloads: BTreeMap<String, Spanned<Workload>>,
    /// In the order of the file.
    pub(crate) bindings: Vec<Spanned<Binding>>,
    /// The settings of a workload without a table.
    pub(crate) default_workload: Workload,
    /// The namespaces, as patterns, to which a file restricts everything that it declares. Files that are not listed are free.
    pub(crate) namespaces: BTreeMap<FileId, Vec<Spanned<String>>>,
    pub(crate) unread: Unread,
}

/// mesh.toml with its includes: one spec per environment.
#[derive(Debug)]
pub(crate) struct Project {
    environments: Vec<Spec>,
}

impl Project {
    /// The spec of each environment, in the order of their names. A single spec without a name if mesh.toml declares none.
    pub(crate) fn environments(&self) -> &[Spec] {
        &self.environments
    }

    /// The spec of the only environment.
    #[cfg(test)]
    pub(crate) fn into_only(mut self) -> Spec {
        assert_eq!(self.environments.len(), 1);
        self.environments.remove(0)
    }
}

/// The parts of the file that could not be read. Their errors are reported already, so nothing that may be among them is reported as
/// missing.
#[derive(Debug)]
pub(crate) struct Unread {
    /// Whether the file has syntax errors: any entry may be missing, whatever its name.
    pub(crate) any: bool,
    /// Whether a syntax error is in `[mesh]`.
    pub(crate) mesh: bool,
    /// Whether a syntax error is in `[output]`.
    pub(crate) output: bool,
    /// Filters with an error inside.
    pub(crate) filters: BTreeSet<String>,
    /// Whether there are workloads with an error inside.
    pub(crate) workloads: bool,
    /// Whether there are bindings with an error inside.
    pub(crate) bindings: bool,
}

impl Spec {
    /// The name of the file, without its directory.
    pub(crate) fn file_name(&self) -> &str {
        self.path.file_name().unwrap_or("mesh.toml")
    }

    /// The directory of mesh.toml. Empty for the current directory.
    pub(crate) fn dir(&self) -> &Utf8Path {
        self.path.parent().unwrap_or_else(|| "".into())
    }

    /// The namespaces that what is declared at `location` may touch, as patterns. `None`: all.
    pub(crate) fn namespaces_of(&self, location: Location) -> Option<&[Spanned<String>]> {
        self.namespaces.get(&location.file).map(Vec::as_slice)
    }

    /// The directory that the paths at a location are relative to: that of the file that holds them.
    pub(crate) fn dir_of(&self, location: Location) -> &Utf8Path {
        self.dirs.get(&location.file).map_or_else(|| self.dir(), Utf8PathBuf::as_path)
    }

    /// The file as a whole.
    pub(crate) const fn whole(&self) -> Location {
        Location::whole(self.file)
    }
}

/// Reads and decodes the mesh.toml at `path`. Errors go to `sink`, and the result contains everything that could be read. `None` if
/// there is no text: the file cannot be read, is empty or is not UTF-8.
pub(crate) fn load(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> Option<Project> {
    let file = read::read(world, path, sink)?;
    let source = world.sources().get(file);
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let parsed = Parsed { file, text: &source.text, root: root.get_ref() };
    let errors = syntax::report(parsed, &errors, sink);
    let rejected = shape::check(parsed, &errors, sink);
    let spec = decode_file(path, parsed, &rejected, !errors.is_empty(), sink);
    Some(Project { environments: vec![spec] })
}

fn decode_file(path: &Utf8Path, parsed: Parsed<'_>, rejected: &Rejected, any: bool, sink: &mut Sink) -> Spec {
    let mut decoder = Decoder { parsed, rejected, sink };
    let (mesh, output, rollout) = (decoder.section("mesh"), decoder.section("output"), decoder.section("rollout"));
    let names = decoder.section("names");
    let mut vars: BTreeMap<String, types::Var> = decoder.entries("vars");
    let filters: BTreeMap<String, Spanned<Filter>> = decoder.entries("filters");
    let workloads: BTreeMap<String, Spanned<Workload>> = decoder.entries("workloads");
    let (bindings, unread_bindings) = decoder.list("bindings");
    // A template that uses a rejected variable is not wrong itself.
    for name in declared(parsed.root, "vars") {
        vars.entry(name).or_insert(types::Var::Integer(0));
    }
    let is_broken = |section: &str| rejected.broken.contains(&Place::default().key(section));
    let unread = Unread {
        any,
        mesh: is_broken("mesh"),
        output: is_broken("output"),
        filters: declared(parsed.root, "filters").filter(|name| !filters.contains_key(name)).collect(),
        workloads: declared(parsed.root, "workloads").any(|name| !workloads.contains_key(&name)),
        bindings: unread_bindings,
    };
    let file = parsed.file;
    let (dirs, environment) = (BTreeMap::new(), None);
    Spec {
        file,
        dirs,
        environment,
        path: path.to_owned(),
        mesh,
        output,
        rollout,
        names,
        vars,
        filters,
        workloads,
        bindings,
        default_workload: Workload::default(),
        namespaces: BTreeMap::new(),
        unread,
    }
}

/// The names in a section, including a section whose own name is misspelled.
fn declared(root: &DeTable<'_>, section: &str) -> impl Iterator<Item = String> {
    let is_meant = move |key: &str| key == section || shape::near_section(key) == Some(section);
    let tables = root.iter().filter(move |(key, _)| is_meant(key.get_ref()));
    let names = tables.filter_map(|(_, value)| value.get_ref().as_table()).flatten();
    names.map(|(name, _)| name.get_ref().to_string())
}

/// Decodes the entries whose shape is right, each on its own.
struct Decoder<'a> {
    parsed: Parsed<'a>,
    rejected: &'a Rejected,
    sink: &'a mut Sink,
}

impl Decoder<'_> {
    /// One of the fixed tables. Keys that are missing or rejected have their defaults, in a broken table all of them.
    fn section<'de, T: Deserialize<'de> + Default>(&mut self, name: &str) -> T {
        let place = Place::default().key(name);
        let Some((key, value)) = self.parsed.root.get_key_value(name) else { return T::default() };
        if self.rejected.broken.contains(&place) {
            return T::default();
        }
        let mut value = value.clone();
        let DeValue::Table(table) = value.get_mut() else { return T::default() };
        let keys: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
        for key in keys.iter().filter(|key| self.rejected.reported.contains(&place.key(key.as_str()))) {
            table.remove(key.as_str());
        }
        self.decode(decode::Value { file: self.parsed.file, key: key.span(), value: &value }).unwrap_or_default()
    }

    /// The entries of a table of named things, without those that are rejected.
    fn entries<'de, T: Deserialize<'de>>(&mut self, name: &str) -> BTreeMap<String, T> {
        let entries = self.parsed.root.get(name).and_then(|value| value.get_ref().as_table());
        let mut decoded = BTreeMap::new();
        for (key, value) in entries.into_iter().flatten() {
            let place = Place::default().key(name).key(key.get_ref().as_ref());
            if self.rejected.reported.contains(&place) || self.rejected.broken.contains(&place) {
                continue;
            }
            let value = decode::Value { file: self.parsed.file, key: key.span(), value };
            if let Some(entry) = self.decode(value) {
                decoded.insert(key.get_ref().to_string(), entry);
            }
        }
        decoded
    }

    /// The entries of a list of tables, without those that are rejected, and whether any is missing.
    fn list<'de, T: Deserialize<'de>>(&mut self, name: &str) -> (Vec<Spanned<T>>, bool) {
        let place = Place::default().key(name);
        let is_meant = |key: &str| key == name || shape::near_section(key) == Some(name);
        let is_declared = self.parsed.root.iter().any(|(key, _)| is_meant(key.get_ref()));
        let items = self.parsed.root.get(name).and_then(|value| value.get_ref().as_array());
        let Some(items) = items.filter(|_| !self.rejected.broken.contains(&place)) else {
            return (Vec::new(), is_declared);
        };
        let mut decoded = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            let place = place.index(index);
            if self.rejected.reported.contains(&place) || self.rejected.broken.contains(&place) {
                continue;
            }
            decoded.extend(self.decode(decode::Value { file: self.parsed.file, key: value.span(), value }));
        }
        let is_incomplete = decoded.len() < items.len();
        (decoded, is_incomplete)
    }

    fn decode<'de, T: Deserialize<'de>>(&mut self, value: decode::Value<'_, '_>) -> Option<T> {
        let range = value.value.span();
        let error = match T::deserialize(value) {
            Ok(decoded) => return Some(decoded),
            Err(error) => error,
        };
        let location = self.parsed.location(error.range.unwrap_or(range));
        self.sink.push(Diagnostic::error(Code::MC0103, error.message).at(location));
        None
    }
}
