//! Volumes that hold ConfigMaps, and their mounts (k8s.io/api/core/v1).
//!
//! A pod template holds them as JSON objects with sorted keys, because the user's own entries may have any field. Reading one
//! of those as a [`Volume`] or [`VolumeMount`] ignores the fields that say nothing about a ConfigMap's files.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A volume. One that holds neither a ConfigMap nor an image has no source here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config_map: Option<ConfigMapSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) projected: Option<Projected>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<ImageSource>,
}

/// The files of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageSource {
    pub(crate) reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pull_policy: Option<String>,
}

/// Several sources in one directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Projected {
    #[serde(default)]
    pub(crate) sources: Vec<ProjectedSource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectedSource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config_map: Option<ConfigMapSource>,
}

/// A ConfigMap as files: all its keys, or some of them under other names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigMapSource {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<Vec<KeyToPath>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyToPath {
    pub(crate) key: String,
    pub(crate) path: String,
}

/// A mount of a volume in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeMount {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    /// One file or directory of the volume instead of all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub_path_expr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read_only: Option<bool>,
}

/// An entry of a list of volumes or mounts.
pub(crate) trait Entry: Serialize {
    /// The JSON object, its keys sorted.
    fn to_entry(&self) -> Map<String, Value> {
        let value = serde_json::to_value(self).expect("a struct of strings and lists becomes JSON");
        let Value::Object(entry) = value else { unreachable!("a struct becomes an object") };
        entry
    }
}

impl Entry for Volume {}
impl Entry for VolumeMount {}
