//! What Kubernetes objects have in common.

use serde::{Deserialize, Serialize};

use super::{Strings, is_default};

/// `metadata` of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) labels: Strings,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) annotations: Strings,
}

impl Metadata {
    /// The namespace in which the object ends up when it is applied.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}
