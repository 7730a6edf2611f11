//! The filter chain that runs a filter.

/// The filter chain that runs a filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum FilterType {
    /// The HTTP filter chain, before the router.
    #[default]
    Http,
    /// The network filter chain, before its terminal filter.
    Network,
}
