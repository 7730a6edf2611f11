//! The volumes of a pod, as the kubelet makes them before it starts a container.
//!
//! They are made once: a ConfigMap that changes reaches only new pods. Tokens and the downward API stay empty, because no
//! container here reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::api::Api;

/// Why a pod cannot start yet, as its status tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Waiting {
    fn setup(volume: &str, why: impl std::fmt::Display) -> Self {
        // The text of the kubelet's event FailedMount, which kubectl describe shows.
        Self { reason: CREATING, message: format!("MountVolume.SetUp failed for volume \"{volume}\" : {why}") }
    }
}

/// The reason that the kubelet gives before all volumes exist: `ContainerCreating` in pkg/kubelet/kubelet_pods.go of Kubernetes.
pub(super) const CREATING: &str = "ContainerCreating";

/// What the volumes of a pod are made of.
pub(super) struct Sources<'a> {
    pub(super) api: &'a Api,
    /// The directories that stand for images, by reference.
    pub(super) images: &'a BTreeMap<String, PathBuf>,
    pub(super) namespace: &'a str,
}

impl Sources<'_> {
    /// The directory of every volume of a pod, by name. The content of most of them is written below `dir`.
    pub(super) fn provide(&self, pod: &Value, dir: &Path) -> Result<BTreeMap<String, PathBuf>, Waiting> {
        let volumes = pod["spec"]["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named = volumes.iter().map(|volume| {
            let name = volume["name"].as_str().unwrap_or_default();
            Ok((name.to_owned(), self.volume(name, volume, dir.join(name))?))
        });
        named.collect()
    }

    fn volume(&self, name: &str, volume: &Value, dir: PathBuf) -> Result<PathBuf, Waiting> {
        if let Some(path) = volume["hostPath"]["path"].as_str() {
            let why = format!("hostPath type check failed: {path} is not a directory");
            return if Path::new(path).exists() { Ok(path.into()) } else { Err(Waiting::setup(name, why)) };
        }
        if let Some(reference) = volume["image"]["reference"].as_str() {
            let message = format!("failed to pull image \"{reference}\": not found");
            return self.images.get(reference).cloned().ok_or(Waiting { reason: "ErrImagePull", message });
        }
        fs::create_dir_all(&dir).map_err(|error| Waiting::setup(name, error))?;
        let single = [volume.clone()];
        for source in volume["projected"]["sources"].as_array().map_or(&single[..], Vec::as_slice) {
            for (path, content) in self.files(source).map_err(|why| Waiting::setup(name, why))? {
                let file = dir.join(path);
                let write = || {
                    fs::create_dir_all(file.parent().unwrap_or(&dir))?;
                    fs::write(&file, content)
                };
                write().map_err(|error| Waiting::setup(name, error))?;
            }
        }
        Ok(dir)
    }

    /// The files of a ConfigMap or a Secret, by path. Other sources have none.
    fn files(&self, source: &Value) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let (kind, wanted) = if source["configMap"].is_object() {
            ("configmap", &source["configMap"])
        } else if source["secret"].is_object() {
            ("secret", &source["secret"])
        } else {
            return Ok(BTreeMap::new());
        };
        let optional = wanted["optional"] == true;
        // A volume calls it secretName, a source of a projected volume name.
        let name = wanted["name"].as_str().or(wanted["secretName"].as_str()).unwrap_or_default();
        let Some(object) = self.api.get(&format!("/api/v1/namespaces/{}/{kind}s/{name}", self.namespace))? else {
            return if optional { Ok(BTreeMap::new()) } else { Err(format!("{kind} \"{name}\" not found")) };
        };
        let mut data = data_of(&object)?;
        let Some(items) = wanted["items"].as_array() else { return Ok(data) };
        let mut files = BTreeMap::new();
        for item in items {
            let [key, path] = ["key", "path"].map(|field| item[field].as_str().unwrap_or_default());
            match data.remove(key) {
                Some(content) => drop(files.insert(path.to_owned(), content)),
                None if optional => {}
                None => return Err(format!("references non-existent {kind} key: {key}")),
            }
        }
        Ok(files)
    }
}

/// The values of a ConfigMap or a Secret by key.
fn data_of(object: &Value) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let encoded = if object["kind"] == "Secret" { "data" } else { "binaryData" };
    let mut found = BTreeMap::new();
    for field in ["data", "binaryData"] {
        for (key, value) in object[field].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let content =
                if field == encoded { STANDARD.decode(text).map_err(|error| error.to_string())? } else { text.into() };
            found.insert(key.clone(), content);
        }
    }
    Ok(found)
}
