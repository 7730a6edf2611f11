//! The position of a filter in the chain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The position of a filter in the chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Insert {
    /// After Istio's own filters, before the router (or the terminal network filter).
    #[default]
    BeforeRouter,
    /// At the start of the chain, before Istio's own filters.
    First,
}
