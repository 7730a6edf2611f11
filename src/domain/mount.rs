//! How modules are mounted into the proxy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How modules are mounted into the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MountBy {
    /// With the annotations of the sidecar injector. Gateways ignore them.
    Annotation,
    /// With a volume of the pod and a volume mount of its `istio-proxy` container.
    Container,
    /// With the parameters of a Gateway of the Gateway API, whose pods istiod creates.
    GatewayParameters,
}
