//! The filter chain of a listener, as istiod builds it and patches it with EnvoyFilters.
//!
//! Follows istio/istio, pilot/pkg/networking/core/envoyfilter/listener_patch.go. Fields and operations that are
//! not modeled panic.

use regex::Regex;
use serde_json::{Value, json};

use super::{items, text};

const HTTP_CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";
const ROUTER: &str = "envoy.filters.http.router";
/// A filter of Istio that is in every chain.
const METADATA_EXCHANGE: &str = "istio.metadata_exchange";

/// The header to which Istio's filter adds its name, so that tests see its position in the HTTP chain.
pub(crate) const CHAIN_HEADER: &str = "x-chain";
/// The name that it adds.
pub(crate) const ISTIO: &str = "istio";

/// The traffic of a listener, as in `match.context` of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Inbound,
    Outbound,
    Gateway,
}

/// The last filter of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Tcp,
}

/// A listener of the proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener {
    pub(crate) context: Context,
    /// The port in istiod: for inbound traffic, the port of the container. Envoy listens on a free port instead.
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
    /// The name of the listener in Envoy.
    pub(crate) fn name(&self) -> String {
        format!("{}_{}", self.context.name(), self.port)
    }

    /// The network filters after all patches. `istio` is the version of the proxy and of istiod, such as `1.28.0`.
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
            let filters = manager["typed_config"]["http_filters"].as_array_mut().expect("an HTTP chain");
            discover(filters, of("EXTENSION_CONFIG"), istio);
        }
        discover(&mut chain, of("EXTENSION_CONFIG"), istio);
        chain
    }

    /// Whether context, proxy version and port match.
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

    /// The chain without EnvoyFilters.
    fn unpatched(&self) -> Vec<Value> {
        let type_url = |name: &str| format!("type.googleapis.com/envoy.extensions.filters.{name}");
        // Replaces Istio's filter, because this Envoy has no Istio extensions. It does nothing.
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

/// Replaces Istio's filter under its name. It adds its name to a header of requests and responses.
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
        let modeled = ["HTTP_FILTER", "NETWORK_FILTER", "EXTENSION_CONFIG"];
        assert!(modeled.contains(&apply_to), "applyTo {apply_to} is not modeled");
    }
    patches
}

/// `INSERT_FIRST` ignores the filters of the chain. A patch without an anchor also goes first.
fn insert_network(chain: &mut Vec<Value>, patch: &Value, istio: &str) {
    let anchor = patch.pointer("/match/listener/filterChain/filter");
    let at = match (text(patch, "/patch/operation"), anchor) {
        ("INSERT_FIRST", _) | ("INSERT_BEFORE", None) => Some(0),
        ("INSERT_BEFORE", Some(anchor)) => chain.iter().position(|filter| filter["name"] == anchor["name"]),
        (operation, _) => panic!("the operation {operation} is not modeled"),
    };
    if let Some(at) = at {
        chain.insert(at, value(patch, istio));
    }
}

/// `INSERT_FIRST` needs only the network filter. `INSERT_BEFORE` does nothing if its anchor is missing.
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
        (operation, _) => panic!("the operation {operation} is not modeled"),
    };
    if let Some(at) = at {
        chain.insert(at, value(patch, istio));
    }
}

/// Replaces the filters that wait for extension discovery by what it serves. (tests/cluster shows how they wait.)
fn discover<'a>(chain: &mut [Value], served: impl Iterator<Item = &'a &'a Value> + Clone, istio: &str) {
    for filter in chain.iter_mut().filter(|filter| filter.get("config_discovery").is_some()) {
        let of_filter = |patch: &&&Value| patch["patch"]["value"]["name"] == filter["name"];
        let patch = served.clone().find(of_filter).unwrap_or_else(|| panic!("nothing is served for {filter}"));
        *filter = value(patch, istio);
    }
}

/// The filter of a patch as istiod passes it on. A typed message loses the fields that are unknown to istiod's Envoy API, a
/// TypedStruct does not.
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
        assert!(known.contains(&key.as_str()), "{key} is not modeled: {value}");
    }
}
