//! Where in the chain a filter goes.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where in the chain a filter goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Insert {
    /// Behind Istio's own filters, before the router (or the terminal network filter).
    #[default]
    BeforeRouter,
    /// At the head of the chain, before Istio's own filters.
    First,
}
