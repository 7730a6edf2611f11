//! The files of a repository that matter.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::Kind;
use crate::world::{FileKind, Usage, World};

/// How deep directories are searched.
const DEPTH: usize = 16;
/// How many files and directories are looked at.
const ENTRIES: usize = 50_000;
/// Directories whose manifests, if any, are not the repository's own.
const SKIPPED: [&str; 5] = ["node_modules", "target", "vendor", "testdata", "third_party"];

/// The kind, the namespace and the name of a workload.
pub(super) type Workload = (Kind, Option<String>, String);

/// What was found. All paths are relative to the project.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By directory.
    pub(super) kustomizations: BTreeMap<Utf8PathBuf, Kustomization>,
    /// The workloads of each file of Kubernetes objects.
    pub(super) manifests: BTreeMap<Utf8PathBuf, Vec<Workload>>,
    /// YAML and JSON files of anything else.
    pub(super) others: Vec<Utf8PathBuf>,
    pub(super) charts: Vec<Utf8PathBuf>,
    entries: usize,
}

/// A kustomization, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Kustomization {
    /// Files and directories that it includes.
    pub(super) includes: Vec<Utf8PathBuf>,
    pub(super) is_component: bool,
    pub(super) renames: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    kind: String,
    resources: Vec<String>,
    bases: Vec<String>,
    components: Vec<String>,
    name_prefix: String,
    name_suffix: String,
}

pub(super) fn walk(world: &dyn World, project: &Utf8Path) -> Found {
    let mut found = Found::default();
    directory(world, project, Utf8Path::new(""), DEPTH, &mut found);
    found
}

fn directory(world: &dyn World, project: &Utf8Path, dir: &Utf8Path, depth: usize, found: &mut Found) {
    let Ok(mut entries) = world.list(&super::shown(&project.join(dir))) else { return };
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let has = |name: &str| entries.iter().any(|(entry, _)| entry == name);
    if has("mesh.lock") {
        return;
    }
    if has("Chart.yaml") {
        found.charts.push(super::shown(dir));
        return;
    }
    let kustomization = ["kustomization.yaml", "kustomization.yml", "Kustomization"].into_iter().find(|name| has(name));
    if let Some(name) = kustomization {
        found.kustomizations.insert(dir.to_owned(), read_kustomization(world, project, dir, name));
    }
    for (name, kind) in entries {
        found.entries += 1;
        if found.entries > ENTRIES {
            return;
        }
        let path = dir.join(&name);
        match kind {
            FileKind::Directory if depth > 0 && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) => {
                directory(world, project, &path, depth - 1, found);
            }
            FileKind::File if is_manifest(&name) && Some(name.as_str()) != kustomization => {
                match workloads(world, &project.join(&path)) {
                    Some(workloads) => _ = found.manifests.insert(path, workloads),
                    None => found.others.push(path),
                }
            }
            _ => {}
        }
    }
}

fn is_manifest(name: &str) -> bool {
    Utf8Path::new(name).extension().is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension))
}

fn read(world: &dyn World, path: &Utf8Path) -> Option<String> {
    let bytes = world.read_current(path, Usage::Configuration).ok()?;
    String::from_utf8(bytes).ok()
}

fn read_kustomization(world: &dyn World, project: &Utf8Path, dir: &Utf8Path, name: &str) -> Kustomization {
    let text = read(world, &project.join(dir).join(name)).unwrap_or_default();
    let written: Written = serde_yaml::from_str(&text).unwrap_or_default();
    let includes = [written.resources, written.bases, written.components].concat();
    Kustomization {
        includes: includes.iter().filter_map(|path| normal(&dir.join(path))).collect(),
        is_component: written.kind == "Component",
        renames: !written.name_prefix.is_empty() || !written.name_suffix.is_empty(),
    }
}

/// The path without `.` and `..`. `None` if it leads out of the project.
fn normal(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut normal = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => normal.pop().then_some(())?,
            Utf8Component::Normal(name) => normal.push(name),
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// The workloads in the documents of a file. `None` if a document is no Kubernetes object: it may be a template.
fn workloads(world: &dyn World, path: &Utf8Path) -> Option<Vec<Workload>> {
    let text = read(world, path)?;
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&text) {
        let document = Value::deserialize(document).ok()?;
        if document.is_null() {
            continue;
        }
        document["kind"].as_str()?;
        match document["items"].as_array() {
            Some(items) => found.extend(items.iter().filter_map(workload)),
            None => {
                document["apiVersion"].as_str()?;
                found.extend(workload(&document));
            }
        }
    }
    Some(found)
}

fn workload(object: &Value) -> Option<Workload> {
    let kind = Kind::of(object["apiVersion"].as_str()?, object["kind"].as_str()?).ok()??;
    // Whoever adds filters to a gateway names it.
    if kind.is_gateway() {
        return None;
    }
    // The Deployment that a Rollout refers to is found itself.
    if object["spec"]["workloadRef"].is_object() {
        return None;
    }
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().map(str::to_owned);
    Some((kind, namespace, metadata["name"].as_str()?.to_owned()))
}
