//! An EnvoyFilter as istiod takes it (istio/istio, pilot/pkg/networking/core/envoyfilter/listener_patch.go). What this program never
//! writes is refused, not passed over.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::plugin::{self, Settings};
use crate::domain::{Direction, FilterType};

const HTTP_CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";
const ROUTER: &str = "envoy.filters.http.router";

/// An EnvoyFilter.
#[derive(Debug)]
pub(super) struct EnvoyFilter {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) priority: i32,
    selector: BTreeMap<String, String>,
    pub(super) patches: Vec<Patch>,
}

/// One of its patches: a plugin into a chain.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) chain: FilterType,
    pub(super) direction: Direction,
    pub(super) port: Option<u16>,
    /// At the chain's head, before Istio's own.
    pub(super) first: bool,
    proxy_version: Option<String>,
    pub(super) plugin: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    workload_selector: Selector,
    #[serde(default)]
    priority: i32,
    config_patches: Vec<ConfigPatch>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Selector {
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigPatch {
    apply_to: String,
    #[serde(rename = "match", default)]
    matched: Match,
    patch: Operation,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Match {
    context: String,
    proxy: Proxy,
    listener: Listener,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Proxy {
    proxy_version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Listener {
    port_number: Option<u16>,
    filter_chain: FilterChain,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FilterChain {
    filter: Option<Anchor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Anchor {
    name: String,
    sub_filter: Option<SubFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubFilter {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    operation: String,
    value: Filter,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    name: String,
    typed_config: Value,
}

impl EnvoyFilter {
    pub(super) fn read(namespace: String, name: String, spec: Value, istio: &str) -> Result<Self, String> {
        let spec: Spec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        let patches: Result<Vec<Patch>, String> =
            spec.config_patches.into_iter().map(|patch| Patch::read(patch, istio)).collect();
        let selector = spec.workload_selector.labels;
        Ok(Self { namespace, name, priority: spec.priority, selector, patches: patches? })
    }

    /// Whether the pod has all the labels that are asked for; none asked for is every pod.
    pub(super) fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl Patch {
    fn read(patch: ConfigPatch, istio: &str) -> Result<Self, String> {
        let ConfigPatch { apply_to, matched: Match { context, proxy, listener }, patch } = patch;
        let chain = match apply_to.as_str() {
            "HTTP_FILTER" => FilterType::Http,
            "NETWORK_FILTER" => FilterType::Network,
            other => return Err(format!("no patch of this program applies to {other}")),
        };
        let direction = match context.as_str() {
            "" | "ANY" => Direction::Any,
            "SIDECAR_INBOUND" => Direction::Inbound,
            "SIDECAR_OUTBOUND" => Direction::Outbound,
            "GATEWAY" => Direction::Gateway,
            other => return Err(format!("no patch of this program has the context {other}")),
        };
        let first = goes_first(chain, &patch.operation, listener.filter_chain.filter.as_ref())?;
        let Filter { name, typed_config } = patch.value;
        let plugin = plugin::read(name, chain, typed_config, istio)?;
        Ok(Self { chain, direction, port: listener.port_number, first, proxy_version: proxy.proxy_version, plugin })
    }

    /// Whether the patch is for proxies of this version: an expression that is found in it.
    pub(super) fn takes(&self, istio: &str) -> Result<bool, String> {
        let Some(pattern) = &self.proxy_version else { return Ok(true) };
        let regex = Regex::new(pattern).map_err(|error| format!("proxyVersion: {error}"))?;
        Ok(regex.is_match(&format!("{istio}.0")))
    }
}

/// Whether the filter goes to the chain's head, or before the filter that ends it. `INSERT_FIRST` looks at no anchor but the
/// connection manager, and `INSERT_BEFORE` without one goes first too. An anchor that is not there does nothing, so only those that
/// are in every chain are taken.
fn goes_first(chain: FilterType, operation: &str, anchor: Option<&Anchor>) -> Result<bool, String> {
    let outer = anchor.map(|anchor| anchor.name.as_str());
    let inner = anchor.and_then(|anchor| anchor.sub_filter.as_ref()).map(|filter| filter.name.as_str());
    match (chain, operation, outer, inner) {
        (FilterType::Http, "INSERT_FIRST", None | Some(HTTP_CONNECTION_MANAGER), _)
        | (FilterType::Http, "INSERT_BEFORE", None | Some(HTTP_CONNECTION_MANAGER), None)
        | (FilterType::Network, "INSERT_FIRST", _, None)
        | (FilterType::Network, "INSERT_BEFORE", None, None) => Ok(true),
        (FilterType::Http, "INSERT_BEFORE", Some(HTTP_CONNECTION_MANAGER), Some(ROUTER))
        | (FilterType::Network, "INSERT_BEFORE", Some(HTTP_CONNECTION_MANAGER | TCP_PROXY), None) => Ok(false),
        _ => {
            let anchor = inner.or(outer).unwrap_or("no filter");
            Err(format!("no patch of this program is {operation} relative to {anchor}"))
        }
    }
}
