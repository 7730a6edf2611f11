//! Manifests as kubectl prints them, and mesh.toml as a TOML parser reads it.
#![allow(dead_code, reason = "each test binary takes what it needs")]

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::project::Ran;
use crate::tools::tool;

pub(crate) fn kubectl(arguments: &[&str]) -> Ran {
    let output = Command::new(tool("kubectl")).args(arguments).env_remove("KUBECONFIG").output();
    Ran::of(&output.expect("kubectl runs"))
}

/// The documents of a YAML stream.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(yaml);
    documents.map(|document| serde::Deserialize::deserialize(document).expect("YAML")).collect()
}

/// What `kubectl kustomize` builds of a directory.
#[track_caller]
pub(crate) fn build(dir: &Path) -> Vec<Value> {
    documents(&kubectl(&["kustomize", text(dir)]).ends(0, &[]).stdout)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

pub(crate) fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

pub(crate) fn name(object: &Value) -> &str {
    string(&object["metadata"]["name"])
}

/// The namespace of an object.
pub(crate) fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or("default")
}

pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == *kind)
}

#[track_caller]
pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, at: (&str, &str)) -> &'a Value {
    let mut found = of_kind(objects, kind).filter(|object| (namespace(object), name(object)) == at);
    let object = found.next().unwrap_or_else(|| panic!("no {kind} {at:?}"));
    assert!(found.next().is_none(), "{kind} {at:?} exists twice");
    object
}

/// Every object with a pod template, and the template.
pub(crate) fn templates(objects: &[Value]) -> Vec<(&Value, &Value)> {
    let mut found = Vec::new();
    for object in objects {
        let spec = &object["spec"];
        let template =
            [&spec["template"], &spec["jobTemplate"]["spec"]["template"]].into_iter().find(|it| it.is_object());
        found.extend(template.map(|template| (object, template)));
    }
    found
}

pub(crate) fn entries(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

/// The value of a key of a ConfigMap, in `data` or `binaryData`.
pub(crate) fn config_map_value(config_map: &Value, key: &str) -> Option<Vec<u8>> {
    if let Some(text) = config_map["data"][key].as_str() {
        return Some(text.into());
    }
    let encoded = config_map["binaryData"][key].as_str()?;
    Some(STANDARD.decode(encoded).expect("base64"))
}

/// The volumes or mounts of an annotation for the injector: a list, or a map whose keys are the names of the volumes.
pub(crate) fn injected(annotation: &str) -> Vec<Value> {
    match serde_json::from_str(annotation).expect("JSON") {
        Value::Array(items) => items,
        Value::Object(entries) => {
            let named = |(name, mut item): (String, Value)| {
                item["name"] = Value::String(name);
                item
            };
            entries.into_iter().map(named).collect()
        }
        other => panic!("neither a list nor a map: {other}"),
    }
}

/// The configuration of the plugin: in the patch of the filter, or in the one that extension discovery serves.
pub(crate) fn plugin(envoy_filter: &Value) -> &Value {
    let patches = envoy_filter["spec"]["configPatches"].as_array().expect("patches");
    let typed = patches.iter().map(|patch| &patch["patch"]["value"]["typed_config"]).find(|it| it.is_object());
    let typed = typed.unwrap_or_else(|| panic!("no plugin: {envoy_filter}"));
    // A TypedStruct nests it one level deeper.
    if typed["value"].is_object() { &typed["value"]["config"] } else { &typed["config"] }
}

pub(crate) fn selects(envoy_filter: &Value, template: &Value) -> bool {
    let labels = entries(&envoy_filter["spec"]["workloadSelector"]["labels"]);
    assert!(!labels.is_empty(), "the EnvoyFilter selects the whole namespace: {envoy_filter}");
    labels.iter().all(|(key, value)| template["metadata"]["labels"][key] == *value)
}

/// A workload of mesh.toml with default values.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uses: Vec<Use>,
    pub(crate) log_level: Option<String>,
}

/// A filter of a workload, in the order of the request path.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) filter: String,
    pub(crate) module: String,
    pub(crate) context: &'static str,
    pub(crate) port: Option<i64>,
    pub(crate) first: bool,
    /// The filter of Istio that it stands right before.
    pub(crate) before: Option<String>,
    /// The configuration of the plugin. `None` if it contains a template.
    pub(crate) config: Option<Value>,
}

pub(crate) fn spec(file: &Path) -> toml::Table {
    std::fs::read_to_string(file).expect("mesh.toml").parse().expect("TOML")
}

pub(crate) fn workloads(spec: &toml::Table) -> Vec<Workload> {
    let str = |table: &toml::Value, key: &str| Some(table.get(key)?.as_str().expect("a string").to_owned());
    let default = spec["mesh"].get("namespace").map_or("default", |name| name.as_str().expect("a string"));
    let workload = |(key, table): (&String, &toml::Value)| {
        let direction = str(table, "direction").unwrap_or_else(|| "inbound".into());
        let uses = table["filters"].as_array().expect("an array").iter().map(|written| {
            let plain = toml::Value::Table(toml::Table::new());
            let (filter, with) =
                written.as_str().map_or_else(|| (written["filter"].as_str(), written), |it| (Some(it), &plain));
            let filter = filter.expect("a name").to_owned();
            let declared = &spec["filters"][&filter];
            let insert = with.get("insert");
            let config =
                with.get("config").or_else(|| declared.get("config")).map(|it| serde_json::to_value(it).expect("JSON"));
            Use {
                module: str(declared, "module").expect("a module"),
                context: match str(with, "direction").as_deref().unwrap_or(&direction) {
                    "inbound" => "SIDECAR_INBOUND",
                    "outbound" => "SIDECAR_OUTBOUND",
                    "gateway" => "GATEWAY",
                    _ => "ANY",
                },
                port: with.get("port").and_then(toml::Value::as_integer),
                first: insert.is_some_and(|insert| insert.as_str() == Some("first")),
                before: insert.and_then(|insert| str(insert, "before")),
                config: config.filter(|config| !config.to_string().contains("{{")),
                filter,
            }
        });
        Workload {
            kind: str(table, "kind").unwrap_or_else(|| "Deployment".into()),
            namespace: str(table, "namespace").unwrap_or_else(|| default.to_owned()),
            name: str(table, "name").unwrap_or_else(|| key.clone()),
            uses: uses.collect(),
            log_level: str(table, "wasm-log-level"),
        }
    };
    spec["workloads"].as_table().expect("a table").iter().map(workload).collect()
}
