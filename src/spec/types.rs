//! The tables of mesh.toml. Their documentation is the schema's: editors show it.

pub(crate) mod traffic;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::{Direction, FilterType, Insert, Kind, LogLevel, MountBy, OnFailure, Provider, Runtime};

// Only the schema uses it: the entries are decoded one by one.
/// Filters, and the workloads that they run beside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[derive(Default)]
#[schemars(title = "mesh.toml")]
pub(crate) struct File {
    /// The mesh that the manifests are for.
    mesh: Mesh,
    /// Where the manifests go and what form they take.
    output: Output,
    /// How a change reaches running pods.
    rollout: Rollout,
    /// The names of what is written, as minijinja templates.
    names: Names,
    /// Values of your own for templates: `{{ vars.NAME }}`.
    vars: BTreeMap<String, Var>,
    /// The WebAssembly filters, by name.
    filters: BTreeMap<String, Filter>,
    /// The workloads that get filters, by name.
    workloads: BTreeMap<String, Workload>,
}

/// The mesh that the manifests are for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Mesh {
    /// The namespace of every workload that names none. Default: `default`.
    pub(crate) namespace: Option<String>,
    /// The oldest Istio of any proxy in the mesh, as `1.28`. Decides which fields may be written. Default: the newest known.
    pub(crate) istio: Option<String>,
    /// Istio's root namespace: what is in it reaches every namespace of the mesh. Default: `istio-system`.
    pub(crate) root_namespace: Option<String>,
    /// Who runs the control plane. Default: `istio`.
    pub(crate) provider: Provider,
    /// A kustomization folder with the workloads' own manifests, from this file's folder.
    pub(crate) base: Option<String>,
    /// Written to `match.proxy.proxyVersion` of every EnvoyFilter: an RE2 expression over the proxy's Istio version.
    pub(crate) proxy_version: Option<String>,
    /// Labels on every ConfigMap and EnvoyFilter.
    pub(crate) labels: BTreeMap<String, String>,
}

/// Where the manifests go and what form they take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Output {
    /// The folder, from this file's folder. Default: `out`.
    pub(crate) dir: Option<String>,
    /// What kustomization.yaml is. Default: `overlay` with a base, `component` without.
    pub(crate) layout: Option<Layout>,
    /// One EnvoyFilter for all plain uses of a filter in a namespace, or one for each use. Default: `shared` with the gate,
    /// `per-workload` without.
    pub(crate) envoy_filters: Option<EnvoyFilters>,
}

/// What kustomization.yaml is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// A Kustomization over the base: it builds by itself.
    Overlay,
    /// A Component: the workloads' owner lists it under `components:`.
    Component,
}

/// How many EnvoyFilters there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EnvoyFilters {
    /// One for all plain uses of a filter in a namespace; the gate's pod label subscribes to it.
    Shared,
    /// One for each filter of each workload.
    PerWorkload,
}

/// How a change reaches running pods.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Rollout {
    /// What keeps an EnvoyFilter from a pod that has no module mounted. Default: `pod-label`.
    pub(crate) gate: Gate,
    /// How ConfigMaps are named. Default: `content-hash`.
    pub(crate) config_map_name: ConfigMapName,
}

/// What keeps an EnvoyFilter from a pod that has no module mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gate {
    /// A label that the patch puts on the pod beside the mount, and that the EnvoyFilter selects.
    #[default]
    PodLabel,
    /// Nothing: the order of rollout is yours to keep.
    None,
}

/// How ConfigMaps are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConfigMapName {
    /// With a hash of the module at its end, and immutable: a new module is a new ConfigMap and rolls the pods.
    #[default]
    ContentHash,
    /// The same name whatever is in it.
    Stable,
}

/// The names of what is written, as minijinja templates over `mesh`, `workload`, `filter` and `vars`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Names {
    /// Of a filter's ConfigMap. Default: `wasm-{{ filter.name }}`.
    pub(crate) config_map: Option<String>,
    /// Of one workload's own EnvoyFilter. Default: `{{ workload.name }}-{{ filter.name }}`.
    pub(crate) envoy_filter: Option<String>,
    /// Of the EnvoyFilter that workloads share. Default: `wasm-{{ filter.name }}`.
    pub(crate) shared_envoy_filter: Option<String>,
    /// Of the filter in Envoy's chain. Default: `wasm.{{ filter.name }}`.
    pub(crate) http_filter: Option<String>,
    /// Of the volume in the pod. Default: `wasmfilters-dir`.
    pub(crate) volume: Option<String>,
}

/// A value for templates.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Var {
    /// A string.
    String(String),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
}

