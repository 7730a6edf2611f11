//! The tables of one environment: defaults below the tables of each file, and the environment's overlay above them.

use std::collections::BTreeMap;

use super::files::{File, inclusions};
use super::place::Place;
use super::shape::Rejected;
use super::syntax::Parsed;
use super::tree::{self, Node, Table};
use super::unset;
use crate::diag::{Code, Diagnostic, FileId, Location, Sink};

/// The tables of named things, which all files contribute to.
pub(super) const NAMED: [&str; 4] = ["vars", "clusters", "filters", "workloads"];
/// The arrays that all files contribute to.
const LISTS: [&str; 1] = ["bindings"];
/// The keys of a filter of which only one can be set.
const CONFIGURATIONS: [&str; 3] = ["config", "config-text", "config-file"];

/// The tables of a file, without its environments.
pub(super) fn sections<'a>(parsed: Parsed<'a>) -> Table<'a> {
    tree::entries(parsed.file, parsed.root).filter(|(key, _)| *key != "env").collect()
}

/// The overlay of an environment in a file.
pub(super) fn overlay<'a>(parsed: Parsed<'a>, name: &str) -> Option<Node<'a>> {
    let (_, environments) = tree::entries(parsed.file, parsed.root).find(|(key, _)| *key == "env")?;
    environments.get(name)
}

/// Merges the files for an environment. Names that two files declare are reported.
pub(super) fn merge<'a>(
    files: &[File],
    parsed: &[Parsed<'a>],
    environment: Option<&str>,
    rejected: &Rejected,
    sink: &mut Sink,
) -> Table<'a> {
    let mut tables: Vec<Table<'a>> = parsed.iter().map(|file| sections(*file)).collect();
    for (table, file) in tables.iter_mut().zip(parsed).skip(1) {
        if let Some(overlay) = environment.and_then(|name| overlay(*file, name)) {
            apply(table, overlay.into_entries(), sink);
        }
    }
    let mut rest = tables.split_off(1);
    let mut merged = tables.pop().unwrap_or_default();
    let mut defaults: Vec<Option<Node<'a>>> = vec![None];
    for (index, table) in rest.iter_mut().enumerate() {
        defaults.push(table.remove("defaults"));
        add(&mut merged, table, (parsed, index + 1), sink);
    }
    // The lists of included files are complete, so the overlay of mesh.toml replaces only its own.
    if let Some(overlay) = environment.and_then(|name| overlay(parsed[0], name)) {
        apply(&mut merged, overlay.into_entries(), sink);
    }
    rest.into_iter().for_each(|table| append(&mut merged, table));
    defaults[0] = merged.remove("defaults");
    let defaults: Vec<_> = defaults.into_iter().map(|node| node.and_then(|node| readable(node, rejected))).collect();
    if let Some(of_all) = &defaults[0] {
        merged.insert("defaults", of_all.clone());
    }
    underlay(&mut merged, files, defaults);
    merged
}

/// Adds the named things of the included file at an index.
fn add<'a>(merged: &mut Table<'a>, table: &mut Table<'a>, (parsed, file): (&[Parsed<'a>], usize), sink: &mut Sink) {
    let declares = |file: &Parsed<'_>, section: &str, name: &str| {
        let table = file.root.get(section).and_then(|table| table.get_ref().as_table());
        table.is_some_and(|table| table.contains_key(name))
    };
    for section in NAMED {
        let Some(entries) = table.remove(section).filter(Node::is_table) else { continue };
        let Some(known) = merged.get_mut(section) else {
            merged.insert(section, entries);
            continue;
        };
        let Some(known) = known.entries_mut() else { continue };
        for (name, entry) in entries.into_entries() {
            match known.get(name) {
                // The overlay of an environment that changes another file's entry is reported already.
                Some(_)
                    if !declares(&parsed[file], section, name)
                        && parsed.iter().any(|file| declares(file, section, name)) => {}
                Some(first) => sink.push(twice(section, name, first.key_location(), entry.key_location())),
                None => drop(known.insert(name, entry)),
            }
        }
    }
}

