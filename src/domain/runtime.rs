//! Envoy's Wasm runtimes.

use schemars::JsonSchema;
use serde::Deserialize;

/// The Wasm runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Runtime {
    /// V8, the only runtime in Envoy's official builds and in Istio's proxy.
    #[default]
    V8,
}
