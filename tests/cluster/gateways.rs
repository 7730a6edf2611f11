//! Filters in the pods that istiod creates for Gateways of the Gateway API.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::kubelet::{Pod, WITHOUT_CLUSTERS, wait_until};
use crate::manifests::{build, entries};
use crate::pods::{demo_filter, service};
use crate::project::Project;
use crate::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_gateway_runs_filters_and_keeps_its_parameters, a_waypoint_runs_filters]
}

/// The port of the gateway.
const PORT: u16 = 8081;

fn gateway(namespace: &str, name: &str, class: &str, listener: Value) -> Value {
    let mut spec = json!({ "gatewayClassName": class, "listeners": [listener] });
    spec["infrastructure"]["labels"] = json!({ "team": "edge" });
    let metadata = json!({ "name": name, "namespace": namespace });
    json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec })
}

/// A project over the base, and its files as kustomize builds them.
fn rendered(spec: &str, base: &[Value]) -> (Project, Vec<Value>) {
    let project = Project::empty();
    project.write("mesh.toml", spec);
    project.write("demo.wasm", demo_filter());
    project.write("base/base.json", json!({ "apiVersion": "v1", "kind": "List", "items": base }).to_string());
    project.write("base/kustomization.yaml", "resources: [base.json]\n");
    project.run(&["render"]).ends(0, &[]);
    let objects = build(&project.path("out"));
    (project, objects)
}

/// The only pod of a Gateway, ready.
fn ready(plane: &ControlPlane, namespace: &str) -> std::sync::Arc<Pod> {
    let mut pods = plane.kubelet().ready_pods(namespace, 1);
    pods.pop().expect("a pod")
}

fn a_gateway_runs_filters_and_keeps_its_parameters(plane: &ControlPlane) {
    const NAMESPACE: &str = "gateway-api";
    const SPEC: &str = "mesh = { namespace = 'gateway-api', base = 'base' }
        filters.demo = { module = 'demo.wasm', config.response.add.x-filtered = 'yes' }
        workloads.public = { stats = true, wasm-log-level = 'debug', filters = ['demo'] }\n";
    plane.create_namespace_with_pods(NAMESPACE).expect("a namespace");
    let listener = json!({ "name": "http", "port": PORT, "protocol": "HTTP" });
    let mut public = gateway(NAMESPACE, "public", "istio", listener);
    public["spec"]["infrastructure"]["parametersRef"] = json!({ "group": "", "kind": "ConfigMap", "name": "options" });
    let deployment = "spec:\n  template:\n    metadata:\n      annotations: { own: kept }\n    spec:\n      volumes:\n      \
                      - { name: own, emptyDir: {} }\n      containers:\n      - name: istio-proxy\n        volumeMounts:\n        \
                      - { name: own, mountPath: /own }\n";
    let options = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "options", "namespace": NAMESPACE },
        "data": { "deployment": deployment, "service": "spec: { type: ClusterIP }\n" },
    });
    let redirect =
        json!({ "type": "RequestRedirect", "requestRedirect": { "hostname": "example.com", "statusCode": 302 } });
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": { "name": "all", "namespace": NAMESPACE },
        "spec": { "parentRefs": [{ "name": "public" }], "rules": [{ "filters": [redirect] }] },
    });
    let base = [public, options, route];
    plane.apply(&base).expect("applied");
    let before = ready(plane, NAMESPACE);
    let response = |pod: &Pod| pod.connect(PORT)?.get("/").map_err(|error| error.to_string());
    let plain = wait_until("the gateway redirects", || {
        response(&before).and_then(|it| (it.status == 302).then_some(it).ok_or_else(String::new))
    });
    assert_eq!(plain.header("x-filtered"), None);

    let (project, objects) = rendered(SPEC, &base);
    plane.apply(&objects).expect("applied");
    plane.kubectl(&["-n", NAMESPACE, "rollout", "status", "deployment/public-istio", "--timeout=60s"], "").ends(0, &[]);
    let after = wait_until("the gateway's pods are replaced", || {
        let pods = plane.kubelet().pods(NAMESPACE);
        let new = pods.iter().find(|pod| pod.name() != before.name() && pod.is_ready()).cloned();
        new.ok_or_else(|| plane.kubelet().describe(&pods))
    });
    let filtered = wait_until("the gateway redirects", || {
        response(&after).and_then(|it| (it.status == 302).then_some(it).ok_or_else(String::new))
    });
    assert_eq!(filtered.header("x-filtered"), Some("yes"));

    // What the base itself sets is still there, and what istiod adds.
    let get = |kind: &str, name: &str| -> Value {
        let found = plane.kubectl(&["-n", NAMESPACE, "get", kind, name, "-o", "json"], "").success().expect(name);
        serde_json::from_str(&found).expect("JSON")
    };
    assert_eq!(get("service", "public-istio")["spec"]["type"], "ClusterIP");
    let template = &get("deployment", "public-istio")["spec"]["template"];
    let annotations = &template["metadata"]["annotations"];
    assert_eq!(annotations["own"], "kept");
    assert_eq!(annotations["sidecar.istio.io/statsInclusionPrefixes"], "extension_config_discovery,wasmcustom");
    let labels: Vec<&str> = entries(&template["metadata"]["labels"]).keys().map(String::as_str).collect();
    assert!(labels.contains(&"team") && labels.contains(&"wasm.mesh-compile.dev/demo"), "{labels:?}");
    let proxy = &template["spec"]["containers"][0];
    let paths: Vec<&str> =
        proxy["volumeMounts"].as_array().expect("mounts").iter().filter_map(|it| it["mountPath"].as_str()).collect();
    assert!(paths.contains(&"/own") && paths.contains(&"/var/local/lib/wasm-filters"), "{paths:?}");
    let arguments = proxy["args"].to_string();
    assert!(arguments.contains(r#""--proxyComponentLogLevel","misc:error,wasm:debug""#), "{arguments}");

    // What is in the cluster is as good a base as the manifests.
    let live = plane.kubectl(&["-n", NAMESPACE, "get", "gateways,configmaps,envoyfilters", "-o", "json"], "").success();
    project.write("live.json", live.expect("the objects"));
    let paths = ["configmaps/gateway-api/public-gateway-parameters.yaml", "patches/gateway-api/gateway-public.yaml"];
    let read = || paths.map(|path| std::fs::read_to_string(project.path("out").join(path)).expect(path));
    let before = read();
    project.run(&["render", "--base", "live.json"]).ends(0, &[]);
    assert_eq!(read(), before);
}

/// An EnvoyFilter that removes a filter of Istio's own, which the Envoy of the tests does not have.
fn without(filter: &str, namespace: &str, waypoint: &str) -> Value {
    let sub_filter = json!({ "name": filter });
    let chain = json!({ "name": "envoy.filters.network.http_connection_manager", "subFilter": sub_filter });
    let patch = json!({
        "applyTo": "HTTP_FILTER",
        "match": { "context": "SIDECAR_INBOUND", "listener": { "filterChain": { "filter": chain } } },
        "patch": { "operation": "REMOVE" },
    });
    let target = json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": waypoint });
    json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": { "name": "without", "namespace": namespace },
        "spec": { "targetRefs": [target], "configPatches": [patch] },
    })
}

