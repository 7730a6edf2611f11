//! Envoy's Wasm runtimes.

use schemars::JsonSchema;
use serde::Deserialize;

/// Envoy's sandbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Runtime {
    /// The only sandbox of Envoy's official builds and of Istio's proxy.
    #[default]
    V8,
}
