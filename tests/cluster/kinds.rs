//! Workloads of every kind, with volumes, mounts and annotations of their own, reach the cluster with all of it and with ours.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::manifests::{build, find, name};
use crate::project::{Project, module};
use crate::{Test, examples, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        every_kind_gets_its_filters,
        every_kind_gets_its_filters_without_the_gate,
        every_kind_gets_its_filters_from_objects_of_its_own,
    ]
}

const SPEC: &str = r#"[mesh]
namespace = "shop"
base = "base"

[filters.one]
module = "one.wasm"

[filters.two]
module = "two.wasm"
config = { level = "low" }

[workloads.web]
selector = { app = "web" }
filters = ["one", "two"]
wasm-log-level = "debug"
volumes = [{ name = "geoip", configMap = { name = "geoip" } }]
volume-mounts = [{ name = "geoip", mountPath = "/var/local/lib/geoip", readOnly = true }]

[workloads.db]
kind = "StatefulSet"
selector = { app = "db" }
filters = ["two", "one"]

[workloads.agent]
kind = "DaemonSet"
selector = { app = "agent" }
filters = [{ filter = "two", config = { level = "high" } }]

[workloads.checkout]
kind = "Rollout"
selector = { app = "checkout" }
filters = ["one"]

[workloads.edge]
selector = { app = "edge" }
direction = "gateway"
mount = "container"
filters = ["one"]
"#;

/// The template of a workload with everything that could get lost.
fn template(app: &str) -> Value {
    let mount = |name: &str, path: &str| json!({ "name": name, "mountPath": path });
    json!({
        "metadata": {
            "labels": { "app": app, "version": "v1" },
            "annotations": { "proxy.istio.io/config": "concurrency: 3", "team": "shop" },
        },
        "spec": {
            "serviceAccountName": "shop",
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "ports": [{ "name": "http", "containerPort": 8080 }],
                    "volumeMounts": [mount("data", "/data"), mount("settings", "/etc/app")],
                },
                { "name": "helper", "image": "helper:1", "volumeMounts": [mount("data", "/data")] },
            ],
            "initContainers": [{ "name": "migrate", "image": "migrate:1", "volumeMounts": [mount("data", "/data")] }],
            "volumes": [
                { "name": "data", "emptyDir": {} },
                { "name": "settings", "projected": { "sources": [{ "configMap": { "name": "settings" } }] } },
            ],
        },
    })
}

fn gateway() -> Value {
    json!({
        "metadata": {
            "labels": { "app": "edge", "sidecar.istio.io/inject": "true" },
            "annotations": { "inject.istio.io/templates": "gateway" },
        },
        "spec": { "containers": [{ "name": "istio-proxy", "image": "auto" }] },
    })
}

/// A workload, selected by its label app.
fn workload(api_version: &str, kind: &str, app: &str, template: Value, more: Value) -> Value {
    let mut spec = json!({ "selector": { "matchLabels": { "app": app } }, "template": template });
    if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
        spec.extend(more);
    }
    let metadata = json!({ "name": app, "namespace": "shop" });
    json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec })
}

fn base() -> Vec<Value> {
    let rolling = json!({ "strategy": { "canary": { "steps": [{ "setWeight": 50 }] } } });
    let mut edge = workload("apps/v1", "Deployment", "edge", gateway(), json!({}));
    edge["spec"]["selector"]["matchLabels"] = json!({ "app": "edge" });
    vec![
        workload("apps/v1", "Deployment", "web", template("web"), json!({ "replicas": 2 })),
        workload("apps/v1", "StatefulSet", "db", template("db"), json!({ "serviceName": "db" })),
        workload("apps/v1", "DaemonSet", "agent", template("agent"), json!({})),
        workload("argoproj.io/v1alpha1", "Rollout", "checkout", template("checkout"), rolling),
        edge,
    ]
}

/// What kustomize makes of the base and what mesh-compile renders.
fn merged(more: &str) -> Vec<Value> {
    let project = Project::empty();
    project.write("one.wasm", module(1));
    project.write("two.wasm", module(2));
    project.write("mesh.toml", format!("{SPEC}{more}"));
    project.write("base/kustomization.yaml", "resources: [all.json]\n");
    project.write("base/all.json", json!({ "apiVersion": "v1", "kind": "List", "items": base() }).to_string());
    project.run(&["render"]).ends(0, &[]);
    build(&project.path("out"))
}

/// Asserts that the objects are accepted, the filters delivered, and the workloads otherwise as in the base.
fn check(plane: &ControlPlane, more: &str) {
    let objects = merged(more);
    examples::check(plane, &objects);
    for workload in base() {
        let kind = workload["kind"].as_str().expect("a kind");
        let mut found = find(&objects, kind, ("shop", name(&workload))).clone();
        let added = found["spec"]["template"].take();
        let mut without = workload.clone();
        let template = without["spec"]["template"].take();
        assert_eq!(found, without);
        let annotations = template["metadata"]["annotations"].as_object().expect("annotations");
        for (key, value) in annotations {
            assert_eq!(added["metadata"]["annotations"][key], *value);
        }
    }
}

fn every_kind_gets_its_filters(plane: &ControlPlane) {
    check(plane, "");
}

fn every_kind_gets_its_filters_without_the_gate(plane: &ControlPlane) {
    check(plane, "[rollout]\ngate = \"none\"\n");
}

fn every_kind_gets_its_filters_from_objects_of_its_own(plane: &ControlPlane) {
    check(plane, "[output]\nenvoy-filters = \"per-workload\"\n");
}
