//! The VM that a filter runs in.

use schemars::JsonSchema;
use serde::Deserialize;

/// The VM that a filter runs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Vm {
    /// One that no other filter runs in.
    #[default]
    Own,
    /// One for all filters with the same module, runtime, VM configuration, environment and capabilities.
    Shared,
}
