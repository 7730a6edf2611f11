//! How modules get into the proxy.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the modules get into the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MountBy {
    /// The sidecar injector's annotations. Gateways never read them.
    Annotation,
    /// A volume of the pod and a mount of its `istio-proxy` container.
    Container,
}
