//! How modules are mounted into the proxy.

use schemars::JsonSchema;
use serde::Deserialize;

/// How modules are mounted into the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MountBy {
    /// With the annotations of the sidecar injector. Gateways ignore them.
    Annotation,
    /// With a volume of the pod and a volume mount of its `istio-proxy` container.
    Container,
}
