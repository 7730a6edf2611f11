//! What must hold for a pod that comes out of injection: the sidecar reads every module from the mount that its EnvoyFilter names,
//! and nothing of the user's is lost.

use serde_json::Value;

use crate::manifests::{config_map_value, entries, name, namespace, of_kind, selects, string};

const VOLUMES: &str = "sidecar.istio.io/userVolume";
const MOUNTS: &str = "sidecar.istio.io/userVolumeMount";

/// Asserts all of it, and returns how many filters the pod runs.
pub(crate) fn check(pod: &Value, template: &Value, objects: &[Value]) -> usize {
    let proxy = check_mounts(pod, template);
    let filters = of_kind(objects, "EnvoyFilter")
        .filter(|filter| namespace(filter) == namespace(pod) && selects(filter, template))
        .flat_map(modules);
    let mut count = 0;
    for file in filters {
        let content = content(pod, proxy, file, objects);
        assert!(content.starts_with(b"\0asm"), "{}: {file} is no module", name(pod));
        count += 1;
    }
    count
}

/// Asserts what does not depend on where a module comes from, and returns the container of the proxy.
pub(crate) fn check_mounts<'a>(pod: &'a Value, template: &Value) -> &'a Value {
    let proxy = proxy(pod);
    nothing_is_lost(pod, template, proxy);
    annotations_are_mounted(pod, template, proxy);
    proxy
}

/// The proxy's container: a native sidecar, or the container of a gateway.
fn proxy(pod: &Value) -> &Value {
    let found: Vec<_> = ["initContainers", "containers"]
        .iter()
        .flat_map(|list| items(&pod["spec"][list]))
        .filter(|container| container["name"] == "istio-proxy")
        .collect();
    let [proxy] = found[..] else { panic!("{} has {} proxies", name(pod), found.len()) };
    // The template of the injector fills it in.
    assert_ne!(proxy["image"], "auto", "{}", name(pod));
    proxy
}

/// Whatever the template contains is in the pod: labels, volumes, and containers with their mounts and ports. Mounts are unique
/// and have a volume.
fn nothing_is_lost(pod: &Value, template: &Value, proxy: &Value) {
    for (key, value) in entries(&template["metadata"]["labels"]) {
        assert_eq!(pod["metadata"]["labels"][key], *value, "the label {key} of {}", name(pod));
    }
    for volume in items(&template["spec"]["volumes"]) {
        assert_contains(named(&pod["spec"]["volumes"], volume), volume);
    }
    for list in ["containers", "initContainers"] {
        for container in items(&template["spec"][list]) {
            let is_proxy = container["name"] == "istio-proxy";
            let found = if is_proxy { Some(proxy) } else { named(&pod["spec"][list], container) };
            let found = found.unwrap_or_else(|| panic!("{}: {container} is lost", name(pod)));
            assert!(is_proxy || found["image"] == container["image"], "{}: {found}", name(pod));
            for (list, key) in [("volumeMounts", "mountPath"), ("ports", "containerPort")] {
                for item in items(&container[list]) {
                    let kept = items(&found[list]).find(|it| it[key] == item[key]);
                    assert_contains(kept, item);
                }
            }
        }
    }
    let mounts: Vec<_> = items(&proxy["volumeMounts"]).collect();
    for (index, mount) in mounts.iter().enumerate() {
        let twice = mounts[..index].iter().any(|it| it["mountPath"] == mount["mountPath"]);
        assert!(!twice, "{}: {mount} hides another mount", name(pod));
        let volume = items(&pod["spec"]["volumes"]).find(|volume| volume["name"] == mount["name"]);
        assert!(volume.is_some(), "{}: {mount} has no volume", name(pod));
    }
}

/// Every entry of the annotations is a volume of the pod, and a mount of the proxy.
fn annotations_are_mounted(pod: &Value, template: &Value, proxy: &Value) {
    let annotations = &template["metadata"]["annotations"];
    for volume in annotated(annotations, VOLUMES) {
        assert_contains(named(&pod["spec"]["volumes"], &volume), &volume);
    }
    for mount in annotated(annotations, MOUNTS) {
        let found = items(&proxy["volumeMounts"]).find(|it| it["mountPath"] == mount["mountPath"]);
        assert_contains(found, &mount);
    }
    for (annotation, flag) in [
        ("sidecar.istio.io/componentLogLevel", "--proxyComponentLogLevel"),
        ("sidecar.istio.io/logLevel", "--proxyLogLevel"),
    ] {
        if let Some(level) = annotations[annotation].as_str() {
            let text = proxy["args"].to_string();
            assert!(
                text.contains(&format!("{flag}={level}")) || text.contains(&format!("{flag}\",\"{level}")),
                "{text}"
            );
        }
    }
}

