//! A binding: `[[bindings]]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::workload::KindName;
use super::workload::Use;
use crate::spec::Spanned;

/// Filters for all workloads that match every condition. At least one condition is required; `workloads = ["*"]` matches all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Binding {
    /// The filters, in the order in which they process a request.
    #[schemars(length(min = 1))]
    pub(crate) filters: Vec<Spanned<Use>>,
    /// Names of workloads, with `*`, `?`, `[…]` and `{…}` as wildcards. `!NAME` excludes.
    #[schemars(length(min = 1))]
    pub(crate) workloads: Option<Vec<Spanned<String>>>,
    /// Labels that the pods of a workload have.
    #[serde(default)]
    pub(crate) match_labels: BTreeMap<String, Spanned<String>>,
    /// Namespaces of workloads, with the same wildcards. `!NAMESPACE` excludes.
    #[schemars(length(min = 1))]
    pub(crate) namespaces: Option<Vec<Spanned<String>>>,
    /// Kinds of workloads.
    #[schemars(length(min = 1))]
    pub(crate) kinds: Option<Vec<Spanned<KindName>>>,
    /// The binding's place among the bindings of a workload: filters of a lower order process a request first, and filters in the
    /// workload's own list last. Default: 0.
    pub(crate) order: Option<Spanned<i64>>,
}

impl Spanned<Binding> {
    /// `order`, or its default.
    pub(crate) fn order(&self) -> i64 {
        self.order.as_deref().copied().unwrap_or_default()
    }

    /// Where the order is set, or should be.
    pub(crate) fn order_at(&self) -> crate::diag::Location {
        self.order.as_ref().map_or_else(|| self.location(), Spanned::location)
    }
}
