//! mesh.toml as written: TOML with the location of every value. Nothing here knows Kubernetes.
//!
//! The [`types`] are the only description of the file. Editors read their JSON schema (`mesh-compile schema`), and [`shape`] checks
//! the file against the same schema, so editors and renders reject the same files.

mod compiler;
mod decode;
mod files;
mod merge;
mod place;
mod read;
mod rules;
mod schema;
mod shape;
mod spanned;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
pub(crate) mod types;
mod unset;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde::Deserialize;
use toml::de::DeTable;

pub use schema::schema;
pub(crate) use spanned::Spanned;
pub(crate) use types::{Binding, Filter, Mesh, Names, Output, Rollout, Workload};
pub(crate) use value::{Table, Value, to_json};

use crate::diag::{Code, Diagnostic, FileId, Location, Sink};
use crate::world::World;
use place::Place;
use shape::Rejected;
use syntax::Parsed;
use tree::Node;

/// The whole file. Each entry is well-formed, but nothing is checked against other entries yet.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) file: FileId,
    /// The path of each file that the spec consists of: paths in it are relative to its directory.
    files: BTreeMap<FileId, Utf8PathBuf>,
    /// The environment that this is the spec of. `None` if mesh.toml declares no environments.
    pub(crate) environment: Option<String>,
    /// The path of the file, as the user names it.
    pub(crate) path: Utf8PathBuf,
    pub(crate) mesh: Mesh,
    pub(crate) output: Output,
    pub(crate) rollout: Rollout,
    pub(crate) names: Names,
    pub(crate) vars: BTreeMap<String, Spanned<Value>>,
    /// By name.
    pub(crate) clusters: BTreeMap<String, Spanned<types::Cluster>>,
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
    /// The names of all environments that mesh.toml declares.
    declared: Vec<String>,
}

impl Project {
    /// The spec of each environment, in the order of their names. A single spec without a name if mesh.toml declares none.
    pub(crate) fn environments(&self) -> &[Spec] {
        &self.environments
    }

    /// The names of all environments that mesh.toml declares, including those that were not loaded.
    pub(crate) fn declared(&self) -> &[String] {
        &self.declared
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
    /// Whether the file has syntax errors, or an included file is missing: any entry may be missing, whatever its name.
    pub(crate) any: bool,
    /// Whether a syntax error is in `[mesh]`, or the base is missing under a misspelled name.
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

    /// Whether the place is a binding of this environment, or a pattern of one. An environment can replace the bindings of the
    /// others.
    pub(crate) fn has_binding_at(&self, location: Location) -> bool {
        self.bindings.iter().any(|binding| {
            let patterns = [&binding.workloads, &binding.namespaces].into_iter().flatten().flatten();
            binding.location() == location || patterns.into_iter().any(|pattern| pattern.location() == location)
        })
    }

    /// mesh.toml and the files that it includes.
    pub(crate) fn files(&self) -> impl Iterator<Item = FileId> {
        self.files.keys().copied().chain([self.file])
    }

    /// The namespaces that what is declared at `location` may touch, as patterns. `None`: all.
    pub(crate) fn namespaces_of(&self, location: Location) -> Option<&[Spanned<String>]> {
        self.namespaces.get(&location.file).map(Vec::as_slice)
    }

    /// The directory that the paths at a location are relative to: that of the file that holds them.
    pub(crate) fn dir_of(&self, location: Location) -> &Utf8Path {
        let file = self.files.get(&location.file).unwrap_or(&self.path);
        file.parent().unwrap_or_else(|| "".into())
    }

    /// The note about a path at a location that leads nowhere.
    pub(crate) fn relative_note(&self, location: Location) -> String {
        match self.files.get(&location.file) {
            Some(file) if location.file != self.file => format!("the path is relative to the directory of `{file}`"),
            _ => "the path is relative to mesh.toml's directory".to_owned(),
        }
    }

    /// The file as a whole.
    pub(crate) const fn whole(&self) -> Location {
        Location::whole(self.file)
    }
}

/// Reads and decodes the mesh.toml at `path` and the files that it includes, for the environments `names`, or for all if there are
/// none. Errors go to `sink`, and the result contains everything that could be read. `None` if there is no text, if another
/// mesh.toml includes this one, if another version of mesh-compile is required, or if an environment does not exist.
pub(crate) fn load(world: &dyn World, path: &Utf8Path, names: &[String], sink: &mut Sink) -> Option<Project> {
    if files::is_part(world, path, sink) {
        return None;
    }
    let before = sink.diagnostics().len();
    let files = files::read(world, path, sink)?;
    let misses_file = sink.diagnostics().iter().skip(before).any(|it| it.code == Code::MC0123);
    let trees: Vec<_> = files.par_iter().map(|file| DeTable::parse_recoverable(&file.source.text)).collect();
    let parsed: Vec<Parsed<'_>> =
        files.iter().zip(&trees).map(|(file, (root, _))| files::parse(file, root.get_ref())).collect();
    if !is_for_this_version(parsed[0], sink) {
        return None;
    }
    let mut all_rejected = Vec::with_capacity(files.len());
    for (file, (_, errors)) in parsed.iter().zip(&trees) {
        let errors = syntax::report(*file, errors, sink);
        all_rejected.push(shape::check(*file, &errors, sink));
    }
    let known = rules::environments(parsed[0], sink);
    let unknown: Vec<_> = names.iter().filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        sink.extend(unknown.into_iter().map(|name| rules::unknown_environment(name, &known)));
        return None;
    }
    rules::included(&files, &parsed, &known, sink);
    let namespaces = rules::namespaces(&files, sink);
    let loader = Loader { path, files: &files, parsed: &parsed, rejected: &all_rejected, namespaces: &namespaces };
    let any = misses_file || trees.iter().any(|(_, errors)| !errors.is_empty());
    let mut environments = Vec::new();
    if known.is_empty() {
        environments.push(loader.load(None, any, sink));
    }
    for name in known.iter().filter(|name| names.is_empty() || names.contains(name)) {
        sink.enter(Some(name));
        environments.push(loader.load(Some(name), any, sink));
        sink.enter(None);
    }
    Some(Project { environments, declared: known })
}

