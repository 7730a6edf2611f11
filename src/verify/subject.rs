//! A workload's proxy as the rendered objects configure it: the plugins of each chain, with their modules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compile_host::{FailurePolicy, Unloaded};
use mesh_compile_module::abi::EnvoyMinor;

use crate::diag::Location;
use crate::domain::{Digest, Direction, FilterType, LoadFailure};
use crate::objects::{self, Any, PluginConfig};
use crate::resolve::traffic::suite::{Bypass, Chain, Test};

/// A workload to verify.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// `Deployment/default/productpage-v1`.
    pub(crate) name: String,
    /// The minor version of the workload's oldest Envoy: 36 for 1.36.
    pub(crate) envoy: EnvoyMinor,
    /// The plugins that reach the proxy, in the order of the request path. Plugins at the head of a chain, before Istio's own filters,
    /// come first.
    pub(crate) plugins: Vec<ChainEntry>,
    /// The clusters that mesh.toml declares, by their names in the proxy. `None`: any cluster may exist.
    pub(crate) clusters: Option<BTreeSet<String>>,
    pub(crate) tests: Vec<Test>,
}

/// A plugin and the listeners that it is part of.
#[derive(Debug, Clone)]
pub(crate) struct ChainEntry {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) chain: FilterType,
    /// The listeners' direction. `Any` matches all.
    pub(crate) direction: Direction,
    pub(crate) port: Option<u16>,
    /// The filter's name in the workload's list in mesh.toml.
    pub(crate) location: Location,
}

/// A Wasm filter of a chain and the bytes of its module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    /// The filter's name in the chain.
    pub(crate) chain_name: String,
    /// The rendered configuration, without the fields that istiod drops on the way to the proxy.
    pub(crate) config: PluginConfig,
    /// What serves if the module does not load. `StopRollout`: the configuration is part of the listener.
    pub(crate) load_failure: LoadFailure,
    pub(crate) module: Module,
}

/// The module at the plugin's path.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) digest: Digest,
}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Module {}

impl Plugin {
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(crate) fn root_id(&self) -> &str {
        self.config.root_id.as_deref().unwrap_or_default()
    }

    /// What the plugin gets in `proxy_on_configure`.
    pub(crate) fn configuration(&self) -> &[u8] {
        self.config.configuration.as_ref().map_or(&[], Any::bytes)
    }

    pub(crate) fn vm_id(&self) -> &str {
        &self.config.vm_config.vm_id
    }

    /// What the VM gets in `proxy_on_vm_start`.
    pub(crate) fn vm_configuration(&self) -> &[u8] {
        self.config.vm_config.configuration.as_ref().map_or(&[], Any::bytes)
    }

    /// The environment variables. In a dry run the proxy has none of `host_env_keys`.
    pub(crate) const fn env(&self) -> &BTreeMap<String, String> {
        &self.config.vm_config.environment_variables.key_values
    }

    /// The functions that the module may import and export; `None` without a restriction.
    pub(crate) fn capabilities(&self) -> Option<BTreeSet<&str>> {
        Some(self.config.allowed_capabilities()?.keys().map(String::as_str).collect())
    }

    pub(crate) const fn stop_iteration(&self) -> bool {
        matches!(self.config.allow_on_headers_stop_iteration, Some(true))
    }

    pub(crate) const fn on_failure(&self) -> FailurePolicy {
        match (self.config.failure_policy, self.config.fail_open) {
            (Some(objects::FailurePolicy::FailClosed), _) | (None, Some(false)) => FailurePolicy::Closed,
            (Some(objects::FailurePolicy::FailOpen), _) => FailurePolicy::Open,
            (Some(objects::FailurePolicy::FailReload), _) => FailurePolicy::Reload,
            (None, Some(true)) => FailurePolicy::LegacyFailOpen,
            (None, None) | (Some(objects::FailurePolicy::Unspecified), _) => FailurePolicy::Unspecified,
        }
    }

    /// What serves until the module loads. `None`: nothing does.
    pub(crate) const fn unloaded(&self) -> Option<Unloaded> {
        match self.load_failure {
            LoadFailure::StopRollout => None,
            LoadFailure::Allow => Some(Unloaded::Pass),
            LoadFailure::Deny => Some(Unloaded::Reject),
        }
    }

    /// The module's path in the proxy.
    pub(crate) fn filename(&self) -> &str {
        &self.config.vm_config.code.local.filename
    }

    /// Plugins with the same key share one VM per worker (proxy-wasm-cpp-host, `makeVmKey`). Neither the environment nor the
    /// capabilities are part of the key.
    pub(crate) fn vm_key(&self) -> (&str, &[u8], Digest) {
        (self.vm_id(), self.vm_configuration(), self.module.digest)
    }
}

impl ChainEntry {
    /// Whether the plugin is in the chain that the test's requests meet.
    pub(crate) fn sees(&self, test: &Test) -> bool {
        let Chain { is_http, exists, has_port, bypass: _ } = test.chain;
        let has_chain = exists && (is_http || self.chain == FilterType::Network);
        has_chain && self.is_meant(test) && (has_port || self.port.is_none())
    }

    /// Whether the plugin is in the listener of the test, whatever the base says.
    fn is_meant(&self, test: &Test) -> bool {
        (self.direction == Direction::Any || self.direction == test.direction)
            && self.port.is_none_or(|port| test.port == Some(port))
    }
}

impl Subject {
    /// Whether the proxy has the cluster, as far as mesh.toml and Istio's names say.
    pub(crate) fn has_cluster(&self, name: &str) -> bool {
        /// Clusters of every sidecar (istio/istio, pilot/pkg/networking/util/util.go and tools/packaging/common).
        const ALWAYS: [&str; 5] =
            ["PassthroughCluster", "InboundPassthroughCluster", "BlackHoleCluster", "xds-grpc", "sds-grpc"];
        let of_service = || name.starts_with("outbound|") || name.starts_with("inbound|");
        self.clusters.as_ref().is_none_or(|clusters| clusters.contains(name)) || ALWAYS.contains(&name) || of_service()
    }

    /// The HTTP chain of the listener that a test's requests come to, in the order of the request path.
    pub(crate) fn http_chain(&self, test: &Test) -> Vec<&ChainEntry> {
        self.chain(FilterType::Http, test)
    }

    /// The network chain of that listener.
    pub(crate) fn network_chain(&self, test: &Test) -> Vec<&ChainEntry> {
        self.chain(FilterType::Network, test)
    }

    /// Why none of the filters of the test's listener sees its requests in the mesh. `None` if any does.
    pub(crate) fn bypass<'a>(&self, test: &'a Test) -> Option<&'a Bypass> {
        let sees_any = self.plugins.iter().any(|entry| entry.sees(test));
        let means_any = self.plugins.iter().any(|entry| entry.is_meant(test));
        test.chain.bypass.as_ref().filter(|_| means_any && !sees_any)
    }

    fn chain(&self, chain: FilterType, test: &Test) -> Vec<&ChainEntry> {
        self.plugins.iter().filter(|entry| entry.chain == chain && entry.sees(test)).collect()
    }
}
