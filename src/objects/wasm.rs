//! Envoy's messages for a Wasm filter (envoyproxy/envoy, api/envoy/extensions/wasm/v3/wasm.proto).
//!
//! An optional field that is `None` is not written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Strings, is_default};

/// `typed_config` of a Wasm filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@type")]
pub(crate) enum TypedConfig {
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm")]
    HttpWasm(Wasm),
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm")]
    NetworkWasm(Wasm),
    #[serde(rename = "type.googleapis.com/udpa.type.v1.TypedStruct")]
    TypedStruct(TypedStruct),
}

impl TypedConfig {
    /// The type of the filter.
    pub(crate) const fn wasm_type(&self) -> WasmType {
        match self {
            Self::HttpWasm(_) => WasmType::Http,
            Self::NetworkWasm(_) => WasmType::Network,
            Self::TypedStruct(it) => it.type_url,
        }
    }

    /// The type of the filter, and its message.
    pub(crate) fn into_wasm(self) -> (WasmType, Wasm) {
        match self {
            Self::HttpWasm(wasm) => (WasmType::Http, wasm),
            Self::NetworkWasm(wasm) => (WasmType::Network, wasm),
            Self::TypedStruct(TypedStruct { type_url, value }) => (type_url, value),
        }
    }
}

/// A message whose fields istiod does not look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedStruct {
    pub(crate) type_url: WasmType,
    pub(crate) value: Wasm,
}

/// The type of a Wasm filter's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WasmType {
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm")]
    Http,
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm")]
    Network,
}

/// `Wasm`, which has the same field in the HTTP and in the network filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wasm {
    pub(crate) config: PluginConfig,
}

/// `PluginConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PluginConfig {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) root_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<Any>,
    /// Known from Istio 1.25 on. Envoy accepts this field or `fail_open`, not both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure_policy: Option<FailurePolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fail_open: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_on_headers_stop_iteration: Option<bool>,
    /// Known up to Envoy 1.39; later it belongs to `vm_config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) capability_restriction_config: Option<CapabilityRestrictionConfig>,
    pub(crate) vm_config: VmConfig,
}

impl PluginConfig {
    /// The functions that the module may import and export; `None` without a restriction. An empty list restricts nothing
    /// (proxy-wasm-cpp-host, `capabilityAllowed`).
    pub(crate) fn allowed_capabilities(&self) -> Option<&BTreeMap<String, SanitizationConfig>> {
        let of_vm = self.vm_config.capability_restriction_config.as_ref();
        let restriction = of_vm.or(self.capability_restriction_config.as_ref())?;
        Some(&restriction.allowed_capabilities).filter(|allowed| !allowed.is_empty())
    }
}

/// `FailurePolicy`: what happens to requests after the VM has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FailurePolicy {
    Unspecified,
    FailReload,
    FailClosed,
    FailOpen,
}

/// `VmConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VmConfig {
    pub(crate) vm_id: String,
    pub(crate) runtime: WasmRuntime,
    pub(crate) code: VmCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<Any>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_precompiled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) capability_restriction_config: Option<CapabilityRestrictionConfig>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) environment_variables: EnvironmentVariables,
}

/// The name of a sandbox that Envoy runs modules in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WasmRuntime {
    #[default]
    #[serde(rename = "envoy.wasm.runtime.v8")]
    V8,
}

/// `AsyncDataSource`, as far as this program writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VmCode {
    pub(crate) local: LocalFile,
}

/// `DataSource`, as far as this program writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocalFile {
    /// The module's path in the proxy.
    pub(crate) filename: String,
}

/// `EnvironmentVariables`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentVariables {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) host_env_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) key_values: Strings,
}

/// `CapabilityRestrictionConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapabilityRestrictionConfig {
    pub(crate) allowed_capabilities: BTreeMap<String, SanitizationConfig>,
}

/// `SanitizationConfig`, a message without fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SanitizationConfig {}

/// `google.protobuf.Any` of the types that reach a plugin unchanged. A Struct reaches the plugin as JSON that Envoy writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@type", deny_unknown_fields)]
pub(crate) enum Any {
    #[serde(rename = "type.googleapis.com/google.protobuf.StringValue")]
    String { value: String },
    #[serde(rename = "type.googleapis.com/google.protobuf.BytesValue")]
    Bytes {
        #[serde(with = "base64_text")]
        value: Vec<u8>,
    },
}

impl Any {
    /// The bytes that reach the plugin.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::String { value } => value.as_bytes(),
            Self::Bytes { value } => value,
        }
    }
}

/// Bytes as base64 text, as JSON's mapping of Protocol Buffers has them.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(|error| de::Error::custom(format!("invalid base64: {error}")))
    }
}
