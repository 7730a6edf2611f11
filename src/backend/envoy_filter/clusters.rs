//! The clusters of the hosts that a filter calls (envoyproxy/envoy, api/envoy/config/cluster/v3/cluster.proto).

use serde_json::{Value, json};

use super::plan::{EnvoyFilter, Target};
use crate::domain::Direction;
use crate::objects::{
    ApplyTo, ChainFilter, ConfigPatch, ListenerMatch, Match, Operation, Patch, PatchContext, ProxyMatch,
};
use crate::resolve::clusters::Host;
use crate::resolve::mesh::Mesh;

/// The certificates that the images of Istio's proxy trust.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The patches that add the clusters. A sidecar gets them among its outbound clusters, whatever traffic the filter sees: with the
/// context `ANY`, istiod would add each of them a second time among the inbound clusters (istio/istio,
/// pilot/pkg/networking/core/envoyfilter/cluster_patch.go, `InsertedClusters`).
pub(super) fn patches(mesh: &Mesh, filter: &EnvoyFilter) -> Vec<ConfigPatch> {
    let contexts: &[PatchContext] = match filter.direction {
        // Of its outbound patches, istiod applies those of existing clusters only (pilot/pkg/networking/core/cluster.go).
        _ if matches!(filter.target, Target::Waypoint(_)) => &[PatchContext::SidecarInbound],
        Direction::Inbound | Direction::Outbound => &[PatchContext::SidecarOutbound],
        Direction::Gateway => &[PatchContext::Gateway],
        Direction::Any => &[PatchContext::SidecarOutbound, PatchContext::Gateway],
    };
    let patch = |(name, host): (&String, &Host)| {
        contexts.iter().map(|context| config_patch(mesh, *context, name, host)).collect::<Vec<_>>()
    };
    filter.plugin.hosts.iter().flat_map(patch).collect()
}

fn config_patch(mesh: &Mesh, context: PatchContext, name: &str, host: &Host) -> ConfigPatch {
    ConfigPatch {
        apply_to: ApplyTo::Cluster,
        matches: Match {
            context,
            proxy: mesh.proxy_version.clone().map(|proxy_version| ProxyMatch { proxy_version }),
            listener: ListenerMatch::default(),
        },
        patch: Patch { operation: Operation::Add, value: cluster(name, host) },
    }
}

fn cluster(name: &str, host: &Host) -> ChainFilter {
    let address = json!({ "socket_address": { "address": host.host, "port_value": host.port } });
    let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address } }] }]);
    ChainFilter {
        name: name.to_owned(),
        cluster_type: Some(if host.is_address { "STATIC" } else { "STRICT_DNS" }.to_owned()),
        // JSON's form of a Duration.
        connect_timeout: Some(format!("{}s", host.timeout.as_secs_f64())),
        dns_lookup_family: (!host.is_address).then(|| "V4_PREFERRED".to_owned()),
        load_assignment: Some(json!({ "cluster_name": name, "endpoints": endpoints })),
        typed_extension_protocol_options: host.http2.then(http2),
        transport_socket: host.tls.then(|| tls(host)),
        ..ChainFilter::default()
    }
}

fn http2() -> Value {
    json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    } })
}

/// TLS that checks the host's certificate against the authorities that the proxy trusts.
fn tls(host: &Host) -> Value {
    let names =
        json!([{ "san_type": if host.is_address { "IP_ADDRESS" } else { "DNS" }, "matcher": { "exact": host.host } }]);
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": [if host.http2 { "h2" } else { "http/1.1" }],
            "validation_context": {
                "match_typed_subject_alt_names": names,
                "trusted_ca": { "filename": TRUSTED },
            },
        },
    });
    if !host.is_address {
        context["sni"] = host.host.as_str().into();
    }
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
}
