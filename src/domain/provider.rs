//! The provider of the control plane.

use schemars::JsonSchema;
use serde::Deserialize;

/// The provider of the control plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    /// Istio itself.
    #[default]
    Istio,
    /// Alibaba Cloud Service Mesh: adds the labels `asm-system` and `provider`.
    Asm,
    /// Tencent Cloud Mesh.
    Tcm,
    /// OpenShift Service Mesh.
    Openshift,
    /// Google's managed mesh, which does not support EnvoyFilter.
    GoogleManaged,
}

impl Provider {
    /// The value in mesh.toml.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Istio => "istio",
            Self::Asm => "asm",
            Self::Tcm => "tcm",
            Self::Openshift => "openshift",
            Self::GoogleManaged => "google-managed",
        }
    }
}
