//! A listener's filter chain as istiod builds it for a proxy and then patches it with EnvoyFilters.
//!
//! Follows istio/istio, pilot/pkg/networking/core/envoyfilter/listener_patch.go. A field or operation that is not modelled is a
//! panic and not passed over.

use regex::Regex;
use serde_json::{Value, json};

use super::{items, text};

const HTTP_CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";
const ROUTER: &str = "envoy.filters.http.router";
/// A filter of Istio's own that stands in every chain.
const METADATA_EXCHANGE: &str = "istio.metadata_exchange";

/// The header that Istio's own filter adds itself to, so that a test sees where in the HTTP chain it stands.
pub(crate) const CHAIN_HEADER: &str = "x-chain";
/// The value that it adds.
pub(crate) const ISTIO: &str = "istio";

/// Which traffic a listener takes, as a patch's `match.context` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Inbound,
    Outbound,
    Gateway,
}

/// What the chain ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Tcp,
}

/// A listener of the proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener {
    pub(crate) context: Context,
    /// The port that istiod knows it by: inbound, the port of the workload's container. Envoy listens on another, a free one.
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
}

impl Context {
    const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "SIDECAR_INBOUND",
            Self::Outbound => "SIDECAR_OUTBOUND",
            Self::Gateway => "GATEWAY",
        }
    }
}

impl Listener {
    /// The listener's name in Envoy.
    pub(crate) fn name(&self) -> String {
        format!("{}_{}", self.context.name(), self.port)
    }

    /// The network filters after all patches. `istio` is the version of the proxy and of istiod, as `1.28.0`.
    pub(crate) fn chain(&self, envoy_filters: &[&Value], istio: &str) -> Vec<Value> {
        let patches: Vec<&Value> = envoy_filters
            .iter()
            .flat_map(|filter| config_patches(filter))
            .filter(|it| self.matched(it, istio))
            .collect();
        let mut chain = self.unpatched();
        let of = |apply_to: &'static str| patches.iter().filter(move |patch| text(patch, "/applyTo") == apply_to);
        for patch in of("NETWORK_FILTER") {
            insert_network(&mut chain, patch, istio);
        }
        for manager in chain.iter_mut().filter(|filter| filter["name"] == HTTP_CONNECTION_MANAGER) {
            for patch in of("HTTP_FILTER") {
                insert_http(manager, patch, istio);
            }
        }
        chain
    }

    /// Everything but the filter that a patch is relative to: context, version of the proxy, port.
    fn matched(&self, patch: &Value, istio: &str) -> bool {
        let matched = &patch["match"];
        only_keys(matched, &["context", "proxy", "listener"]);
        only_keys(&matched["proxy"], &["proxyVersion"]);
        only_keys(&matched["listener"], &["portNumber", "filterChain"]);
        only_keys(&matched["listener"]["filterChain"], &["filter"]);
        let context = ["", "ANY", self.context.name()].contains(&text(matched, "/context"));
        let version = matched["proxy"]["proxyVersion"].as_str().is_none_or(|pattern| {
            Regex::new(pattern).unwrap_or_else(|error| panic!("proxyVersion: {error}")).is_match(istio)
        });
        let port = matched["listener"]["portNumber"].as_u64().is_none_or(|port| port == u64::from(self.port));
        context && version && port
    }

    /// The chain as it is without any EnvoyFilter.
    fn unpatched(&self) -> Vec<Value> {
        let type_url = |name: &str| format!("type.googleapis.com/envoy.extensions.filters.{name}");
        // Stands in for Istio's own: this Envoy has none of Istio's extensions. It lets everything through.
        let exchange = json!({
            "name": METADATA_EXCHANGE,
            "typed_config": { "@type": type_url("network.rbac.v3.RBAC"), "stat_prefix": "exchange" },
        });
        let last = match self.protocol {
            Protocol::Tcp => json!({
                "name": TCP_PROXY,
                "typed_config": {
                    "@type": type_url("network.tcp_proxy.v3.TcpProxy"),
                    "stat_prefix": self.name(),
                    "cluster": "tcp",
                },
            }),
            Protocol::Http => json!({
                "name": HTTP_CONNECTION_MANAGER,
                "typed_config": {
                    "@type": type_url("network.http_connection_manager.v3.HttpConnectionManager"),
                    "stat_prefix": self.name(),
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "http" } }],
                    }] },
                    "http_filters": [http_exchange(), {
                        "name": ROUTER,
                        "typed_config": { "@type": type_url("http.router.v3.Router") },
                    }],
                },
            }),
        };
        vec![exchange, last]
    }
}

