//! What happens to requests after a module fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests are handled when the module fails at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// Requests are rejected.
    Closed,
    /// Requests bypass the filter.
    Open,
    /// Envoy restarts the VM (Istio 1.25 and later).
    Reload,
}
