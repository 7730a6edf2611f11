//! Envoy's Wasm runtimes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Wasm runtime of Envoy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Runtime {
    /// The only runtime in official builds of Envoy and in Istio's proxy.
    #[default]
    V8,
}
