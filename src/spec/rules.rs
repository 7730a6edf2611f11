//! What each file may contain: the names of environments, and the limits of included files.

use std::collections::BTreeMap;

use super::Spanned;
use super::files::{File, inclusions};
use super::merge::{NAMED, overlay};
use super::place::Place;
use super::syntax::Parsed;
use super::tree::{self, Node};
use super::types::IncludedTable;
use crate::diag::{Code, Diagnostic, FileId, Location, Sink, suggest};
use crate::domain::glob;

/// The names of the environments that mesh.toml declares, in order. Invalid ones are reported.
pub(super) fn environments(root: Parsed<'_>, sink: &mut Sink) -> Vec<String> {
    let mut known: BTreeMap<String, (&str, Location)> = BTreeMap::new();
    for (name, node) in declared(root) {
        let location = node.key_location();
        if let Err(reason) = environment_name(name) {
            sink.push(
                Diagnostic::error(Code::MC0128, format!("`{name}` is not a valid name of an environment: {reason}"))
                    .at(location)
                    .note("the environment is rendered to a directory with its name"),
            );
        } else if let Some((other, first)) = known.insert(name.to_ascii_lowercase(), (name, location)) {
            let message = format!("the environments `{other}` and `{name}` differ only in case");
            sink.push(
                Diagnostic::error(Code::MC0128, message)
                    .at(location)
                    .related(first, "the other one")
                    .note("some file systems would use one directory for both"),
            );
        }
    }
    declared(root).map(|(name, _)| name.to_owned()).collect()
}

fn declared<'a>(file: Parsed<'a>) -> impl Iterator<Item = (&'a str, Node<'a>)> {
    let environments = tree::entries(file.file, file.root).find(|(key, _)| *key == "env");
    environments.map(|(_, node)| node.into_entries()).into_iter().flatten()
}

/// What is in an output directory, besides environments.
const RESERVED: [&str; 8] = [
    "configmaps",
    "control-plane",
    "data-plane",
    "envoyfilters",
    "gitops",
    "kustomization.yaml",
    "mesh.lock",
    "patches",
];
/// Names that Windows reserves for devices.
const DEVICES: [&str; 4] = ["aux", "con", "nul", "prn"];

fn environment_name(name: &str) -> Result<(), &'static str> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() > 63 {
        Err("it is longer than 63 characters")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Err("it must start with a letter or a digit")
    } else if !name.chars().all(is_inner) {
        Err("it can contain only letters, digits, `-`, `_` and `.`")
    } else if name.ends_with('.') {
        Err("it must not end with a `.`")
    } else if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        Err("an output directory has a file or a directory with that name")
    } else if DEVICES.contains(&name.to_ascii_lowercase().as_str()) {
        Err("Windows reserves it")
    } else {
        Ok(())
    }
}

