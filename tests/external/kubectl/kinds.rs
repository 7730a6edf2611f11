//! kustomize merges the patch of every kind of workload into its object, at the path of its pod template.

use serde_json::{Value, json};

use crate::manifests::*;
use crate::project::{Project, module};

/// An object in mesh.toml, its API version and kind, and the keys that lead to its pod template.
struct Kind {
    name: &'static str,
    table: &'static str,
    api_version: &'static str,
    kind: &'static str,
    path: &'static [&'static str],
}

const TEMPLATE: &[&str] = &["spec", "template"];

const fn apps(name: &'static str, kind: &'static str) -> Kind {
    Kind { name, table: "", api_version: "apps/v1", kind, path: TEMPLATE }
}

const KINDS: [Kind; 8] = [
    apps("web", "Deployment"),
    apps("orders", "StatefulSet"),
    apps("agent", "DaemonSet"),
    Kind {
        name: "report",
        table: "",
        api_version: "batch/v1",
        kind: "CronJob",
        path: &["spec", "jobTemplate", "spec", "template"],
    },
    Kind { name: "checkout", table: "", api_version: "argoproj.io/v1alpha1", kind: "Rollout", path: TEMPLATE },
    Kind { name: "hello", table: "", api_version: "serving.knative.dev/v1", kind: "Service", path: TEMPLATE },
    Kind {
        name: "clones",
        table: "template-path = 'spec.template',",
        api_version: "apps.kruise.io/v1alpha1",
        kind: "CloneSet",
        path: TEMPLATE,
    },
    Kind {
        name: "stream",
        table: "template-path = 'spec.jobManager.podTemplate',",
        api_version: "flink.apache.org/v1beta1",
        kind: "FlinkDeployment",
        path: &["spec", "jobManager", "podTemplate"],
    },
];

/// An object whose template has lists, labels and annotations that a patch must keep.
fn object(it: &Kind) -> Value {
    let template = json!({
        "metadata": { "labels": { "app": it.name }, "annotations": { "example.com/kept": "yes" } },
        "spec": {
            "containers": [
                { "name": "app", "image": "app:1", "env": [{ "name": "A", "value": "1" }] },
                { "name": "logs", "image": "logs:1" },
            ],
            "volumes": [{ "name": "data", "emptyDir": {} }],
        },
    });
    let nested = it.path.iter().rev().fold(template, |inner, key| json!({ *key: inner }));
    let mut object = json!({ "apiVersion": it.api_version, "kind": it.kind, "metadata": { "name": it.name } });
    for (key, value) in nested.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
    if it.api_version == "apps/v1" {
        object["spec"]["selector"] = json!({ "matchLabels": { "app": it.name } });
    }
    object
}

fn template<'a>(object: &'a mut Value, path: &[&str]) -> &'a mut Value {
    path.iter().fold(object, |value, key| &mut value[*key])
}

/// What kustomize builds from a base of these objects, with the given keys for every workload.
fn overlay(kinds: &[&Kind], keys: &str) -> Vec<Value> {
    let project = Project::empty();
    project.write("it.wasm", module(1));
    let tables = kinds.iter().map(|it| format!("{} = {{ {} {keys} filters = ['it'] }}\n", it.name, it.table));
    project.write(
        "mesh.toml",
        format!("mesh.base = 'base'\nfilters.it.module = 'it.wasm'\n[workloads]\n{}", tables.collect::<String>()),
    );
    project.write("base/kustomization.yaml", "resources: [objects.yaml]\n");
    let documents = kinds.iter().map(|it| object(it).to_string()).collect::<Vec<_>>().join("\n---\n");
    project.write("base/objects.yaml", documents);
    project.run(&["render"]).ends(0, &[]);
    build(&project.path("out"))
}

