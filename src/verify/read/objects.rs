//! The objects that kustomization.yaml lists, each file parsed once.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::config_map::{self, ConfigMap, Values};
use super::envoy_filter::EnvoyFilter;
use super::{Pod, unreadable};
use crate::diag::Sink;
use crate::emit::File;
use crate::traffic::Proxies;

/// What is applied.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// By namespace and name.
    config_maps: BTreeMap<(String, String), ConfigMap>,
    /// By namespace; in each in the order of application.
    envoy_filters: BTreeMap<String, Vec<EnvoyFilter>>,
    /// By kind and name: a patch's namespace may be what the base says before another is set.
    pods: BTreeMap<(String, String), Vec<Pod>>,
}

/// An object as it is written.
#[derive(Debug, Deserialize)]
struct Written {
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(flatten)]
    values: Values,
    #[serde(default)]
    spec: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    namespace: Option<String>,
}

/// kustomization.yaml, as much of it as says what is applied.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kustomization {
    resources: BTreeSet<String>,
    patches: Vec<PatchEntry>,
}

#[derive(Debug, Deserialize)]
struct PatchEntry {
    path: String,
}

/// What a file turned out to hold.
#[derive(Debug)]
enum Object {
    ConfigMap((String, String), ConfigMap),
    EnvoyFilter(EnvoyFilter),
    Patch((String, String), Pod),
}

impl Objects {
    /// Reads what is listed. `None` after a report: a file cannot be read.
    pub(super) fn read(files: &[File], proxies: &Proxies, sink: &mut Sink) -> Option<Self> {
        let listed = match listed(files) {
            Ok(listed) => listed,
            Err(reason) => {
                sink.push(unreadable(format!("`kustomization.yaml` cannot be read back: {reason}")));
                return None;
            }
        };
        let files: Vec<&File> = files.iter().filter(|file| listed.contains(&file.path)).collect();
        let read: Vec<Result<Object, String>> =
            files.par_iter().map(|file| object(file, &proxies.istio).map_err(|it| said(&file.path, &it))).collect();
        let mut objects = Self::default();
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
            Object::ConfigMap(key, config_map) => drop(self.config_maps.insert(key, config_map)),
            Object::EnvoyFilter(filter) => {
                self.envoy_filters.entry(filter.namespace.clone()).or_default().push(filter);
            }
            Object::Patch(key, pod) => self.pods.entry(key).or_default().push(pod),
        }
    }

    pub(super) fn config_map(&self, namespace: &str, name: &str) -> Option<&ConfigMap> {
        self.config_maps.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// What the workload's patch makes of its pods: the patch of its namespace, or of a namespace that is set later.
    pub(super) fn pod(&self, kind: &str, namespace: &str, name: &str) -> Result<&Pod, String> {
        let pods = self.pods.get(&(kind.to_owned(), name.to_owned())).map_or(&[][..], Vec::as_slice);
        let folder = format!("patches/{namespace}/");
        let of_namespace = pods.iter().find(|pod| pod.path.starts_with(&folder));
        let named = || pods.iter().find(|pod| pod.namespace.as_deref() == Some(namespace));
        of_namespace.or_else(named).ok_or_else(|| "no patch of it is listed in kustomization.yaml".to_owned())
    }

    /// The EnvoyFilters that istiod applies to a pod, in its order: ascending priority, the root namespace first, then by name.
    /// (Between the last two it sorts by the time of creation, which no manifest depends on.)
    pub(super) fn envoy_filters<'a>(
        &'a self,
        namespace: &str,
        root: &str,
        labels: &BTreeMap<String, String>,
    ) -> Vec<&'a EnvoyFilter> {
        let spaces: BTreeSet<&str> = [namespace, root].into();
        let filters = spaces.into_iter().filter_map(|space| self.envoy_filters.get(space)).flatten();
        let mut selected: Vec<&EnvoyFilter> = filters.filter(|filter| filter.selects(labels)).collect();
        selected.sort_by_key(|filter| (filter.priority, filter.namespace != root, &filter.name));
        selected
    }
}

/// The files that kustomization.yaml names. What it names elsewhere is the base's.
fn listed(files: &[File]) -> Result<BTreeSet<String>, String> {
    let file = files.iter().find(|file| file.path == "kustomization.yaml").ok_or("there is none")?;
    let kustomization: Kustomization = yaml(file)?;
    let mut listed = kustomization.resources;
    listed.extend(kustomization.patches.into_iter().map(|patch| patch.path));
    Ok(listed)
}

fn said(path: &str, reason: &str) -> String {
    format!("the rendered `{path}` cannot be read back: {reason}")
}

fn yaml<T: serde::de::DeserializeOwned>(file: &File) -> Result<T, String> {
    yaml_serde::from_slice(&file.bytes).map_err(|error| error.to_string())
}

fn object(file: &File, istio: &str) -> Result<Object, String> {
    let Written { kind, metadata, values, spec } = yaml(file)?;
    let Metadata { name, namespace } = metadata;
    let space = namespace.clone().unwrap_or_else(|| "default".into());
    match kind.as_str() {
        "ConfigMap" => Ok(Object::ConfigMap((space, name), values.decode()?)),
        "EnvoyFilter" => EnvoyFilter::read(space, name, spec, istio).map(Object::EnvoyFilter),
        "Deployment" | "StatefulSet" | "DaemonSet" | "Rollout" => {
            let pod = Pod::read(&file.path, namespace, spec)?;
            Ok(Object::Patch((kind, name), pod))
        }
        other => Err(format!("it is a {other}")),
    }
}
