//! What the API server and istiod reject or ignore. Each is a reason for one of our own errors, and proves that the other tests
//! of the cluster could fail.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::server::{apply, pods};
use crate::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_user_volume_that_is_not_json_prevents_the_pod,
        a_mount_of_no_volume_prevents_the_pod,
        two_mounts_at_one_path_prevent_the_pod,
        a_user_volume_with_the_name_of_another_volume_prevents_the_pod,
        a_user_volume_replaces_a_volume_of_the_same_name_and_type,
        an_envoy_filter_with_an_unknown_field_is_rejected,
        an_envoy_filter_with_an_unknown_operation_is_rejected,
        an_envoy_filter_with_an_empty_label_is_rejected,
        a_config_map_that_is_too_large_is_rejected,
    ]
}

/// A Deployment of one container, as the owner of a template.
fn deployment(metadata: Value, spec: Value) -> Value {
    let mut template = json!({ "metadata": metadata, "spec": { "containers": [{ "name": "app", "image": "app:1" }] } });
    if let (Value::Object(into), Value::Object(more)) = (&mut template["spec"], spec) {
        into.extend(more);
    }
    let spec = json!({ "selector": { "matchLabels": { "app": "web" } }, "template": template });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": spec })
}

/// The pod of a Deployment after injection.
fn pod(plane: &ControlPlane, deployment: &Value) -> Result<Value, String> {
    pods(plane, &[(deployment, &deployment["spec"]["template"])]).map(|pods| pods[0].clone())
}

fn annotated(volumes: &str, mounts: &str) -> Value {
    let annotations = json!({ "sidecar.istio.io/userVolume": volumes, "sidecar.istio.io/userVolumeMount": mounts });
    deployment(json!({ "labels": { "app": "web" }, "annotations": annotations }), json!({}))
}

#[track_caller]
fn assert_rejected(result: Result<impl std::fmt::Debug, String>, reason: &str) {
    let error = result.expect_err("rejected");
    assert!(error.contains(reason), "{error}");
}

const VOLUME: &str = r#"{"wasm":{"configMap":{"name":"wasm"}}}"#;
const MOUNT: &str = r#"{"wasm":{"mountPath":"/wasm","readOnly":true}}"#;

fn a_user_volume_that_is_not_json_prevents_the_pod(plane: &ControlPlane) {
    pod(plane, &annotated(VOLUME, MOUNT)).expect("accepted");
    assert_rejected(pod(plane, &annotated(&VOLUME[1..], MOUNT)), "userVolume");
}

fn a_mount_of_no_volume_prevents_the_pod(plane: &ControlPlane) {
    assert_rejected(pod(plane, &annotated("{}", MOUNT)), "Not found: \"wasm\"");
}

fn two_mounts_at_one_path_prevent_the_pod(plane: &ControlPlane) {
    let volumes = r#"[{"name":"a","emptyDir":{}},{"name":"b","emptyDir":{}}]"#;
    let mounts = r#"[{"name":"a","mountPath":"/wasm"},{"name":"b","mountPath":"/wasm"}]"#;
    pod(plane, &annotated(volumes, &mounts.replacen("/wasm", "/other", 1))).expect("accepted");
    assert_rejected(pod(plane, &annotated(volumes, mounts)), "must be unique");
}

fn a_user_volume_with_the_name_of_another_volume_prevents_the_pod(plane: &ControlPlane) {
    let mut deployment = annotated(VOLUME, MOUNT);
    deployment["spec"]["template"]["spec"]["volumes"] = json!([{ "name": "other", "emptyDir": {} }]);
    pod(plane, &deployment).expect("accepted");
    deployment["spec"]["template"]["spec"]["volumes"] = json!([{ "name": "wasm", "emptyDir": {} }]);
    assert_rejected(pod(plane, &deployment), "more than 1 volume type");
}

/// Two volumes of one type are merged, so that the app's container reads another ConfigMap than it names.
fn a_user_volume_replaces_a_volume_of_the_same_name_and_type(plane: &ControlPlane) {
    let mut deployment = annotated(VOLUME, MOUNT);
    deployment["spec"]["template"]["spec"]["volumes"] = json!([{ "name": "wasm", "configMap": { "name": "mine" } }]);
    let pod = pod(plane, &deployment).expect("accepted");
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    let named: Vec<_> = volumes.iter().filter(|volume| volume["name"] == "wasm").collect();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0]["configMap"]["name"], "wasm");
}

fn envoy_filter(spec: Value) -> Value {
    let metadata = json!({ "name": "wasm", "namespace": "default" });
    json!({ "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata, "spec": spec })
}

fn good() -> Value {
    let value = json!({ "name": "wasm" });
    let patch = json!({ "applyTo": "HTTP_FILTER", "patch": { "operation": "INSERT_BEFORE", "value": value } });
    json!({ "workloadSelector": { "labels": { "app": "web" } }, "configPatches": [patch] })
}

fn an_envoy_filter_with_an_unknown_field_is_rejected(plane: &ControlPlane) {
    apply(plane, &[envoy_filter(good())]).expect("accepted");
    let mut spec = good();
    spec["configPatches"][0]["patch"]["operations"] = "INSERT_FIRST".into();
    assert_rejected(apply(plane, &[envoy_filter(spec)]), "operations");
}

fn an_envoy_filter_with_an_empty_label_is_rejected(plane: &ControlPlane) {
    let mut spec = good();
    spec["workloadSelector"]["labels"][""] = "web".into();
    assert_rejected(apply(plane, &[envoy_filter(spec)]), "empty");
}

fn an_envoy_filter_with_an_unknown_operation_is_rejected(plane: &ControlPlane) {
    let mut spec = good();
    spec["configPatches"][0]["patch"]["operation"] = "INSERT".into();
    assert_rejected(apply(plane, &[envoy_filter(spec)]), "INSERT");
}

fn a_config_map_that_is_too_large_is_rejected(plane: &ControlPlane) {
    let config_map = |size: usize| {
        let metadata = json!({ "name": "wasm", "namespace": "default" });
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "module": "x".repeat(size) } })
    };
    apply(plane, &[config_map(1 << 20)]).expect("accepted");
    assert_rejected(apply(plane, &[config_map((1 << 20) + 1)]), "Too long");
}
