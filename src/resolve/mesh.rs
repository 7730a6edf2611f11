//! The resolved mesh: every name final, every default filled in, every cross-reference checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8PathBuf;
use mesh_compile_module as module;
use serde_json::{Map, Value};

use crate::domain::{
    Direction, FilterType, Insert, Kind, LabelKey, LabelValue, LogLevel, MountBy, Namespace, ObjectName, OnFailure,
    Runtime,
};

/// All that a render needs to know. Turning it into objects cannot fail.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// The file name of mesh.toml, for the first line of every file.
    pub(crate) spec: String,
    pub(crate) layout: Layout,
    /// Labels on every ConfigMap and EnvoyFilter.
    pub(crate) labels: BTreeMap<LabelKey, LabelValue>,
    pub(crate) proxy_version: Option<String>,
    /// By path as mesh.toml writes it.
    pub(crate) modules: BTreeMap<Utf8PathBuf, Module>,
    pub(crate) config_maps: Vec<ConfigMap>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) envoy_filters: Vec<EnvoyFilter>,
}

/// What kustomization.yaml is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A Kustomization over the base at this path from `out/`.
    Overlay { base: Utf8PathBuf },
    /// A Component.
    Component,
}

/// A module's file, and what of it is embedded where that is less.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) original: Arc<module::Module>,
    pub(crate) slim: Option<Arc<module::Module>>,
}

/// A module in a namespace.
#[derive(Debug)]
pub(crate) struct ConfigMap {
    pub(crate) namespace: Namespace,
    pub(crate) name: ObjectName,
    /// The key under `binaryData`: the file's name under the mount path.
    pub(crate) key: String,
    pub(crate) module: Arc<module::Module>,
    /// The file that it was made from.
    pub(crate) original: Arc<module::Module>,
    pub(crate) immutable: bool,
}

/// A workload as its patch sees it.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) name: ObjectName,
    pub(crate) namespace: Namespace,
    /// What the patch's metadata says.
    pub(crate) patch_namespace: Option<Namespace>,
    /// The gate's labels on the pod template.
    pub(crate) gate: BTreeMap<LabelKey, LabelValue>,
    pub(crate) mount: Mount,
    pub(crate) wasm_log_level: Option<LogLevel>,
    /// The user's own volumes, then mounts.
    pub(crate) volumes: Vec<Map<String, Value>>,
    pub(crate) volume_mounts: Vec<Map<String, Value>>,
}

/// How a workload's modules get into its proxy.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) by: MountBy,
    /// Whether the pod has an `istio-proxy` container of its own, as a gateway's has.
    pub(crate) own_container: bool,
    pub(crate) path: String,
    pub(crate) volume: String,
    /// One for each filter, by the filter's name.
    pub(crate) config_maps: Vec<ObjectName>,
}

/// A filter in the chain of the pods that it selects.
#[derive(Debug)]
pub(crate) struct EnvoyFilter {
    pub(crate) namespace: Namespace,
    pub(crate) name: ObjectName,
    /// Pod labels; never empty.
    pub(crate) selector: BTreeMap<LabelKey, LabelValue>,
    /// Ascending along the request path, but for `insert = "first"`, which the last one applied wins.
    pub(crate) priority: i32,
    pub(crate) direction: Direction,
    pub(crate) port: Option<u16>,
    pub(crate) insert: Insert,
    pub(crate) plugin: Plugin,
}

/// Envoy's plugin configuration (`envoy.extensions.wasm.v3.PluginConfig`).
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    pub(crate) filter_type: FilterType,
    /// The filter's name in the chain.
    pub(crate) chain_name: String,
    pub(crate) name: String,
    pub(crate) root_id: Option<String>,
    pub(crate) configuration: Option<String>,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Option<String>,
    pub(crate) runtime: Runtime,
    pub(crate) allow_precompiled: Option<bool>,
    /// The module's path in the proxy.
    pub(crate) filename: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) env_from_host: Vec<String>,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) on_failure: Option<FailureField>,
    pub(crate) stop_iteration: Option<StopIteration>,
}

/// What the module may call and be called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) allowed: BTreeSet<String>,
    /// Whether they stand in `vm_config`, as from Envoy 1.40 on, or in the plugin's configuration.
    pub(crate) in_vm_config: bool,
}

/// `on-failure` as the declared Istio reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureField {
    /// `failure_policy`, known from Istio 1.25 on.
    Policy(OnFailure),
    /// `fail_open`, its forerunner.
    FailOpen(bool),
}

/// `stop-iteration` as the declared Istio reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StopIteration {
    pub(crate) allowed: bool,
    /// istiod drops the field from a typed message and passes a TypedStruct as it is.
    pub(crate) typed_struct: bool,
}
