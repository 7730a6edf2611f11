//! The objects that kustomize prints, and what a pod gets from them through Kubernetes and the sidecar injector.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{items, text};

/// The default root namespace of Istio. Its EnvoyFilters can select pods of all namespaces.
const ROOT_NAMESPACE: &str = "istio-system";

/// A stream of objects.
#[derive(Debug)]
pub(crate) struct Objects(Vec<Value>);

/// A pod created from the template of a workload.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    spec: Value,
}

/// The namespace of an object, `default` if it has none.
fn namespace(object: &Value) -> &str {
    match text(object, "/metadata/namespace") {
        "" => "default",
        namespace => namespace,
    }
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The entries of an object of strings. Empty if there is no object.
fn strings(value: &Value) -> BTreeMap<String, String> {
    let Some(entries) = value.as_object() else { return BTreeMap::new() };
    let string = |(key, value): (&String, &Value)| {
        (key.clone(), value.as_str().unwrap_or_else(|| panic!("{key}: {value} is not a string")).to_owned())
    };
    entries.iter().map(string).collect()
}

impl Objects {
    /// Reads a stream of YAML documents.
    pub(crate) fn read(stream: &str) -> Self {
        let documents = serde_yaml::Deserializer::from_str(stream);
        Self(documents.map(|document| Value::deserialize(document).expect("kustomize prints YAML")).collect())
    }

    /// The same objects with other bytes in every module, as if edited by hand.
    pub(crate) fn with_every_module(mut self, bytes: &[u8]) -> Self {
        let modules = self.0.iter_mut().filter_map(|object| object.get_mut("binaryData")?.as_object_mut());
        modules.flat_map(Map::values_mut).for_each(|module| *module = STANDARD.encode(bytes).into());
        self
    }

    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| text(object, "/kind") == kind)
    }

    /// The pod of `Kind/namespace/name`.
    pub(crate) fn pod(&self, workload: &str) -> Pod {
        let [kind, of, called] = workload.split('/').collect::<Vec<_>>()[..] else { panic!("{workload}") };
        let object = self.of_kind(kind).find(|object| namespace(object) == of && name(object) == called);
        let template = &object.unwrap_or_else(|| panic!("no {workload}"))["spec"]["template"];
        Pod {
            namespace: of.to_owned(),
            labels: strings(&template["metadata"]["labels"]),
            annotations: strings(&template["metadata"]["annotations"]),
            spec: template["spec"].clone(),
        }
    }

    /// The objects that differ or are only in one of the two, as `Kind/namespace/name`.
    pub(crate) fn changed(&self, other: &Self) -> Vec<String> {
        let index = |objects: &Self| -> BTreeMap<String, Value> {
            let key = |object: &Value| format!("{}/{}/{}", text(object, "/kind"), namespace(object), name(object));
            objects.0.iter().map(|object| (key(object), object.clone())).collect()
        };
        let (ours, theirs) = (index(self), index(other));
        let mut keys: Vec<String> = ours.keys().chain(theirs.keys()).cloned().collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| ours.get(key) != theirs.get(key));
        keys
    }

    /// The EnvoyFilters that istiod applies to the pod, sorted by priority, root namespace first, then by name. (Before the name,
    /// istiod sorts by the time of creation, which no manifest may depend on.)
    pub(crate) fn envoy_filters(&self, pod: &Pod) -> Vec<&Value> {
        let mut filters: Vec<&Value> = self
            .of_kind("EnvoyFilter")
            .filter(|filter| [pod.namespace.as_str(), ROOT_NAMESPACE].contains(&namespace(filter)))
            .filter(|filter| pod.has(&strings(&filter["spec"]["workloadSelector"]["labels"])))
            .collect();
        filters.sort_by_key(|filter| {
            let priority = filter["spec"]["priority"].as_i64().unwrap_or_default();
            (priority, namespace(filter) != ROOT_NAMESPACE, name(filter))
        });
        filters
    }

    /// The files mounted in the proxy of the pod, by path.
    ///
    /// # Panics
    /// If a ConfigMap is missing in the namespace of the pod: the pod would never start.
    pub(crate) fn files(&self, pod: &Pod) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let volumes = pod.injected("sidecar.istio.io/userVolume", "name", items(&pod.spec, "/volumes"));
        let proxy = items(&pod.spec, "/containers").iter().find(|container| name_of(container) == "istio-proxy");
        let mounts = proxy.map_or(&[][..], |proxy| items(proxy, "/volumeMounts"));
        for (path, mount) in pod.injected("sidecar.istio.io/userVolumeMount", "mountPath", mounts) {
            assert!(mount.get("subPath").is_none(), "subPath is not modeled: {mount:?}");
            let volume = volumes.get(text_of(&mount, "name")).unwrap_or_else(|| panic!("no volume for {mount:?}"));
            for (file, bytes) in self.volume(&pod.namespace, &Value::Object(volume.clone())) {
                files.insert(PathBuf::from(&path).join(file), bytes);
            }
        }
        files
    }

    /// The files of a volume by name: of a ConfigMap or of projected ConfigMaps. Other volumes have none.
    fn volume(&self, of: &str, volume: &Value) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.config_map(of, &volume["configMap"]["name"]);
        for source in items(volume, "/projected/sources") {
            for (key, bytes) in self.config_map(of, &source["configMap"]["name"]) {
                assert!(files.insert(key.clone(), bytes).is_none(), "{key} is projected twice: {volume}");
            }
        }
        files
    }

    fn config_map(&self, of: &str, called: &Value) -> BTreeMap<String, Vec<u8>> {
        let Some(called) = called.as_str() else { return BTreeMap::new() };
        let object = self.of_kind("ConfigMap").find(|object| namespace(object) == of && name(object) == called);
        let object = object.unwrap_or_else(|| panic!("no ConfigMap {of}/{called}: its pods would never start"));
        let plain = strings(&object["data"]).into_iter().map(|(key, text)| (key, text.into_bytes()));
        let binary = strings(&object["binaryData"]).into_iter().map(|(key, text)| {
            let bytes = STANDARD.decode(&text).unwrap_or_else(|error| panic!("{called}, {key}: {error}"));
            (key, bytes)
        });
        plain.chain(binary).collect()
    }
}

