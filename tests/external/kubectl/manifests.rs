//! What kustomize builds from the out/ of every example contains what mesh.toml declares.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::manifests::*;
use crate::project::{Project, examples, module, repository};

/// An example with its directory, its workloads, and what kustomize builds from its out/.
struct Example {
    dir: PathBuf,
    spec: toml::Table,
    workloads: Vec<Workload>,
    objects: Vec<Value>,
}

fn built() -> Vec<Example> {
    let example = |dir: PathBuf| {
        let dir = repository().join(dir);
        let spec = spec(&dir.join("mesh.toml"));
        let workloads = workloads(&spec);
        let objects = build(&dir.join("out"));
        assert!(!workloads.is_empty() && workloads.iter().all(|workload| !workload.uses.is_empty()));
        assert!(["ConfigMap", "EnvoyFilter"].iter().all(|kind| of_kind(&objects, kind).next().is_some()));
        Example { dir, spec, workloads, objects }
    };
    super::explicit_examples().into_iter().map(example).collect()
}

/// The volumes and the mounts of the proxy: from the annotations for the injector, or from the container of a gateway.
fn mounted(template: &Value) -> (Vec<Value>, Vec<Value>) {
    let annotation = |name: &str| template["metadata"]["annotations"][format!("sidecar.istio.io/{name}")].as_str();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    match (annotation("userVolume"), annotation("userVolumeMount")) {
        (Some(volumes), Some(mounts)) => (injected(volumes), injected(mounts)),
        (None, None) => {
            let containers = list(&template["spec"]["containers"]);
            let proxy = containers.iter().find(|container| container["name"] == "istio-proxy").expect("a proxy");
            assert_eq!(proxy["image"], "auto");
            (list(&template["spec"]["volumes"]), list(&proxy["volumeMounts"]))
        }
        half => panic!("one annotation without the other: {half:?}"),
    }
}

/// The ConfigMaps whose files a volume contains.
fn sources(volume: &Value) -> Vec<String> {
    let projected = volume["projected"]["sources"].as_array().cloned().unwrap_or_default();
    let names = std::iter::once(volume).chain(&projected).filter_map(|source| source["configMap"]["name"].as_str());
    names.map(str::to_owned).collect()
}

impl Example {
    fn template(&self, workload: &Workload) -> &Value {
        &find(&self.objects, &workload.kind, (&workload.namespace, &workload.name))["spec"]["template"]
    }

    /// The EnvoyFilters that Istio applies to the pods, in its order.
    fn applied(&self, workload: &Workload) -> Vec<&Value> {
        let template = self.template(workload);
        let filters = of_kind(&self.objects, "EnvoyFilter");
        let mut applied: Vec<_> =
            filters.filter(|it| namespace(it) == workload.namespace && selects(it, template)).collect();
        applied.sort_by_key(|filter| filter["spec"]["priority"].as_i64());
        applied
    }
}

#[test]
fn every_mounted_config_map_exists() {
    for example in built() {
        for (owner, template) in
            templates(&example.objects).into_iter().filter(|(_, template)| !mounts_nothing(template))
        {
            let (volumes, mounts) = mounted(template);
            for name in volumes.iter().flat_map(sources) {
                find(&example.objects, "ConfigMap", (namespace(owner), &name));
            }
            for mount in mounts {
                let named = volumes.iter().filter(|volume| volume["name"] == mount["name"]).count();
                assert_eq!(named, 1, "{mount} of {}", name(owner));
            }
        }
        let ours = example.dir.join("out/configmaps");
        for config_map in of_kind(&example.objects, "ConfigMap") {
            let file = ours.join(namespace(config_map)).join(format!("{}.yaml", name(config_map)));
            assert_eq!(config_map["binaryData"].is_object(), file.is_file(), "{}", name(config_map));
        }
    }
}

