//! ConfigMaps: each value decoded and digested once, however many pods mount it.

use crate::domain::Digest;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::super::subject::Module;

/// A ConfigMap's values by their keys.
pub(super) type ConfigMap = BTreeMap<String, Module>;

/// The fields that hold values.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Values {
    data: BTreeMap<String, String>,
    binary_data: BTreeMap<String, String>,
}

impl Values {
    /// The bytes of every value. Kubernetes refuses a key that both fields have.
    pub(super) fn decode(self) -> Result<ConfigMap, String> {
        let mut values: BTreeMap<String, Vec<u8>> =
            self.data.into_iter().map(|(key, text)| (key, text.into_bytes())).collect();
        for (key, text) in self.binary_data {
            let bytes =
                STANDARD.decode(&text).map_err(|error| format!("the value of `{key}` is no base64: {error}"))?;
            if values.insert(key.clone(), bytes).is_some() {
                return Err(format!("`{key}` stands in data and in binaryData"));
            }
        }
        let module = |bytes: Vec<u8>| Module { digest: Digest::of(&bytes), bytes: bytes.into() };
        Ok(values.into_iter().map(|(key, bytes)| (key, module(bytes))).collect())
    }
}

/// Lets equal values of several ConfigMaps be one: a namespace has each module once more.
pub(super) fn share<'a>(config_maps: impl Iterator<Item = &'a mut ConfigMap>) {
    let mut known: BTreeMap<Digest, Arc<[u8]>> = BTreeMap::new();
    for module in config_maps.flat_map(BTreeMap::values_mut) {
        module.bytes = Arc::clone(known.entry(module.digest).or_insert_with(|| Arc::clone(&module.bytes)));
    }
}
