//! An EnvoyFilter as istiod applies it (istio/istio, pilot/pkg/networking/core/envoyfilter/listener_patch.go). A patch that this
//! program never writes is an error.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::plugin;
use crate::domain::anchor::Anchor;
use crate::domain::{Direction, FilterType, Insert, LoadFailure};
use crate::objects::{
    self, ApplyTo, ChainFilter, ConfigDiscovery, ConfigPatch, FilterMatch, HTTP_CONNECTION_MANAGER, Operation,
    PatchContext, PluginConfig, ROUTER, Strings, TCP_PROXY, TypedConfig,
};

/// An EnvoyFilter.
#[derive(Debug)]
pub(super) struct EnvoyFilter {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) priority: i32,
    selector: Strings,
    /// The waypoints that it applies to, instead of pods by their labels.
    waypoints: Vec<String>,
    pub(super) patches: Vec<Patch>,
    /// The names of the clusters that it adds.
    pub(super) clusters: BTreeSet<String>,
}

/// What an EnvoyFilter selects pods by.
#[derive(Debug)]
pub(super) struct Selected<'a> {
    pub(super) namespace: &'a str,
    pub(super) labels: &'a Strings,
    /// The name of the Gateway that the pods are of.
    pub(super) gateway: Option<&'a str>,
}

/// A patch that inserts a plugin into a chain.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) chain: FilterType,
    pub(super) direction: Direction,
    pub(super) port: Option<u16>,
    pub(super) insert: Insert,
    proxy_version: Option<String>,
    /// The filter's name in the chain.
    pub(super) chain_name: String,
    /// What serves if the module does not load.
    pub(super) load_failure: LoadFailure,
    /// The configuration that reaches the proxy.
    pub(super) config: PluginConfig,
}

/// The configurations that istiod serves by their names.
type Extensions = BTreeMap<String, TypedConfig>;

/// The name and the configuration of an `EXTENSION_CONFIG`.
fn extension(patch: ConfigPatch) -> Result<(String, TypedConfig), String> {
    let ChainFilter { name, typed_config, config_discovery, .. } = patch.patch.value;
    match (patch.patch.operation, typed_config, config_discovery) {
        (Operation::Add, Some(typed_config), None) => Ok((name, typed_config)),
        (operation, ..) => {
            Err(format!("istiod does not serve the configuration `{name}` of a patch with {operation:?}"))
        }
    }
}

