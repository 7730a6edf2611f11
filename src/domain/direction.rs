//! Which traffic a filter sees.

use schemars::JsonSchema;
use serde::Deserialize;

/// Which traffic a filter sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    /// What comes to the workload.
    #[default]
    Inbound,
    /// What the workload sends.
    Outbound,
    /// What goes through a gateway.
    Gateway,
    /// All of it.
    Any,
}
