//! The tables of mesh.toml. Their documentation is the schema's: editors show it.

mod binding;
mod cluster;
mod environment;
mod filter;
mod include;
mod insert;
pub(crate) mod traffic;
mod workload;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

pub(crate) use binding::Binding;
pub(crate) use cluster::Cluster;
pub(super) use environment::{Defaults, Overlay};
pub(crate) use filter::{Capabilities, CapabilityRule, Filter};
pub(crate) use include::{Include, IncludeSettings, IncludedTable};
pub(crate) use insert::{Insert, NextTo, Place};
pub(crate) use workload::{Bindings, KindName, Use, UseSettings, Workload};

use super::decode::by_kind;
use super::{Spanned, Value};
use crate::diag::Location;
use crate::domain::{Istio, Provider};

// Only the schema uses it: the entries are decoded one by one.
/// Wasm filters, and the workloads whose proxies run them.
#[derive(JsonSchema)]
#[schemars(title = "mesh.toml", deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "read by the schema's derive alone")]
pub(super) struct File {
    /// The mesh to render manifests for.
    mesh: Option<Mesh>,
    /// Where the manifests are written, and in which form.
    output: Option<Output>,
    /// How a change reaches running pods.
    rollout: Option<Rollout>,
    /// The names of the generated objects, as minijinja templates.
    names: Option<Names>,
    /// Your own values for templates: `{{ vars.NAME }}`.
    vars: Option<BTreeMap<String, Value>>,
    /// What every filter and every workload sets that does not set it itself.
    defaults: Option<Defaults>,
    /// What filters call, by name: `{{ cluster.NAME }}` in a configuration.
    clusters: Option<BTreeMap<String, Cluster>>,
    /// The Wasm filters, by name.
    filters: Option<BTreeMap<String, Filter>>,
    /// The workloads that run filters, by name.
    workloads: Option<BTreeMap<String, Workload>>,
    /// Filters for many workloads.
    bindings: Option<Vec<Binding>>,
    /// The environments, by name. Each one is rendered to a directory of its own, with its table merged over the rest of the
    /// file: tables merge, and everything else is replaced.
    env: Option<BTreeMap<String, Overlay>>,
}

/// The mesh to render manifests for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Mesh {
    /// The namespace of every workload that sets none. Default: `default`.
    pub(crate) namespace: Option<Spanned<String>>,
    /// The oldest Istio version of any proxy in the mesh, such as `1.28`. Fields that this version does not support are not
    /// written. Default: the newest version known.
    #[schemars(schema_with = "istio_versions")]
    pub(crate) istio: Option<Spanned<String>>,
    /// The oldest Kubernetes version of any node, such as `1.35`. Image volumes depend on it. Default: not known.
    pub(crate) kubernetes: Option<Spanned<String>>,
    /// Istio's root namespace. Its EnvoyFilters apply to every namespace of the mesh. Default: `istio-system`.
    pub(crate) root_namespace: Option<Spanned<String>>,
    /// The distribution of the control plane. Default: `istio`.
    pub(crate) provider: Option<Spanned<Provider>>,
    /// The workloads' own manifests: a kustomization directory, a directory of YAML, a file, or a list of these, relative to this
    /// file.
    pub(crate) base: Option<Spanned<Base>>,
    /// An RE2 expression on the Istio version of a proxy, written to `match.proxy.proxyVersion` of every EnvoyFilter.
    pub(crate) proxy_version: Option<Spanned<String>>,
    /// Labels to add to every ConfigMap and EnvoyFilter.
    pub(crate) labels: BTreeMap<String, Spanned<String>>,
    /// The versions of mesh-compile that may render this file, such as `>=0.2, <0.3`. Default: any.
    pub(crate) compiler: Option<Spanned<String>>,
    /// Files to include. Paths are relative to the file that holds them.
    include: Option<Vec<Spanned<Include>>>,
}

/// The paths of manifests.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Base {
    /// A directory or a file.
    One(String),
    /// Directories and files.
    Several(Vec<Spanned<String>>),
}

