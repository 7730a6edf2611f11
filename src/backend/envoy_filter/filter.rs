//! The EnvoyFilter that inserts a filter into a chain.

use super::clusters;
use super::plan::{EnvoyFilter, Plugin, Target};
use super::{ARGO_PRUNE_LAST, FLUX_NO_SUBSTITUTE, labels, limits, plugin, strings};
use crate::domain::anchor::Anchor;
use crate::domain::annotation::REFERENCED_SERVICES;
use crate::domain::{Direction, FilterType, Insert, LoadFailure};
use crate::objects::{
    self, ApplyTo, ChainFilter, ConfigDiscovery, ConfigPatch, ConfigSource, DefaultConfig, Empty, EnvoyFilterSpec,
    FilterChainMatch, FilterMatch, HTTP_CONNECTION_MANAGER, ListenerMatch, Match, Metadata, Operation, Patch,
    PatchContext, ProxyMatch, ROUTER, SubFilterMatch, TCP_PROXY, TargetRef, WasmType, WorkloadSelector,
};
use crate::resolve::mesh::Mesh;

/// As [`ARGO_PRUNE_LAST`], for an object that is too large for a client-side apply.
const ARGO_SERVER_SIDE: (&str, &str) = ("argocd.argoproj.io/sync-options", "PruneLast=true,ServerSideApply=true");

pub(super) fn object(mesh: &Mesh, filter: &EnvoyFilter) -> objects::EnvoyFilter {
    let EnvoyFilter { namespace, name, target, priority, plugin, .. } = filter;
    let argo = if limits::needs_server_side_apply(plugin) { ARGO_SERVER_SIDE } else { ARGO_PRUNE_LAST };
    let anchors = anchors(plugin.filter_type, filter.insert);
    let (workload_selector, target_refs) = match target {
        Target::Labels(selector) => (Some(WorkloadSelector { labels: labels(selector) }), Vec::new()),
        Target::Waypoint(name) => {
            let (group, kind) = ("gateway.networking.k8s.io".to_owned(), "Gateway".to_owned());
            (None, vec![TargetRef { group, kind, name: name.to_string() }])
        }
    };
    objects::EnvoyFilter {
        api_version: objects::NetworkingV1Alpha3::default(),
        kind: objects::EnvoyFilterKind::default(),
        metadata: Metadata {
            name: name.to_string(),
            namespace: Some(namespace.to_string()),
            labels: labels(&mesh.labels),
            annotations: strings([argo, FLUX_NO_SUBSTITUTE]).into_iter().chain(referenced_services(filter)).collect(),
        },
        spec: EnvoyFilterSpec {
            workload_selector,
            target_refs,
            priority: *priority,
            config_patches: anchors
                .iter()
                .map(|anchor| config_patch(mesh, filter, *anchor))
                .chain(extension_config(mesh, filter))
                .chain(clusters::patches(mesh, filter))
                .collect(),
        },
    }
}

/// The annotation by which istiod gives a waypoint the clusters of services that are not behind it (istio/istio,
/// pilot/pkg/model/push_context.go, `ExtraWaypointServices`).
fn referenced_services(filter: &EnvoyFilter) -> Option<(String, String)> {
    let services = &filter.plugin.services;
    let is_waypoint = matches!(filter.target, Target::Waypoint(_));
    let value = services.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    (is_waypoint && !services.is_empty()).then(|| (REFERENCED_SERVICES.to_owned(), value))
}

/// The network filters that the patches of a filter match, one per patch. A network chain ends with one of two filters, so
/// each chain matches one patch. With `INSERT_FIRST`, istiod ignores the network filter of the match (istio/istio,
/// pilot/pkg/networking/core/envoyfilter/listener_patch.go): both patches would match every chain and insert the filter twice.
fn anchors(filter_type: FilterType, insert: Insert) -> &'static [Option<&'static str>] {
    match (filter_type, insert) {
        (FilterType::Http, _) => &[Some(HTTP_CONNECTION_MANAGER)],
        (FilterType::Network, Insert::BeforeRouter) => &[Some(HTTP_CONNECTION_MANAGER), Some(TCP_PROXY)],
        // The anchor is the filter that the patch matches.
        (FilterType::Network, Insert::First | Insert::Before(_) | Insert::After(_)) => &[None],
    }
}

