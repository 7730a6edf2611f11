//! A filter in Envoy's chain as Istio's EnvoyFilter.

use super::{FLUX_NO_SUBSTITUTE, strings};
use crate::backend::envoy_filter::plan::{Capabilities, EnvoyFilter, FailureField, Plugin};
use crate::domain::OnFailure;
use crate::domain::{Direction, FilterType, Insert, Runtime};
use crate::resolve::mesh::Mesh;
use crate::yaml::{Node, map, seq};

/// Pruned last, when the rollout is through: until then the old pods still have the label that it selects.
const ARGO_SYNC: (&str, &str) = ("argocd.argoproj.io/sync-options", "PruneLast=true");
const HTTP_CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";
const ROUTER: &str = "envoy.filters.http.router";

pub(super) fn path(filter: &EnvoyFilter) -> String {
    format!("envoyfilters/{}/{}.yaml", filter.namespace, filter.name)
}

pub(super) fn tree(mesh: &Mesh, filter: &EnvoyFilter) -> Node {
    let EnvoyFilter { namespace, name, selector, priority, plugin, .. } = filter;
    let mut metadata = vec![("name", name.to_string().into()), ("namespace", namespace.to_string().into())];
    if !mesh.labels.is_empty() {
        metadata.push(("labels", strings(mesh.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))));
    }
    metadata.push(("annotations", strings([ARGO_SYNC, FLUX_NO_SUBSTITUTE].into_iter())));
    let labels = strings(selector.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let spec = map([
        ("workloadSelector", map([("labels", labels)])),
        ("priority", i64::from(*priority).into()),
        (
            "configPatches",
            seq(anchors(plugin.filter_type, filter.insert).iter().map(|anchor| config_patch(mesh, filter, *anchor))),
        ),
    ]);
    map([
        ("apiVersion", "networking.istio.io/v1alpha3".into()),
        ("kind", "EnvoyFilter".into()),
        ("metadata", map(metadata)),
        ("spec", spec),
    ])
}

/// The network filters that a patch is relative to, a patch each. A network chain ends in one of two: each chain matches one patch.
/// At a chain's head istiod looks at no network filter (istio/istio, pilot/pkg/networking/core/envoyfilter/listener_patch.go), so
/// each of two patches would match every chain and ours would stand in it twice.
fn anchors(filter_type: FilterType, insert: Insert) -> &'static [Option<&'static str>] {
    match (filter_type, insert) {
        (FilterType::Http, _) => &[Some(HTTP_CONNECTION_MANAGER)],
        (FilterType::Network, Insert::BeforeRouter) => &[Some(HTTP_CONNECTION_MANAGER), Some(TCP_PROXY)],
        (FilterType::Network, Insert::First) => &[None],
    }
}

fn config_patch(mesh: &Mesh, filter: &EnvoyFilter, anchor: Option<&'static str>) -> Node {
    let (apply_to, http) = match filter.plugin.filter_type {
        FilterType::Http => ("HTTP_FILTER", true),
        FilterType::Network => ("NETWORK_FILTER", false),
    };
    let context = match filter.direction {
        Direction::Inbound => "SIDECAR_INBOUND",
        Direction::Outbound => "SIDECAR_OUTBOUND",
        Direction::Gateway => "GATEWAY",
        Direction::Any => "ANY",
    };
    let mut listener = Vec::new();
    if let Some(port) = filter.port {
        listener.push(("portNumber", i64::from(port).into()));
    }
    if let Some(anchor) = anchor {
        let mut found = vec![("name", Node::from(anchor))];
        if http {
            found.push(("subFilter", map([("name", ROUTER.into())])));
        }
        listener.push(("filterChain", map([("filter", map(found))])));
    }
    let mut matched = vec![("context", context.into())];
    if let Some(version) = &mesh.proxy_version {
        matched.push(("proxy", map([("proxyVersion", version.clone().into())])));
    }
    if !listener.is_empty() {
        matched.push(("listener", map(listener)));
    }
    let operation = match filter.insert {
        Insert::BeforeRouter => "INSERT_BEFORE",
        Insert::First => "INSERT_FIRST",
    };
    let value =
        map([("name", filter.plugin.chain_name.clone().into()), ("typed_config", typed_config(&filter.plugin))]);
    map([
        ("applyTo", apply_to.into()),
        ("match", map(matched)),
        ("patch", map([("operation", operation.into()), ("value", value)])),
    ])
}

