//! A cluster that filters call: `[clusters.NAME]`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::Spanned;

/// A cluster that filters call: one of `service`, `host` and `name`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Cluster {
    /// A service of the mesh: its full host name and its port, such as `auth.team.svc.cluster.local:8080`. Istio's own cluster for it
    /// is called.
    pub(crate) service: Option<Spanned<String>>,
    /// A host outside of the mesh, or an IP address. The proxies get a cluster for it.
    pub(crate) host: Option<Spanned<String>>,
    /// The name of a cluster that something else adds to the proxies.
    pub(crate) name: Option<Spanned<String>>,
    /// The port of the host. Default: 443 with `tls`, otherwise 80.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<Spanned<u16>>,
    /// Whether to call the host with TLS, and check its certificate. Default: `false`.
    pub(crate) tls: Option<Spanned<bool>>,
    /// Whether the host speaks HTTP/2, as gRPC does. Default: `false`.
    pub(crate) http2: Option<Spanned<bool>>,
    /// How long connecting may take: `500ms`, `5s`. Default: `5s`.
    pub(crate) timeout: Option<Spanned<String>>,
}