fn config_patch(mesh: &Mesh, filter: &EnvoyFilter, anchor: Option<&'static str>) -> ConfigPatch {
    let relative = filter.insert.anchor().map(Anchor::name);
    let (apply_to, name, sub_filter) = match filter.plugin.filter_type {
        FilterType::Http => {
            (ApplyTo::HttpFilter, anchor, Some(SubFilterMatch { name: relative.unwrap_or(ROUTER).to_owned() }))
        }
        FilterType::Network => (ApplyTo::NetworkFilter, relative.or(anchor), None),
    };
    let filter_chain = name.map(|name| FilterChainMatch { filter: FilterMatch { name: name.to_owned(), sub_filter } });
    ConfigPatch {
        apply_to,
        matches: Match {
            context: context(filter.direction),
            proxy: mesh.proxy_version.clone().map(|proxy_version| ProxyMatch { proxy_version }),
            listener: ListenerMatch { port_number: filter.port, filter_chain },
        },
        patch: Patch {
            operation: match filter.insert {
                Insert::BeforeRouter | Insert::Before(_) => Operation::InsertBefore,
                Insert::After(_) => Operation::InsertAfter,
                Insert::First => Operation::InsertFirst,
            },
            value: chain_filter(&filter.plugin),
        },
    }
}

/// The filter in the chain, with its configuration or with where it comes from.
fn chain_filter(plugin: &Plugin) -> ChainFilter {
    let name = plugin.chain_name.clone();
    match discovery(plugin) {
        None => ChainFilter { name, typed_config: Some(plugin::typed_config(plugin)), ..ChainFilter::default() },
        discovery => ChainFilter { name, config_discovery: discovery, ..ChainFilter::default() },
    }
}

/// The patch that makes istiod serve the configuration (istio/istio,
/// pilot/pkg/networking/core/envoyfilter/extension_configuration_patch.go). The proxy asks for it by the filter's name.
fn extension_config(mesh: &Mesh, filter: &EnvoyFilter) -> Option<ConfigPatch> {
    discovery(&filter.plugin)?;
    let (name, typed_config) = (filter.plugin.chain_name.clone(), Some(plugin::typed_config(&filter.plugin)));
    Some(ConfigPatch {
        apply_to: ApplyTo::ExtensionConfig,
        matches: Match {
            context: context(filter.direction),
            proxy: mesh.proxy_version.clone().map(|proxy_version| ProxyMatch { proxy_version }),
            listener: ListenerMatch::default(),
        },
        patch: Patch { operation: Operation::Add, value: ChainFilter { name, typed_config, ..ChainFilter::default() } },
    })
}

/// How long a new listener waits for the configuration, as by default in Envoy. A module that fails to load does not wait: Envoy
/// knows it. The time passes only if istiod does not respond. A longer one would keep pods from becoming ready while istiod restarts, and
/// with a much shorter one, the first requests of a new pod would pass the filter whenever istiod is slow.
const FETCH_TIMEOUT: &str = "15s";

/// `None`: the configuration is part of the listener.
fn discovery(plugin: &Plugin) -> Option<ConfigDiscovery> {
    let rules = match plugin.load_failure {
        LoadFailure::StopRollout => return None,
        LoadFailure::Allow => None,
        LoadFailure::Deny => Some(Empty {}),
    };
    let (wasm, default_config) = match plugin.filter_type {
        FilterType::Http => (WasmType::Http, DefaultConfig::Http { rules }),
        FilterType::Network => {
            (WasmType::Network, DefaultConfig::Network { rules, stat_prefix: plugin.chain_name.clone() })
        }
    };
    Some(ConfigDiscovery {
        config_source: ConfigSource {
            ads: Empty {},
            initial_fetch_timeout: FETCH_TIMEOUT.to_owned(),
            resource_api_version: "V3".to_owned(),
        },
        type_urls: vec![wasm.type_url().to_owned(), default_config.type_url().to_owned()],
        default_config,
    })
}

const fn context(direction: Direction) -> PatchContext {
    match direction {
        Direction::Inbound => PatchContext::SidecarInbound,
        Direction::Outbound => PatchContext::SidecarOutbound,
        Direction::Gateway => PatchContext::Gateway,
        Direction::Any => PatchContext::Any,
    }
}
