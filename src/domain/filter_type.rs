//! Which chain a filter runs in.

use schemars::JsonSchema;
use serde::Deserialize;

/// Which chain a filter runs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FilterType {
    /// The HTTP filter chain, before the router.
    #[default]
    Http,
    /// The network filter chain, before its terminal filter.
    Network,
}
