//! What the rendered objects do in real sidecars, on pods that the kubelet of the tests runs.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::kubelet::{Pod, wait_until};
use crate::manifests::{build, entries, find, name, of_kind};
use crate::project::{Project, repository};
use crate::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_filter_acts_on_the_requests_of_labelled_pods_only,
        a_pod_waits_for_the_config_map_of_its_module,
        a_pod_without_the_module_never_gets_ready_and_the_old_one_serves,
        a_module_comes_from_a_volume_of_any_type,
    ]
}

/// The header that the filter adds, and its value.
const HEADER: (&str, &str) = ("x-filtered", "yes");

const SPEC: &str = r#"[mesh]
namespace = "NAMESPACE"
base = "base"

[filters.demo]
module = "demo.wasm"
config.response.add = { x-filtered = "yes" }

[workloads.web]
filters = ["demo"]
"#;

/// The objects of a project with the demo filter on the Deployment `web`, in a namespace whose pods run.
fn rendered(plane: &ControlPlane, namespace: &str, base: &[Value]) -> Vec<Value> {
    plane.create_namespace_with_pods(namespace).expect("a namespace");
    let project = Project::empty();
    project.write("mesh.toml", SPEC.replace("NAMESPACE", namespace));
    project.write("demo.wasm", demo_filter());
    project.write("base/base.json", json!({ "apiVersion": "v1", "kind": "List", "items": base }).to_string());
    project.write("base/kustomization.yaml", "resources: [base.json]\n");
    project.run(&["render"]).ends(0, &[]);
    build(&project.path("out"))
}

pub(crate) fn demo_filter() -> Vec<u8> {
    std::fs::read(repository().join("filter/example-filter.wasm")).expect("the demo filter")
}

/// Labels a pod template by hand, so that an EnvoyFilter selects its pods.
fn add_labels(metadata: &mut Value, filter: &Value) {
    for (key, value) in entries(&filter["spec"]["workloadSelector"]["labels"]) {
        metadata["labels"][key] = value.clone();
    }
}

/// A Deployment of an app on port 8080.
pub(crate) fn deployment(namespace: &str, name: &str, replicas: usize) -> Value {
    let labels = json!({ "app": name });
    let container = json!({ "name": "app", "image": "app:1", "ports": [{ "containerPort": 8080 }] });
    let template = json!({ "metadata": { "labels": labels }, "spec": { "containers": [container] } });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "replicas": replicas, "selector": { "matchLabels": labels }, "template": template },
    })
}

/// The Service of all apps of a namespace.
pub(crate) fn service(namespace: &str, app: &str) -> Value {
    let spec = json!({ "selector": { "app": app }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] });
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": app, "namespace": namespace }, "spec": spec })
}

/// Asserts that a pod responds, and returns the header of the filter.
#[track_caller]
fn filtered(pod: &Pod) -> Option<String> {
    let response = pod.get("/path").expect("a response");
    assert_eq!(response.status, 200, "{pod}: {response:?}");
    let received: Value = serde_json::from_str(response.body()).expect("what the app received");
    assert_eq!(received["request"], "GET /path HTTP/1.1", "{pod}");
    response.header(HEADER.0).map(str::to_owned)
}

fn of_app<'a>(pods: &'a [std::sync::Arc<Pod>], app: &str) -> Vec<&'a Pod> {
    pods.iter().map(AsRef::as_ref).filter(|pod| pod.label("app") == Some(app)).collect()
}

