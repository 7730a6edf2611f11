//! Where the proxies get a module from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the proxies get a module from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SourceKind {
    /// A ConfigMap in `out/`, for modules of up to 1 MiB.
    #[default]
    ConfigMap,
    /// An OCI image, mounted as an image volume (Istio 1.24 and Kubernetes 1.35 or later).
    Image,
    /// A volume of your own.
    Volume,
    /// A ConfigMap if the module fits into one, otherwise an image.
    Auto,
}

impl SourceKind {
    /// The value in mesh.toml.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "config-map",
            Self::Image => "image",
            Self::Volume => "volume",
            Self::Auto => "auto",
        }
    }
}

/// When a node pulls an image (k8s.io/api/core/v1, `PullPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PullPolicy {
    /// Whenever a pod starts.
    Always,
    /// If the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

impl PullPolicy {
    /// The value in a manifest.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}
