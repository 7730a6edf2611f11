//! examples/asm contains everything that the recipe for a WASM filter in ASM has its reader write by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::manifests::*;
use crate::project::repository;

/// The EnvoyFilter of the recipe. WORKLOAD is `productpage` or `details`.
const ENVOY_FILTER: &str = r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: WORKLOAD-v1-examplefilter
  labels:
    asm-system: 'true'
    provider: asm
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      proxy:
        proxyVersion: '^1\.*.*'
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter:
              name: envoy.filters.http.router
    patch:
      operation: INSERT_BEFORE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
          config:
            name: example-filter
            rootId: my_root_id
            vmConfig:
              code:
                local:
                  filename: /var/local/lib/wasm-filters/example-filter.wasm
              runtime: envoy.wasm.runtime.v8
              vmId: example-filter
              allow_precompiled: true
        name: envoy.filters.http.wasm
  workloadSelector:
    labels:
      app: WORKLOAD
      version: v1
"#;

/// The two annotations of the recipe.
const VOLUME: &str = r#"[{"name":"wasmfilters-dir","configMap": {"name": "wasm-example-filter"}}]"#;
const MOUNT: &str = r#"[{"mountPath":"/var/local/lib/wasm-filters","name":"wasmfilters-dir"}]"#;

const WORKLOADS: [&str; 2] = ["productpage", "details"];

fn out(path: &str) -> PathBuf {
    repository().join("examples/asm/out").join(path)
}

fn object(path: &str) -> Value {
    let mut documents = documents(&std::fs::read_to_string(out(path)).expect("a file of out/"));
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// Every leaf by its path. Field names below `typed_config` are in snake case, as protobuf declares them.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    fn walk(value: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
        let typed = path.contains("/typed_config");
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let key = if typed { snake_case(key) } else { key.clone() };
                    walk(value, &format!("{path}/{key}"), found);
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}/{i}"), found);
                }
            }
            leaf => assert!(found.insert(path.to_owned(), leaf.clone()).is_none(), "{path} in both spellings"),
        }
    }
    let mut found = BTreeMap::new();
    walk(value, "", &mut found);
    found
}

fn snake_case(key: &str) -> String {
    key.chars()
        .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]))
        .collect()
}

/// Asserts that `ours` contains every leaf of `seed`. Returns the other leaves of `ours`.
#[track_caller]
fn beyond(ours: &Value, seed: &Value) -> Vec<(String, Value)> {
    let (mut ours, seed) = (leaves(ours), leaves(seed));
    for (path, value) in seed {
        assert_eq!(ours.remove(&path), Some(value), "{path}");
    }
    ours.into_iter().collect()
}

#[test]
fn the_envoy_filters_have_every_field() {
    for workload in WORKLOADS {
        let seed = documents(&ENVOY_FILTER.replace("WORKLOAD", workload)).remove(0);
        assert_eq!(leaves(&seed).len(), 21);
        let ours = object(&format!("envoyfilters/default/{workload}-v1-examplefilter.yaml"));
        let expected = [
            ("/metadata/annotations/argocd.argoproj.io/sync-options", json!("PruneLast=true")),
            ("/metadata/annotations/kustomize.toolkit.fluxcd.io/substitute", json!("disabled")),
            // The recipe uses the namespace of the current context, and the order of creation instead of a priority.
            ("/metadata/namespace", json!("default")),
            ("/spec/priority", json!(10)),
        ];
        assert_eq!(beyond(&ours, &seed), expected.map(|(path, value)| (path.to_owned(), value)));
    }
    assert_eq!(std::fs::read_dir(out("envoyfilters/default")).unwrap().count(), WORKLOADS.len());
}

/// `kubectl create configmap -n default wasm-example-filter --from-file=example-filter.wasm`
#[test]
fn the_config_map_equals_the_one_that_kubectl_creates() {
    let module = repository().join("filter/example-filter.wasm");
    let from = format!("--from-file={}", text(&module));
    let arguments =
        ["create", "configmap", "-n", "default", "wasm-example-filter", &from, "--dry-run=client", "-o", "json"];
    let seed: Value = serde_json::from_str(&kubectl(&arguments).ends(0, &[]).stdout).unwrap();
    assert!(seed["binaryData"]["example-filter.wasm"].is_string());
    let beyond = beyond(&object("configmaps/default/wasm-example-filter.yaml"), &seed);
    let paths: Vec<_> = beyond.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "/metadata/annotations/argocd.argoproj.io/sync-options",
        "/metadata/annotations/kustomize.toolkit.fluxcd.io/prune",
        "/metadata/annotations/kustomize.toolkit.fluxcd.io/substitute",
        "/metadata/annotations/wasm.mesh-compile.dev/sha256",
        "/metadata/annotations/wasm.mesh-compile.dev/size",
        "/metadata/labels/asm-system",
        "/metadata/labels/provider",
    ];
    assert_eq!(paths, expected);
    assert_eq!(std::fs::read_dir(out("configmaps/default")).unwrap().count(), 1);
}

#[test]
fn the_patches_contain_only_the_two_annotations() {
    for workload in WORKLOADS {
        let mut ours = object(&format!("patches/default/deployment-{workload}-v1.yaml"));
        let annotations = &mut ours["spec"]["template"]["metadata"]["annotations"];
        for (name, seed) in [("sidecar.istio.io/userVolume", VOLUME), ("sidecar.istio.io/userVolumeMount", MOUNT)] {
            let parsed: Value = serde_json::from_str(string(&annotations[name])).unwrap();
            assert_eq!(parsed, serde_json::from_str::<Value>(seed).unwrap());
            annotations.as_object_mut().unwrap().remove(name);
        }
        let rest = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": format!("{workload}-v1"), "namespace": "default" },
            "spec": { "template": { "metadata": { "annotations": {} } } },
        });
        assert_eq!(ours, rest);
    }
    assert_eq!(std::fs::read_dir(out("patches/default")).unwrap().count(), WORKLOADS.len());
}
