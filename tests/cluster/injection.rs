//! Which pods get a sidecar: what mesh-compile says of a base is what the API server and istiod do.

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, service_account};
use crate::project::{Project, module};
use crate::server::pods_of;
use crate::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_workload_without_a_sidecar_is_reported]
}

const SPEC: &str = r#"[mesh]
namespace = "NAMESPACE"
base = "base.json"

[filters.one]
module = "one.wasm"

[workloads.web]
filters = ["one"]
"#;

/// The labels of namespaces.
fn namespaces() -> Vec<Value> {
    let sets = [
        json!({}),
        json!({ "istio-injection": "enabled" }),
        json!({ "istio-injection": "disabled" }),
        json!({ "istio-injection": "true" }),
        json!({ "istio.io/rev": "default" }),
        json!({ "istio.io/dataplane-mode": "ambient" }),
        json!({ "istio-injection": "enabled", "istio.io/dataplane-mode": "ambient" }),
        json!({ "istio-injection": "disabled", "istio.io/rev": "default" }),
    ];
    let namespace = |(index, labels): (usize, Value)| {
        let metadata = json!({ "name": format!("injection-{index}"), "labels": labels });
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
    };
    sets.into_iter().enumerate().map(namespace).collect()
}

/// Pod templates: labels, annotations, and whether they use the network of the host.
fn templates() -> Vec<Value> {
    let inject = |value: &str| json!({ "sidecar.istio.io/inject": value });
    let variants = [
        (json!({}), json!({}), false),
        (json!({}), json!({}), true),
        (inject("true"), json!({}), false),
        (inject("false"), json!({}), false),
        (inject("yes"), json!({}), false),
        (json!({}), inject("true"), false),
        (json!({}), inject("false"), false),
        (json!({}), inject("off"), false),
        (inject("true"), inject("false"), false),
        (inject("false"), inject("true"), false),
        (inject("true"), json!({}), true),
        (json!({ "istio.io/rev": "default" }), json!({}), false),
    ];
    let template = |(mut labels, annotations, host_network): (Value, Value, bool)| {
        labels["app"] = "web".into();
        let containers = json!([{ "name": "app", "image": "app:1" }]);
        let metadata = json!({ "labels": labels, "annotations": annotations });
        json!({ "metadata": metadata, "spec": { "hostNetwork": host_network, "containers": containers } })
    };
    variants.into_iter().map(template).collect()
}

fn deployment(namespace: &Value, template: &Value) -> Value {
    let metadata = json!({ "name": "web", "namespace": namespace["metadata"]["name"] });
    let spec = json!({ "selector": { "matchLabels": { "app": "web" } }, "template": template });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec })
}

/// What mesh-compile says about the sidecar of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// That it may get none: a warning.
    Doubt,
    /// That it gets none: an error.
    None,
}

fn said(namespace: &Value, deployment: &Value) -> Said {
    let project = Project::empty();
    project.write("one.wasm", module(1));
    let name = namespace["metadata"]["name"].as_str().expect("a name");
    project.write("mesh.toml", SPEC.replace("NAMESPACE", name));
    let base = json!({ "apiVersion": "v1", "kind": "List", "items": [namespace, deployment] });
    project.write("base.json", base.to_string());
    let ran = project.run(&["render", "--dry-run"]);
    let is_said = |severity: &str| {
        ["MC0526", "MC0527", "MC0528"].iter().any(|code| ran.stderr.contains(&format!("{severity}[{code}]")))
    };
    let said = if is_said("error") {
        Said::None
    } else if is_said("warning") {
        Said::Doubt
    } else {
        Said::Nothing
    };
    assert_eq!(ran.code, Some(if said == Said::None { 2 } else { 0 }), "{}", ran.stderr);
    said
}

fn a_workload_without_a_sidecar_is_reported(plane: &ControlPlane) {
    let namespaces = namespaces();
    let account =
        |namespace: &Value| service_account(namespace["metadata"]["name"].as_str().expect("a name"), "default");
    let accounts: Vec<_> = namespaces.iter().map(account).collect();
    plane.apply(&[namespaces.clone(), accounts].concat()).expect("namespaces");
    let mut owners = Vec::new();
    for namespace in &namespaces {
        owners.extend(templates().iter().map(|template| (namespace, deployment(namespace, template))));
    }
    let objects: Vec<_> = owners.iter().map(|(_, owner)| (owner, &owner["spec"]["template"])).collect();
    let pods = pods_of(plane, &objects).expect("pods");
    let mut wrong = Vec::new();
    for (pod, (namespace, owner)) in pods.iter().zip(&owners) {
        let has_sidecar = pod["spec"]["initContainers"].to_string().contains("istio-proxy");
        let said = said(namespace, owner);
        if said == if has_sidecar { Said::None } else { Said::Nothing } {
            let labels = &namespace["metadata"]["labels"];
            let template = &owner["spec"]["template"];
            wrong.push(format!(
                "{said:?} {has_sidecar}: {labels} {} {}",
                template["metadata"], template["spec"]["hostNetwork"]
            ));
        }
    }
    assert!(wrong.is_empty(), "the sidecar differs from what is reported:\n{}", wrong.join("\n"));
    assert!(pods.len() > 90);
}