/// A WebAssembly filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Filter {
    /// The module, a `.wasm` file, from this file's folder.
    pub(crate) module: String,
    /// The SHA-256 that the module must have, as 64 hexadecimal digits.
    pub(crate) sha256: Option<String>,
    /// Where it runs: in the HTTP chain or in the network chain. Default: `http`.
    #[serde(default, rename = "type")]
    pub(crate) filter_type: FilterType,
    /// The root context that the module registers under this name. Default: none.
    pub(crate) root_id: Option<String>,
    /// Filters with the same vm-id, module and VM configuration share one VM a worker. Default: the filter's name.
    pub(crate) vm_id: Option<String>,
    /// Envoy's sandbox. Default: `v8`.
    #[serde(default)]
    pub(crate) runtime: Runtime,
    /// Lets Envoy run a precompiled section of the module instead of its code. Default: Envoy's, `false`.
    pub(crate) allow_precompiled: Option<bool>,
    /// What happens to requests when the module fails at run time. Default: Envoy's, they are refused.
    pub(crate) on_failure: Option<OnFailure>,
    /// The plugin's configuration as a table; it goes as canonical JSON.
    pub(crate) config: Option<Map<String, Value>>,
    /// The plugin's configuration as a text that goes as it is.
    pub(crate) config_text: Option<String>,
    /// The plugin's configuration as a file that goes as it is, from this file's folder.
    pub(crate) config_file: Option<String>,
    /// The VM's configuration as a text that goes as it is.
    pub(crate) vm_config_text: Option<String>,
    /// Environment variables of the VM.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Environment variables that the VM gets from the proxy's own environment.
    #[serde(default)]
    pub(crate) env_from_host: Vec<String>,
    /// Embeds the module without its debug sections. Default: `false`.
    #[serde(default)]
    pub(crate) slim: bool,
    /// What the module may call and be called with: `derived`, or a list of names. Default: no restriction.
    pub(crate) capabilities: Option<Capabilities>,
    /// Lets the filter return StopIteration from its header callbacks (Istio 1.27 and newer). Default: Envoy's, `false`.
    pub(crate) stop_iteration: Option<bool>,
}

/// What a module may call and be called with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Capabilities {
    /// A rule that makes the list.
    Rule(CapabilityRule),
    /// Names of host functions and of callbacks, as `proxy_log` and `proxy_on_request_headers`.
    List(Vec<String>),
}

/// A rule that makes a list of capabilities.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CapabilityRule {
    /// What the module imports, and the callbacks that it exports.
    Derived,
}

/// A workload and the filters that run beside it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Workload {
    /// Its name in Kubernetes. Default: the name of this table.
    pub(crate) name: Option<String>,
    /// Its kind. Default: `Deployment`.
    #[serde(default)]
    pub(crate) kind: Kind,
    /// Its namespace. Default: `mesh.namespace`.
    pub(crate) namespace: Option<String>,
    /// The namespace that the patch's metadata says, where the manifest that it patches says another; empty: none. Default: the
    /// workload's namespace.
    pub(crate) patch_namespace: Option<String>,
    /// Labels that its pods have and no other pod has. Needed for per-workload EnvoyFilters.
    #[serde(default)]
    pub(crate) selector: BTreeMap<String, String>,
    /// Its filters, in the order of the request path.
    #[schemars(length(min = 1))]
    pub(crate) filters: Vec<Use>,
    /// Which of its traffic the filters see. Default: `inbound`.
    pub(crate) direction: Option<Direction>,
    /// How the modules get into the proxy. Default: `container` with the direction `gateway`, `annotation` otherwise.
    pub(crate) mount: Option<MountBy>,
    /// The folder in the proxy that the modules stand in. Default: `/var/local/lib/wasm-filters`.
    pub(crate) mount_path: Option<String>,
    /// The level at which Envoy's `wasm` component logs. Default: the mesh's own.
    pub(crate) wasm_log_level: Option<LogLevel>,
    /// Further volumes of the pod, as Kubernetes writes them, kept beside ours.
    #[serde(default)]
    pub(crate) volumes: Vec<Map<String, Value>>,
    /// Further mounts of the proxy, as Kubernetes writes them, kept beside ours.
    #[serde(default)]
    pub(crate) volume_mounts: Vec<Map<String, Value>>,
    /// What `mesh-compile verify` sends through its filters, and what is to come of it. Nothing is rendered from it.
    #[serde(default)]
    pub(crate) tests: Vec<traffic::Test>,
}

/// A filter as a workload uses it: its name, or its name and what differs here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Use {
    /// The filter as it is declared.
    Plain(String),
    /// The filter with what differs here.
    With(UseWith),
}

/// A filter with what differs for one workload.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UseWith {
    /// The filter's name.
    pub(crate) filter: String,
    /// The plugin's configuration as a table, in place of the filter's.
    pub(crate) config: Option<Map<String, Value>>,
    /// The plugin's configuration as a text, in place of the filter's.
    pub(crate) config_text: Option<String>,
    /// The plugin's configuration as a file, in place of the filter's.
    pub(crate) config_file: Option<String>,
    /// Only on this port: inbound, the port that the container listens on.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
    /// Where in the chain it goes. Default: `before-router`.
    pub(crate) insert: Option<Insert>,
    /// Which traffic it sees. Default: the workload's.
    pub(crate) direction: Option<Direction>,
}
