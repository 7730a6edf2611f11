//! The place of a filter in the chain.

use std::fmt;

use super::anchor::Anchor;

/// The place of a filter in the chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Insert {
    /// After Istio's own filters, before the router (or the terminal network filter).
    #[default]
    BeforeRouter,
    /// At the start of the chain, before Istio's own filters.
    First,
    /// Right before one of Istio's own filters.
    Before(Anchor),
    /// Right after one of Istio's own filters.
    After(Anchor),
}

impl Insert {
    /// Ascending along the chain. Equal: the order among the filters decides. An anchor that mesh-compile does not know stands where
    /// most of its kind do, right before the end of the chain.
    pub(crate) fn rank(self) -> usize {
        match self {
            Self::First => 0,
            Self::Before(anchor) => 3 * anchor.rank() + 1,
            Self::After(anchor) => 3 * anchor.rank() + 3,
            Self::BeforeRouter => usize::MAX,
        }
    }

    /// Whether the filter that is inserted last comes first: `INSERT_FIRST` and `INSERT_AFTER`.
    pub(crate) const fn is_reversed(self) -> bool {
        matches!(self, Self::First | Self::After(_))
    }

    pub(crate) const fn anchor(self) -> Option<Anchor> {
        match self {
            Self::BeforeRouter | Self::First => None,
            Self::Before(anchor) | Self::After(anchor) => Some(anchor),
        }
    }
}

/// As in mesh.toml.
impl fmt::Display for Insert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeRouter => f.write_str("before-router"),
            Self::First => f.write_str("first"),
            Self::Before(anchor) => write!(f, "before {anchor}"),
            Self::After(anchor) => write!(f, "after {anchor}"),
        }
    }
}
