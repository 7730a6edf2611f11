//! A workload's patch: one strategic-merge patch of its pod template, mount and gate together.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::strings;
use crate::backend::envoy_filter::plan::Patch;
use crate::domain::MountBy;
use crate::resolve::mesh::Workload;
use crate::yaml::{Node, map, seq};

pub(super) fn path(workload: &Workload) -> String {
    let kind = workload.kind.as_str().to_ascii_lowercase();
    format!("patches/{}/{kind}-{}.yaml", workload.namespace, workload.name)
}

pub(super) fn tree(patch: &Patch<'_>) -> Node {
    let workload = patch.workload;
    let (api_version, kind) = (workload.kind.api_version(), workload.kind.as_str());
    let mut metadata = vec![("name", workload.name.to_string().into())];
    if let Some(namespace) = &workload.patch_namespace {
        metadata.push(("namespace", namespace.to_string().into()));
    }
    map([
        ("apiVersion", api_version.into()),
        ("kind", kind.into()),
        ("metadata", map(metadata)),
        ("spec", map([("template", pod_template(patch))])),
    ])
}

fn pod_template(patch: &Patch<'_>) -> Node {
    let workload = patch.workload;
    let mut annotations = BTreeMap::new();
    if let Some(level) = workload.wasm_log_level {
        // The annotation replaces Istio's default, `misc:error`, so that stands in it again.
        annotations.insert("sidecar.istio.io/componentLogLevel", format!("misc:error,wasm:{}", level.as_str()));
    }
    let mut spec = Vec::new();
    let (volumes, mounts) = (volumes(patch), mounts(workload));
    match workload.mount.by {
        MountBy::Annotation => {
            annotations.insert("sidecar.istio.io/userVolume", Value::from(volumes).to_string());
            annotations.insert("sidecar.istio.io/userVolumeMount", Value::from(mounts).to_string());
        }
        MountBy::Container => {
            let mut container = vec![("name", Node::from("istio-proxy"))];
            if !workload.mount.own_container {
                // The injector fills in the rest of a container of this name whose image is `auto`.
                container.push(("image", "auto".into()));
            }
            container.push(("volumeMounts", seq(mounts.iter().map(yaml_of))));
            spec.push(("containers", seq([map(container)])));
            spec.push(("volumes", seq(volumes.iter().map(yaml_of))));
        }
    }
    let mut metadata = Vec::new();
    if !annotations.is_empty() {
        metadata.push(("annotations", strings(annotations.iter().map(|(key, value)| (*key, value.as_str())))));
    }
    if !patch.gate.is_empty() {
        metadata.push(("labels", strings(patch.gate.iter().map(|(key, value)| (key.as_str(), value.as_str())))));
    }
    let mut template = Vec::new();
    if !metadata.is_empty() {
        template.push(("metadata", map(metadata)));
    }
    if !spec.is_empty() {
        template.push(("spec", map(spec)));
    }
    map(template)
}

/// Ours, then the user's. One module: the recipe's plain configMap volume. Several: one projected volume, so that all stand under the
/// one mount path.
fn volumes(patch: &Patch<'_>) -> Vec<Value> {
    let workload = patch.workload;
    let mount = &workload.mount;
    let config_map = |name: &dyn ToString| json!({ "configMap": { "name": name.to_string() } });
    let mut ours = match patch.config_maps.as_slice() {
        [only] => config_map(only),
        several => {
            let sources: Vec<Value> = several.iter().map(|name| config_map(name)).collect();
            json!({ "projected": { "sources": sources } })
        }
    };
    ours["name"] = mount.volume.as_str().into();
    with_own(ours, &workload.volumes)
}

fn mounts(workload: &Workload) -> Vec<Value> {
    let ours = json!({ "mountPath": workload.mount.path, "name": workload.mount.volume });
    with_own(ours, &workload.volume_mounts)
}

fn with_own(ours: Value, own: &[Map<String, Value>]) -> Vec<Value> {
    std::iter::once(ours).chain(own.iter().cloned().map(Value::Object)).collect()
}

/// A JSON value as a YAML tree.
fn yaml_of(value: &Value) -> Node {
    match value {
        Value::Object(entries) => map(entries.iter().map(|(key, value)| (key.clone(), yaml_of(value)))),
        Value::Array(items) => seq(items.iter().map(yaml_of)),
        Value::String(text) => text.clone().into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.as_i64().map_or_else(|| number.to_string().into(), Node::from),
        Value::Null => map::<String>([]),
    }
}
