//! Modules in ConfigMaps, mounted into the sidecar by a patch of the workload, and configured by Istio's EnvoyFilter.

mod clusters;
mod config_map;
mod filter;
mod limits;
mod patch;
mod plan;
mod plugin;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::diag::Sink;
use crate::domain::{LabelKey, LabelValue};
use crate::objects::{Object, Strings};
use crate::resolve::mesh::Mesh;
use crate::resolve::template::Templates;
use crate::spec::Spec;
pub(crate) use plan::{EnvoyFilter, Labels, Patch, Plan, Target, gate_label};

/// Plans the objects of a mesh, and reports those over a limit of the API server. The plan must be rendered only if `sink` has no
/// errors.
pub(crate) fn plan<'a>(spec: &'a Spec, mesh: &'a Mesh, templates: &'a Templates<'a>, sink: &mut Sink) -> Plan<'a> {
    let plan = plan::plan(spec, mesh, templates, sink);
    limits::check(mesh, &plan, sink);
    plan
}

/// The objects of a plan, in no particular order. Each is created on demand: there may be ten thousand.
pub(crate) fn objects<'a>(mesh: &'a Mesh, plan: &'a Plan<'a>) -> impl ParallelIterator<Item = Object> + use<'a> {
    let config_maps = plan.config_maps.par_iter().map(|it| Object::ConfigMap(config_map::object(mesh, it)));
    let filters = plan.envoy_filters.par_iter().map(|it| Object::EnvoyFilter(filter::object(mesh, it)));
    let patches = plan
        .patches
        .par_iter()
        .map(|it| Object::Patch { namespace: it.workload.namespace.to_string(), patch: patch::object(it) });
    let parameters =
        plan.patches.par_iter().filter_map(|it| patch::parameters(mesh, it)).map(Object::GatewayParameters);
    config_maps.chain(parameters).chain(filters).chain(patches)
}

/// Argo CD prunes the object last, after the rollout is complete: until then, old pods need it.
const ARGO_PRUNE_LAST: (&str, &str) = ("argocd.argoproj.io/sync-options", "PruneLast=true");

/// The annotation that keeps Flux's `postBuild` from replacing `${…}` in an object.
const FLUX_NO_SUBSTITUTE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/substitute", "disabled");

fn labels(labels: &BTreeMap<LabelKey, LabelValue>) -> Strings {
    strings(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn strings<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Strings {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
