//! The pod of a workload with its patch applied, and the files that its proxy mounts.

use std::collections::BTreeMap;

use mesh_compile_image::FILE_NAME;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::objects::Objects;
use crate::objects::{
    GatewayParameters, KeyToPath, PROXY_CONTAINER, PodMetadata, PodTemplate, Strings, USER_VOLUME, USER_VOLUME_MOUNT,
    Volume, VolumeMount,
};
use crate::verify::subject::Module;

/// The part of a pod that its patch determines.
#[derive(Debug)]
pub(super) struct Pod {
    /// The patch's file.
    pub(super) path: String,
    /// As in the patch's metadata.
    pub(super) namespace: Option<String>,
    pub(super) labels: Strings,
    /// By name.
    volumes: BTreeMap<String, Volume>,
    /// By path.
    mounts: BTreeMap<String, VolumeMount>,
}

impl Pod {
    /// `path` and `namespace`: the file of the patch, and the namespace in it.
    pub(super) fn read(path: &str, namespace: Option<String>, template: PodTemplate) -> Result<Self, String> {
        let PodTemplate { metadata: PodMetadata { labels, annotations }, spec } = template;
        let mut volumes: Vec<Volume> = entries(spec.volumes)?;
        volumes.extend(injected::<Volume>(USER_VOLUME, &annotations)?);
        let proxies = spec.containers.into_iter().filter(|container| container.name == PROXY_CONTAINER);
        let mut mounts: Vec<VolumeMount> = entries(proxies.flat_map(|container| container.volume_mounts))?;
        mounts.extend(injected::<VolumeMount>(USER_VOLUME_MOUNT, &annotations)?);
        // An injected entry replaces one with the same key.
        Ok(Self {
            path: path.to_owned(),
            namespace,
            labels,
            volumes: volumes.into_iter().map(|volume| (volume.name.clone(), volume)).collect(),
            mounts: mounts.into_iter().map(|mount| (mount.mount_path.clone(), mount)).collect(),
        })
    }

    /// The files that the proxy finds, by their paths. A ConfigMap that was not rendered belongs to the base, and its files are
    /// unknown.
    pub(super) fn files<'a>(
        &self,
        namespace: &str,
        objects: &'a Objects,
    ) -> Result<BTreeMap<String, &'a Module>, String> {
        let mut files = BTreeMap::new();
        for mount in self.mounts.values().filter(|mount| mount.sub_path.is_none() && mount.sub_path_expr.is_none()) {
            // A volume that the patch does not have belongs to the base.
            let Some(volume) = self.volumes.get(&mount.name) else { continue };
            for (name, module) in volume_files(volume, namespace, objects)? {
                files.insert(format!("{}/{name}", mount.mount_path.trim_end_matches('/')), module);
            }
        }
        Ok(files)
    }
}

impl Pod {
    /// Whether a volume whose files are unknown is mounted above the path.
    pub(super) fn may_have(&self, path: &str) -> bool {
        let is_above = |mount: &VolumeMount| {
            let rest = path.strip_prefix(mount.mount_path.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let is_unknown = |mount: &VolumeMount| {
            let volume = self.volumes.get(&mount.name);
            volume.is_none_or(|it| it.config_map.is_none() && it.projected.is_none() && it.image.is_none())
        };
        self.mounts.values().any(|mount| is_above(mount) && is_unknown(mount))
    }
}

/// What the parameters of a Gateway say about its pods, without the fields of the user's own that no filter depends on.
pub(super) fn of_parameters(parameters: &GatewayParameters) -> Result<PodTemplate, String> {
    let text = parameters.data.get(GatewayParameters::DEPLOYMENT).map_or("", |it| it.0.as_str());
    let deployment: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let template = &deployment["spec"]["template"];
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let proxy = containers.filter(|it| it["name"] == PROXY_CONTAINER);
    let proxy = proxy.map(|it| json!({ "name": PROXY_CONTAINER, "volumeMounts": list(&it["volumeMounts"]) }));
    let known = json!({
        "metadata": {
            "annotations": map(&template["metadata"]["annotations"]),
            "labels": map(&template["metadata"]["labels"]),
        },
        "spec": { "containers": proxy.collect::<Vec<_>>(), "volumes": list(&template["spec"]["volumes"]) },
    });
    serde_json::from_value(known).map_err(|error| error.to_string())
}

/// The entries of a list, without the directives of a strategic merge patch.
fn list(value: &Value) -> Value {
    let entries = value.as_array().into_iter().flatten();
    entries.filter(|entry| entry.get("$patch").is_none_or(|it| it == "merge")).map(without_directive).collect()
}

fn without_directive(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(fields) = entry.as_object_mut() {
        fields.remove("$patch");
    }
    entry
}

fn map(value: &Value) -> Value {
    if value.is_null() { json!({}) } else { value.clone() }
}

fn volume_files<'a>(
    volume: &Volume,
    namespace: &str,
    objects: &'a Objects,
) -> Result<BTreeMap<String, &'a Module>, String> {
    let sources = volume.projected.iter().flat_map(|projected| &projected.sources);
    let projected = sources.filter_map(|source| source.config_map.as_ref());
    let mut files = BTreeMap::new();
    if let Some(image) = &volume.image {
        // An image that mesh.toml does not name is the user's own.
        files.extend(objects.image(&image.reference).map(|module| (FILE_NAME.to_owned(), module)));
    }
    for source in volume.config_map.iter().chain(projected) {
        let Some(modules) = objects.config_map(namespace, &source.name) else { continue };
        let all = || modules.iter().map(|(key, module)| (key.clone(), module)).collect();
        let items = |items: &Vec<KeyToPath>| {
            items.iter().filter_map(|item| Some((item.path.clone(), modules.get(&item.key)?))).collect()
        };
        let named: Vec<(String, &Module)> = source.items.as_ref().map_or_else(all, items);
        for (name, module) in named {
            if files.insert(name.clone(), module).is_some() {
                return Err(format!("the volume `{}` contains two files named `{name}`", volume.name));
            }
        }
    }
    Ok(files)
}

fn entries<T: DeserializeOwned>(entries: impl IntoIterator<Item = Map<String, Value>>) -> Result<Vec<T>, String> {
    let entry = |entry| serde_json::from_value(Value::Object(entry)).map_err(|error| error.to_string());
    entries.into_iter().map(entry).collect()
}

/// The entries that the injector's template makes of an annotation: `range $name, $value := fromJSON`, then `name: $name` and
/// the fields of the value.
fn injected<T: DeserializeOwned>(annotation: &str, annotations: &Strings) -> Result<Vec<T>, String> {
    let Some(json) = annotations.get(annotation) else { return Ok(Vec::new()) };
    let rejected = |why: String| format!("the annotation {annotation} prevents the pods from being created: {why}");
    let parsed: Value = serde_json::from_str(json).map_err(|error| rejected(error.to_string()))?;
    let named: Vec<(String, Value)> = match parsed {
        Value::Array(entries) => entries.into_iter().enumerate().map(|(n, entry)| (n.to_string(), entry)).collect(),
        Value::Object(entries) => entries.into_iter().collect(),
        Value::Null => Vec::new(),
        other => return Err(rejected(format!("{other} is neither a list nor a map"))),
    };
    let entry = |(name, value): (String, Value)| {
        let Value::Object(fields) = value else { return Err(rejected(format!("{value} is not an object"))) };
        let mut entry = Map::from_iter([("name".to_owned(), Value::from(name))]);
        entry.extend(fields);
        serde_json::from_value(entry.into()).map_err(|error| rejected(error.to_string()))
    };
    named.into_iter().map(entry).collect()
}