/// Whether `mesh.compiler` allows this version. With another version, errors elsewhere in the file would mislead.
fn is_for_this_version(root: Parsed<'_>, sink: &mut Sink) -> bool {
    let mesh = tree::entries(root.file, root.root).find(|(key, _)| *key == "mesh").map(|(_, mesh)| mesh);
    let Some(compiler) = mesh.and_then(|mesh| mesh.get("compiler")) else { return true };
    let problem = compiler.as_str().and_then(|written| compiler::check(written, compiler.location()));
    let is_allowed = problem.is_none();
    sink.extend(problem);
    is_allowed
}

/// Decodes environments from the same files.
struct Loader<'a> {
    path: &'a Utf8Path,
    files: &'a [files::File],
    parsed: &'a [Parsed<'a>],
    /// What is wrong in each file.
    rejected: &'a [Rejected],
    namespaces: &'a BTreeMap<FileId, Vec<Spanned<String>>>,
}

impl Loader<'_> {
    fn load(&self, environment: Option<&str>, any: bool, sink: &mut Sink) -> Spec {
        let mut rejected = self.rejected.iter().fold(Rejected::default(), |all, file| all.merged(file, environment));
        let sections = merge::merge(self.files, self.parsed, environment, &rejected, sink);
        shape::complete(&sections, &mut rejected, sink);
        let mut decoder = Decoder { sections: &sections, rejected: &rejected, sink };
        let mesh: Mesh = decoder.section("mesh");
        let (output, rollout, names) =
            (decoder.section("output"), decoder.section("rollout"), decoder.section("names"));
        let mut vars: BTreeMap<String, Spanned<Value>> = decoder.entries("vars");
        let filters: BTreeMap<String, Spanned<Filter>> = decoder.entries("filters");
        let clusters: BTreeMap<String, Spanned<types::Cluster>> = decoder.entries("clusters");
        let workloads: BTreeMap<String, Spanned<Workload>> = decoder.entries("workloads");
        let (bindings, unread_bindings) = decoder.list("bindings");
        let default_workload = decoder.default_workload();
        // A template that uses a rejected variable is not wrong itself.
        for (name, node) in declared(&sections, "vars") {
            vars.entry(name.to_owned()).or_insert_with(|| Spanned::at(Value::Scalar(0.into()), node.location()));
        }
        if let Some(compiler) = mesh.compiler.as_ref().filter(|_| environment.is_some()) {
            sink.extend(compiler::check(compiler, compiler.location()));
        }
        let is_broken = |section: &str| rejected.broken.contains(&Place::default().key(section));
        let missing = |section, known: &dyn Fn(&str) -> bool| {
            let names = declared(&sections, section).into_iter().map(|(name, _)| name.to_owned());
            names.filter(|name| !known(name)).collect::<BTreeSet<String>>()
        };
        let unread = Unread {
            any: any || rejected.misspells_in_mesh(&["include"]),
            mesh: is_broken("mesh") || rejected.misspells_section("mesh") || rejected.misspells_in_mesh(&["base"]),
            output: is_broken("output"),
            filters: missing("filters", &|name| filters.contains_key(name)),
            workloads: !missing("workloads", &|name| workloads.contains_key(name)).is_empty()
                || rejected.misspells_section("workloads"),
            bindings: unread_bindings || rejected.misspells_section("bindings"),
        };
        Spec {
            file: self.files[0].id,
            files: self.files.iter().map(|file| (file.id, file.source.path.clone())).collect(),
            environment: environment.map(str::to_owned),
            path: self.path.to_owned(),
            mesh,
            output,
            rollout,
            names,
            vars,
            clusters,
            filters,
            workloads,
            bindings,
            default_workload,
            namespaces: self.namespaces.clone(),
            unread,
        }
    }
}

