//! Filters whose configuration Envoy discovers, as istiod serves it: from a file for each filter, which is replaced as istiod
//! would push.

use serde_json::{Value, json};

use super::config::{self, Paths};
use super::engine::{EnvoyFailure, RunningEnvoy};
use crate::domain::{Digest, FilterType, LoadFailure};
use crate::objects::{DefaultConfig, Empty, WasmType};
use crate::resolve::traffic::suite::Loading;
use crate::verify::subject::ChainEntry;

const EXTENSION_CONFIG: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// `(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32)
/// i32.const 0) (func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 0))`: it refuses every configuration.
pub(super) const REFUSING: &[u8] = b"\0asm\x01\0\0\0\x01\x0f\x03\x60\0\0\x60\x01\x7f\x01\x7f\x60\x02\x7f\x7f\x01\x7f\x03\x04\x03\0\x01\x02\x05\x03\x01\0\x01\x07\x42\x04\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\x06malloc\0\x01\x12proxy_on_configure\0\x02\x0a\x0e\x03\x02\0\x0b\x04\0A\0\x0b\x04\0A\0\x0b";

/// Whether the filter is discovered.
pub(super) fn is_discovered(entry: &ChainEntry) -> bool {
    entry.plugin.load_failure != LoadFailure::StopRollout
}

/// The filter in the chain: its name, and where its configuration comes from.
pub(super) fn filter(entry: &ChainEntry, paths: &Paths<'_>) -> Value {
    let rules = (entry.plugin.load_failure == LoadFailure::Deny).then_some(Empty {});
    let name = entry.plugin.chain_name.as_str();
    let (wasm, default_config) = match entry.chain {
        FilterType::Http => (WasmType::Http, DefaultConfig::Http { rules }),
        FilterType::Network => (WasmType::Network, DefaultConfig::Network { rules, stat_prefix: name.to_owned() }),
    };
    let path = paths.file(&file(name));
    json!({
        "name": name,
        "config_discovery": {
            "config_source": { "path_config_source": { "path": path }, "resource_api_version": "V3" },
            "type_urls": [wasm.type_url(), default_config.type_url()],
            "default_config": default_config,
        },
    })
}

/// The name of the file with a filter's configuration.
fn file(name: &str) -> String {
    format!("extension-{}.json", Digest::of(name.as_bytes()).short())
}

/// The content of the file.
fn resource(entry: &ChainEntry, loading: Loading, paths: &Paths<'_>) -> Value {
    let mut filter = config::filter(&entry.plugin.chain_name, entry.chain, config::plugin_config(&entry.plugin, paths));
    if let Some(path) = path(loading, paths) {
        filter["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"] = path.into();
    }
    config::resources(EXTENSION_CONFIG, vec![filter])
}

/// The path of the module, unless it is the rendered one.
pub(super) fn path(loading: Loading, paths: &Paths<'_>) -> Option<String> {
    match loading {
        Loading::Good => None,
        Loading::Missing => Some(paths.file("missing.wasm")),
        Loading::Refused => Some(paths.file("refusing.wasm")),
    }
}

impl RunningEnvoy {
    /// Writes what a listener's filters will find at its start.
    pub(super) fn offer(&self, entry: &ChainEntry, loading: Loading) -> Result<(), EnvoyFailure> {
        let paths = self.paths();
        self.write_module(&paths.file("refusing.wasm"), REFUSING)?;
        self.replace(&file(&entry.plugin.chain_name), &resource(entry, loading, &paths))
    }

    /// Pushes a configuration to a running filter, and waits until Envoy has accepted or rejected it.
    pub(super) fn push(&mut self, entry: &ChainEntry, loading: Loading) -> Result<(), EnvoyFailure> {
        let kind = match entry.chain {
            FilterType::Http => "http_filter",
            FilterType::Network => "network_filter",
        };
        let stats = format!("extension_config_discovery.{kind}.{}", regex::escape(&entry.plugin.chain_name));
        let (name, resource) = (file(&entry.plugin.chain_name), resource(entry, loading, &self.paths()));
        self.update(&name, &resource, &stats)?;
        // The worker gets it after the main thread.
        self.observer.marker.reached();
        Ok(())
    }
}
