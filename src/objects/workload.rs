//! The strategic-merge patch of a workload: its pod template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Metadata, Strings, is_default};
use crate::domain::Kind;
pub(crate) use crate::domain::annotation::{PROXY_CONTAINER, USER_VOLUME, USER_VOLUME_MOUNT};

/// A patch of a Deployment, StatefulSet, DaemonSet or Rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WorkloadPatch {
    pub(crate) api_version: String,
    pub(crate) kind: Kind,
    pub(crate) metadata: Metadata,
    pub(crate) spec: WorkloadSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkloadSpec {
    pub(crate) template: PodTemplate,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PodTemplate {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) metadata: PodMetadata,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) spec: PodSpec,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PodMetadata {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) annotations: Strings,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) labels: Strings,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PodSpec {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) containers: Vec<Container>,
    /// As written: a [`Volume`](super::Volume), or the user's own entry with whatever fields it has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) volumes: Vec<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Container {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    /// As written: a [`VolumeMount`](super::VolumeMount), or the user's own entry.
    pub(crate) volume_mounts: Vec<Map<String, Value>>,
}
