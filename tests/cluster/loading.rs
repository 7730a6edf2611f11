//! What a module that does not load does: each value of `load-failure` against each event, on a real istiod and real Envoys.
//!
//! The table is in docs/delivery.md. Each workload has one filter, and both have the name of the value of `load-failure`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::kubelet::{Connection, Pod, wait_until};
use crate::manifests::{build, find, of_kind};
use crate::pods::{demo_filter, deployment, service};
use crate::project::Project;
use crate::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_missing_file_at_the_start_and_a_good_push_later,
        a_bad_push_later_changes_nothing,
        a_new_configuration_on_an_open_connection,
        what_filters_call_is_a_cluster_of_the_proxy_once,
    ]
}

const LOADING: [&str; 3] = ["stop-rollout", "allow", "deny"];
/// The header that each filter adds to responses.
const HEADER: &str = "x-filtered";
const FILE: &str = "/var/local/lib/wasm-filters/";

/// The objects of a namespace with a workload and a filter for each value of `load-failure`.
fn objects(plane: &ControlPlane, namespace: &str) -> Vec<Value> {
    plane.create_namespace_with_pods(namespace).expect("a namespace");
    let project = Project::empty();
    let mut spec = format!("mesh = {{ namespace = '{namespace}', base = 'base' }}\n");
    let mut base = Vec::new();
    for loading in LOADING {
        spec.push_str(&format!(
            "[filters.{loading}]\nmodule = 'demo.wasm'\nload-failure = '{loading}'\n\
             config.response.add = {{ {HEADER} = 'one' }}\n[workloads.{loading}]\nfilters = ['{loading}']\n"
        ));
        base.extend([deployment(namespace, loading, 1), service(namespace, loading)]);
    }
    project.write("mesh.toml", spec);
    project.write("demo.wasm", demo_filter());
    project.write("base/base.json", json!({ "apiVersion": "v1", "kind": "List", "items": base }).to_string());
    project.write("base/kustomization.yaml", "resources: [base.json]\n");
    project.run(&["render"]).ends(0, &[]);
    build(&project.path("out"))
}

/// The EnvoyFilters with a part of their text replaced.
fn edited(objects: &[Value], from: &str, to: &str) -> Vec<Value> {
    let edit = |object: &Value| {
        let text = object.to_string();
        assert!(text.contains(from), "{text}");
        serde_json::from_str(&text.replace(from, to)).expect("JSON")
    };
    of_kind(objects, "EnvoyFilter").map(edit).collect()
}

fn filters(objects: &[Value]) -> Vec<Value> {
    of_kind(objects, "EnvoyFilter").cloned().collect()
}

fn pod(plane: &ControlPlane, namespace: &str, app: &str) -> Option<Arc<Pod>> {
    plane.kubelet().pods(namespace).into_iter().find(|pod| pod.label("app") == Some(app))
}

/// The status of a response, and the filter's header.
fn seen(pod: &Pod) -> Result<(u16, Option<String>), String> {
    let response = pod.get("/")?;
    Ok((response.status, response.header(HEADER).map(str::to_owned)))
}

#[track_caller]
fn wait_for(pod: &Pod, expected: (u16, Option<&str>)) {
    wait_until(&format!("{pod} responds {expected:?}"), || {
        let (status, header) = seen(pod)?;
        if (status, header.as_deref()) == expected { Ok(()) } else { Err(format!("{status} {header:?}")) }
    });
}

/// The rejected pushes of a filter, or of the listeners.
fn rejected(pod: &Pod, loading: &str) -> Result<u64, String> {
    let prefix = match loading {
        "stop-rollout" => "listener_manager.lds.update_rejected".to_owned(),
        _ => format!("extension_config_discovery.http_filter.wasm.{loading}.update_rejected"),
    };
    Ok(pod.stats(&prefix)?.get(&prefix).copied().unwrap_or_default())
}

fn a_missing_file_at_the_start_and_a_good_push_later(plane: &ControlPlane) {
    const NAMESPACE: &str = "loading-missing";
    let objects = objects(plane, NAMESPACE);
    // As if nobody had mounted the module.
    plane.apply(&edited(&objects, FILE, "/nowhere/")).expect("applied");
    let rest: Vec<Value> = objects.iter().filter(|object| object["kind"] != "EnvoyFilter").cloned().collect();
    plane.apply(&rest).expect("applied");

    let ready = |app: &str| {
        wait_until(&format!("a pod of {app} is ready"), || {
            pod(plane, NAMESPACE, app).filter(|pod| pod.is_ready()).ok_or("there is none".to_owned())
        })
    };
    let (allow, deny) = (ready("allow"), ready("deny"));
    wait_for(&allow, (200, None));
    wait_for(&deny, (403, None));
    let stop = wait_until("the listener is rejected", || {
        let pod = pod(plane, NAMESPACE, "stop-rollout").ok_or("there is no pod")?;
        if rejected(&pod, "stop-rollout")? > 0 { Ok(pod) } else { Err("not yet".to_owned()) }
    });
    assert!(!stop.is_ready());

    plane.apply(&filters(&objects)).expect("applied");
    for pod in [&allow, &deny, &stop] {
        wait_for(pod, (200, Some("one")));
    }
    let again = pod(plane, NAMESPACE, "allow").expect("the pod");
    assert_eq!(again.name(), allow.name(), "without a restart");
}

