//! What the API server and its webhooks make of objects.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, service_account};
use crate::manifests::{name, namespace};

/// Without effect, and the result as JSON.
const DRY_RUN: [&str; 4] = ["--dry-run=server", "-o", "json", "-f"];

fn list(items: &[Value]) -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

/// Creates the namespaces of objects.
fn prepare(plane: &ControlPlane, objects: &[Value]) {
    let names: BTreeSet<&str> = objects.iter().map(namespace).collect();
    plane.create_namespaces(&names.into_iter().collect::<Vec<_>>()).expect("the namespaces");
}

/// Applies objects without effect, with the strict schemas and all webhooks.
///
/// # Errors
/// What kubectl said.
pub(crate) fn apply(plane: &ControlPlane, objects: &[Value]) -> Result<(), String> {
    prepare(plane, objects);
    let mut arguments = vec!["apply", "--server-side", "--validate=strict"];
    arguments.extend(DRY_RUN);
    arguments.push("-");
    plane.kubectl(&arguments, &list(objects)).success().map(drop)
}

/// The pods that a controller would create for the templates of objects, as they are after injection and admission.
///
/// # Errors
/// What kubectl said.
pub(crate) fn pods(plane: &ControlPlane, objects: &[(&Value, &Value)]) -> Result<Vec<Value>, String> {
    let owners: Vec<_> = objects.iter().map(|(object, _)| (*object).clone()).collect();
    prepare(plane, &owners);
    pods_of(plane, objects)
}

/// The same in namespaces that exist.
///
/// # Errors
/// What kubectl said.
pub(crate) fn pods_of(plane: &ControlPlane, objects: &[(&Value, &Value)]) -> Result<Vec<Value>, String> {
    let pods: Vec<_> = objects.iter().map(|(object, template)| pod(object, template)).collect();
    let accounts: Vec<_> = pods
        .iter()
        .filter_map(|pod| Some(service_account(namespace(pod), pod["spec"]["serviceAccountName"].as_str()?)))
        .collect();
    plane.apply(&accounts)?;
    let mut arguments = vec!["create", "--validate=strict"];
    arguments.extend(DRY_RUN);
    arguments.push("-");
    let created = plane.kubectl(&arguments, &list(&pods)).success()?;
    // kubectl prints one object after the other.
    let created = serde_json::Deserializer::from_str(&created).into_iter();
    created.map(|pod| pod.map_err(|error| error.to_string())).collect()
}

fn pod(object: &Value, template: &Value) -> Value {
    let mut pod =
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"] });
    if pod["metadata"].is_null() {
        pod["metadata"] = json!({});
    }
    // As the controller of StatefulSets does.
    for claim in object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let claim = &claim["metadata"]["name"];
        let volume = json!({ "name": claim, "persistentVolumeClaim": { "claimName": claim } });
        match pod["spec"]["volumes"].as_array_mut() {
            Some(volumes) => volumes.push(volume),
            None => pod["spec"]["volumes"] = json!([volume]),
        }
    }
    pod["metadata"]["name"] = format!("{}-0", name(object)).into();
    pod["metadata"]["namespace"] = namespace(object).into();
    pod
}
