//! kubectl applies the patches, and kustomize the ways in which the owner of workloads can include out/.

use std::path::Path;

use serde_json::Value;

use crate::manifests::*;
use crate::project::{Project, repository};

/// The patch of the recipe's command line.
const RECIPE: &str = r#"{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/userVolume":"[{\"name\":\"wasmfilters-dir\",\"configMap\": {\"name\": \"wasm-example-filter\"}}]","sidecar.istio.io/userVolumeMount":"[{\"mountPath\":\"/var/local/lib/wasm-filters\",\"name\":\"wasmfilters-dir\"}]"}}}}}"#;

/// `object` after `kubectl patch`.
#[track_caller]
fn patched(object: &Value, patch: [&str; 2]) -> Value {
    let project = Project::empty();
    project.write("object.json", object.to_string());
    let file = project.text_path("object.json");
    let arguments = ["patch", "--local", "--type=strategic", "-f", &file, patch[0], patch[1], "-o", "json"];
    serde_json::from_str(&kubectl(&arguments).ends(0, &[]).stdout).expect("JSON")
}

/// An object of the base as it is in the cluster, with a namespace.
fn live(objects: &[Value], kind: &str, at: (&str, &str)) -> Value {
    let mut object = find(objects, kind, at).clone();
    object["metadata"]["namespace"] = at.0.into();
    object
}

/// The object with the JSON in annotations parsed, so that spaces and the order of keys do not matter.
fn parsed(mut object: Value) -> Value {
    for name in ["sidecar.istio.io/userVolume", "sidecar.istio.io/userVolumeMount"] {
        let annotation = &mut object["spec"]["template"]["metadata"]["annotations"][name];
        *annotation = serde_json::from_str(string(annotation)).expect("JSON");
    }
    object
}

#[test]
fn the_patch_of_the_recipe_and_the_rendered_one_produce_the_same_deployment() {
    let base = build(&repository().join("examples/bookinfo"));
    for name in ["productpage-v1", "details-v1"] {
        let deployment = live(&base, "Deployment", ("default", name));
        let file = repository().join(format!("examples/asm/out/patches/default/deployment-{name}.yaml"));
        let theirs = patched(&deployment, ["-p", RECIPE]);
        let ours = patched(&deployment, ["--patch-file", text(&file)]);
        assert_eq!(parsed(ours), parsed(theirs.clone()));
        assert_ne!(theirs, deployment);
    }
}

/// `kubectl patch` and kustomize produce the same workload.
#[test]
fn kubectl_applies_every_patch() {
    let mut count = 0;
    for dir in super::explicit_examples() {
        let dir = repository().join(dir);
        let spec = spec(&dir.join("mesh.toml"));
        let base = build(&dir.join(spec["mesh"]["base"].as_str().expect("a base")));
        let overlay = build(&dir.join("out"));
        for workload in workloads(&spec).iter().filter(|it| it.kind != "Rollout") {
            let at = (workload.namespace.as_str(), workload.name.as_str());
            let file = format!("out/patches/{}/{}-{}.yaml", at.0, workload.kind.to_lowercase(), at.1);
            let patch = dir.join(file);
            let patched = patched(&live(&base, &workload.kind, at), ["--patch-file", text(&patch)]);
            assert_eq!(patched, live(&overlay, &workload.kind, at));
            count += 1;
        }
    }
    assert!(count >= 7, "{count}");
}

/// The example of the root as a component, next to a base that it does not include.
fn component() -> Project {
    let project = Project::examples();
    project.edit("mesh.toml", "base = \"examples/bookinfo\"\n", "");
    for name in ["productpage", "details"] {
        let header = format!("[workloads.{name}-v1]\n");
        let selector = format!("selector = {{ app = \"{name}\", version = \"v1\" }}\n");
        project.edit("mesh.toml", &header, &format!("{header}{selector}"));
    }
    project.write("mesh.toml", format!("{}\n[output]\ndir = \"component\"\n", project.read("mesh.toml")));
    project
}

fn owner(project: &Project, resources: &str, rest: &str) {
    let kind = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
    let text = format!("{kind}resources: [{resources}]\ncomponents: [../component]\n{rest}");
    project.write("owner/kustomization.yaml", text);
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(Value::to_string);
    objects
}