/// The entries of an annotation: a list, or a map from the name.
fn annotated(annotations: &Value, key: &str) -> Vec<Value> {
    annotations[key].as_str().map(entries_of).unwrap_or_default()
}

/// The same of its text.
pub(crate) fn entries_of(text: &str) -> Vec<Value> {
    match serde_json::from_str(text).expect("JSON") {
        Value::Array(list) => list,
        Value::Object(map) => map
            .into_iter()
            .map(|(name, mut entry)| {
                entry["name"] = name.into();
                entry
            })
            .collect(),
        other => panic!("{other}"),
    }
}

/// The files that the plugins of an EnvoyFilter load.
fn modules(filter: &Value) -> Vec<&str> {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("code").and_then(|code| code["local"]["filename"].as_str()));
                map.values().for_each(|value| walk(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&filter["spec"]["configPatches"], &mut found);
    assert!(!found.is_empty(), "{filter}");
    found
}

/// What a file contains in the proxy's container, from the ConfigMaps that are mounted there.
fn content(pod: &Value, proxy: &Value, file: &str, objects: &[Value]) -> Vec<u8> {
    let at = |mount: &Value| {
        let rest = file.strip_prefix(string(&mount["mountPath"]))?;
        Some(rest.strip_prefix('/')?.to_owned())
    };
    let found = items(&proxy["volumeMounts"]).filter_map(|mount| Some((mount, at(mount)?)));
    // The innermost mount is the one that the proxy sees.
    let found = found.min_by_key(|(_, rest)| rest.len());
    let (mount, rest) = found.unwrap_or_else(|| panic!("{}: {file} is not mounted in {proxy}", name(pod)));
    let volume = named(&pod["spec"]["volumes"], mount).expect("a volume");
    let single = [volume.clone()];
    let sources = volume["projected"]["sources"].as_array().map_or(&single[..], Vec::as_slice);
    // The test of images mounts a real one.
    let image = volume["image"]["reference"].as_str().filter(|reference| reference.contains("@sha256:"));
    if image.is_some() && rest == "plugin.wasm" {
        return b"\0asm".to_vec();
    }
    let value = |source: &Value| config_map_file(&source["configMap"], &rest, namespace(pod), objects);
    let mut found: Vec<_> = sources.iter().filter_map(value).collect();
    assert_eq!(found.len(), 1, "{}: {rest} is not once in {volume}", name(pod));
    found.remove(0)
}

/// The content of a file of a volume's source, if it is a ConfigMap with that file.
fn config_map_file(source: &Value, path: &str, at: &str, objects: &[Value]) -> Option<Vec<u8>> {
    let wanted = source["name"].as_str()?;
    let mut found = of_kind(objects, "ConfigMap").filter(|it| namespace(it) == at && name(it) == wanted);
    let config_map = found.next().unwrap_or_else(|| panic!("no ConfigMap {wanted}"));
    let key = match source["items"].as_array() {
        Some(listed) => string(&listed.iter().find(|item| item["path"] == path)?["key"]),
        None => path,
    };
    config_map_value(config_map, key)
}

fn items(list: &Value) -> std::slice::Iter<'_, Value> {
    list.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// The entry of a list with the name of another entry.
fn named<'a>(list: &'a Value, other: &Value) -> Option<&'a Value> {
    items(list).find(|item| item["name"] == other["name"])
}

/// Asserts that a value has everything that another one has. The API server adds default values.
#[track_caller]
fn assert_contains(found: Option<&Value>, wanted: &Value) {
    fn contains(found: &Value, wanted: &Value) -> bool {
        match (found, wanted) {
            (Value::Object(found), Value::Object(wanted)) => {
                wanted.iter().all(|(key, value)| found.get(key).is_some_and(|found| contains(found, value)))
            }
            (Value::Array(found), Value::Array(wanted)) => {
                found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| contains(found, wanted))
            }
            _ => found == wanted,
        }
    }
    assert!(found.is_some_and(|found| contains(found, wanted)), "{wanted} is lost or changed: {found:?}");
}
