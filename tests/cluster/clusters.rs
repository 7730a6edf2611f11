//! The clusters that filters call, in real sidecars.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::manifests::build;
use crate::pods::{demo_filter, deployment, service};
use crate::project::Project;
use crate::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![what_filters_call_is_a_cluster_of_the_proxy_once]
}

fn what_filters_call_is_a_cluster_of_the_proxy_once(plane: &ControlPlane) {
    const NAMESPACE: &str = "clusters";
    const SPEC: &str = "mesh = { namespace = 'clusters', base = 'base' }
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
    plane.apply(&objects).expect("applied");
    let pods = plane.kubelet().ready_pods(NAMESPACE, 2);
    let expected = [
        ("web", vec!["wasm.one.plain", "wasm.one.tls", "wasm.two.plain", "wasm.two.tls"]),
        ("api", vec!["wasm.one.plain", "wasm.one.tls"]),
    ];
    for (app, names) in expected {
        let pod = pods.iter().find(|pod| pod.label("app") == Some(app)).expect("a pod");
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
