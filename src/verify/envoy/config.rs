//! Envoy's configuration: the bootstrap, and the listeners and clusters that Envoy reads from files while it runs.

use std::net::SocketAddr;

use camino::Utf8Path;
use mesh_compile_host::envoy_texts::{VIRTUAL_HOST, WORKLOAD_CLUSTER};
use serde_json::{Value, json};

use super::discovery;
use crate::domain::{Direction, FilterType};
use crate::objects::{self, PluginConfig, TypedConfig, Wasm};
use crate::verify::subject::{ChainEntry, Plugin};

/// The listener that responds by itself. Its responses show when the worker has processed earlier data.
pub(super) const MARKER: &str = "mesh-compile-marker";
const HTTP_CONNECTION_MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const ACCESS_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
const PROTOCOL: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Paths in the engine's directory.
pub(super) struct Paths<'a>(pub(super) &'a Utf8Path);

impl Paths<'_> {
    pub(super) fn file(&self, name: &str) -> String {
        self.0.join(name).into_string()
    }

    /// A module's file, named by its digest.
    pub(super) fn module(&self, plugin: &Plugin) -> String {
        self.file(&format!("{}.wasm", plugin.module.digest))
    }
}

/// `(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32)
/// i32.const 0))`
pub(super) const SMALLEST: &[u8] = b"\0asm\x01\0\0\0\x01\x09\x02\x60\0\0\x60\x01\x7f\x01\x7f\x03\x03\x02\0\x01\x05\x03\x01\0\x01\x07\x2d\x03\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\x06malloc\0\x01\x0a\x09\x02\x02\0\x0b\x04\0A\0\x0b";

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn free_port() -> Value {
    address(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// The bootstrap. It contains the workload's cluster, which never changes.
pub(super) fn bootstrap(paths: &Paths<'_>, workload: SocketAddr) -> Value {
    let file = |name: &str| json!({ "path_config_source": { "path": paths.file(name) }, "resource_api_version": "V3" });
    let marker = json!({
        "@type": HTTP_CONNECTION_MANAGER,
        "stat_prefix": MARKER,
        "stream_idle_timeout": "0s",
        "route_config": { "virtual_hosts": [{
            "name": MARKER,
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 204 } }],
        }] },
        "http_filters": [router()],
    });
    json!({
        "node": { "id": "mesh-compile", "cluster": "mesh-compile" },
        "admin": { "address": free_port() },
        "dynamic_resources": { "lds_config": file("lds.json"), "cds_config": file("cds.json") },
        "static_resources": {
            "listeners": [{
                "name": MARKER,
                "address": free_port(),
                "filter_chains": [{ "filters": [connection_manager(marker)] }],
            }],
            "clusters": [cluster(WORKLOAD_CLUSTER, workload, false)],
        },
    })
}

/// The content of a file of resources. Envoy reads the file again when it is replaced.
pub(super) fn resources(type_url: &str, resources: Vec<Value>) -> Value {
    let typed = resources.into_iter().map(|mut resource| {
        resource["@type"] = type_url.into();
        resource
    });
    json!({ "resources": typed.collect::<Vec<_>>() })
}

/// A cluster with one endpoint, which speaks HTTP/1.1 or, for gRPC, HTTP/2.
pub(super) fn cluster(name: &str, endpoint: SocketAddr, http2: bool) -> Value {
    let protocol = if http2 {
        json!({ "http2_protocol_options": {} })
    } else {
        json!({ "http_protocol_options": { "enable_trailers": true } })
    };
    let options = json!({
        "@type": format!("type.googleapis.com/{PROTOCOL}"),
        "explicit_http_config": protocol,
        // A filter may make a body longer than its content-length. The excess must not be parsed as the next request.
        "common_http_protocol_options": { "max_requests_per_connection": 1 },
    });
    let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address(endpoint) } }] }]);
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": { PROTOCOL: options },
        "load_assignment": { "cluster_name": name, "endpoints": endpoints },
    })
}

