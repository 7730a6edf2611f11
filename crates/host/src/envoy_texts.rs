//! Envoy's texts and names that this host reproduces. An engine that drives a real Envoy recognizes them.

/// The response code details of a response from the workload.
pub const VIA_UPSTREAM: &str = "via_upstream";
/// Envoy's message about a plugin whose VM or root context did not start.
pub const NOT_STARTED: &str = "Failed to start base Wasm";
/// Envoy's message about a plugin that did not accept its configuration.
pub const NOT_CONFIGURED: &str = "Failed to configure base Wasm plugin";
/// Envoy's error about a host function that a module must not call while it starts.
pub const RESTRICTED_CALLBACK: &str = "restricted_callback";
/// The workload's cluster.
pub const WORKLOAD_CLUSTER: &str = "mesh-compile-workload";
/// The virtual host of the workload's route, as istiod names it.
pub const VIRTUAL_HOST: &str = "inbound|http";

/// The response code details of a request that Envoy's RBAC filter rejects because no rule allows it
/// (source/common/rbac/utility.cc, `responseDetail`).
pub const RBAC_DENIED: &str = "rbac_access_denied_matched_policy[none]";
