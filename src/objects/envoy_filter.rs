//! Istio's EnvoyFilter (istio/api, networking/v1alpha3/envoy_filter.proto), with the values that this program writes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConfigDiscovery, Metadata, Strings, TypedConfig, constant, is_default};

constant! {
    /// The API version of EnvoyFilters.
    NetworkingV1Alpha3 = "networking.istio.io/v1alpha3"
}
constant! {
    /// The kind of EnvoyFilters.
    EnvoyFilterKind = "EnvoyFilter"
}

/// The network filter that ends a chain of HTTP connections.
pub(crate) const HTTP_CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
/// The network filter that ends any other chain.
pub(crate) const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";
/// The HTTP filter that ends the chain in the connection manager.
pub(crate) const ROUTER: &str = "envoy.filters.http.router";

/// An EnvoyFilter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EnvoyFilter {
    pub(crate) api_version: NetworkingV1Alpha3,
    pub(crate) kind: EnvoyFilterKind,
    pub(crate) metadata: Metadata,
    pub(crate) spec: EnvoyFilterSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EnvoyFilterSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workload_selector: Option<WorkloadSelector>,
    /// Without a selector: the waypoints that it applies to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) target_refs: Vec<TargetRef>,
    pub(crate) priority: i32,
    pub(crate) config_patches: Vec<ConfigPatch>,
}

/// The pods that an EnvoyFilter applies to: those that have all of these labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkloadSelector {
    pub(crate) labels: Strings,
}

/// An object of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetRef {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfigPatch {
    pub(crate) apply_to: ApplyTo,
    #[serde(rename = "match")]
    pub(crate) matches: Match,
    pub(crate) patch: Patch,
}

/// The chain that a patch inserts into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ApplyTo {
    HttpFilter,
    NetworkFilter,
    ExtensionConfig,
    Cluster,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    pub(crate) context: PatchContext,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proxy: Option<ProxyMatch>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) listener: ListenerMatch,
}

/// The listeners that a patch applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PatchContext {
    Any,
    SidecarInbound,
    SidecarOutbound,
    Gateway,
}

/// The proxies that a patch applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProxyMatch {
    /// A regular expression that is searched for in the proxy's version.
    pub(crate) proxy_version: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListenerMatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port_number: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filter_chain: Option<FilterChainMatch>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterChainMatch {
    pub(crate) filter: FilterMatch,
}

/// The network filter that the operation is relative to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FilterMatch {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub_filter: Option<SubFilterMatch>,
}

/// The HTTP filter within the connection manager that the operation is relative to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubFilterMatch {
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patch {
    pub(crate) operation: Operation,
    pub(crate) value: ChainFilter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Operation {
    Add,
    InsertAfter,
    InsertBefore,
    InsertFirst,
}

/// A filter of a chain: Envoy's `HttpFilter` and network `Filter`, which have the same fields. Or a `TypedExtensionConfig`, which
/// has the configuration of a filter of the same name, or a `Cluster`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainFilter {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) typed_config: Option<TypedConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config_discovery: Option<ConfigDiscovery>,
    /// `Cluster.type`, and the other fields of a cluster.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connect_timeout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dns_lookup_family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) load_assignment: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) typed_extension_protocol_options: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) transport_socket: Option<Value>,
}