/// In Istio's place and under its name, a filter that adds itself to a header both ways.
fn http_exchange() -> Value {
    let mutation = json!([{ "append": {
        "header": { "key": CHAIN_HEADER, "value": ISTIO },
        "append_action": "APPEND_IF_EXISTS_OR_ADD",
    } }]);
    json!({
        "name": METADATA_EXCHANGE,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": mutation, "response_mutations": mutation },
        },
    })
}

fn config_patches(filter: &Value) -> &[Value] {
    only_keys(&filter["spec"], &["workloadSelector", "priority", "configPatches"]);
    let patches = items(filter, "/spec/configPatches");
    for patch in patches {
        only_keys(patch, &["applyTo", "match", "patch"]);
        only_keys(&patch["patch"], &["operation", "value"]);
        let apply_to = text(patch, "/applyTo");
        assert!(["HTTP_FILTER", "NETWORK_FILTER"].contains(&apply_to), "applyTo {apply_to} is not modelled");
    }
    patches
}

/// `INSERT_FIRST` looks at no filter of the chain, and one that is relative to none goes first too.
fn insert_network(chain: &mut Vec<Value>, patch: &Value, istio: &str) {
    let anchor = patch.pointer("/match/listener/filterChain/filter");
    let at = match (text(patch, "/patch/operation"), anchor) {
        ("INSERT_FIRST", _) | ("INSERT_BEFORE", None) => Some(0),
        ("INSERT_BEFORE", Some(anchor)) => chain.iter().position(|filter| filter["name"] == anchor["name"]),
        (operation, _) => panic!("the operation {operation} is not modelled"),
    };
    if let Some(at) = at {
        chain.insert(at, value(patch, istio));
    }
}

/// `INSERT_FIRST` looks at the network filter only; an `INSERT_BEFORE` whose anchor is not there does nothing.
fn insert_http(manager: &mut Value, patch: &Value, istio: &str) {
    let anchor = patch.pointer("/match/listener/filterChain/filter");
    if anchor.is_some_and(|anchor| anchor["name"] != manager["name"]) {
        return;
    }
    let chain = manager["typed_config"]["http_filters"].as_array_mut().expect("an HTTP chain");
    let anchor = anchor.and_then(|anchor| anchor.get("subFilter"));
    let at = match (text(patch, "/patch/operation"), anchor) {
        ("INSERT_FIRST", _) | ("INSERT_BEFORE", None) => Some(0),
        ("INSERT_BEFORE", Some(anchor)) => chain.iter().position(|filter| filter["name"] == anchor["name"]),
        (operation, _) => panic!("the operation {operation} is not modelled"),
    };
    if let Some(at) = at {
        chain.insert(at, value(patch, istio));
    }
}

/// The patch's filter as istiod passes it on: a typed message loses the fields that istiod's own Envoy API does not have; a
/// TypedStruct is opaque to it.
fn value(patch: &Value, istio: &str) -> Value {
    let mut filter = patch["patch"]["value"].clone();
    let minor: u32 = istio.split('.').nth(1).and_then(|minor| minor.parse().ok()).expect("a version as 1.28.0");
    if let Some(config) = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut) {
        for (field, since) in [("failure_policy", 25), ("reload_config", 25), ("allow_on_headers_stop_iteration", 28)] {
            if minor < since {
                config.remove(field);
            }
        }
    }
    filter
}

fn only_keys(value: &Value, known: &[&str]) {
    for key in value.as_object().into_iter().flat_map(|entries| entries.keys()) {
        assert!(known.contains(&key.as_str()), "{key} is not modelled: {value}");
    }
}
