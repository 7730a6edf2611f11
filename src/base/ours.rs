//! Takes an earlier result of ours out of a base, so that a render over it is a fixed point.
//!
//! A stream may contain what out/ adds: the ConfigMaps, which carry the digest of a module as an annotation; the EnvoyFilters, which
//! select the gate's label or are named in mesh.lock; the parameters of Gateways; and in the pod templates the gate's labels, the volumes that hold our
//! ConfigMaps and images with their mounts, the volumes of mesh.toml, and the log level of the `wasm` component.

use std::collections::{BTreeMap, BTreeSet};

use super::gateways::is_gateway;
use super::{Base, Node, Object, Value};
use crate::domain::annotation::{
    COMPONENT_LOG_LEVEL, GATEWAY_PARAMETERS, LOG_LEVEL, MODULE_DIGEST, MODULES_DIGEST, OUR_STATS, PROXY_CONTAINER,
    STATS_PREFIXES, USER_VOLUME, USER_VOLUME_MOUNT,
};
use crate::objects::Lock;
use crate::spec::types::Workload;
use crate::spec::{Spanned, Spec, Table, to_json};

/// The start of the gate's labels.
const GATE: &str = "wasm.mesh-compile.dev/";

/// The places of a pod template in the kinds that have one.
const TEMPLATES: [&[&str]; 2] = [&["spec", "template"], &["spec", "jobTemplate", "spec", "template"]];

/// The base without the objects and the pods' entries of an earlier render.
pub(super) fn without(mut base: Base, lock: Option<&Lock>, spec: &Spec) -> Base {
    let known = Known::new(&base, lock);
    restore_parameters(&mut base);
    base.objects.retain(|object| !known.is_ours(object));
    let own_paths: Vec<Vec<String>> = spec.workloads.values().filter_map(|workload| template_path(workload)).collect();
    for object in &mut base.objects {
        let added = Added::of(spec, &object.name);
        for path in TEMPLATES {
            if let Some(template) = object.root.at_mut(path) {
                clean(template, &known, &added);
            }
        }
        for path in &own_paths {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if let Some(template) = object.root.at_mut(&path).filter(|_| !TEMPLATES.contains(&&*path)) {
                clean(template, &known, &added);
            }
        }
    }
    base
}

fn template_path(workload: &Workload) -> Option<Vec<String>> {
    workload.template_path.as_ref().map(|path| path.split('.').map(str::to_owned).collect())
}

/// The names of our objects.
struct Known {
    config_maps: BTreeSet<String>,
    /// Namespace and name.
    envoy_filters: BTreeSet<(String, String)>,
}

impl Known {
    fn new(base: &Base, lock: Option<&Lock>) -> Self {
        let listed = |dir: &str| -> BTreeSet<(String, String)> {
            let paths = lock.into_iter().flat_map(|lock| lock.files.keys());
            let paths = paths.filter_map(|path| path.strip_prefix(dir)?.strip_suffix(".yaml")?.split_once('/'));
            paths.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
        };
        let mut config_maps: BTreeSet<String> = listed("configmaps/").into_iter().map(|(_, name)| name).collect();
        let marked = base.objects.iter().filter(|object| is_marked(object));
        config_maps.extend(marked.map(|object| object.name.clone()));
        Self { config_maps, envoy_filters: listed("envoyfilters/") }
    }

    fn is_ours(&self, object: &Object) -> bool {
        if is_marked(object) {
            return true;
        }
        if object.kind != "EnvoyFilter" {
            return false;
        }
        let selector = object.at(&["spec", "workloadSelector", "labels"]);
        let gated = selector.is_some_and(|labels| labels.entries().iter().any(|label| label.key.starts_with(GATE)));
        let namespace = object.namespace.as_deref().unwrap_or("default").to_owned();
        gated || self.envoy_filters.contains(&(namespace, object.name.clone()))
    }

    /// Whether a volume holds nothing but our ConfigMaps.
    fn is_volume(&self, volume: &serde_json::Value) -> bool {
        let holds_ours = |source: &serde_json::Value| {
            source["configMap"]["name"].as_str().is_some_and(|name| self.config_maps.contains(name))
        };
        let projected = volume["projected"]["sources"].as_array();
        holds_ours(volume) || projected.is_some_and(|sources| !sources.is_empty() && sources.iter().all(holds_ours))
    }
}