fn typed_config(plugin: &Plugin) -> Node {
    let type_url = match plugin.filter_type {
        FilterType::Http => "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        FilterType::Network => "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
    };
    let config = ("config", plugin_config(plugin));
    if plugin.stop_iteration.is_some_and(|field| field.typed_struct) {
        return map([
            ("@type", "type.googleapis.com/udpa.type.v1.TypedStruct".into()),
            ("type_url", type_url.into()),
            ("value", map([config])),
        ]);
    }
    map([("@type", type_url.into()), config])
}

/// `envoy.extensions.wasm.v3.PluginConfig`; a key that mesh.toml leaves out writes no field.
fn plugin_config(plugin: &Plugin) -> Node {
    let mut config = vec![("name", plugin.name.clone().into())];
    if let Some(root_id) = &plugin.root_id {
        config.push(("root_id", root_id.clone().into()));
    }
    if let Some(text) = &plugin.configuration {
        config.push(("configuration", string_value(text)));
    }
    match plugin.on_failure {
        Some(FailureField::Policy(policy)) => {
            let policy = match policy {
                OnFailure::Closed => "FAIL_CLOSED",
                OnFailure::Open => "FAIL_OPEN",
                OnFailure::Reload => "FAIL_RELOAD",
            };
            config.push(("failure_policy", policy.into()));
        }
        Some(FailureField::FailOpen(open)) => config.push(("fail_open", open.into())),
        None => {}
    }
    if let Some(field) = plugin.stop_iteration {
        config.push(("allow_on_headers_stop_iteration", field.allowed.into()));
    }
    if let Some(capabilities) = plugin.capabilities.as_ref().filter(|it| !it.in_vm_config) {
        config.push(restriction(capabilities));
    }
    config.push(("vm_config", vm_config(plugin)));
    map(config)
}

/// `envoy.extensions.wasm.v3.VmConfig`.
fn vm_config(plugin: &Plugin) -> Node {
    let runtime = match plugin.runtime {
        Runtime::V8 => "envoy.wasm.runtime.v8",
    };
    let local = map([("filename", plugin.filename.clone().into())]);
    let mut vm =
        vec![("vm_id", plugin.vm_id.clone().into()), ("runtime", runtime.into()), ("code", map([("local", local)]))];
    if let Some(text) = &plugin.vm_configuration {
        vm.push(("configuration", string_value(text)));
    }
    if let Some(allowed) = plugin.allow_precompiled {
        vm.push(("allow_precompiled", allowed.into()));
    }
    vm.extend(plugin.capabilities.as_ref().filter(|it| it.in_vm_config).map(restriction));
    let mut variables = Vec::new();
    if !plugin.env_from_host.is_empty() {
        variables.push(("host_env_keys", seq(plugin.env_from_host.iter().map(|name| Node::from(name.clone())))));
    }
    if !plugin.env.is_empty() {
        let entries = plugin.env.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        variables.push(("key_values", strings(entries)));
    }
    if !variables.is_empty() {
        vm.push(("environment_variables", map(variables)));
    }
    map(vm)
}

/// `envoy.extensions.wasm.v3.CapabilityRestrictionConfig`: names, each with an empty configuration.
fn restriction(capabilities: &Capabilities) -> (&'static str, Node) {
    let allowed = capabilities.allowed.iter().map(|name| (name.clone(), map::<String>([])));
    ("capability_restriction_config", map([("allowed_capabilities", map(allowed))]))
}

/// A text that the plugin gets as it is; a Struct would reach it as JSON that Envoy has written anew.
fn string_value(text: &str) -> Node {
    map([("@type", "type.googleapis.com/google.protobuf.StringValue".into()), ("value", text.to_owned().into())])
}