impl Pod {
    /// Whether the pod has all the labels.
    fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }

    /// The volumes or mounts of the pod after injection: its own, and those of the annotation, which the template of a gateway
    /// ignores. If two have the same key, the injected one wins.
    fn injected(&self, annotation: &str, key: &str, own: &[Value]) -> BTreeMap<String, Map<String, Value>> {
        let mut entries: Vec<Map<String, Value>> = own.iter().filter_map(Value::as_object).cloned().collect();
        let gateway = self.annotations.get("inject.istio.io/templates").is_some_and(|list| list.contains("gateway"));
        if let (Some(json), false) = (self.annotations.get(annotation), gateway) {
            entries.extend(template_range(annotation, json));
        }
        entries.into_iter().map(|entry| (text_of(&entry, key).to_owned(), entry)).collect()
    }
}

/// As `range $name, $value := fromJSON` in the template of the injector, which writes `name: $name` and then the other fields.
fn template_range(annotation: &str, json: &str) -> Vec<Map<String, Value>> {
    let parsed = serde_json::from_str(json).unwrap_or_else(|error| panic!("{annotation}: {error}: no pod is created"));
    let named: Vec<(String, Value)> = match parsed {
        Value::Array(entries) => entries.into_iter().enumerate().map(|(n, entry)| (n.to_string(), entry)).collect(),
        Value::Object(entries) => entries.into_iter().collect(),
        other => panic!("{annotation}: {other}: no pod is created"),
    };
    let entry = |(name, value): (String, Value)| {
        let mut entry = Map::from_iter([("name".to_owned(), Value::from(name))]);
        entry.extend(value.as_object().unwrap_or_else(|| panic!("{annotation}: {value}")).clone());
        entry
    };
    named.into_iter().map(entry).collect()
}

fn name_of(value: &Value) -> &str {
    text(value, "/name")
}

fn text_of<'a>(entry: &'a Map<String, Value>, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}
