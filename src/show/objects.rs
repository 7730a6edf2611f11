//! The objects of a plan, by what they belong to.

use std::collections::BTreeMap;

use crate::backend::envoy_filter::{EnvoyFilter, Labels, Plan, Target, gate_label};
use crate::domain::{FilterName, Namespace};
use crate::resolve::mesh::Workload;

/// The objects that the report names.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    /// The names of ConfigMaps by namespace and key.
    config_maps: BTreeMap<(&'a Namespace, &'a str), &'a str>,
    /// By namespace, filter and selected pods.
    envoy_filters: BTreeMap<(&'a Namespace, &'a str, &'a Target), &'a EnvoyFilter>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(plan: &'a Plan<'_>) -> Self {
        let config_maps = plan.config_maps.iter();
        let envoy_filters = plan.envoy_filters.iter();
        Self {
            config_maps: config_maps.map(|it| ((&it.namespace, it.key.as_str()), it.name.as_str())).collect(),
            envoy_filters: envoy_filters.map(|it| ((&it.namespace, it.plugin.name.as_str(), &it.target), it)).collect(),
        }
    }

    /// The ConfigMap with a filter's module.
    pub(super) fn config_map(&self, namespace: &Namespace, filter: &FilterName) -> Option<&'a str> {
        let key = format!("{filter}.wasm");
        self.config_maps.get(&(namespace, key.as_str())).copied()
    }

    /// The EnvoyFilter of a filter of a workload, and the gate's label that it selects.
    pub(super) fn envoy_filter(
        &self,
        workload: &Workload,
        filter: &FilterName,
        gate: &Labels,
    ) -> (Option<&'a EnvoyFilter>, Option<(String, String)>) {
        let label = gate_label(filter);
        let gate: Labels = gate.get(&label).map(|value| (label, value.clone())).into_iter().collect();
        let find = |target| self.find(&workload.namespace, filter, &target);
        let found = find(Target::Labels(gate.clone())).or_else(|| {
            let own = workload.selector.iter().map(|(key, value)| (key.clone(), value.clone()));
            find(Target::Labels(gate.clone().into_iter().chain(own).collect()))
        });
        let found = found.or_else(|| find(Target::Waypoint(workload.name.clone())));
        let gate = gate.into_iter().next().map(|(key, value)| (key.to_string(), value.to_string()));
        (found, gate)
    }

    fn find(&self, namespace: &Namespace, filter: &FilterName, target: &Target) -> Option<&'a EnvoyFilter> {
        self.envoy_filters.get(&(namespace, filter.as_str(), target)).copied()
    }
}
