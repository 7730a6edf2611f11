//! How modules are mounted into the proxy.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the modules are mounted into the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MountBy {
    /// By the sidecar injector's annotations. Gateways ignore them.
    Annotation,
    /// By a volume of the pod and a mount of its `istio-proxy` container.
    Container,
}
