//! What happens to requests after a module fails.

use schemars::JsonSchema;
use serde::Deserialize;

/// What happens to requests when the module fails at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// They are refused.
    Closed,
    /// They pass by the filter.
    Open,
    /// The VM is started again (Istio 1.25 and newer).
    Reload,
}
