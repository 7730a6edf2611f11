//! A ConfigMap that carries modules.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Metadata, constant, is_default};
use crate::yaml::Block;

constant! {
    /// The API version of ConfigMaps.
    CoreV1 = "v1"
}
constant! {
    /// The kind of ConfigMaps.
    ConfigMapKind = "ConfigMap"
}

/// A ConfigMap. It has no `data`: a module that happens to be valid UTF-8 goes to `binaryData` like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfigMap {
    pub(crate) api_version: CoreV1,
    pub(crate) kind: ConfigMapKind,
    pub(crate) metadata: Metadata,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) immutable: bool,
    /// File name to content.
    pub(crate) binary_data: BTreeMap<String, Binary>,
}

/// A ConfigMap with the parameters of a Gateway: patches, in YAML, of what istiod creates for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GatewayParameters {
    pub(crate) api_version: CoreV1,
    pub(crate) kind: ConfigMapKind,
    pub(crate) metadata: Metadata,
    pub(crate) data: BTreeMap<String, Block>,
}

impl GatewayParameters {
    /// The key of the patch of the Deployment.
    pub(crate) const DEPLOYMENT: &str = "deployment";
}

/// Bytes that YAML holds as base64.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Binary(pub(crate) Arc<[u8]>);

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} B)", self.0.len())
    }
}

impl Serialize for Binary {
    /// The YAML writer encodes bytes into its output, with no copy of the base64 in between.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;

        impl Visitor<'_> for Base64 {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Binary, E> {
                let bytes = STANDARD.decode(text).map_err(|error| E::custom(format!("invalid base64: {error}")))?;
                Ok(Binary(bytes.into()))
            }
        }

        deserializer.deserialize_str(Base64)
    }
}
