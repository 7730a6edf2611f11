//! A workload's proxy as the rendered objects make it: which files are mounted, which plugins stand in which chain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compile_host::FailurePolicy;
use mesh_compile_module::abi::EnvoyMinor;

use crate::diag::Location;
use crate::domain::{Digest, Direction, FilterType};
use crate::traffic::Test;

/// A workload to verify.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// `Deployment/default/productpage-v1`.
    pub(crate) name: String,
    /// The minor version of the oldest Envoy that it has: 36 for 1.36.
    pub(crate) envoy: EnvoyMinor,
    /// Every plugin that reaches the proxy, in the order of the request path: those at the head of a chain, before Istio's own filters,
    /// come first.
    pub(crate) plugins: Vec<Placed>,
    pub(crate) tests: Vec<Test>,
}

/// A plugin and the listeners that it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) chain: FilterType,
    /// `Any` matches every one.
    pub(crate) direction: Direction,
    pub(crate) port: Option<u16>,
    /// What names the filter in mesh.toml.
    pub(crate) location: Location,
}

/// `envoy.extensions.wasm.v3.PluginConfig` and the bytes of its module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    /// The filter's name in the chain.
    pub(crate) chain_name: String,
    pub(crate) name: String,
    pub(crate) root_id: String,
    pub(crate) configuration: Vec<u8>,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Vec<u8>,
    /// `key_values` of the environment.
    pub(crate) env: BTreeMap<String, String>,
    /// `host_env_keys`: in a dry run the proxy has none of these variables.
    pub(crate) host_env: Vec<String>,
    /// `None`: no restriction.
    pub(crate) capabilities: Option<BTreeSet<String>>,
    pub(crate) on_failure: FailurePolicy,
    pub(crate) stop_iteration: bool,
    /// The module's path in the proxy.
    pub(crate) filename: String,
    pub(crate) module: Module,
}

/// The bytes that stand at a plugin's path.
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
    /// Plugins with the same key share one VM a worker (proxy-wasm-cpp-host, `makeVmKey`): neither environment nor capabilities are in it.
    pub(crate) fn vm_key(&self) -> (&str, &[u8], Digest) {
        (&self.vm_id, &self.vm_configuration, self.module.digest)
    }
}

impl Placed {
    /// Whether the plugin is in the listener that the test's requests arrive at.
    pub(crate) fn sees(&self, test: &Test) -> bool {
        (self.direction == Direction::Any || self.direction == test.direction)
            && self.port.is_none_or(|port| test.port == Some(port))
    }
}

impl Subject {
    /// The HTTP chain of the listener that a test's requests come to, in the order of the request path.
    pub(crate) fn http_chain(&self, test: &Test) -> Vec<&Placed> {
        self.chain(FilterType::Http, test)
    }

    /// The network chain of that listener.
    pub(crate) fn network_chain(&self, test: &Test) -> Vec<&Placed> {
        self.chain(FilterType::Network, test)
    }

    fn chain(&self, chain: FilterType, test: &Test) -> Vec<&Placed> {
        self.plugins.iter().filter(|placed| placed.chain == chain && placed.sees(test)).collect()
    }
}
