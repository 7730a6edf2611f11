//! A workload's pod as its patch makes it, and the files that its proxy has mounted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::objects::Objects;
use crate::verify::subject::Module;

const USER_VOLUME: &str = "sidecar.istio.io/userVolume";
const USER_VOLUME_MOUNT: &str = "sidecar.istio.io/userVolumeMount";

/// What a patch says of its pods.
#[derive(Debug)]
pub(super) struct Pod {
    /// The patch's file.
    pub(super) path: String,
    /// What its metadata says.
    pub(super) namespace: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    /// By name.
    volumes: BTreeMap<String, Volume>,
    /// By path.
    mounts: BTreeMap<String, Mount>,
}

#[derive(Debug, Deserialize)]
struct Spec {
    template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: Metadata,
    spec: PodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    #[serde(default)]
    volume_mounts: Vec<Mount>,
}

/// A volume; of a kind that holds no ConfigMap it has no files that are known.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: String,
    config_map: Option<Source>,
    #[serde(default)]
    projected: Projected,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Vec<ProjectedSource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectedSource {
    config_map: Option<Source>,
}

/// A ConfigMap as files: all its keys, or `items` of them under other names.
#[derive(Debug, Deserialize)]
struct Source {
    name: String,
    items: Option<Vec<Item>>,
}

#[derive(Debug, Deserialize)]
struct Item {
    key: String,
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mount {
    name: String,
    mount_path: String,
    /// One file or folder of the volume in place of all of it: the user's own, and none of ours.
    sub_path: Option<String>,
    sub_path_expr: Option<String>,
}

impl Pod {
    pub(super) fn read(path: &str, namespace: Option<String>, spec: Value) -> Result<Self, String> {
        let Spec { template } = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        let Metadata { labels, annotations } = template.metadata;
        let mut volumes = template.spec.volumes;
        volumes.extend(injected::<Volume>(USER_VOLUME, &annotations)?);
        let proxies = template.spec.containers.into_iter().filter(|container| container.name == "istio-proxy");
        let mut mounts: Vec<Mount> = proxies.flat_map(|container| container.volume_mounts).collect();
        mounts.extend(injected::<Mount>(USER_VOLUME_MOUNT, &annotations)?);
        // Of two with one key the injected wins.
        Ok(Self {
            path: path.to_owned(),
            namespace,
            labels,
            volumes: volumes.into_iter().map(|volume| (volume.name.clone(), volume)).collect(),
            mounts: mounts.into_iter().map(|mount| (mount.mount_path.clone(), mount)).collect(),
        })
    }

    /// The files that the proxy finds, by their paths. A ConfigMap that was not rendered is the base's, and its files are unknown.
    pub(super) fn files<'a>(
        &self,
        namespace: &str,
        objects: &'a Objects,
    ) -> Result<BTreeMap<String, &'a Module>, String> {
        let mut files = BTreeMap::new();
        for mount in self.mounts.values().filter(|mount| mount.sub_path.is_none() && mount.sub_path_expr.is_none()) {
            // One that the patch does not have is the base's own.
            let Some(volume) = self.volumes.get(&mount.name) else { continue };
            for (name, module) in volume.files(namespace, objects)? {
                files.insert(format!("{}/{name}", mount.mount_path.trim_end_matches('/')), module);
            }
        }
        Ok(files)
    }
}

impl Volume {
    fn files<'a>(&self, namespace: &str, objects: &'a Objects) -> Result<BTreeMap<String, &'a Module>, String> {
        let projected = self.projected.sources.iter().filter_map(|source| source.config_map.as_ref());
        let mut files = BTreeMap::new();
        for source in self.config_map.iter().chain(projected) {
            let Some(config_map) = objects.config_map(namespace, &source.name) else { continue };
            let whole = || config_map.iter().map(|(key, module)| (key.clone(), module)).collect();
            let items = |items: &Vec<Item>| {
                items.iter().filter_map(|item| Some((item.path.clone(), config_map.get(&item.key)?))).collect()
            };
            let named: Vec<(String, &Module)> = source.items.as_ref().map_or_else(whole, items);
            for (name, module) in named {
                if files.insert(name.clone(), module).is_some() {
                    return Err(format!("two files of the volume `{}` are called `{name}`", self.name));
                }
            }
        }
        Ok(files)
    }
}

/// What the injector's template makes of an annotation: `range $name, $value := fromJSON`, then `name: $name` and the value's own
/// fields.
fn injected<T: serde::de::DeserializeOwned>(
    annotation: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<T>, String> {
    let Some(json) = annotations.get(annotation) else { return Ok(Vec::new()) };
    let refused = |why: String| format!("the annotation {annotation} would keep its pods from being created: {why}");
    let parsed: Value = serde_json::from_str(json).map_err(|error| refused(error.to_string()))?;
    let named: Vec<(String, Value)> = match parsed {
        Value::Array(entries) => entries.into_iter().enumerate().map(|(n, entry)| (n.to_string(), entry)).collect(),
        Value::Object(entries) => entries.into_iter().collect(),
        Value::Null => Vec::new(),
        other => return Err(refused(format!("it is {other}"))),
    };
    let entry = |(name, value): (String, Value)| {
        let Value::Object(fields) = value else { return Err(refused(format!("{value} is no object"))) };
        let mut entry = Map::from_iter([("name".to_owned(), Value::from(name))]);
        entry.extend(fields);
        serde_json::from_value(entry.into()).map_err(|error| refused(error.to_string()))
    };
    named.into_iter().map(entry).collect()
}