/// The environment that is not declared.
pub(super) fn unknown_environment(name: &str, known: &[String]) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::MC0129, format!("the environment `{name}` is not declared"));
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match suggest(name, known.iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`? Declared environments: {list}")),
        None if known.is_empty() => diagnostic.help(format!("declare it as `[env.{name}]`, or leave out `--env`")),
        None => diagnostic.help(format!("declared environments: {list}")),
    }
}

/// Reports what included files contain and must not.
pub(super) fn included(files: &[File], parsed: &[Parsed<'_>], known: &[String], sink: &mut Sink) {
    if files.len() == 1 {
        return;
    }
    let owners = owners(parsed);
    for (index, file) in parsed.iter().enumerate().skip(1) {
        let mut rules = Rules { files, index, sink };
        for (section, node) in tree::entries(file.file, file.root) {
            if section != "env" {
                rules.section(section, &node, "");
            }
        }
        for (name, node) in declared(*file) {
            if !known.iter().any(|one| one == name) {
                let unknown = unknown_environment(name, known).at(node.key_location());
                rules.sink.push(unknown.note("an included file cannot declare an environment"));
                continue;
            }
            let Some(overlay) = overlay(*file, name) else { continue };
            for (section, node) in overlay.into_entries() {
                rules.section(section, &node, &format!("env.{name}."));
                rules.own(*file, section, &node, &owners);
            }
        }
    }
}

/// Where each named thing is declared. The first file wins: the merge reports the others.
fn owners<'a>(parsed: &[Parsed<'a>]) -> BTreeMap<(&'a str, &'a str), Location> {
    let mut owners = BTreeMap::new();
    for file in parsed {
        for (section, node) in tree::entries(file.file, file.root).filter(|(key, _)| NAMED.contains(key)) {
            for (name, entry) in node.into_entries() {
                owners.entry((section, name)).or_insert_with(|| entry.key_location());
            }
        }
    }
    owners
}

/// The namespaces that each included file may change. A file cannot give more to the files that it includes than it has itself.
pub(super) fn namespaces(files: &[File], sink: &mut Sink) -> BTreeMap<FileId, Vec<Spanned<String>>> {
    let mut limits: BTreeMap<FileId, Vec<Spanned<String>>> = BTreeMap::new();
    for file in files {
        let Some(inclusion) = &file.included else { continue };
        let outer = limits.get(&files[inclusion.by].id).cloned();
        if let (Some(outer), Some(own)) = (&outer, &inclusion.namespaces) {
            let is_within = |own: &str| outer.iter().any(|outer| **outer == *own || matches(outer, own));
            for pattern in own.iter().filter(|own| !own.starts_with('!') && !is_within(own)) {
                let message = format!("this file may not give access to the namespaces `{}`", pattern.as_str());
                let diagnostic = Diagnostic::error(Code::MC0126, message).at(pattern.location());
                let diagnostic = diagnostic.help("narrow it to namespaces that the file itself may change");
                let at = |it: Diagnostic, outer: &Spanned<String>| it.related(outer.location(), "may change these");
                sink.push(outer.iter().fold(diagnostic, at));
            }
        }
        if let Some(limit) = inclusion.namespaces.clone().or(outer) {
            limits.insert(file.id, limit);
        }
    }
    limits
}

fn matches(pattern: &str, name: &str) -> bool {
    glob::compile(pattern).is_ok_and(|pattern| pattern.is_match(name))
}

/// The rules for one included file.
struct Rules<'a> {
    files: &'a [File],
    index: usize,
    sink: &'a mut Sink,
}

impl Rules<'_> {
    /// A table of the file, or of an environment's overlay.
    fn section(&mut self, section: &str, node: &Node<'_>, prefix: &str) {
        match section {
            "mesh" if prefix.is_empty() => {
                for (key, node) in node.clone().into_entries().into_iter().filter(|(key, _)| *key != "include") {
                    self.global(&format!("mesh.{key}"), &node);
                }
            }
            "mesh" | "output" | "rollout" | "names" => self.global(&format!("{prefix}{section}"), node),
            _ => {
                if let Some(table) = IncludedTable::ALL.into_iter().find(|table| table.as_str() == section) {
                    self.allowed(table, node, prefix);
                }
            }
        }
    }

    fn global(&mut self, what: &str, node: &Node<'_>) {
        let at = self.files[self.index].included.as_ref().map(|it| it.at);
        let diagnostic = Diagnostic::error(Code::MC0125, format!("an included file cannot set `{what}`"))
            .at_label(node.key_location(), "applies to the whole mesh")
            .help("move it to mesh.toml");
        self.sink.push(at.into_iter().fold(diagnostic, |it, at| it.related(at, "included here")));
    }

    fn allowed(&mut self, table: IncludedTable, node: &Node<'_>, prefix: &str) {
        let limits = inclusions(self.files, self.index).filter_map(|it| it.allow.as_ref());
        let Some((tables, at)) = { limits }.find(|(tables, _)| !tables.contains(&table)) else { return };
        let list = tables.iter().map(|table| format!("`{}`", table.as_str())).collect::<Vec<_>>().join(", ");
        let name = table.as_str();
        let file = &self.files[self.index].source.path;
        self.sink.push(
            Diagnostic::error(Code::MC0125, format!("`{file}` is not allowed to contain `{prefix}{name}`"))
                .at_label(node.key_location(), "not allowed in this file")
                .related(*at, format!("allows only {list}"))
                .help(format!("move the table to another file, or add \"{name}\" to `allow`")),
        );
    }

    /// An overlay changes only what its own file declares.
    fn own(&mut self, file: Parsed<'_>, section: &str, overlay: &Node<'_>, owners: &BTreeMap<(&str, &str), Location>) {
        for (name, node) in overlay.clone().into_entries().into_iter().filter(|_| NAMED.contains(&section)) {
            let Some(owner) = owners.get(&(section, name)).filter(|owner| owner.file != file.file) else { continue };
            let place = Place::default().key(section).key(name);
            self.sink.push(
                Diagnostic::error(Code::MC0130, format!("`{place}` is declared in another file"))
                    .at_label(node.key_location(), "changed by this included file")
                    .related(*owner, "declared here")
                    .note("in an included file, an environment changes only what the same file declares")
                    .help("make the change in that file, or in mesh.toml"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_environment_is_the_name_of_a_directory() {
        for name in ["prod", "eu-west-1", "v1.2", "a", "Stage_2", "0"] {
            assert_eq!(environment_name(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "-a", "a.", "ü", "patches", "Mesh.lock", "con", &"a".repeat(64)] {
            assert!(environment_name(name).is_err(), "{name}");
        }
    }
}
