//! The one model of every object that is written to `out/` or read back from it.
//!
//! Each type serializes to the object as it is rendered, with the customary order of fields, and deserializes from it without
//! loss. The types know neither mesh.toml nor the Mesh: `backend/` fills them in, `layout/` writes them to files, `verify/`
//! and `store/` read them back.

mod config_map;
mod discovery;
mod envoy_filter;
mod kustomization;
mod lock;
mod metadata;
#[cfg(test)]
mod tests;
mod volume;
mod wasm;
mod workload;

use std::collections::BTreeMap;

pub(crate) use config_map::{Binary, ConfigMap, ConfigMapKind, CoreV1, GatewayParameters};
pub(crate) use discovery::{ConfigDiscovery, ConfigSource, DefaultConfig, Empty};
pub(crate) use envoy_filter::{
    ApplyTo, ChainFilter, ConfigPatch, EnvoyFilter, EnvoyFilterKind, EnvoyFilterSpec, FilterChainMatch, FilterMatch,
    HTTP_CONNECTION_MANAGER, ListenerMatch, Match, NetworkingV1Alpha3, Operation, Patch, PatchContext, ProxyMatch,
    ROUTER, SubFilterMatch, TCP_PROXY, TargetRef, WorkloadSelector,
};
pub(crate) use kustomization::{Kustomization, KustomizationApi, KustomizationKind, PatchPath};
pub(crate) use lock::{Digests, Lock, LockedModule};
pub(crate) use metadata::Metadata;
pub(crate) use volume::{
    ConfigMapSource, Entry, ImageSource, KeyToPath, Projected, ProjectedSource, Volume, VolumeMount,
};
pub(crate) use wasm::{
    Any, CapabilityRestrictionConfig, EnvironmentVariables, FailurePolicy, LocalFile, PluginConfig, SanitizationConfig,
    TypedConfig, TypedStruct, VmCode, VmConfig, Wasm, WasmRuntime, WasmType,
};
pub(crate) use workload::{
    Change, Container, PROXY_CONTAINER, PodMetadata, PodSpec, PodTemplate, PullSecret, USER_VOLUME, USER_VOLUME_MOUNT,
    WorkloadPatch,
};

/// Labels, annotations, environment variables: strings by name.
pub(crate) type Strings = BTreeMap<String, String>;

/// An object of `out/`.
#[derive(Debug)]
pub(crate) enum Object {
    ConfigMap(ConfigMap),
    GatewayParameters(GatewayParameters),
    EnvoyFilter(EnvoyFilter),
    Patch {
        /// The namespace of the workload. The patch's own metadata may omit it or name another one.
        namespace: String,
        patch: WorkloadPatch,
    },
}

/// A field whose text is the same in every object of its type.
macro_rules! constant {
    ($(#[$doc:meta])* $name:ident = $text:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub(crate) enum $name {
            #[default]
            #[serde(rename = $text)]
            Constant,
        }
    };
}
use constant;

/// Whether a field is left out because it has its default.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