fn twice(section: &str, name: &str, first: Location, again: Location) -> Diagnostic {
    let place = Place::default().key(section).key(name);
    Diagnostic::error(Code::MC0127, format!("two files define `{place}`"))
        .at_label(again, "defined again here")
        .related(first, "first defined here")
        .help("remove or rename one of the two")
}

/// Adds the lists of an included file, and what is in no known table, which is reported already.
fn append<'a>(merged: &mut Table<'a>, table: Table<'a>) {
    for (section, node) in table {
        match merged.get_mut(section) {
            Some(known) if LISTS.contains(&section) => {
                let span = known.span();
                let mut items = std::mem::replace(known, node.clone()).into_items();
                items.extend(node.into_items());
                known.value = tree::Value::Array(items, span);
            }
            Some(_) => {}
            None => drop(merged.insert(section, node)),
        }
    }
}

/// Removes what an overlay unsets, then merges the rest of it.
fn apply<'a>(table: &mut Table<'a>, mut overlay: Table<'a>, sink: &mut Sink) {
    for path in overlay.remove("unset").map(Node::into_items).into_iter().flatten() {
        unset::remove(table, &path, sink);
    }
    for (section, above) in overlay {
        let Some(below) = table.get_mut(section) else {
            table.insert(section, above);
            continue;
        };
        if LISTS.contains(&section) {
            *below = above;
            continue;
        }
        // A wrong type is reported already, and must not hide what is below.
        let entries = above.into_entries().into_iter();
        let is_named = NAMED.contains(&section);
        let Some(known) = below.entries_mut() else { continue };
        for (name, entry) in entries {
            match known.get_mut(name) {
                Some(below) if !is_named || section == "vars" || entry.is_table() => {
                    if section == "filters" {
                        replace_configuration(below, &entry);
                    }
                    below.overlay(entry);
                }
                Some(_) => {}
                None => drop(known.insert(name, entry)),
            }
        }
    }
}

/// The defaults without those that are rejected.
fn readable<'a>(mut defaults: Node<'a>, rejected: &Rejected) -> Option<Node<'a>> {
    let place = Place::default().key("defaults");
    if rejected.broken.contains(&place) {
        return None;
    }
    for (section, node) in defaults.entries_mut()? {
        let section = place.key(*section);
        if let Some(entries) = node.entries_mut() {
            entries.retain(|key, _| !rejected.reported.contains(&section.key(*key)));
        }
    }
    Some(defaults)
}

/// Removes the configuration that another one replaces: a filter has only one of `config`, `config-text` and `config-file`.
fn replace_configuration(below: &mut Node<'_>, above: &Node<'_>) {
    if CONFIGURATIONS.iter().any(|key| above.get(key).is_some())
        && let Some(entries) = below.entries_mut()
    {
        entries.retain(|key, _| !CONFIGURATIONS.contains(key) || above.get(key).is_some());
    }
}

/// Adds the defaults to every filter and workload: those of its file, then those of the files that include it.
fn underlay<'a>(merged: &mut Table<'a>, files: &[File], mut defaults: Vec<Option<Node<'a>>>) {
    if defaults.iter().all(Option::is_none) {
        return;
    }
    for file in 1..files.len() {
        let outer = inclusions(files, file).next().and_then(|it| defaults[it.by].clone());
        match (&mut defaults[file], outer) {
            (Some(own), Some(outer)) => own.underlay(&outer),
            (own @ None, outer) => *own = outer,
            (Some(_), None) => {}
        }
    }
    let of_file: BTreeMap<FileId, &Node<'a>> =
        files.iter().zip(&defaults).filter_map(|(file, defaults)| Some((file.id, defaults.as_ref()?))).collect();
    for section in ["filters", "workloads"] {
        let Some(entries) = merged.get_mut(section).and_then(Node::entries_mut) else { continue };
        for entry in entries.values_mut() {
            let Some(mut defaults) = of_file.get(&entry.file).and_then(|it| it.get(section)) else { continue };
            replace_configuration(&mut defaults, entry);
            entry.underlay(&defaults);
        }
    }
}