/// A waypoint takes connections with mutual TLS only, whose certificates the tests lack. So its configuration is what counts. The
/// pods of one waypoint do without clusters, the others do not get beyond them.
fn a_waypoint_runs_filters(plane: &ControlPlane) {
    const NAMESPACE: &str = "waypoint";
    const SPEC: &str = "mesh = { namespace = 'waypoint', base = 'base' }
        clusters.auth.service = 'auth.waypoint.svc.cluster.local:80'
        clusters.audit.host = '10.0.0.9'
        filters.demo = { module = 'demo.wasm', load-failure = 'deny', env = { A = '{{ cluster.auth }}', B = '{{ cluster.audit }}' } }
        workloads.listeners.filters = ['demo']
        workloads.clusters.filters = ['demo']\n";
    plane.create_namespace_with_pods(NAMESPACE).expect("a namespace");
    let waypoint = |name: &str| {
        let listener = json!({ "name": "mesh", "port": 15008, "protocol": "HBONE" });
        gateway(NAMESPACE, name, "istio-waypoint", listener)
    };
    let mut listeners = waypoint("listeners");
    listeners["spec"]["infrastructure"]["labels"] = json!({ WITHOUT_CLUSTERS: "" });
    let (_project, objects) = rendered(SPEC, &[listeners, waypoint("clusters"), service(NAMESPACE, "auth")]);
    plane.apply(&objects).expect("applied");
    plane.apply(&[without("waypoint_upstream_peer_metadata", NAMESPACE, "listeners")]).expect("applied");
    let pod = |name: &str| {
        let pods = plane.kubelet().pods(NAMESPACE);
        let pod = pods.iter().find(|pod| pod.label("gateway.networking.k8s.io/gateway-name") == Some(name)).cloned();
        pod.ok_or_else(|| plane.kubelet().describe(&pods))
    };
    wait_until("the waypoint has loaded its filter", || {
        let pod = pod("listeners")?;
        let loaded = pod.stats("extension_config_discovery.http_filter.wasm.demo.config_reload")?;
        let dump = pod.config_dump()?.to_string();
        let is_in_listener = dump.contains(r#""name":"main_internal""#) && dump.contains(r#""name":"wasm.demo""#);
        let is_loaded = loaded.values().any(|count| *count > 0);
        if is_in_listener && is_loaded { Ok(()) } else { Err(format!("{loaded:?}: {}", pod.log())) }
    });
    wait_until("the waypoint has the clusters of its filter", || {
        let dump = plane.sent_to(&*pod("clusters")?)?.to_string();
        let expected = ["outbound|80||auth.waypoint.svc.cluster.local", "wasm.demo.audit"];
        let missing = expected.iter().find(|name| !dump.contains(&format!(r#""name":"{name}""#)));
        missing.map_or(Ok(()), |name| Err(format!("{name} is missing: {dump}")))
    });
}
