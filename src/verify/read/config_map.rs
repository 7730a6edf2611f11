//! The files of a ConfigMap: each digested once, however many pods mount it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::Digest;
use crate::objects::{Binary, ConfigMap};
use crate::verify::subject::Module;

/// The modules of a ConfigMap by their file names.
pub(super) type Modules = BTreeMap<String, Module>;

pub(super) fn modules(config_map: ConfigMap) -> Modules {
    let module = |(name, Binary(bytes))| (name, Module { digest: Digest::of(&bytes), bytes });
    config_map.binary_data.into_iter().map(module).collect()
}

/// Keeps one copy of the bytes of equal modules: each namespace has a ConfigMap of its own.
pub(super) fn share<'a>(config_maps: impl Iterator<Item = &'a mut Modules>) {
    let mut known: BTreeMap<Digest, Arc<[u8]>> = BTreeMap::new();
    for module in config_maps.flat_map(BTreeMap::values_mut) {
        module.bytes = Arc::clone(known.entry(module.digest).or_insert_with(|| Arc::clone(&module.bytes)));
    }
}