fn a_filter_acts_on_the_requests_of_labelled_pods_only(plane: &ControlPlane) {
    const NAMESPACE: &str = "pods-gate";
    let base = [
        deployment(NAMESPACE, "web", 2),
        service(NAMESPACE, "web"),
        deployment(NAMESPACE, "plain", 1),
        service(NAMESPACE, "plain"),
    ];
    plane.apply(&rendered(plane, NAMESPACE, &base)).expect("applied");
    let pods = plane.kubelet().ready_pods(NAMESPACE, 3);
    let web = of_app(&pods, "web");
    assert_eq!(web.len(), 2);
    for pod in &web {
        assert_eq!(filtered(pod).as_deref(), Some(HEADER.1), "{pod}");
        assert!(pod.config_dump().expect("a configuration").to_string().contains("/demo.wasm\""));
    }
    for pod in of_app(&pods, "plain") {
        assert_eq!(filtered(pod), None, "{pod}");
        assert!(!pod.config_dump().expect("a configuration").to_string().contains("/demo.wasm\""));
    }

    // A deleted pod ends its connections and is replaced.
    let mut connection = web[0].keep_alive().expect("a connection");
    for _ in 0..2 {
        assert_eq!(connection.get("/").expect("a response").header(HEADER.0), Some(HEADER.1));
        assert!(!connection.is_closed());
    }
    plane.kubectl(&["-n", NAMESPACE, "delete", "pod", web[0].name()], "").ends(0, &[]);
    connection.get("/").expect_err("the pod has ended");
    assert!(connection.is_closed() && !web[0].is_ready());
    let replaced = plane.kubelet().ready_pods(NAMESPACE, 3);
    for pod in of_app(&replaced, "web") {
        assert_ne!(pod.name(), web[0].name());
        assert_eq!(filtered(pod).as_deref(), Some(HEADER.1), "{pod}");
    }
}

fn a_pod_waits_for_the_config_map_of_its_module(plane: &ControlPlane) {
    const NAMESPACE: &str = "pods-config-map";
    let base = [deployment(NAMESPACE, "web", 1), service(NAMESPACE, "web")];
    let objects = rendered(plane, NAMESPACE, &base);
    let (config_maps, rest): (Vec<_>, Vec<_>) = objects.into_iter().partition(|object| object["kind"] == "ConfigMap");
    let [config_map] = &config_maps[..] else { panic!("{config_maps:?}") };
    plane.apply(&rest).expect("applied");

    let why = format!("configmap \"{}\" not found", name(config_map));
    let state = "jsonpath={.items[*].status.containerStatuses[*].state.waiting}";
    wait_until("the pod waits for the ConfigMap", || {
        let waiting = plane.kubectl(&["-n", NAMESPACE, "get", "pods", "-o", state], "").success()?;
        let reported = serde_json::from_str::<Value>(&waiting).unwrap_or_default();
        let waits = reported["message"].as_str().is_some_and(|message| message.contains(&why));
        if reported["reason"] == "ContainerCreating" && waits { Ok(()) } else { Err(waiting) }
    });
    let pods = plane.kubelet().pods(NAMESPACE);
    let [pod] = &pods[..] else { panic!("{pods:?}") };
    assert!(!pod.is_ready() && pod.get("/").is_err());

    plane.apply(&config_maps).expect("applied");
    plane.kubelet().ready_pods(NAMESPACE, 1);
    assert_eq!(filtered(pod).as_deref(), Some(HEADER.1));
}

