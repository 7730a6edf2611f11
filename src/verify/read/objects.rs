//! The objects that kustomization.yaml lists, each file parsed once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::config_map::{self, Modules};
use super::envoy_filter::{EnvoyFilter, Selected};
use super::{Module, Pod, pod, unreadable};
use crate::diag::Sink;
use crate::domain::Kind;
use crate::layout::{File, KUSTOMIZATION, PATCHES};
use crate::objects::{Change, GatewayParameters, Kustomization, PodTemplate, WorkloadPatch};
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

/// The pod of a patch.
#[derive(Debug)]
enum PatchedPod {
    Known(Box<Pod>),
    /// The pod of a Gateway is in another file.
    Elsewhere {
        path: String,
        namespace: Option<String>,
        parameters: String,
    },
}

/// The content of a file.
#[derive(Debug)]
enum Object {
    ConfigMap((String, String), Modules),
    /// The pod that the parameters of a Gateway change.
    Parameters((String, String), PodTemplate),
    EnvoyFilter(EnvoyFilter),
    Patch((Kind, String), PatchedPod),
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
        let (mut gateways, mut parameters) = (Vec::new(), BTreeMap::new());
        for one in read {
            match one {
                Ok(Object::ConfigMap(key, modules)) => drop(objects.config_maps.insert(key, modules)),
                Ok(Object::EnvoyFilter(filter)) => {
                    objects.envoy_filters.entry(filter.namespace.clone()).or_default().push(filter);
                }
                Ok(Object::Unrelated) => {}
                Ok(Object::Parameters(key, template)) => drop(parameters.insert(key, template)),
                Ok(Object::Patch(key, PatchedPod::Known(pod))) => objects.pods.entry(key).or_default().push(*pod),
                Ok(Object::Patch(key, elsewhere)) => gateways.push((key, elsewhere)),
                Err(message) => sink.push(unreadable(message)),
            }
        }
        for (key, elsewhere) in gateways {
            match elsewhere.found(&parameters) {
                Ok(pod) => objects.pods.entry(key).or_default().push(pod),
                Err(message) => sink.push(unreadable(message)),
            }
        }
        config_map::share(objects.config_maps.values_mut());
        for filters in objects.envoy_filters.values_mut() {
            filters.sort_by_key(|filter| filter.priority);
        }
        (sink.errors() == before).then_some(objects)
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
    pub(super) fn envoy_filters<'a>(&'a self, root: &str, pod: &Selected<'_>) -> Vec<&'a EnvoyFilter> {
        let namespaces: BTreeSet<&str> = [pod.namespace, root].into();
        let filters = namespaces.into_iter().filter_map(|namespace| self.envoy_filters.get(namespace)).flatten();
        let mut selected: Vec<&EnvoyFilter> = filters.filter(|filter| filter.selects(pod)).collect();
        selected.sort_by_key(|filter| (filter.priority, filter.namespace != root, &filter.name));
        selected
    }
}

impl PatchedPod {
    /// The pod, from the parameters of the Gateway's namespace.
    fn found(self, parameters: &BTreeMap<(String, String), PodTemplate>) -> Result<Pod, String> {
        let (path, namespace, name) = match self {
            Self::Known(pod) => return Ok(*pod),
            Self::Elsewhere { path, namespace, parameters } => (path, namespace, parameters),
        };
        // The patch may be for another namespace than the Gateway ends up in. Its file is in that one's directory.
        let of_path = path.strip_prefix(PATCHES).and_then(|path| path.split_once('/')).map(|(namespace, _)| namespace);
        let key = (of_path.unwrap_or_default().to_owned(), name);
        let template = parameters.get(&key).cloned();
        let template =
            template.ok_or_else(|| format!("`{path}` names the ConfigMap `{}`, which is not rendered", key.1))?;
        Pod::read(&path, namespace, template).map_err(|error| message(&path, &error))
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
        Some("ConfigMap") if has_text(file) => {
            let object: GatewayParameters = yaml(file)?;
            let key = (object.metadata.namespace().to_owned(), object.metadata.name.clone());
            Ok(Object::Parameters(key, pod::of_parameters(&object)?))
        }
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
    let WorkloadPatch { kind, metadata, change } = patch;
    let (path, namespace) = (file.path.clone(), metadata.namespace);
    let pod = match change {
        Change::Template(template) => PatchedPod::Known(Box::new(Pod::read(&path, namespace, template)?)),
        Change::Parameters(parameters) => PatchedPod::Elsewhere { path, namespace, parameters },
    };
    Ok(Object::Patch((kind, metadata.name), pod))
}

/// Whether a ConfigMap has text, and so parameters, instead of a module.
fn has_text(file: &File) -> bool {
    let mut lines = file.bytes.split(|byte| *byte == b'\n');
    let first = lines.find(|line| [&b"data:"[..], b"binaryData:"].contains(line));
    first.is_some_and(|line| line == b"data:")
}

/// The kind of the object in a file, by its line: a look at the first lines spares parsing a module twice.
fn kind(file: &File) -> Option<&str> {
    let mut lines = file.bytes.split(|byte| *byte == b'\n');
    let kind = lines.find_map(|line| line.strip_prefix(b"kind: "))?;
    std::str::from_utf8(kind).ok()
}
