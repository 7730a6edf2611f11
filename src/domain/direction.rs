//! The direction of the traffic that a filter processes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The traffic that a filter processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    /// Requests to the workload.
    #[default]
    Inbound,
    /// Requests from the workload.
    Outbound,
    /// Requests through a gateway.
    Gateway,
    /// Requests in any direction.
    Any,
}
