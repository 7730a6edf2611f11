//! The bootstrap of a sidecar's Envoy: of tools/packaging/common/envoy_bootstrap.json of Istio, what decides what istiod sends.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::manifest::{role, text};

/// The version of the proxy that istiod and `proxyVersion` in EnvoyFilters see: that of istiod, in
/// `tests/cluster/modules/istio/go.mod`.
const ISTIO_VERSION: &str = "1.32.0";

/// The label of pods whose Envoy does not ask for clusters. Those of a waypoint wait for certificates, which the tests lack, and
/// listeners wait for all clusters.
pub(crate) const WITHOUT_CLUSTERS: &str = "without-clusters";

/// The bootstrap, with paths as Envoy sees them.
pub(super) fn bootstrap(pod: &Value, address: Ipv4Addr) -> Value {
    let source = json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
    let ads = json!({
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": true,
        "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
    });
    let mut resources = json!({ "ads_config": ads, "cds_config": source, "lds_config": source });
    if pod["metadata"]["labels"][WITHOUT_CLUSTERS].is_string() {
        resources["cds_config"].take();
    }
    json!({
        "node": node(pod, address),
        "dynamic_resources": resources,
        // The listeners of a waypoint lead to one another.
        "bootstrap_extensions": [{
            "name": "envoy.bootstrap.internal_listener",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
            },
        }],
        "static_resources": { "clusters": [istiod()] },
        "admin": { "address": { "pipe": { "path": "/admin.sock" } } },
    })
}

/// The node by which istiod recognizes the pod: pkg/model/proxy.go and pilot/pkg/model/context.go of Istio.
fn node(pod: &Value, address: Ipv4Addr) -> Value {
    let [name, namespace] = ["name", "namespace"].map(|field| text(pod, field));
    let role = role(pod);
    json!({
        "id": format!("{role}~{address}~{name}.{namespace}~{namespace}.svc.cluster.local"),
        "cluster": format!("{name}.{namespace}"),
        "metadata": {
            "NAMESPACE": namespace,
            "NAME": name,
            "LABELS": pod["metadata"]["labels"],
            "ISTIO_VERSION": ISTIO_VERSION,
            // The tunnels of the ambient mode need certificates.
            "DISABLE_HBONE_SEND": "true",
            "INTERCEPTION_MODE": "REDIRECT",
            "CLUSTER_ID": "Kubernetes",
            "SERVICE_ACCOUNT": pod["spec"]["serviceAccountName"],
            "INSTANCE_IPS": address.to_string(),
            "PROXY_CONFIG": {},
        },
    })
}

/// The cluster of istiod, behind the socket.
fn istiod() -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let http2 = json!({
        "@type": format!("type.googleapis.com/{options}"),
        "explicit_http_config": { "http2_protocol_options": {} },
    });
    let endpoint = json!({ "endpoint": { "address": { "pipe": { "path": "/xds/xds.sock" } } } });
    json!({
        "name": "xds-grpc",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": { options: http2 },
        "load_assignment": { "cluster_name": "xds-grpc", "endpoints": [{ "lb_endpoints": [endpoint] }] },
    })
}