/// Whether an object is a ConfigMap of ours: with a module, or with the parameters of a Gateway.
fn is_marked(object: &Object) -> bool {
    object.kind == "ConfigMap"
        && object.group().is_empty()
        && [MODULE_DIGEST, GATEWAY_PARAMETERS].iter().any(|key| object.at(&["metadata", "annotations", key]).is_some())
}

/// Lets Gateways refer to their own parameters again, or to none, and takes the log level of the filters from them.
fn restore_parameters(base: &mut Base) {
    let original = |object: &Object| {
        let original = object.at(&["metadata", "annotations", GATEWAY_PARAMETERS])?.as_str()?.to_owned();
        Some(((object.namespace.clone(), object.name.clone()), original))
    };
    let originals: BTreeMap<(Option<String>, String), String> = base.objects.iter().filter_map(original).collect();
    for object in base.objects.iter_mut().filter(|object| is_gateway(object)) {
        let name = object.at(&["spec", "infrastructure", "parametersRef", "name"]).and_then(Node::as_str);
        let Some(name) = name.map(str::to_owned) else { continue };
        let Some(original) = originals.get(&(object.namespace.clone(), name)) else { continue };
        let location = object.location;
        let infrastructure = object.root.at_mut(&["spec", "infrastructure"]);
        if let Some(infrastructure) = infrastructure {
            match infrastructure.get_mut("parametersRef") {
                Some(reference) if !original.is_empty() => reference.set_text("name", original, location),
                _ => drop(infrastructure.remove("parametersRef")),
            }
        }
        for key in [COMPONENT_LOG_LEVEL, LOG_LEVEL] {
            log_level(&mut object.root, key);
        }
    }
}

/// The volumes and mounts that mesh.toml itself adds to a workload.
struct Added {
    /// The filters whose modules may be in no ConfigMap, and the fields of their volumes.
    filters: BTreeMap<String, Option<serde_json::Map<String, serde_json::Value>>>,
    volumes: BTreeSet<String>,
    mount_paths: BTreeSet<String>,
}

impl Added {
    fn of(spec: &Spec, name: &str) -> Self {
        let is_of = |key: &str, workload: &Workload| workload.name.as_ref().map_or(key, |name| name.as_str()) == name;
        let tables = spec.workloads.iter().filter(|(key, workload)| is_of(key, workload)).map(|(_, it)| &**it);
        let workloads: Vec<&Workload> = tables.chain([&spec.default_workload]).collect();
        let texts = |tables: &[Spanned<Table>], key: &str| -> Vec<String> {
            tables.iter().filter_map(|table| Some(table.get(key)?.as_str()?.to_owned())).collect()
        };
        let filters = spec.filters.iter().filter(|(_, filter)| filter.source.is_some());
        Self {
            filters: filters
                .map(|(name, filter)| (name.clone(), filter.volume.as_ref().map(|it| to_json(it))))
                .collect(),
            volumes: workloads.iter().flat_map(|it| texts(it.volumes(), "name")).collect(),
            mount_paths: workloads.iter().flat_map(|it| texts(it.volume_mounts(), "mountPath")).collect(),
        }
    }
}

/// The filters of a pod whose modules may be in no ConfigMap: each has a mount of its own, named by the filter.
struct Filters {
    /// By name, with the fields of the user's volume.
    filters: BTreeMap<String, Option<serde_json::Map<String, serde_json::Value>>>,
}

impl Filters {
    /// The filters of mesh.toml, and those whose label the pod has: mesh.toml may have lost them.
    fn of(template: &Node, added: &Added) -> Self {
        let labels = template.at(&["metadata", "labels"]).map_or(&[][..], Node::entries);
        let labelled =
            labels.iter().filter_map(|label| label.key.strip_prefix(GATE)).map(|name| (name.to_owned(), None));
        let mut filters: BTreeMap<_, _> = labelled.collect();
        filters.extend(added.filters.clone());
        Self { filters }
    }

