//! An EnvoyFilter as istiod applies it (istio/istio, pilot/pkg/networking/core/envoyfilter/listener_patch.go). A patch that this
//! program never writes is an error.

use regex::Regex;

use super::plugin;
use crate::domain::{Direction, FilterType};
use crate::objects::{
    self, ApplyTo, ConfigPatch, FilterMatch, HTTP_CONNECTION_MANAGER, Operation, PatchContext, PluginConfig, ROUTER,
    Strings, TCP_PROXY,
};

/// An EnvoyFilter.
#[derive(Debug)]
pub(super) struct EnvoyFilter {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) priority: i32,
    selector: Strings,
    pub(super) patches: Vec<Patch>,
}

/// A patch that inserts a plugin into a chain.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) chain: FilterType,
    pub(super) direction: Direction,
    pub(super) port: Option<u16>,
    /// At the head of the chain, before Istio's own filters.
    pub(super) first: bool,
    proxy_version: Option<String>,
    /// The filter's name in the chain.
    pub(super) chain_name: String,
    /// The configuration that reaches the proxy.
    pub(super) config: PluginConfig,
}

impl EnvoyFilter {
    pub(super) fn new(object: objects::EnvoyFilter, istio: &str) -> Result<Self, String> {
        let objects::EnvoyFilter { metadata, spec, .. } = object;
        let patches = spec.config_patches.into_iter().map(|patch| Patch::new(patch, istio));
        Ok(Self {
            namespace: metadata.namespace().to_owned(),
            name: metadata.name,
            priority: spec.priority,
            selector: spec.workload_selector.labels,
            patches: patches.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the pod has all labels of the selector. An empty selector selects every pod.
    pub(super) fn selects(&self, labels: &Strings) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl Patch {
    fn new(patch: ConfigPatch, istio: &str) -> Result<Self, String> {
        let ConfigPatch { apply_to, matches, patch } = patch;
        let chain = match apply_to {
            ApplyTo::HttpFilter => FilterType::Http,
            ApplyTo::NetworkFilter => FilterType::Network,
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
            first: is_first(chain, patch.operation, anchor)?,
            proxy_version: matches.proxy.map(|proxy| proxy.proxy_version),
            chain_name: patch.value.name,
            config: plugin::received(patch.value.typed_config, chain, istio)?,
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

/// Whether the filter goes to the head of the chain, or before the filter that ends it. `INSERT_FIRST` considers no anchor but
/// the connection manager, and `INSERT_BEFORE` without an anchor inserts at the head too. A patch whose anchor is missing does
/// nothing, so only anchors that every chain has are accepted.
fn is_first(chain: FilterType, operation: Operation, anchor: Option<&FilterMatch>) -> Result<bool, String> {
    let outer = anchor.map(|anchor| anchor.name.as_str());
    let inner = anchor.and_then(|anchor| anchor.sub_filter.as_ref()).map(|filter| filter.name.as_str());
    match (chain, operation, outer, inner) {
        (FilterType::Http, Operation::InsertFirst, None | Some(HTTP_CONNECTION_MANAGER), _)
        | (FilterType::Http, Operation::InsertBefore, None | Some(HTTP_CONNECTION_MANAGER), None)
        | (FilterType::Network, Operation::InsertFirst, _, None)
        | (FilterType::Network, Operation::InsertBefore, None, None) => Ok(true),
        (FilterType::Http, Operation::InsertBefore, Some(HTTP_CONNECTION_MANAGER), Some(ROUTER))
        | (FilterType::Network, Operation::InsertBefore, Some(HTTP_CONNECTION_MANAGER | TCP_PROXY), None) => Ok(false),
        _ => {
            let anchor = inner.or(outer).unwrap_or("no filter");
            Err(format!("mesh-compile renders no {operation:?} relative to {anchor}"))
        }
    }
}