impl EnvoyFilter {
    pub(super) fn new(object: objects::EnvoyFilter, istio: &str) -> Result<Self, String> {
        let objects::EnvoyFilter { metadata, spec, .. } = object;
        let (clusters, patches): (Vec<_>, Vec<_>) =
            spec.config_patches.into_iter().partition(|patch| patch.apply_to == ApplyTo::Cluster);
        let (extensions, patches): (Vec<_>, Vec<_>) =
            patches.into_iter().partition(|patch| patch.apply_to == ApplyTo::ExtensionConfig);
        let extensions = extensions.into_iter().map(extension).collect::<Result<BTreeMap<_, _>, _>>()?;
        let patches = patches.into_iter().map(|patch| Patch::new(patch, &extensions, istio));
        Ok(Self {
            namespace: metadata.namespace().to_owned(),
            name: metadata.name,
            priority: spec.priority,
            selector: spec.workload_selector.map(|selector| selector.labels).unwrap_or_default(),
            waypoints: spec.target_refs.into_iter().map(|target| target.name).collect(),
            patches: patches.collect::<Result<_, _>>()?,
            clusters: clusters.into_iter().map(cluster).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the pod has all labels of the selector, or is of one of the targets. An empty selector selects every pod.
    pub(super) fn selects(&self, pod: &Selected<'_>) -> bool {
        if self.waypoints.is_empty() {
            return self.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
        }
        self.namespace == pod.namespace && self.waypoints.iter().any(|name| Some(name.as_str()) == pod.gateway)
    }
}

impl Patch {
    fn new(patch: ConfigPatch, extensions: &Extensions, istio: &str) -> Result<Self, String> {
        let ConfigPatch { apply_to, matches, patch } = patch;
        let chain = match apply_to {
            ApplyTo::HttpFilter => FilterType::Http,
            ApplyTo::NetworkFilter => FilterType::Network,
            ApplyTo::ExtensionConfig | ApplyTo::Cluster => return Err("it is no filter of a chain".to_owned()),
        };
        let ChainFilter { name, typed_config, config_discovery, .. } = patch.value;
        let (typed_config, load_failure) = match (typed_config, config_discovery) {
            (Some(typed_config), None) => (typed_config, LoadFailure::StopRollout),
            (None, Some(discovery)) => discovered(&name, &discovery, extensions)?,
            _ => return Err(format!("the filter `{name}` has no configuration, or two")),
        };
        let direction = match matches.context {
            PatchContext::Any => Direction::Any,
            PatchContext::SidecarInbound => Direction::Inbound,
            PatchContext::SidecarOutbound => Direction::Outbound,
            PatchContext::Gateway => Direction::Gateway,
        };
        let anchor = matches.listener.filter_chain.as_ref().map(|chain| &chain.filter);
        Ok(Self {
            chain,
            direction,
            port: matches.listener.port_number,
            insert: insert(chain, patch.operation, anchor)?,
            proxy_version: matches.proxy.map(|proxy| proxy.proxy_version),
            chain_name: name,
            load_failure,
            config: plugin::received(typed_config, chain, istio)?,
        })
    }

    /// The path of the module in the proxy.
    pub(super) fn path(&self) -> &str {
        &self.config.vm_config.code.local.filename
    }

    /// Whether the patch applies to proxies of this version: istiod searches for a regular expression in the version.
    pub(super) fn applies_to(&self, istio: &str) -> Result<bool, String> {
        let Some(pattern) = &self.proxy_version else { return Ok(true) };
        let regex = Regex::new(pattern).map_err(|error| format!("proxyVersion: {error}"))?;
        Ok(regex.is_match(&format!("{istio}.0")))
    }
}

/// The name of a cluster that is added.
fn cluster(patch: ConfigPatch) -> Result<String, String> {
    let ChainFilter { name, cluster_type, .. } = patch.patch.value;
    match (patch.patch.operation, cluster_type, patch.matches.context) {
        (
            Operation::Add,
            Some(_),
            PatchContext::SidecarOutbound | PatchContext::SidecarInbound | PatchContext::Gateway,
        ) => Ok(name),
        (operation, _, context) => {
            Err(format!("mesh-compile renders no cluster `{name}` by {operation:?} in {context:?}"))
        }
    }
}

/// The configuration that a proxy discovers, and what serves without it. Envoy rejects a configuration whose type is not listed
/// (envoyproxy/envoy, source/common/filter/config_discovery_impl.cc).
fn discovered(
    name: &str,
    discovery: &ConfigDiscovery,
    extensions: &Extensions,
) -> Result<(TypedConfig, LoadFailure), String> {
    let ConfigDiscovery { default_config, type_urls, config_source: _ } = discovery;
    let config = extensions.get(name).ok_or_else(|| format!("istiod serves no configuration `{name}`"))?;
    for type_url in [config.wasm_type().type_url(), default_config.type_url()] {
        if !type_urls.iter().any(|listed| listed == type_url) {
            return Err(format!("`type_urls` of `{name}` lacks {type_url}"));
        }
    }
    let load_failure = if default_config.denies() { LoadFailure::Deny } else { LoadFailure::Allow };
    Ok((config.clone(), load_failure))
}

/// Where the patch inserts the filter. `INSERT_FIRST` considers no anchor but the connection manager, and `INSERT_BEFORE` without an
/// anchor inserts at the head too. A patch whose anchor is missing does nothing.
fn insert(chain: FilterType, operation: Operation, anchor: Option<&FilterMatch>) -> Result<Insert, String> {
    let outer = anchor.map(|anchor| anchor.name.as_str());
    let inner = anchor.and_then(|anchor| anchor.sub_filter.as_ref()).map(|filter| filter.name.as_str());
    let next_to = match (chain, outer, inner) {
        (FilterType::Http, None, None) | (FilterType::Network, None, None) => None,
        (FilterType::Http, Some(HTTP_CONNECTION_MANAGER), inner) => inner,
        (FilterType::Network, outer, None) => outer,
        _ => {
            return Err(format!(
                "mesh-compile renders no {operation:?} relative to {}",
                inner.or(outer).unwrap_or_default()
            ));
        }
    };
    let is_end = next_to.is_some_and(|name| match chain {
        FilterType::Http => name == ROUTER,
        FilterType::Network => matches!(name, HTTP_CONNECTION_MANAGER | TCP_PROXY),
    });
    let anchor = next_to.and_then(|name| Anchor::named(name, chain));
    match (operation, anchor) {
        (Operation::InsertFirst, _) | (Operation::InsertBefore, None) => Ok(Insert::First),
        (Operation::InsertBefore, Some(_)) if is_end => Ok(Insert::BeforeRouter),
        (Operation::InsertBefore, Some(anchor)) => Ok(Insert::Before(anchor)),
        (Operation::InsertAfter, Some(anchor)) if !is_end => Ok(Insert::After(anchor)),
        _ => Err(format!("mesh-compile renders no {operation:?} relative to {}", next_to.unwrap_or("no filter"))),
    }
}