/// The entries of a section, including those of a section whose own name is misspelled.
fn declared<'a>(sections: &tree::Table<'a>, section: &str) -> Vec<(&'a str, Node<'a>)> {
    let is_meant = |key: &str| key == section || shape::near_section(key) == Some(section);
    let tables = sections.iter().filter(|(key, _)| is_meant(key)).map(|(_, node)| node.clone());
    tables.flat_map(Node::into_entries).collect()
}

/// Decodes the entries whose shape is right, each on its own.
struct Decoder<'n, 'a> {
    sections: &'n tree::Table<'a>,
    rejected: &'n Rejected,
    sink: &'n mut Sink,
}

impl Decoder<'_, '_> {
    /// One of the fixed tables. Keys that are missing or rejected have their defaults, in a broken table all of them.
    fn section<'de, T: Deserialize<'de> + Default>(&mut self, name: &str) -> T {
        let place = Place::default().key(name);
        let Some(node) = self.sections.get(name) else { return T::default() };
        if self.rejected.broken.contains(&place) {
            return T::default();
        }
        let mut node = node.clone();
        let Some(table) = node.entries_mut() else { return T::default() };
        table.retain(|key, _| !self.rejected.reported.contains(&place.key(*key)));
        self.decode(&node).unwrap_or_default()
    }

    /// What `[defaults.workloads]` sets, for a workload without a table.
    fn default_workload(&mut self) -> Workload {
        let defaults = self.sections.get("defaults").and_then(|node| node.get("workloads"));
        defaults.and_then(|node| self.decode(&node)).unwrap_or_default()
    }

    /// The entries of a table of named things, without those that are rejected.
    fn entries<'de, T: Deserialize<'de>>(&mut self, name: &str) -> BTreeMap<String, T> {
        let section = Place::default().key(name);
        let mut decoded = BTreeMap::new();
        let Some(node) = self.sections.get(name) else { return decoded };
        for key in node.keys() {
            let place = section.key(key);
            if self.rejected.reported.contains(&place) || self.rejected.broken.contains(&place) {
                continue;
            }
            let entry = node.get(key).and_then(|entry| self.decode(&entry));
            decoded.extend(entry.map(|entry| (key.to_owned(), entry)));
        }
        decoded
    }

    /// The entries of a list of tables, without those that are rejected, and whether any is missing.
    fn list<'de, T: Deserialize<'de>>(&mut self, name: &str) -> (Vec<Spanned<T>>, bool) {
        let is_meant = |key: &str| key == name || shape::near_section(key) == Some(name);
        let is_declared = self.sections.keys().any(|key| is_meant(key));
        let node = self.sections.get(name).filter(|node| node.is_array());
        let Some(node) = node.filter(|_| !self.rejected.broken.contains(&Place::default().key(name))) else {
            return (Vec::new(), is_declared);
        };
        let items = node.clone().into_items();
        let mut decoded = Vec::with_capacity(items.len());
        for item in items.iter().filter(|item| !self.rejected.items.contains(&item.location())) {
            decoded.extend(self.decode(item));
        }
        let is_incomplete = decoded.len() < items.len();
        (decoded, is_incomplete)
    }

    fn decode<'de, T: Deserialize<'de>>(&mut self, node: &Node<'_>) -> Option<T> {
        match decode_as(node) {
            Ok(decoded) => Some(decoded),
            Err(error) => {
                let location = error.location.unwrap_or_else(|| node.location());
                self.sink.push(Diagnostic::error(Code::MC0103, error.message).at(location));
                None
            }
        }
    }
}

fn decode_as<'de, T: Deserialize<'de>>(node: &Node<'_>) -> Result<T, decode::Error> {
    T::deserialize(node)
}

/// The diagnostic for a path that is not relative.
pub(crate) fn absolute(path: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0117, format!("`{path}` is an absolute path"))
        .note("on another machine, the path may not exist or may be a different file")
        .help("make it relative to the directory of the file that holds it")
}
