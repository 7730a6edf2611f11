//! What the kubelet reads of a pod.

use serde_json::Value;

/// The port of an app that declares none.
const DEFAULT_PORT: u16 = 8080;

pub(super) fn text<'a>(pod: &'a Value, field: &str) -> &'a str {
    pod["metadata"][field].as_str().unwrap_or_default()
}

/// The container of the proxy: a native sidecar, or a container beside the app.
pub(super) fn proxy(pod: &Value) -> Option<&Value> {
    let containers = ["initContainers", "containers"].into_iter().flat_map(|list| items(&pod["spec"][list]));
    containers.into_iter().find(|container| container["name"] == "istio-proxy")
}

/// Whether the proxy is all that the pod consists of.
pub(super) fn is_gateway(pod: &Value) -> bool {
    items(&pod["spec"]["containers"]).all(|container| container["name"] == "istio-proxy")
}

/// What the proxy is, as pilot-agent takes it from its arguments: `sidecar`, `router` or `waypoint`.
pub(super) fn role(pod: &Value) -> &str {
    proxy(pod).and_then(|proxy| proxy["args"][1].as_str()).unwrap_or("sidecar")
}

/// The TCP ports of the app. A gateway has none.
pub(super) fn ports(pod: &Value) -> Vec<u16> {
    let apps = items(&pod["spec"]["containers"]).filter(|container| container["name"] != "istio-proxy");
    let ports = apps.flat_map(|app| items(&app["ports"])).filter(|port| port["protocol"] != "UDP");
    let mut ports: Vec<_> =
        ports.filter_map(|port| port["containerPort"].as_u64().and_then(|port| u16::try_from(port).ok())).collect();
    if ports.is_empty() && !is_gateway(pod) {
        ports.push(DEFAULT_PORT);
    }
    ports
}

/// The volume mounts of the proxy: volume, options, path, path in the volume. A mount follows those that contain it, as in
/// containers of containerd.
pub(super) fn proxy_mounts(pod: &Value) -> Vec<(&str, &'static str, &str, Option<&str>)> {
    let mounts = proxy(pod).into_iter().flat_map(|proxy| items(&proxy["volumeMounts"]));
    let mut mounts: Vec<_> = mounts
        .filter_map(|mount| {
            let options = if mount["readOnly"] == true { "bind,ro" } else { "bind" };
            Some((mount["name"].as_str()?, options, mount["mountPath"].as_str()?, mount["subPath"].as_str()))
        })
        .collect();
    mounts.sort_by_key(|(_, _, path, _)| path.split('/').count());
    mounts
}

/// The items of a list that may be missing.
pub(super) fn items(list: &Value) -> std::slice::Iter<'_, Value> {
    list.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}