    /// The filter whose mount it is.
    fn of_mount(&self, mount: &serde_json::Value) -> Option<&str> {
        let path = mount["mountPath"].as_str()?;
        let is_of = |name: &&String| path.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('-'));
        self.filters.keys().filter(is_of).max_by_key(|name| name.len()).map(String::as_str)
    }

    /// Whether it is the mount of a user's volume.
    fn is_mount(&self, mount: &serde_json::Value) -> bool {
        self.of_mount(mount).is_some_and(|name| self.filters[name].is_some())
    }

    /// Whether it is an image that is named by its digest, or a filter's volume, and mounted for a filter.
    fn is_volume(&self, volume: &serde_json::Value, template: &Node) -> bool {
        let is_image = volume["image"]["reference"].as_str().is_some_and(|reference| reference.contains("@sha256:"));
        let in_proxy = template.at(&["spec", "containers"]).into_iter().flat_map(Node::items);
        let in_proxy = in_proxy.filter(|it| it.get("name").and_then(Node::as_str) == Some(PROXY_CONTAINER));
        let in_proxy = in_proxy.filter_map(|it| it.get("volumeMounts")).flat_map(Node::items).map(Node::to_json);
        let injected = annotation(template, USER_VOLUME_MOUNT);
        let mut mounts =
            injected.iter().flat_map(entries).chain(in_proxy).filter(|mount| mount["name"] == volume["name"]);
        mounts.any(|mount| {
            self.of_mount(&mount)
                .is_some_and(|name| is_image || self.filters[name].as_ref().is_some_and(|it| is_same(it, volume)))
        })
    }
}

