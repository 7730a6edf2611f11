//! How the EnvoyFilters are shared, and what the gate is.

use crate::diag::{Code, Diagnostic, Sink};
use crate::resolve::mesh::Mesh;
use crate::spec::Spec;
use crate::spec::types::{ConfigMapName, EnvoyFilters, Gate};

/// The settings of this backend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) has_gate: bool,
    /// Whether the workloads of a namespace share one EnvoyFilter per filter.
    pub(super) is_shared: bool,
    /// Whether the name of a ConfigMap ends with a hash of its content. The ConfigMap is immutable then.
    pub(super) hashed_names: bool,
}

pub(super) fn resolve(spec: &Spec, mesh: &Mesh, sink: &mut Sink) -> Options {
    let no_gate = spec.rollout.gate.as_ref().filter(|gate| ***gate == Gate::None);
    let shared =
        spec.output.envoy_filters.as_ref().map(|written| (**written == EnvoyFilters::Shared, written.location()));
    if let (Some(gate), Some((true, location))) = (no_gate, shared) {
        sink.push(
            Diagnostic::error(Code::MC0214, "shared EnvoyFilters require the gate")
                .at_label(location, "shared by label")
                .related(gate.location(), "without the gate, pods have no label to select")
                .help("remove one of the two"),
        );
    }
    let is_shared = shared.map_or(no_gate.is_none(), |(is_shared, _)| is_shared);
    if !is_shared {
        selectors(mesh, sink);
    }
    let stable = spec.rollout.config_map_name.as_ref().filter(|name| ***name == ConfigMapName::Stable);
    if let (Some(gate), Some(stable)) = (no_gate, stable) {
        sink.push(
            Diagnostic::warning(Code::MC0231, "a changed module does not restart the pods")
                .at_label(stable.location(), "the pods mount the same name")
                .related(gate.location(), "without the gate, the patch has no annotation that changes with the module")
                .note("Envoy reads a module when it is configured: running pods keep the old one, and new pods get the new one")
                .help("restart the workloads after a change, or use `config-map-name = \"content-hash\"`"),
        );
    }
    let hashed_names = spec.rollout.config_map_name.as_deref().copied().unwrap_or_default();
    Options { has_gate: no_gate.is_none(), is_shared, hashed_names: hashed_names == ConfigMapName::ContentHash }
}

/// Reports workloads without a selector.
fn selectors(mesh: &Mesh, sink: &mut Sink) {
    for workload in mesh.workloads.iter().filter(|workload| !workload.has_selector) {
        let kind = workload.kind.as_str();
        sink.push(
            Diagnostic::error(Code::MC0213, format!("{kind} `{}` has no `selector`", workload.name))
                .at(workload.selector_location)
                .note("a per-workload EnvoyFilter selects pods by it; an empty selector would match every pod of the namespace, including those without the module")
                .help("add labels that its pods have and no other pod has, such as `selector = { app = \"…\" }`"),
        );
    }
}
