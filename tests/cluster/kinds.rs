//! Workloads of every kind, with volumes, mounts and annotations of their own, reach the cluster with all of it and with ours.

use serde_json::{Map, Value, json};

use crate::control_plane::ControlPlane;
use crate::manifests::{build, entries, find, name, string, templates};
use crate::project::{Project, module};
use crate::{Test, delivery, examples, tests};

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
filters = ["one", "two"]
wasm-log-level = "debug"
volumes = [{ name = "geoip", configMap = { name = "geoip" } }]
volume-mounts = [{ name = "geoip", mountPath = "/var/local/lib/geoip", readOnly = true }]

[workloads.db]
filters = ["two", "one"]

[workloads.agent]
filters = [{ filter = "two", config = { level = "high" } }]

[workloads.checkout]
filters = ["one"]

# Patched in the Deployment that it refers to.
[workloads.canary]
kind = "Rollout"
filters = ["one"]

[workloads.report]
selector = { app = "report" }
direction = "outbound"
filters = ["one"]

[workloads.greeter]
kind = "KnativeService"
selector = { app = "greeter" }
filters = ["two"]

[workloads.edge]
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

/// A template with entries of its own for the sidecar.
fn annotated(app: &str, volumes: &str, mounts: &str) -> Value {
    let mut template = template(app);
    let annotations = &mut template["metadata"]["annotations"];
    annotations[VOLUMES] = volumes.into();
    annotations[MOUNTS] = mounts.into();
    annotations[LOG_LEVELS] = "misc:error".into();
    template
}

const VOLUMES: &str = "sidecar.istio.io/userVolume";
const MOUNTS: &str = "sidecar.istio.io/userVolumeMount";
const LOG_LEVELS: &str = "sidecar.istio.io/componentLogLevel";

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
    object(api_version, kind, app, spec)
}

fn object(api_version: &str, kind: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({ "name": name, "namespace": "shop" });
    json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec })
}

fn base() -> Vec<Value> {
    let rolling = json!({ "strategy": { "canary": { "steps": [{ "setWeight": 50 }] } } });
    let referring = json!({ "workloadRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "canary" } });
    let list = annotated(
        "web",
        r#"[{"name": "certificates", "secret": {"secretName": "web", "defaultMode": 256}}]"#,
        r#"[{"name": "certificates", "mountPath": "/etc/certificates", "readOnly": true}]"#,
    );
    let map = annotated(
        "db",
        r#"{"certificates": {"secret": {"secretName": "db"}}}"#,
        r#"{"certificates": {"mountPath": "/etc/certificates"}}"#,
    );
    let mut canary = workload("argoproj.io/v1alpha1", "Rollout", "canary", Value::Null, rolling.clone());
    let spec = canary["spec"].as_object_mut().expect("a map");
    spec.remove("template");
    spec.extend(referring.as_object().expect("a map").clone());
    let mut job = template("report");
    job["spec"]["restartPolicy"] = "Never".into();
    let job = json!({ "schedule": "0 0 * * *", "jobTemplate": { "spec": { "template": job } } });
    let container = json!({ "name": "user-container", "image": "app:1", "ports": [{ "containerPort": 8080 }] });
    let greeter = json!({ "metadata": { "labels": { "app": "greeter" } }, "spec": { "containers": [container] } });
    vec![
        workload("apps/v1", "Deployment", "web", list, json!({ "replicas": 2 })),
        workload("apps/v1", "StatefulSet", "db", map, json!({ "serviceName": "db" })),
        workload("apps/v1", "DaemonSet", "agent", template("agent"), json!({})),
        workload("argoproj.io/v1alpha1", "Rollout", "checkout", template("checkout"), rolling),
        canary,
        workload("apps/v1", "Deployment", "canary", template("canary"), json!({ "replicas": 0 })),
        object("batch/v1", "CronJob", "report", job),
        object("serving.knative.dev/v1", "Service", "greeter", json!({ "template": greeter })),
        workload("apps/v1", "Deployment", "edge", gateway(), json!({})),
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
    assert_eq!(examples::check(plane, &objects), 10);
    for before in base() {
        let kind = before["kind"].as_str().expect("a kind");
        let after = find(&objects, kind, ("shop", name(&before)));
        let (old, new) = (annotations(&before), annotations(after));
        for (key, value) in &old {
            let is_kept = match key.as_str() {
                VOLUMES | MOUNTS => is_merged(value, &new[key]),
                LOG_LEVELS => string(&new[key]).contains(string(value)),
                _ => new[key] == *value,
            };
            assert!(is_kept, "{key} of {kind} {}: {} -> {}", name(&before), value, new[key]);
        }
        assert_eq!(without_ours(after), without_ours(&before));
    }
}

/// Whether an annotation with entries contains those of another one.
fn is_merged(before: &Value, after: &Value) -> bool {
    let entries = |text: &Value| delivery::entries_of(string(text));
    let after = entries(after);
    entries(before).iter().all(|entry| after.contains(entry))
}

fn annotations(object: &Value) -> Map<String, Value> {
    let templates = templates(std::slice::from_ref(object));
    templates.first().map(|(_, template)| entries(&template["metadata"]["annotations"]).clone()).unwrap_or_default()
}

/// The object without what a patch may change.
fn without_ours(object: &Value) -> Value {
    let mut object = object.clone();
    let path = if object["kind"] == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    let Some(template) = object.pointer_mut(path) else { return object };
    template["metadata"]["annotations"].take();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.retain(|key, _| !key.starts_with("wasm.mesh-compile.dev/"));
    }
    if name(&object) == "edge" {
        // The filters of a gateway are mounted into its own container.
        object.pointer_mut("/spec/template/spec").expect("a spec").take();
    }
    object
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