#[test]
fn the_patch_of_every_kind_changes_only_the_metadata_of_its_pods() {
    let built = overlay(&KINDS.iter().collect::<Vec<_>>(), "");
    for it in &KINDS {
        let is_it = |object: &&Value| object["kind"] == it.kind && object["metadata"]["name"] == it.name;
        let mut patched = built.iter().find(is_it).unwrap_or_else(|| panic!("no {}", it.kind)).clone();
        assert_eq!(patched["apiVersion"], it.api_version);
        let metadata = &mut template(&mut patched, it.path)["metadata"];
        let annotations = metadata["annotations"].as_object_mut().expect("annotations");
        for key in ["sidecar.istio.io/userVolume", "sidecar.istio.io/userVolumeMount"] {
            assert!(annotations.remove(key).is_some(), "{} has no {key}", it.kind);
        }
        let labels = metadata["labels"].as_object_mut().expect("labels");
        assert!(labels.remove("wasm.mesh-compile.dev/it").is_some(), "{}", it.kind);
        assert_eq!(patched, object(it), "the rest of the {} is changed", it.kind);
    }
}

#[test]
fn lists_are_merged_in_the_kinds_that_are_mounted_by_container() {
    let merged: Vec<&Kind> = KINDS.iter().filter(|it| matches!(it.api_version, "apps/v1" | "batch/v1")).collect();
    assert_eq!(merged.len(), 4);
    for mut object in overlay(&merged, "mount = 'container',") {
        let Some(it) = merged.iter().find(|it| object["kind"] == it.kind) else { continue };
        let spec = &template(&mut object, it.path)["spec"];
        let names = |list: &str| {
            let list = spec[list].as_array().expect("a list");
            let mut names: Vec<_> = list.iter().map(|entry| string(&entry["name"]).to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names("containers"), ["app", "istio-proxy", "logs"], "{}", it.kind);
        assert_eq!(names("volumes"), ["data", "wasmfilters-dir"], "{}", it.kind);
    }
}

/// This is why `mount = "container"` is an error for custom resources.
#[test]
fn kustomize_replaces_the_lists_of_custom_resources() {
    for it in KINDS.iter().filter(|it| !matches!(it.api_version, "apps/v1" | "batch/v1")) {
        let project = Project::empty();
        project.write("object.yaml", object(it).to_string());
        let template = json!({ "spec": { "volumes": [{ "name": "ours", "emptyDir": {} }] } });
        let nested = it.path.iter().rev().fold(template, |inner, key| json!({ *key: inner }));
        let mut patch = json!({ "apiVersion": it.api_version, "kind": it.kind, "metadata": { "name": it.name } });
        patch.as_object_mut().unwrap().extend(nested.as_object().unwrap().clone());
        project.write("patch.yaml", patch.to_string());
        project.write("kustomization.yaml", "resources: [object.yaml]\npatches: [{path: patch.yaml}]\n");
        let mut built = build(&project.path("")).remove(0);
        let volumes = &self::template(&mut built, it.path)["spec"]["volumes"];
        assert_eq!(volumes, &json!([{ "name": "ours", "emptyDir": {} }]), "{}", it.kind);
    }
}

/// The Rollout is not touched: it has no pod template of its own.
#[test]
fn the_patch_of_a_rollout_with_a_reference_goes_to_its_deployment() {
    let project = Project::empty();
    project.write("it.wasm", module(1));
    project.write(
        "mesh.toml",
        "mesh.base = 'base'\nfilters.it.module = 'it.wasm'\nworkloads.checkout = { kind = 'Rollout', filters = ['it'] }\n",
    );
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": { "name": "checkout" },
        "spec": { "workloadRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" } },
    });
    project.write("base/kustomization.yaml", "resources: [objects.yaml]\n");
    project.write("base/objects.yaml", format!("{rollout}\n---\n{}\n", object(&KINDS[0])));
    project.run(&["render"]).ends(0, &[]);
    let built = build(&project.path("out"));
    assert_eq!(of_kind(&built, "Rollout").next(), Some(&rollout));
    let deployment = of_kind(&built, "Deployment").next().expect("it is in the base");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert!(labels["wasm.mesh-compile.dev/it"].is_string(), "{labels}");
}
