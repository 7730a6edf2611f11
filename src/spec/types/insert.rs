//! The place of a filter in the chain, as mesh.toml sets it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::Spanned;
use crate::spec::decode::by_kind;

/// The place of a filter in the chain.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Insert {
    /// A place that every chain has.
    At(Place),
    /// A place next to another filter of the chain.
    NextTo(NextTo),
}

by_kind! { Insert { string => At, table => NextTo } }

/// A place that every chain has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// After Istio's own filters, before the router (or the terminal network filter).
    BeforeRouter,
    /// The same.
    Last,
    /// At the start of the chain, before Istio's own filters.
    First,
}

/// A place next to another filter: one of the two keys. The other filter is one of the workload's, or one of Istio's, such as
/// `jwt_authn`, `authz`, `fault` or `stats`, or any other by its full name in the chain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NextTo {
    /// The filter right before which this one runs.
    pub(crate) before: Option<Spanned<String>>,
    /// The filter right after which this one runs.
    pub(crate) after: Option<Spanned<String>>,
}
