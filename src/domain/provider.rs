//! Who runs the control plane.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who runs the control plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    /// Istio as released.
    #[default]
    Istio,
    /// Alibaba Cloud Service Mesh: adds the labels `asm-system` and `provider`.
    Asm,
    /// Tencent Cloud Mesh.
    Tcm,
    /// OpenShift Service Mesh.
    Openshift,
    /// Google's managed mesh, which refuses EnvoyFilter.
    GoogleManaged,
}

impl Provider {
    /// The provider as mesh.toml writes it.
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
