//! The way that docs/spec.md shows to pass a secret to a filter.

use std::fs;

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::manifests::{build, find};
use crate::project::{Project, module, repository};
use crate::{Test, delivery, server, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_secret_reaches_the_sidecar_and_the_plugin_names_its_variable]
}

/// The excerpts of the section: the filter, and the container of the pod template.
fn excerpts() -> (String, Value) {
    let page = fs::read_to_string(repository().join("docs/spec.md")).expect("the page");
    let section = page.split("\n## Secrets\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("the section");
    let excerpt = |language: &str| {
        let start = section.split(&format!("```{language}\n")).nth(1).expect("an excerpt");
        start.split("```").next().expect("its end").to_owned()
    };
    let yaml: Value = serde_yaml::from_str(&excerpt("yaml")).expect("YAML");
    (excerpt("toml"), yaml["spec"]["template"]["spec"]["containers"][0].clone())
}

fn a_secret_reaches_the_sidecar_and_the_plugin_names_its_variable(plane: &ControlPlane) {
    let (filter, container) = excerpts();
    let project = Project::empty();
    let spec =
        format!("[mesh]\nnamespace = \"shop\"\nbase = \"base\"\n\n{filter}\n[workloads.web]\nfilters = [\"auth\"]\n");
    project.write("mesh.toml", spec);
    project.write("filters/auth.wasm", module(1));
    let labels = json!({ "app": "web" });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "web", "image": "web:1" }, container] },
            },
        },
    });
    project.write("base/web.json", deployment.to_string());
    project.write("base/kustomization.yaml", "resources: [web.json]\n");
    let ran = project.run(&["render"]).ends(0, &[]);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);

    let objects = build(&project.path("out"));
    let workload = find(&objects, "Deployment", ("shop", "web"));
    let template = &workload["spec"]["template"];
    let pods = server::pods(plane, &[(workload, template)]).expect("a pod");
    assert_eq!(delivery::check(&pods[0], template, &objects), 1);
    let proxies = ["initContainers", "containers"].map(|list| pods[0]["spec"][list].as_array().cloned());
    let proxy = proxies.into_iter().flatten().flatten().find(|it| it["name"] == "istio-proxy").expect("a sidecar");
    let variables = proxy["env"].as_array().expect("variables");
    let wanted = &container["env"][0];
    assert!(variables.contains(wanted), "{wanted} is not in {variables:?}");
    let filter = find(&objects, "EnvoyFilter", ("shop", "wasm-auth")).to_string();
    let named = format!("\"host_env_keys\":[{}]", wanted["name"]);
    assert!(filter.replace("hostEnvKeys", "host_env_keys").contains(&named), "{filter}");
}
