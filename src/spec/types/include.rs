//! An included file: an element of `mesh.include`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::Spanned;
use crate::spec::decode::by_kind;

/// Files to include: a path, or a table with a path and what the files may contain.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Include {
    /// A path, relative to this file. `*`, `?`, `[…]` and `{…}` match within a name, `**` matches any number of directories.
    Path(String),
    /// A path, and what the files may contain.
    With(Box<IncludeSettings>),
}

by_kind! { Include { string => Path, table => With } }

/// Files to include, and what they may contain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct IncludeSettings {
    /// The path, relative to this file. `*`, `?`, `[…]` and `{…}` match within a name, `**` matches any number of directories.
    pub(crate) path: Spanned<String>,
    /// The tables that the files may contain. Default: all that an included file can contain.
    #[schemars(length(min = 1))]
    pub(crate) allow: Option<Spanned<Vec<IncludedTable>>>,
    /// The namespaces of the workloads that the files may change, with `*`, `?`, `[…]` and `{…}` as wildcards. `!NAMESPACE` excludes.
    /// Default: all.
    #[schemars(length(min = 1))]
    pub(crate) namespaces: Option<Spanned<Vec<Spanned<String>>>>,
}

/// A table of an included file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IncludedTable {
    /// `[vars]`
    Vars,
    /// `[defaults]`, for the filters and workloads of that file
    Defaults,
    /// `[clusters]`
    Clusters,
    /// `[filters]`
    Filters,
    /// `[workloads]`
    Workloads,
    /// `[[bindings]]`
    Bindings,
}

impl IncludedTable {
    /// All of them, in the order of their declaration.
    pub(crate) const ALL: [Self; 6] =
        [Self::Vars, Self::Defaults, Self::Clusters, Self::Filters, Self::Workloads, Self::Bindings];

    /// The name of the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Vars => "vars",
            Self::Defaults => "defaults",
            Self::Clusters => "clusters",
            Self::Filters => "filters",
            Self::Workloads => "workloads",
            Self::Bindings => "bindings",
        }
    }
}