fn a_bad_push_later_changes_nothing(plane: &ControlPlane) {
    const NAMESPACE: &str = "loading-bad-push";
    let objects = objects(plane, NAMESPACE);
    plane.apply(&objects).expect("applied");
    plane.kubelet().ready_pods(NAMESPACE, 3);
    plane.apply(&edited(&objects, FILE, "/nowhere/")).expect("applied");
    for loading in LOADING {
        let pod = pod(plane, NAMESPACE, loading).expect("a pod");
        wait_until(&format!("{loading} rejects the push"), || {
            if rejected(&pod, loading)? > 0 { Ok(()) } else { Err("not yet".to_owned()) }
        });
        assert_eq!(seen(&pod), Ok((200, Some("one".to_owned()))), "{loading}");
    }
}

fn a_new_configuration_on_an_open_connection(plane: &ControlPlane) {
    const NAMESPACE: &str = "loading-configuration";
    let objects = objects(plane, NAMESPACE);
    plane.apply(&objects).expect("applied");
    plane.kubelet().ready_pods(NAMESPACE, 3);
    let pods = LOADING.map(|loading| pod(plane, NAMESPACE, loading).expect("a pod"));
    let mut connections: Vec<Connection> = pods.iter().map(|pod| pod.keep_alive().expect("a connection")).collect();
    let value = |connection: &mut Connection| {
        let response = connection.get("/").map_err(|error| error.to_string())?;
        Ok::<_, String>(response.header(HEADER).map(str::to_owned))
    };
    for connection in &mut connections {
        assert_eq!(value(connection), Ok(Some("one".to_owned())));
    }
    plane.apply(&edited(&objects, r#"{\"x-filtered\":\"one\"}"#, r#"{\"x-filtered\":\"two\"}"#)).expect("applied");
    for pod in &pods {
        wait_for(pod, (200, Some("two")));
    }
    // The listener was replaced: its connection keeps what it has until it is drained.
    assert_eq!(value(&mut connections[0]), Ok(Some("one".to_owned())));
    for connection in &mut connections[1..] {
        assert_eq!(value(connection), Ok(Some("two".to_owned())));
        assert!(!connection.is_closed());
    }
}

fn what_filters_call_is_a_cluster_of_the_proxy_once(plane: &ControlPlane) {
    const NAMESPACE: &str = "loading-clusters";
    const SPEC: &str = "mesh = { namespace = 'loading-clusters', base = 'base' }
        clusters.plain = { host = '10.0.0.9', port = 9000, http2 = true }
        clusters.tls = { host = 'audit.example.com', tls = true, timeout = '500ms' }
        defaults.filters = { module = 'demo.wasm', env = { A = '{{ cluster.plain }}', B = '{{ cluster.tls }}' } }
        filters.one = {}
        filters.two = {}
        workloads.web = { direction = 'any', filters = ['one', 'two'] }
        workloads.api.filters = ['one']\n";
    plane.create_namespace_with_pods(NAMESPACE).expect("a namespace");
    let project = Project::empty();
    let base: Vec<Value> =
        ["web", "api"].iter().flat_map(|app| [deployment(NAMESPACE, app, 1), service(NAMESPACE, app)]).collect();
    project.write("mesh.toml", SPEC);
    project.write("demo.wasm", demo_filter());
    project.write("base/base.json", json!({ "apiVersion": "v1", "kind": "List", "items": base }).to_string());
    project.write("base/kustomization.yaml", "resources: [base.json]\n");
    project.run(&["render"]).ends(0, &[]);
    let objects = build(&project.path("out"));
    find(&objects, "Deployment", (NAMESPACE, "web"));
    plane.apply(&objects).expect("applied");
    plane.kubelet().ready_pods(NAMESPACE, 2);
    let expected = [
        ("web", vec!["wasm.one.plain", "wasm.one.tls", "wasm.two.plain", "wasm.two.tls"]),
        ("api", vec!["wasm.one.plain", "wasm.one.tls"]),
    ];
    for (app, names) in expected {
        let pod = pod(plane, NAMESPACE, app).expect("a pod");
        let dump = pod.config_dump().expect("a configuration").to_string();
        for name in names {
            // Once in the list of clusters, and once in the cluster's own list of endpoints.
            let found = dump.matches(&format!("\"name\":\"{name}\"")).count();
            assert_eq!(found, 1, "{app}: {name}");
        }
        let stats = pod.stats("cluster_manager.cds.update_rejected").expect("statistics");
        assert_eq!(stats["cluster_manager.cds.update_rejected"], 0, "{app}");
    }
}
