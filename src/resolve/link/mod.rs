//! Links the workloads of mesh.toml to the objects of the base: fills in what mesh.toml leaves out, merges what a patch would
//! replace, and reports what would keep a filter from running.

mod candidates;
mod chains;
mod find;
pub(crate) mod index;
mod log_level;
mod pod;
mod ports;
mod rules;
mod selector;
mod sidecar;
#[cfg(test)]
mod tests;
mod volumes;

use crate::base::Object;
use crate::domain::{Direction, Kind};
use crate::spec::Spec;
use crate::spec::types::{EnvoyFilters, Gate};

pub use candidates::Candidate;
pub(crate) use candidates::candidates;
pub(super) use chains::Chains;
pub(super) use find::{find, without_template};
pub(super) use index::Index;
pub(super) use log_level::merge as log_level;
use pod::Pod;
pub(super) use pod::Text;
pub(super) use rules::{check, excluded_namespace, shared_selectors};
pub(super) use selector::of as selector;
pub(super) use sidecar::is_missing as has_no_sidecar;
pub(super) use volumes::{Existing, existing};

/// The object of a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linked<'a> {
    pub(crate) object: &'a Object,
    pub(crate) kind: Kind,
    pub(crate) pod: Pod<'a>,
    /// The namespace that the object sets, or the one of objects that set none.
    pub(crate) namespace: &'a str,
}

impl Linked<'_> {
    /// The direction of filters whose direction mesh.toml leaves out.
    pub(crate) fn direction(&self) -> Direction {
        if self.pod.gateway().is_some() { Direction::Gateway } else { Direction::Inbound }
    }

    /// Whether its proxies stand between the clients and the services of the ambient mode.
    pub(crate) fn is_waypoint(&self) -> bool {
        self.kind.is_gateway() && self.pod.gateway().is_none()
    }

    /// An annotation that the proxy's arguments are made from. istiod reads those of a Gateway itself.
    fn annotation_of_proxy(&self, key: &str) -> Option<Text<'_>> {
        if self.kind.is_gateway() {
            Text::of(self.object.at(&["metadata", "annotations"])?.entry(key)?)
        } else {
            self.pod.annotation(key)
        }
    }

    /// Whether the pod template declares the proxy's container, so that a patch need not add its image.
    pub(crate) fn has_proxy(&self) -> bool {
        self.pod.proxy().is_some()
    }
}

/// Whether pods are selected by the gate's label.
fn has_gate(spec: &Spec) -> bool {
    spec.rollout.gate.as_deref() != Some(&Gate::None)
}

/// Whether each workload has its own EnvoyFilters, which select pods by the workload's selector.
fn is_per_workload(spec: &Spec) -> bool {
    let written = spec.output.envoy_filters.as_deref();
    written.map_or_else(|| !has_gate(spec), |written| *written == EnvoyFilters::PerWorkload)
}