/// Whether a volume has the fields, whatever its name is.
fn is_same(fields: &serde_json::Map<String, serde_json::Value>, volume: &serde_json::Value) -> bool {
    let rest = |map: &serde_json::Map<String, serde_json::Value>| {
        map.iter()
            .filter(|(key, _)| *key != "name")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    let fields = rest(fields);
    !fields.is_empty() && volume.as_object().is_some_and(|volume| rest(volume) == fields)
}

/// Takes our entries out of a pod template. One without any of ours is left alone.
fn clean(template: &mut Node, known: &Known, added: &Added) {
    let mut found = false;
    let filters = Filters::of(template, added);
    if let Some(Value::Map(labels)) = template.at_mut(&["metadata", "labels"]).map(|labels| &mut labels.value) {
        let count = labels.len();
        labels.retain(|label| !label.key.starts_with(GATE));
        found = labels.len() < count;
    }
    let volumes = annotation(template, USER_VOLUME);
    let in_spec: Vec<serde_json::Value> =
        template.at(&["spec", "volumes"]).into_iter().flat_map(Node::items).map(Node::to_json).collect();
    let named: BTreeSet<String> = volumes
        .iter()
        .flat_map(entries)
        .chain(in_spec)
        .filter(|volume| known.is_volume(volume) || filters.is_volume(volume, template))
        .filter_map(|volume| Some(volume["name"].as_str()?.to_owned()))
        .collect();
    if !found && named.is_empty() {
        return;
    }
    let is_volume = |volume: &serde_json::Value| {
        volume["name"].as_str().is_some_and(|name| named.contains(name) || added.volumes.contains(name))
    };
    let is_mount = |mount: &serde_json::Value| {
        mount["name"].as_str().is_some_and(|name| named.contains(name))
            || filters.is_mount(mount)
            || mount["mountPath"].as_str().is_some_and(|path| added.mount_paths.contains(path))
    };
    remove_from_annotation(template, USER_VOLUME, &is_volume);
    remove_from_annotation(template, USER_VOLUME_MOUNT, &is_mount);
    if let Some(spec) = template.get_mut("spec") {
        remove_from_list(spec, "volumes", &is_volume);
        container(spec, &is_mount);
    }
    for key in [COMPONENT_LOG_LEVEL, LOG_LEVEL] {
        log_level(template, key);
    }
    stats(template);
    if template.at(&["metadata", "annotations", MODULES_DIGEST]).is_some() {
        set_annotation(template, MODULES_DIGEST, None);
    }
}

/// The mounts of the proxy's container, and the container itself if nothing else is in it. A pod whose only container it is has it
/// without us: a gateway.
fn container(spec: &mut Node, is_mount: &dyn Fn(&serde_json::Value) -> bool) {
    let Some(Value::List(containers)) = spec.get_mut("containers").map(|containers| &mut containers.value) else {
        return;
    };
    let others = containers.iter().any(|it| it.get("name").and_then(Node::as_str) != Some(PROXY_CONTAINER));
    containers.retain_mut(|container| {
        if container.get("name").and_then(Node::as_str) != Some(PROXY_CONTAINER) {
            return true;
        }
        let before = container.entries().len();
        remove_from_list(container, "volumeMounts", is_mount);
        let ours = others
            && container.entries().len() < before
            && container.entries().iter().all(|entry| matches!(entry.key.as_str(), "name" | "image"))
            && container.get("image").and_then(Node::as_str) == Some("auto");
        !ours
    });
}

/// Removes entries of a list, and the list if nothing is left.
fn remove_from_list(map: &mut Node, key: &str, is_ours: &dyn Fn(&serde_json::Value) -> bool) {
    let Some(Value::List(items)) = map.get_mut(key).map(|list| &mut list.value) else { return };
    let count = items.len();
    items.retain(|item| !is_ours(&item.to_json()));
    if items.is_empty() && count > 0 {
        map.remove(key);
    }
}

/// The JSON in an annotation.
fn annotation(template: &Node, key: &str) -> Option<serde_json::Value> {
    serde_json::from_str(template.at(&["metadata", "annotations", key])?.as_str()?).ok()
}

/// The entries of a list, or of a map by their names.
fn entries(json: &serde_json::Value) -> Vec<serde_json::Value> {
    match json {
        serde_json::Value::Array(entries) => entries.clone(),
        serde_json::Value::Object(map) => map.iter().map(|(name, entry)| with_name(name, entry)).collect(),
        _ => Vec::new(),
    }
}

fn with_name(name: &str, entry: &serde_json::Value) -> serde_json::Value {
    let mut entry = entry.clone();
    if let Some(map) = entry.as_object_mut() {
        map.entry("name").or_insert_with(|| name.into());
    }
    entry
}

/// Removes entries from the JSON in an annotation, and the annotation if nothing is left.
fn remove_from_annotation(template: &mut Node, key: &str, is_ours: &dyn Fn(&serde_json::Value) -> bool) {
    let Some(mut json) = annotation(template, key) else { return };
    let empty = match &mut json {
        serde_json::Value::Array(entries) => {
            entries.retain(|entry| !is_ours(entry));
            entries.is_empty()
        }
        serde_json::Value::Object(map) => {
            map.retain(|name, entry| !is_ours(&with_name(name, entry)));
            map.is_empty()
        }
        _ => return,
    };
    set_annotation(template, key, (!empty).then(|| json.to_string()));
}

fn set_annotation(template: &mut Node, key: &str, text: Option<String>) {
    let Some(metadata) = template.get_mut("metadata") else { return };
    let Some(annotations) = metadata.get_mut("annotations") else { return };
    match (text, annotations.get_mut(key)) {
        (Some(text), Some(node)) => node.value = Value::String(text),
        _ => {
            annotations.remove(key);
        }
    }
    if annotations.entries().is_empty() {
        metadata.remove("annotations");
    }
}

/// Removes the prefixes of the filters' statistics.
fn stats(template: &mut Node) {
    let Some(text) = template.at(&["metadata", "annotations", STATS_PREFIXES]).and_then(Node::as_str) else { return };
    let rest: Vec<&str> = text.split(',').filter(|prefix| !OUR_STATS.contains(prefix)).collect();
    let rest = rest.join(",");
    if rest.len() < text.len() {
        set_annotation(template, STATS_PREFIXES, Some(rest).filter(|rest| !rest.is_empty()));
    }
}

/// Removes the level of the `wasm` component. What is left of Istio's default is removed with it.
fn log_level(template: &mut Node, key: &str) {
    let Some(text) = template.at(&["metadata", "annotations", key]).and_then(Node::as_str) else { return };
    let rest: Vec<&str> = text.split(',').filter(|part| !part.trim().starts_with("wasm:")).collect();
    let rest = rest.join(",");
    if rest.len() < text.len() {
        set_annotation(template, key, Some(rest).filter(|rest| !rest.is_empty() && rest != "misc:error"));
    }
}