fn mounts_nothing(template: &Value) -> bool {
    let annotation = template["metadata"]["annotations"].get("sidecar.istio.io/userVolume");
    let containers = template["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    annotation.is_none() && !containers.iter().any(|it| it["name"] == "istio-proxy")
}

/// Mount, volume and ConfigMap lead from the path that Envoy opens to the module that mesh.toml names.
#[test]
fn every_path_leads_to_the_module_of_mesh_toml() {
    for example in built() {
        for workload in &example.workloads {
            let (volumes, mounts) = mounted(example.template(workload));
            for filter in example.applied(workload) {
                let plugin = plugin(filter);
                let path = string(&plugin["vm_config"]["code"]["local"]["filename"]);
                let inside = |mount: &&Value| path.starts_with(&format!("{}/", string(&mount["mountPath"])));
                let mount = mounts.iter().find(inside).unwrap_or_else(|| panic!("{path} is not mounted"));
                let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a volume");
                let key = &path[string(&mount["mountPath"]).len() + 1..];
                let used = workload.uses.iter().find(|used| plugin["name"] == *used.filter).expect("a use");
                if let Some(reference) = volume["image"]["reference"].as_str() {
                    // What the image contains is shown in tests/external/image.
                    let image = example.spec["filters"][&used.filter]["image"].as_str().expect("an image");
                    let image = image.replace("{{ filter.name }}", &used.filter);
                    assert!(reference.starts_with(&format!("{image}@sha256:")), "{reference}");
                    assert_eq!(key, "plugin.wasm");
                    continue;
                }
                let files: Vec<_> = sources(volume)
                    .iter()
                    .filter_map(|name| {
                        let config_map = find(&example.objects, "ConfigMap", (&workload.namespace, name));
                        config_map_value(config_map, key)
                    })
                    .collect();
                let expected = std::fs::read(example.dir.join(&used.module)).expect("a module");
                assert!(files == [expected], "{path} of {} is in {} ConfigMaps", workload.name, files.len());
            }
        }
    }
}

#[test]
fn every_envoy_filter_selects_the_pods_that_list_it_and_no_others() {
    for example in built() {
        for filter in of_kind(&example.objects, "EnvoyFilter") {
            let plugin = string(&plugin(filter)["name"]);
            let mut selected = 0;
            for (owner, template) in templates(&example.objects) {
                if namespace(owner) != namespace(filter) || !selects(filter, template) {
                    continue;
                }
                selected += 1;
                let lists = example.workloads.iter().any(|it| {
                    let same = (it.kind.as_str(), it.name.as_str(), it.namespace.as_str());
                    same == (string(&owner["kind"]), name(owner), namespace(owner))
                        && it.uses.iter().any(|used| used.filter == plugin)
                });
                assert!(lists, "{} selects {}", name(filter), name(owner));
            }
            assert!(selected > 0, "{} selects nothing", name(filter));
        }
    }
}

/// Builds the filter chain as Istio does, and compares its order.
#[test]
fn the_chain_is_in_the_order_of_mesh_toml() {
    for example in built() {
        for workload in &example.workloads {
            let mut chain = vec!["of Istio", "fault", "router"];
            let applied = example.applied(workload);
            assert_eq!(applied.len(), workload.uses.len(), "{}", workload.name);
            let mut last = 0;
            for filter in applied {
                let priority = filter["spec"]["priority"].as_i64().expect("a priority");
                assert!(priority > last, "{}: {priority} after {last}", name(filter));
                last = priority;
                let patch = &filter["spec"]["configPatches"][0];
                let at = match string(&patch["patch"]["operation"]) {
                    "INSERT_BEFORE" => {
                        let anchor = &patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"];
                        let fault = chain.iter().position(|it| anchor == "envoy.filters.http.fault" && *it == "fault");
                        fault.unwrap_or(chain.len() - 1)
                    }
                    "INSERT_FIRST" => 0,
                    other => panic!("{other}"),
                };
                let plugin = plugin(filter);
                chain.insert(at, string(&plugin["name"]));
                let used = workload.uses.iter().find(|used| plugin["name"] == *used.filter).expect("a use");
                assert_eq!(patch["match"]["context"], used.context);
                assert_eq!(patch["match"]["listener"]["portNumber"].as_i64(), used.port);
                assert_eq!(used.first, at == 0);
                if let Some(config) = &used.config {
                    let text = string(&plugin["configuration"]["value"]);
                    assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), *config);
                }
            }
            let (first, rest): (Vec<&Use>, Vec<&Use>) = workload.uses.iter().partition(|used| used.first);
            let (before, then): (Vec<&Use>, Vec<&Use>) = rest.into_iter().partition(|used| used.before.is_some());
            assert!(before.iter().all(|used| used.before.as_deref() == Some("fault")), "{before:?}");
            let names = |uses: Vec<&Use>| uses.into_iter().map(|used| used.filter.clone()).collect::<Vec<_>>();
            let of_istio = |name: &str| vec![name.to_owned()];
            let expected = [names(first), of_istio("of Istio"), names(before), of_istio("fault"), names(then)].concat();
            assert_eq!(chain[..chain.len() - 1], expected, "{}", workload.name);
        }
    }
}

