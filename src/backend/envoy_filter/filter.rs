//! The EnvoyFilter that inserts a filter into a chain.

use super::plan::EnvoyFilter;
use super::{FLUX_NO_SUBSTITUTE, labels, plugin, strings};
use crate::domain::{Direction, FilterType, Insert};
use crate::objects::{
    self, ApplyTo, ChainFilter, ConfigPatch, EnvoyFilterSpec, FilterChainMatch, FilterMatch, HTTP_CONNECTION_MANAGER,
    ListenerMatch, Match, Metadata, Operation, Patch, PatchContext, ProxyMatch, ROUTER, SubFilterMatch, TCP_PROXY,
    WorkloadSelector,
};
use crate::resolve::mesh::Mesh;

/// Pruned last, after the rollout is complete: until then the old pods still have the label that the EnvoyFilter selects.
const ARGO_SYNC: (&str, &str) = ("argocd.argoproj.io/sync-options", "PruneLast=true");

pub(super) fn object(mesh: &Mesh, filter: &EnvoyFilter) -> objects::EnvoyFilter {
    let EnvoyFilter { namespace, name, selector, priority, plugin, .. } = filter;
    let anchors = anchors(plugin.filter_type, filter.insert);
    objects::EnvoyFilter {
        api_version: objects::NetworkingV1Alpha3::default(),
        kind: objects::EnvoyFilterKind::default(),
        metadata: Metadata {
            name: name.to_string(),
            namespace: Some(namespace.to_string()),
            labels: labels(&mesh.labels),
            annotations: strings([ARGO_SYNC, FLUX_NO_SUBSTITUTE]),
        },
        spec: EnvoyFilterSpec {
            workload_selector: WorkloadSelector { labels: labels(selector) },
            priority: *priority,
            config_patches: anchors.iter().map(|anchor| config_patch(mesh, filter, *anchor)).collect(),
        },
    }
}

/// The network filters that the patches are relative to, one per patch. A network chain ends with one of two filters, so
/// each chain matches one patch. With `INSERT_FIRST`, istiod ignores the network filter of the match (istio/istio,
/// pilot/pkg/networking/core/envoyfilter/listener_patch.go): both patches would match every chain and insert the filter twice.
fn anchors(filter_type: FilterType, insert: Insert) -> &'static [Option<&'static str>] {
    match (filter_type, insert) {
        (FilterType::Http, _) => &[Some(HTTP_CONNECTION_MANAGER)],
        (FilterType::Network, Insert::BeforeRouter) => &[Some(HTTP_CONNECTION_MANAGER), Some(TCP_PROXY)],
        (FilterType::Network, Insert::First) => &[None],
    }
}

fn config_patch(mesh: &Mesh, filter: &EnvoyFilter, anchor: Option<&'static str>) -> ConfigPatch {
    let (apply_to, sub_filter) = match filter.plugin.filter_type {
        FilterType::Http => (ApplyTo::HttpFilter, Some(SubFilterMatch { name: ROUTER.to_owned() })),
        FilterType::Network => (ApplyTo::NetworkFilter, None),
    };
    let filter_chain =
        anchor.map(|name| FilterChainMatch { filter: FilterMatch { name: name.to_owned(), sub_filter } });
    ConfigPatch {
        apply_to,
        matches: Match {
            context: match filter.direction {
                Direction::Inbound => PatchContext::SidecarInbound,
                Direction::Outbound => PatchContext::SidecarOutbound,
                Direction::Gateway => PatchContext::Gateway,
                Direction::Any => PatchContext::Any,
            },
            proxy: mesh.proxy_version.clone().map(|proxy_version| ProxyMatch { proxy_version }),
            listener: ListenerMatch { port_number: filter.port, filter_chain },
        },
        patch: Patch {
            operation: match filter.insert {
                Insert::BeforeRouter => Operation::InsertBefore,
                Insert::First => Operation::InsertFirst,
            },
            value: ChainFilter {
                name: filter.plugin.chain_name.clone(),
                typed_config: plugin::typed_config(&filter.plugin),
            },
        },
    }
}
