//! The objects that kustomization.yaml lists, each file parsed once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::config_map::{self, Modules};
use super::envoy_filter::EnvoyFilter;
use super::{Module, Pod, unreadable};
use crate::diag::Sink;
use crate::domain::Kind;
use crate::layout::{File, KUSTOMIZATION, PATCHES};
use crate::objects::{Kustomization, Strings, WorkloadPatch};
use crate::resolve::traffic::suite::Proxies;

/// The objects that are applied.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// By namespace and name.
    config_maps: BTreeMap<(String, String), Modules>,
    /// By the reference to the image.
    images: BTreeMap<String, Module>,
    /// By namespace; within each in the order of application.
    envoy_filters: BTreeMap<String, Vec<EnvoyFilter>>,
    /// By kind and name: the namespace of a patch may be the one of the base, which kustomize replaces later.
    pods: BTreeMap<(Kind, String), Vec<Pod>>,
}

/// The content of a file.
#[derive(Debug)]
enum Object {
    ConfigMap((String, String), Modules),
    EnvoyFilter(EnvoyFilter),
    Patch((Kind, String), Pod),
    /// A patch of a kind that none of the workloads has.
    Unrelated,
}

impl Objects {
    /// Reads the listed files. `None` if an error was reported: a file cannot be read. `kinds`: those of the workloads, which know
    /// where their pod templates are.
    pub(super) fn read(files: &[File], kinds: &BTreeSet<&Kind>, proxies: &Proxies, sink: &mut Sink) -> Option<Self> {
        let listed = match listed_paths(files) {
            Ok(listed) => listed,
            Err(reason) => {
                sink.push(unreadable(format!("`{KUSTOMIZATION}` cannot be read back: {reason}")));
                return None;
            }
        };
        let files: Vec<&File> = files.iter().filter(|file| listed.contains(&file.path)).collect();
        let read = |file: &&File| object(file, kinds, &proxies.istio).map_err(|it| message(&file.path, &it));
        let read: Vec<Result<Object, String>> = files.par_iter().map(read).collect();
        let image = |(reference, module): (&String, &Arc<mesh_compile_module::Module>)| {
            (reference.clone(), Module { bytes: Arc::clone(&module.bytes), digest: module.digest })
        };
        let images = proxies.elsewhere.images.iter().map(image).collect();
        let mut objects = Self { images, ..Self::default() };
        let before = sink.errors();
        for one in read {
            match one {
                Ok(object) => objects.push(object),
                Err(message) => sink.push(unreadable(message)),
            }
        }
        config_map::share(objects.config_maps.values_mut());
        for filters in objects.envoy_filters.values_mut() {
            filters.sort_by_key(|filter| filter.priority);
        }
        (sink.errors() == before).then_some(objects)
    }

    fn push(&mut self, object: Object) {
        match object {
            Object::ConfigMap(key, modules) => drop(self.config_maps.insert(key, modules)),
            Object::EnvoyFilter(filter) => {
                self.envoy_filters.entry(filter.namespace.clone()).or_default().push(filter);
            }
            Object::Unrelated => {}
            Object::Patch(key, pod) => self.pods.entry(key).or_default().push(pod),
        }
    }

    pub(super) fn image(&self, reference: &str) -> Option<&Module> {
        self.images.get(reference)
    }

    pub(super) fn config_map(&self, namespace: &str, name: &str) -> Option<&Modules> {
        self.config_maps.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The pod of a workload: from the patch of its namespace, or from a patch that names the namespace.
    pub(super) fn pod(&self, kind: &Kind, namespace: &str, name: &str) -> Result<&Pod, String> {
        let pods = self.pods.get(&(*kind, name.to_owned())).map_or(&[][..], Vec::as_slice);
        let dir = format!("{PATCHES}{namespace}/");
        let of_namespace = pods.iter().find(|pod| pod.path.starts_with(&dir));
        let named = || pods.iter().find(|pod| pod.namespace.as_deref() == Some(namespace));
        of_namespace.or_else(named).ok_or_else(|| format!("{KUSTOMIZATION} lists no patch of it"))
    }

    /// The EnvoyFilters that istiod applies to a pod, in its order: ascending priority, the root namespace first, then by name.
    /// (Before the name, istiod compares the time of creation, on which no manifest depends.)
    pub(super) fn envoy_filters<'a>(&'a self, namespace: &str, root: &str, labels: &Strings) -> Vec<&'a EnvoyFilter> {
        let namespaces: BTreeSet<&str> = [namespace, root].into();
        let filters = namespaces.into_iter().filter_map(|namespace| self.envoy_filters.get(namespace)).flatten();
        let mut selected: Vec<&EnvoyFilter> = filters.filter(|filter| filter.selects(labels)).collect();
        selected.sort_by_key(|filter| (filter.priority, filter.namespace != root, &filter.name));
        selected
    }
}

/// The paths in kustomization.yaml. Those that are not rendered belong to the base.
fn listed_paths(files: &[File]) -> Result<BTreeSet<String>, String> {
    let file = files.iter().find(|file| file.path == KUSTOMIZATION).ok_or("the file is missing")?;
    let kustomization: Kustomization = yaml(file)?;
    let patches = kustomization.patches.into_iter().map(|patch| patch.path);
    Ok(kustomization.resources.into_iter().chain(patches).collect())
}

fn message(path: &str, reason: &str) -> String {
    format!("the rendered `{path}` cannot be read back: {reason}")
}

fn yaml<T: serde::de::DeserializeOwned>(file: &File) -> Result<T, String> {
    serde_yaml::from_slice(&file.bytes).map_err(|error| error.to_string())
}

fn object(file: &File, kinds: &BTreeSet<&Kind>, istio: &str) -> Result<Object, String> {
    if file.path.starts_with(PATCHES) {
        return patch(file, kinds);
    }
    match kind(file) {
        Some("ConfigMap") => {
            let object: crate::objects::ConfigMap = yaml(file)?;
            let key = (object.metadata.namespace().to_owned(), object.metadata.name.clone());
            Ok(Object::ConfigMap(key, config_map::modules(object)))
        }
        Some("EnvoyFilter") => EnvoyFilter::new(yaml(file)?, istio).map(Object::EnvoyFilter),
        Some(other) => Err(format!("unknown kind `{other}`")),
        None => Err("it has no kind".to_owned()),
    }
}

fn patch(file: &File, kinds: &BTreeSet<&Kind>) -> Result<Object, String> {
    let document: Map<String, Value> = yaml(file)?;
    let text = |key: &str| document.get(key).and_then(Value::as_str).ok_or_else(|| format!("it has no {key}"));
    let (api_version, manifest) = (text("apiVersion")?, text("kind")?);
    let of_workloads = kinds.iter().find(|kind| kind.api_version() == api_version && kind.manifest() == manifest);
    let known = || Kind::of(api_version, manifest).ok().flatten();
    let kind = of_workloads.map(|kind| Kind::clone(kind)).or_else(known);
    let Some(kind) = kind else { return Ok(Object::Unrelated) };
    let patch = WorkloadPatch::read(document, kind).map_err(|error| error.to_string())?;
    let key = (patch.kind, patch.metadata.name.clone());
    Ok(Object::Patch(key, Pod::read(&file.path, patch)?))
}

/// The kind of the object in a file, by its line: a look at the first lines spares parsing a module twice.
fn kind(file: &File) -> Option<&str> {
    let mut lines = file.bytes.split(|byte| *byte == b'\n');
    let kind = lines.find_map(|line| line.strip_prefix(b"kind: "))?;
    std::str::from_utf8(kind).ok()
}
