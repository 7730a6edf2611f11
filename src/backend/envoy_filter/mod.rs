//! Modules in ConfigMaps, mounted into the sidecar by a patch of the workload, and configured by Istio's EnvoyFilter.

mod config_map;
mod filter;
mod patch;
mod plugin;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::domain::{LabelKey, LabelValue};
use crate::objects::{Object, Strings};
use crate::resolve::mesh::Mesh;

/// The objects of a mesh, in no order that matters. Each is made when it is asked for: there may be ten thousand.
pub(crate) fn objects(mesh: &Mesh) -> impl ParallelIterator<Item = Object> {
    let config_maps = mesh.config_maps.par_iter().map(|it| Object::ConfigMap(config_map::object(mesh, it)));
    let filters = mesh.envoy_filters.par_iter().map(|it| Object::EnvoyFilter(filter::object(mesh, it)));
    let patches = mesh
        .workloads
        .par_iter()
        .map(|workload| Object::Patch { namespace: workload.namespace.to_string(), patch: patch::object(workload) });
    config_maps.chain(filters).chain(patches)
}

/// The annotation that keeps Flux's `postBuild` from replacing `${…}` in an object.
const FLUX_NO_SUBSTITUTE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/substitute", "disabled");

fn labels(labels: &BTreeMap<LabelKey, LabelValue>) -> Strings {
    strings(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn strings<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Strings {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