by_kind! { Base { string => One, array => Several } }

impl Spanned<Base> {
    /// The paths and where they are written, in the order of the file.
    pub(crate) fn entries(&self) -> Vec<(&str, Location)> {
        match &**self {
            Base::One(path) => vec![(path, self.location())],
            Base::Several(paths) => paths.iter().map(|path| (path.as_str(), path.location())).collect(),
        }
    }
}

/// Any string: the patch version may follow. Editors offer the known versions.
fn istio_versions(_: &mut SchemaGenerator) -> Schema {
    let known = Istio::known().map(
        |release| json!({ "type": "string", "const": release.istio.to_string(), "description": release.description() }),
    );
    json_schema!({ "anyOf": [{ "type": "string" }, { "oneOf": known.collect::<Vec<_>>() }] })
}

/// Where the manifests are written, and in which form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Output {
    /// The output directory, relative to this file. Default: `out`.
    pub(crate) dir: Option<Spanned<String>>,
    /// The form of kustomization.yaml. Default: `overlay` over kustomization directories, `component`
    /// otherwise.
    pub(crate) layout: Option<Spanned<Layout>>,
    /// Whether the workloads of a namespace share one EnvoyFilter per filter. Default: `shared` with the gate, `per-workload`
    /// without.
    pub(crate) envoy_filters: Option<Spanned<EnvoyFilters>>,
}

/// The form of kustomization.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// A Kustomization on top of the base. It builds on its own.
    Overlay,
    /// A Component. The owner of the workloads lists it under `components:`.
    Component,
}

/// Whether the workloads of a namespace share one EnvoyFilter per filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EnvoyFilters {
    /// One EnvoyFilter for all workloads that use a filter as declared. The gate's label selects the pods.
    Shared,
    /// One EnvoyFilter per filter of each workload.
    PerWorkload,
}

/// How a change reaches running pods.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Rollout {
    /// What keeps an EnvoyFilter away from pods that have no module mounted. Default: `pod-label`.
    pub(crate) gate: Option<Spanned<Gate>>,
    /// How ConfigMaps are named. Default: `content-hash`.
    pub(crate) config_map_name: Option<Spanned<ConfigMapName>>,
}

/// What keeps an EnvoyFilter away from pods that have no module mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gate {
    /// A pod label. The patch adds it together with the mount, and the EnvoyFilter selects it.
    #[default]
    PodLabel,
    /// Nothing. You are responsible for the order of the rollout.
    None,
}

/// How ConfigMaps are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConfigMapName {
    /// The name ends with a hash of the module, and the ConfigMap is immutable. A new module creates a new ConfigMap and restarts
    /// the pods.
    #[default]
    ContentHash,
    /// The name is the same for every version of the module.
    Stable,
}

/// The names of the generated objects, as minijinja templates over `mesh`, `workload`, `filter` and `vars`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Names {
    /// The name of a filter's ConfigMap. Default: `wasm-{{ filter.name }}`.
    pub(crate) config_map: Option<Spanned<String>>,
    /// The name of an EnvoyFilter that belongs to one workload. Default: `{{ workload.name }}-{{ filter.name }}`.
    pub(crate) envoy_filter: Option<Spanned<String>>,
    /// The name of an EnvoyFilter that workloads share. Default: `wasm-{{ filter.name }}`.
    pub(crate) shared_envoy_filter: Option<Spanned<String>>,
    /// The name of the ConfigMap with the parameters of a Gateway. Default: `{{ workload.name }}-gateway-parameters`.
    pub(crate) gateway_parameters: Option<Spanned<String>>,
    /// The name of the filter in Envoy's filter chain. Default: `wasm.{{ filter.name }}`.
    pub(crate) http_filter: Option<Spanned<String>>,
    /// The name of the volume in the pod. Default: `wasmfilters-dir`.
    pub(crate) volume: Option<Spanned<String>>,
}
