//! The strategic-merge patch of a workload: its pod template, or of a Gateway: where its parameters are.

use serde::de::Error as D;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{ConfigMapKind, Metadata, Strings, is_default};
use crate::domain::Kind;
pub(crate) use crate::domain::annotation::{PROXY_CONTAINER, USER_VOLUME, USER_VOLUME_MOUNT};

/// A patch of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkloadPatch {
    pub(crate) kind: Kind,
    pub(crate) metadata: Metadata,
    pub(crate) change: Change,
}

/// What a patch changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Template(PodTemplate),
    /// The ConfigMap with a Gateway's parameters.
    Parameters(String),
}

/// `spec` of a Gateway, as far as it is patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewaySpec {
    infrastructure: Infrastructure,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Infrastructure {
    parameters_ref: ParametersRef,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersRef {
    /// Empty: the core API.
    group: String,
    kind: ConfigMapKind,
    name: String,
}

impl WorkloadPatch {
    /// Reads a patch of the kind. The API version and the kind of the document are those of `kind`.
    pub(crate) fn read(mut document: Map<String, Value>, kind: Kind) -> Result<Self, serde_json::Error> {
        let metadata = serde_json::from_value(document.remove("metadata").unwrap_or_default())?;
        document.retain(|key, _| !matches!(key.as_str(), "apiVersion" | "kind"));
        if kind.is_gateway() {
            let spec: GatewaySpec = serde_json::from_value(document.remove("spec").unwrap_or_default())?;
            if let Some(other) = document.keys().next() {
                return Err(D::custom(format_args!("`{other}` is not patched")));
            }
            return Ok(Self { change: Change::Parameters(spec.infrastructure.parameters_ref.name), kind, metadata });
        }
        let mut rest = Value::Object(document);
        for key in kind.template_path() {
            rest = match rest {
                Value::Object(mut map) if map.len() == 1 => map.remove(key),
                _ => None,
            }
            .ok_or_else(|| D::custom(format_args!("only `{}` is patched", kind.template_path().join("."))))?;
        }
        Ok(Self { change: Change::Template(serde_json::from_value(rest)?), kind, metadata })
    }
}

impl Serialize for WorkloadPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let path = self.kind.template_path();
        let (first, inner) = path.split_first().ok_or_else(|| S::Error::custom("the path is empty"))?;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("apiVersion", self.kind.api_version())?;
        map.serialize_entry("kind", self.kind.manifest())?;
        map.serialize_entry("metadata", &self.metadata)?;
        match &self.change {
            Change::Template(template) => map.serialize_entry(first, &Nested(inner, template))?,
            Change::Parameters(name) => {
                let parameters_ref =
                    ParametersRef { group: String::new(), kind: ConfigMapKind::default(), name: name.clone() };
                map.serialize_entry("spec", &GatewaySpec { infrastructure: Infrastructure { parameters_ref } })?;
            }
        }
        map.end()
    }
}

/// The pod template below these keys.
struct Nested<'a>(&'a [&'a str], &'a PodTemplate);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.split_first() {
            Some((key, inner)) => serializer.collect_map([(key, Nested(inner, self.1))]),
            None => self.1.serialize(serializer),
        }
    }
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
    #[serde(default, rename = "imagePullSecrets", skip_serializing_if = "is_default")]
    pub(crate) image_pull_secrets: Vec<PullSecret>,
    /// As written: a [`Volume`](super::Volume), or the user's own entry with whatever fields it has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) volumes: Vec<Map<String, Value>>,
}

/// A Secret with the credentials of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PullSecret {
    pub(crate) name: String,
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
