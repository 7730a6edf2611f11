//! The configuration of a proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compile_module::abi::EnvoyMinor;
use mesh_compile_module::{Digest, FilterType};

/// The newest Envoy that this host simulates.
pub const NEWEST_ENVOY: EnvoyMinor = 40;

/// A proxy: one listener, and the plugins that Envoy loads.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// The minor version of the simulated Envoy: 36 for 1.36.
    pub envoy: EnvoyMinor,
    /// The listener that requests arrive at.
    pub listener: Listener,
    /// Every plugin of the proxy, in the order of the request path.
    pub filters: Vec<Filter>,
}

impl ProxyConfig {
    /// The newest Envoy that this host simulates, with an inbound listener and these filters.
    #[must_use]
    pub fn new(filters: impl IntoIterator<Item = Filter>) -> Self {
        Self { envoy: NEWEST_ENVOY, listener: Listener::default(), filters: filters.into_iter().collect() }
    }
}

/// A listener.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listener {
    /// The direction of the listener's traffic.
    pub direction: TrafficDirection,
    /// The port that filters see. `None`: 8080.
    pub port: Option<u16>,
}

/// `envoy.config.core.v3.TrafficDirection`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrafficDirection {
    /// Neither.
    Unspecified = 0,
    /// Traffic to the workload.
    #[default]
    Inbound = 1,
    /// Traffic from the workload, or through a gateway.
    Outbound = 2,
}

/// A plugin and its place in the proxy.
#[derive(Debug, Clone)]
pub struct Filter {
    /// What Envoy loads.
    pub plugin: Arc<Plugin>,
    /// The chain that the filter belongs to.
    pub filter_type: FilterType,
    /// Whether the filter is in the listener's chain. Envoy starts a filter of another listener too, but it sees no traffic.
    pub in_chain: bool,
    /// What serves in its place until [`Proxy::load`](crate::Proxy::load). `None`: the filter is loaded from the start.
    pub unloaded: Option<Unloaded>,
}

/// The default configuration of a filter that is discovered (`ExtensionConfigSource.default_config`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unloaded {
    /// Requests and connections pass.
    Pass,
    /// Requests get status 403, and connections are closed.
    Reject,
}

impl Filter {
    /// An HTTP filter in the listener's chain.
    #[must_use]
    pub fn http(plugin: Plugin) -> Self {
        Self { plugin: Arc::new(plugin), filter_type: FilterType::Http, in_chain: true, unloaded: None }
    }

    /// A network filter in the listener's chain.
    #[must_use]
    pub fn network(plugin: Plugin) -> Self {
        Self { filter_type: FilterType::Network, ..Self::http(plugin) }
    }
}

/// `envoy.extensions.wasm.v3.PluginConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// `name`.
    pub name: String,
    /// `root_id`.
    pub root_id: String,
    /// `configuration`: what `proxy_on_configure` reads.
    pub configuration: Vec<u8>,
    /// `vm_config.vm_id`.
    pub vm_id: String,
    /// `vm_config.configuration`: what `proxy_on_vm_start` reads.
    pub vm_configuration: Vec<u8>,
    /// `vm_config.environment_variables.key_values`.
    pub env: BTreeMap<String, String>,
    /// `capability_restriction_config.allowed_capabilities`. `None`: no restriction.
    pub capabilities: Option<BTreeSet<String>>,
    /// `failure_policy` or `fail_open`.
    pub on_failure: FailurePolicy,
    /// `allow_on_headers_stop_iteration`.
    pub stop_iteration: bool,
    /// The digest of the module in the [`Library`](crate::Library).
    pub module: Digest,
}

/// What a plugin whose VM has failed does to requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Neither field is set: Envoy responds 503, and the VM stays failed (observed on Envoy 1.40).
    #[default]
    Unspecified,
    /// `FAIL_CLOSED`, or `fail_open: false`.
    Closed,
    /// `FAIL_OPEN`.
    Open,
    /// `fail_open: true`, the predecessor: even the request during which the VM fails passes (observed on Envoy 1.40).
    LegacyFailOpen,
    /// `FAIL_RELOAD`.
    Reload,
}

impl Plugin {
    /// A plugin without a configuration, in a VM of its own.
    #[must_use]
    pub fn new(name: &str, module: Digest) -> Self {
        Self {
            name: name.to_owned(),
            root_id: String::new(),
            configuration: Vec::new(),
            vm_id: name.to_owned(),
            vm_configuration: Vec::new(),
            env: BTreeMap::new(),
            capabilities: None,
            on_failure: FailurePolicy::default(),
            stop_iteration: false,
            module,
        }
    }

    /// Plugins with the same key share one VM per worker (proxy-wasm-cpp-host, `makeVmKey`). Neither the environment nor the
    /// capabilities are part of the key.
    #[must_use]
    pub fn vm_key(&self) -> (&str, &[u8], Digest) {
        (&self.vm_id, &self.vm_configuration, self.module)
    }
}