#[test]
fn a_component_in_the_owners_overlay_builds_the_same_as_an_overlay() {
    let project = component();
    project.run(&["render"]).ends(0, &[]);
    owner(&project, "../examples/bookinfo", "");
    let built = sorted(build(&project.path("owner")));
    assert!(!built.is_empty());
    assert_eq!(built, sorted(build(&repository().join("out"))));
    // Alone it has nothing to patch, and under `resources` kustomize rejects it. Both are errors.
    kubectl(&["kustomize", &project.text_path("component")]).ends(1, &["no resource matches"]);
    project.edit("owner/kustomization.yaml", "components", "resources");
    kubectl(&["kustomize", &project.text_path("owner")]).ends(1, &[]);
}

#[test]
fn kustomize_names_a_workload_that_does_not_exist() {
    let project = component();
    let spec = project.read("mesh.toml");
    project.write("mesh.toml", spec.replace("workloads.details-v1", "workloads.detials-v1"));
    project.run(&["render"]).ends(0, &[]);
    owner(&project, "../examples/bookinfo", "");
    kubectl(&["kustomize", &project.text_path("owner")]).ends(1, &["no resource matches", "detials-v1"]);
}

/// For manifests without a namespace whose overlay sets one.
#[test]
fn patch_namespace_matches_the_manifest() {
    let project = component();
    project.edit("mesh.toml", "namespace = \"default\"", "namespace = \"shop\"");
    owner(&project, "../examples/bookinfo", "namespace: shop\n");
    let dir = project.text_path("owner");
    project.run(&["render"]).ends(0, &[]);
    kubectl(&["kustomize", &dir]).ends(1, &["no resource matches", "shop"]);

    for name in ["productpage-v1", "details-v1"] {
        let header = format!("[workloads.{name}]\n");
        project.edit("mesh.toml", &header, &format!("{header}patch-namespace = \"\"\n"));
    }
    project.run(&["render"]).ends(0, &[]);
    let objects = build(Path::new(&dir));
    for (kind, at) in [("Deployment", "details-v1"), ("EnvoyFilter", "wasm-example-filter")] {
        find(&objects, kind, ("shop", at));
    }
    let template = &find(&objects, "Deployment", ("shop", "productpage-v1"))["spec"]["template"];
    assert!(template["metadata"]["annotations"]["sidecar.istio.io/userVolume"].is_string());
    assert!(of_kind(&objects, "ConfigMap").all(|it| namespace(it) == "shop"));
}

/// The namespace of a manifest must equal that of the patch. `default` equals no namespace.
#[test]
fn a_manifest_with_a_namespace_needs_the_namespace_of_the_workload() {
    let project = component();
    project.edit("mesh.toml", "namespace = \"default\"", "namespace = \"shop\"");
    let details = "examples/bookinfo/details.yaml";
    for (file, name) in [(details, "details-v1"), ("examples/bookinfo/productpage.yaml", "productpage-v1")] {
        project.edit(file, &format!("name: {name}\n"), &format!("name: {name}\n  namespace: shop\n"));
    }
    owner(&project, "../examples/bookinfo", "");
    let dir = project.text_path("owner");
    project.run(&["render"]).ends(0, &[]);
    find(&build(Path::new(&dir)), "Deployment", ("shop", "details-v1"));

    project.edit("mesh.toml", "[workloads.details-v1]\n", "[workloads.details-v1]\npatch-namespace = \"\"\n");
    project.run(&["render"]).ends(0, &[]);
    kubectl(&["kustomize", &dir]).ends(1, &["no resource matches", "details-v1"]);

    project.edit(details, "  namespace: shop", "  namespace: default");
    project.run(&["render"]).ends(0, &[]);
    find(&build(Path::new(&dir)), "Deployment", ("default", "details-v1"));
}

/// The base itself lists out/, so that its transformers apply after the patches.
#[test]
fn a_base_that_lists_the_component_builds_with_its_own_namespace() {
    let project = component();
    owner(&project, "../examples/bookinfo", "namespace: shop\n");
    project.edit("mesh.toml", "[mesh]\n", "[mesh]\nbase = \"owner\"\n");
    project.run(&["render"]).ends(0, &[]);
    let built = build(&project.path("owner"));
    let template = &find(&built, "Deployment", ("shop", "details-v1"))["spec"]["template"];
    assert!(template["metadata"]["annotations"]["sidecar.istio.io/userVolume"].is_string());
    assert!(of_kind(&built, "ConfigMap").all(|it| namespace(it) == "shop"));
    project.run(&["check"]).ends(0, &[]);

    owner(&project, "../examples/bookinfo", "namePrefix: prod-\n");
    for name in ["productpage-v1", "details-v1"] {
        project.edit("mesh.toml", &format!("[workloads.{name}]"), &format!("[workloads.prod-{name}]"));
    }
    project.run(&["render"]).ends(2, &["MC0538"]);
}