/// A listener like istiod's inbound ones, as far as filters can see. `chains`: network, HTTP.
pub(super) fn listener(name: &str, direction: Direction, chains: [&[&ChainEntry]; 2], paths: &Paths<'_>) -> Value {
    let wasm = |entry: &&ChainEntry| {
        if discovery::is_discovered(entry) { discovery::filter(entry, paths) } else { inline(entry, paths) }
    };
    listener_with(name, direction, chains, &wasm, paths)
}

/// The same, with the configuration of every filter in the listener: it shows at once whether Envoy accepts it.
pub(super) fn inline_listener(
    name: &str,
    direction: Direction,
    chains: [&[&ChainEntry]; 2],
    paths: &Paths<'_>,
) -> Value {
    listener_with(name, direction, chains, &|entry| inline(entry, paths), paths)
}

fn inline(entry: &ChainEntry, paths: &Paths<'_>) -> Value {
    filter(&entry.plugin.chain_name, entry.chain, plugin_config(&entry.plugin, paths))
}

fn listener_with(
    name: &str,
    direction: Direction,
    chains: [&[&ChainEntry]; 2],
    wasm: &dyn Fn(&&ChainEntry) -> Value,
    paths: &Paths<'_>,
) -> Value {
    let [network, http] = chains.map(|chain| chain.iter().map(wasm).collect());
    let mut listener = listener_of(name, network, http, paths);
    listener["traffic_direction"] = match direction {
        Direction::Inbound | Direction::Any => "INBOUND",
        Direction::Outbound | Direction::Gateway => "OUTBOUND",
    }
    .into();
    listener
}

/// A listener with the module [`SMALLEST`], which is in `file`.
pub(super) fn listener_to_try(name: &str, file: &str, paths: &Paths<'_>) -> Value {
    let mut config = PluginConfig { name: name.to_owned(), ..PluginConfig::default() };
    file.clone_into(&mut config.vm_config.code.local.filename);
    listener_of(name, Vec::new(), vec![filter(name, FilterType::Http, config)], paths)
}

fn listener_of(name: &str, mut filters: Vec<Value>, mut http_filters: Vec<Value>, paths: &Paths<'_>) -> Value {
    http_filters.push(router());
    let manager = json!({
        "@type": HTTP_CONNECTION_MANAGER,
        "stat_prefix": name,
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": false,
        "use_remote_address": false,
        "stream_idle_timeout": "0s",
        "http_protocol_options": { "enable_trailers": true },
        "access_log": [{
            "name": "file",
            "typed_config": {
                "@type": ACCESS_LOG,
                "path": paths.file("access"),
                "log_format": { "text_format_source": { "inline_string": "%RESPONSE_CODE_DETAILS%\n" } },
            },
        }],
        "route_config": { "name": "default", "virtual_hosts": [{
            "name": VIRTUAL_HOST,
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": WORKLOAD_CLUSTER, "timeout": "0s" } }],
        }] },
        "http_filters": http_filters,
    });
    filters.push(connection_manager(manager));
    json!({ "name": name, "address": free_port(), "filter_chains": [{ "filters": filters }] })
}

fn connection_manager(config: Value) -> Value {
    json!({ "name": objects::HTTP_CONNECTION_MANAGER, "typed_config": config })
}

fn router() -> Value {
    json!({ "name": objects::ROUTER, "typed_config": { "@type": ROUTER } })
}

pub(super) fn filter(name: &str, filter_type: FilterType, config: PluginConfig) -> Value {
    let wasm = Wasm { config };
    let typed_config = match filter_type {
        FilterType::Http => TypedConfig::HttpWasm(wasm),
        FilterType::Network => TypedConfig::NetworkWasm(wasm),
    };
    json!({ "name": name, "typed_config": typed_config })
}

/// The rendered configuration, with the path of the module in the engine's directory.
pub(super) fn plugin_config(plugin: &Plugin, paths: &Paths<'_>) -> PluginConfig {
    let mut config = plugin.config.clone();
    config.vm_config.code.local.filename = paths.module(plugin);
    // Deprecated in this place since Envoy 1.40, but older versions read it nowhere else.
    let of_vm = config.vm_config.capability_restriction_config.take();
    config.capability_restriction_config = of_vm.or(config.capability_restriction_config);
    config
}