#[test]
fn every_workload_is_patched() {
    for example in built() {
        let gate = example.spec.get("rollout").and_then(|rollout| rollout.get("gate")).and_then(toml::Value::as_str);
        for workload in &example.workloads {
            let template = example.template(workload);
            let metadata = &template["metadata"];
            for used in &workload.uses {
                let gated = metadata["labels"].get(format!("wasm.mesh-compile.dev/{}", used.filter)).is_some();
                assert_eq!(gated, gate != Some("none"), "{} of {}", used.filter, workload.name);
            }
            let level = workload.log_level.as_ref().map(|level| format!("misc:error,wasm:{level}"));
            assert_eq!(metadata["annotations"]["sidecar.istio.io/componentLogLevel"].as_str(), level.as_deref());
            assert!(!mounts_nothing(template), "{}", workload.name);
        }
    }
}

/// kubectl reads YAML 1.1, and kinds that it knows with strict types.
#[test]
fn kubectl_reads_every_file_as_written() {
    let yaml = |dir: &Path| {
        let project = std::process::Command::new("find").arg(dir).args(["-name", "*.yaml"]).output().expect("find");
        String::from_utf8(project.stdout).expect("paths").lines().map(PathBuf::from).collect::<Vec<_>>()
    };
    let files: Vec<_> = examples().iter().flat_map(|dir| yaml(&repository().join(dir).join("out"))).collect();
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        if file.ends_with("kustomization.yaml") {
            continue; // for kustomize
        }
        let arguments = ["annotate", "--local", "-f", text(&file), "judge=1", "-o", "json"];
        let mut read: Value = serde_json::from_str(&kubectl(&arguments).ends(0, &[]).stdout).unwrap();
        let annotations = read["metadata"]["annotations"].as_object_mut().unwrap();
        annotations.remove("judge");
        if annotations.is_empty() {
            read["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        let written = documents(&std::fs::read_to_string(&file).unwrap()).remove(0);
        assert_eq!(without_nulls(read), written, "{}", file.display());
    }
}

/// The object without the fields that kubectl adds to kinds that it knows.
fn without_nulls(mut object: Value) -> Value {
    fn clean(value: &mut Value) {
        if let Value::Object(map) = value {
            map.values_mut().for_each(clean);
            map.retain(|key, value| {
                !(value.is_null()
                    || ["status", "strategy", "updateStrategy", "resources"].contains(&key.as_str())
                        && *value == json!({}))
            });
        } else if let Value::Array(items) = value {
            items.iter_mut().for_each(clean);
        }
    }
    clean(&mut object);
    object
}

/// The bytes and the key equal those of `kubectl create configmap`, which puts valid UTF-8 into `data`.
#[test]
fn config_maps_hold_what_kubectl_would_create() {
    let project = Project::small();
    // All bytes are ASCII, so kubectl puts them into `data`.
    project.write("two.wasm", [module(2), b"\0\x02\x01x".to_vec()].concat());
    project.run(&["render"]).ends(0, &[]);
    let rendered = documents(&project.run(&["render", "--stdout"]).stdout);
    let mut pairs: Vec<_> = of_kind(&rendered, "ConfigMap").map(|it| (it.clone(), project.path(""))).collect();
    assert_eq!(pairs.len(), 3);
    for example in built() {
        let ours = of_kind(&example.objects, "ConfigMap").filter(|it| it["binaryData"].is_object());
        pairs.extend(ours.map(|it| (it.clone(), example.dir.clone())));
    }
    for (ours, dir) in pairs {
        let key = entries(&ours["binaryData"]).keys().next().expect("a key");
        let bytes = config_map_value(&ours, key).expect("a value");
        let copy = project.path("copy.wasm");
        project.write("copy.wasm", &bytes);
        let from = format!("--from-file={key}={}", copy.display());
        let arguments =
            ["create", "configmap", name(&ours), "-n", namespace(&ours), &from, "--dry-run=client", "-o", "json"];
        // Not `-o yaml`: kubectl cannot write a DEL in `data`, and the type i32 is that byte.
        let theirs: Value = serde_json::from_str(&kubectl(&arguments).ends(0, &[]).stdout).unwrap();
        assert_eq!(theirs["data"].is_object(), std::str::from_utf8(&bytes).is_ok());
        assert!(ours["data"].is_null() && entries(&ours["binaryData"]).len() == 1);
        assert_eq!((name(&ours), namespace(&ours)), (name(&theirs), namespace(&theirs)));
        assert!(config_map_value(&theirs, key) == Some(bytes), "{} in {}", name(&ours), dir.display());
    }
}
