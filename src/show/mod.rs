//! The report of `mesh-compile show`: what each workload gets, and which file and line each part comes from.

mod build;
mod configuration;
mod labels;
mod objects;
mod places;
mod query;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use build::workloads;
pub use labels::LabelSelector;
pub use places::Place;
pub use query::Query;

/// What the workloads get.
#[derive(Debug)]
pub struct Report {
    /// By environment, namespace, name and kind.
    pub workloads: Vec<Workload>,
}

impl Report {
    /// The fields of JSON version 1.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let workloads = serde_json::to_value(&self.workloads).unwrap_or_default();
        Map::from_iter([("workloads".to_owned(), workloads)])
    }
}

/// A workload that mesh.toml declares or that the base contains.
#[derive(Debug, Serialize)]
pub struct Workload {
    /// The environment; absent if mesh.toml declares none.
    pub environment: Option<String>,
    /// The name of its table in mesh.toml. Without a table, its name, after its namespace and kind where the name alone is not
    /// unique.
    pub key: String,
    /// Such as `Deployment`, or `CloneSet.apps.kruise.io` for a kind that mesh-compile does not know.
    pub kind: String,
    /// The namespace of its pods.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// Its table in mesh.toml.
    pub table: Option<Place>,
    /// Its object in the base.
    pub manifest: Option<Place>,
    /// The labels of its pods: those of the pod template in the base, otherwise those of the selector in mesh.toml.
    pub labels: BTreeMap<String, String>,
    /// The keys of its table, whether mesh.toml sets them or not.
    pub settings: BTreeMap<&'static str, Setting>,
    /// In the order in which they process a request.
    pub filters: Vec<Filter>,
    /// Why it has no filters.
    pub reason: Option<String>,
    /// The file of its patch, from the current directory; absent if it has no filters.
    pub patch: Option<String>,
    /// The file of the ConfigMap with its parameters, from the current directory; absent unless it is a Gateway with filters.
    pub parameters: Option<String>,
}

/// A value and where it comes from.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// The value in effect.
    pub value: Value,
    /// Where it is set: in mesh.toml, a file that it includes, or the base. Absent for a default.
    pub from: Option<Place>,
}

/// A filter of a workload.
#[derive(Debug, Serialize)]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// Its table in mesh.toml.
    pub declared: Place,
    /// The entry in the list of the workload or of the binding.
    pub used: Place,
    /// The binding that adds it; absent if the workload's own list contains it.
    pub binding: Option<Binding>,
    /// The keys of the filter and of its entry in the list.
    pub settings: BTreeMap<String, Setting>,
    /// What the filter receives; absent if it has no configuration.
    pub configuration: Option<Configuration>,
    /// The SHA-256 of the module as delivered.
    pub sha256: String,
    /// The name of the ConfigMap with the module. `None`: it is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
    /// The reference to the image with the module, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The path of the module in the proxy.
    pub path: String,
    /// The name of the EnvoyFilter.
    pub envoy_filter: String,
    /// Whether other workloads of the namespace can use the same EnvoyFilter.
    pub shared: bool,
    /// The `priority` of the EnvoyFilter.
    pub priority: i32,
    /// The pod label that the EnvoyFilter selects; absent without the gate.
    pub gate: Option<Gate>,
}

/// The binding that adds a filter.
#[derive(Debug, Clone, Serialize)]
pub struct Binding {
    /// Its place.
    pub place: Place,
    /// Its order.
    pub order: i64,
}

/// The pod label of the gate.
#[derive(Debug, Serialize)]
pub struct Gate {
    /// Its key.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// The configuration of a filter.
#[derive(Debug, Serialize)]
pub struct Configuration {
    /// The text that the filter receives.
    pub text: String,
    /// The key that sets it.
    pub from: Place,
    /// The values of a table and where each is set; empty for a text or a file.
    pub values: Vec<ConfigurationValue>,
}

/// A value of a configuration.
#[derive(Debug, Serialize)]
pub struct ConfigurationValue {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// The value with its templates rendered.
    pub value: Value,
    /// Where it is set.
    pub from: Place,
}