/// Proves why the gate must be a label of pods that mount the module: the listener of other pods is rejected as a whole.
fn a_pod_without_the_module_never_gets_ready_and_the_old_one_serves(plane: &ControlPlane) {
    const NAMESPACE: &str = "pods-no-module";
    let base = [deployment(NAMESPACE, "web", 1), service(NAMESPACE, "web")];
    let objects = rendered(plane, NAMESPACE, &base);
    let filters: Vec<_> = of_kind(&objects, "EnvoyFilter").cloned().collect();
    plane.apply(&base).expect("applied");
    let old = plane.kubelet().ready_pods(NAMESPACE, 1);
    assert_eq!(filtered(&old[0]), None);

    let mut labelled = base[0].clone();
    add_labels(&mut labelled["spec"]["template"]["metadata"], &filters[0]);
    plane.apply(&filters).expect("applied");
    plane.apply(&[labelled]).expect("applied");
    let new = wait_until("the new pod rejects its listeners", || {
        let pods = plane.kubelet().pods(NAMESPACE);
        let new = pods.iter().find(|pod| pod.name() != old[0].name()).ok_or("there is no new pod")?;
        let stats = new.stats("listener_manager.lds.update_")?;
        if stats.get("listener_manager.lds.update_rejected").is_some_and(|count| *count > 0) {
            Ok(std::sync::Arc::clone(new))
        } else {
            Err(plane.kubelet().describe(&pods))
        }
    });
    assert!(new.log().contains("Invalid path"), "{}", new.log());
    let stats = new.stats("listener_manager.lds.update_success").expect("statistics");
    assert_eq!(stats["listener_manager.lds.update_success"], 0);
    assert!(!new.is_ready());
    assert!(old[0].is_ready());
    assert_eq!(filtered(&old[0]), None);

    // The module makes the difference.
    let config_maps: Vec<_> = of_kind(&objects, "ConfigMap").cloned().collect();
    let rendered = find(&objects, "Deployment", (NAMESPACE, "web")).clone();
    plane.apply(&[config_maps, vec![rendered]].concat()).expect("applied");
    plane.kubectl(&["-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=60s"], "").ends(0, &[]);
    let replaced = plane.kubelet().ready_pods(NAMESPACE, 1);
    assert_eq!(filtered(&replaced[0]).as_deref(), Some(HEADER.1));
}

/// What delivers a module can change without the EnvoyFilter: only the path matters to it.
fn a_module_comes_from_a_volume_of_any_type(plane: &ControlPlane) {
    const NAMESPACE: &str = "pods-volumes";
    const REFERENCE: &str = "registry.example/filters:1";
    let objects = rendered(plane, NAMESPACE, &[deployment(NAMESPACE, "web", 1)]);
    let project = Project::empty();
    project.write("files/demo.wasm", demo_filter());
    let file = project.text_path("files/demo.wasm");
    let create = ["-n", NAMESPACE, "create", "secret", "generic", "demo", "--from-file", &file];
    plane.kubectl(&create, "").ends(0, &[]);
    let config_map = of_kind(&objects, "ConfigMap").next().expect("a ConfigMap").clone();
    let filter = of_kind(&objects, "EnvoyFilter").next().expect("an EnvoyFilter").clone();

    let sources = json!([{ "configMap": { "name": name(&config_map) } }]);
    let volumes = [
        ("secret", json!({ "secret": { "secretName": "demo" } })),
        ("projected", json!({ "projected": { "sources": sources } })),
        ("host", json!({ "hostPath": { "path": project.text_path("files") } })),
        ("image", json!({ "image": { "reference": REFERENCE } })),
    ];
    let deployments = volumes.map(|(app, volume)| {
        let mut deployment = deployment(NAMESPACE, app, 1);
        let metadata = &mut deployment["spec"]["template"]["metadata"];
        add_labels(metadata, &filter);
        let mount = json!({ "wasm": { "mountPath": "/var/local/lib/wasm-filters", "readOnly": true } });
        metadata["annotations"] = json!({
            "sidecar.istio.io/userVolume": json!({ "wasm": volume }).to_string(),
            "sidecar.istio.io/userVolumeMount": mount.to_string(),
        });
        deployment
    });
    plane.apply(&[vec![config_map, filter], deployments.to_vec()].concat()).expect("applied");

    wait_until("a pod waits for its image", || {
        let pods = plane.kubelet().pods(NAMESPACE);
        let waits = pods.iter().any(|pod| pod.waits_for().is_some_and(|why| why.starts_with("ErrImagePull")));
        if waits { Ok(()) } else { Err(plane.kubelet().describe(&pods)) }
    });
    plane.kubelet().provide_image(REFERENCE, project.path("files"));
    for pod in plane.kubelet().ready_pods(NAMESPACE, 4) {
        assert_eq!(filtered(&pod).as_deref(), Some(HEADER.1), "{pod}");
    }
}
