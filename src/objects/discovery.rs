//! Envoy's messages for a filter whose configuration comes by extension discovery (envoyproxy/envoy,
//! api/envoy/config/core/v3/extension.proto and config_source.proto).

use serde::{Deserialize, Serialize};

use super::WasmType;

/// `ExtensionConfigSource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigDiscovery {
    pub(crate) config_source: ConfigSource,
    /// What serves until the first configuration is accepted.
    pub(crate) default_config: DefaultConfig,
    /// The types that a configuration may have, the default's among them.
    pub(crate) type_urls: Vec<String>,
}

/// `ConfigSource`: the stream that the proxy has anyway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigSource {
    pub(crate) ads: Empty,
    /// How long a listener waits for the configuration before it serves with the default. Zero: for ever.
    pub(crate) initial_fetch_timeout: String,
    pub(crate) resource_api_version: String,
}

/// A message without fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

/// Envoy's RBAC filter. Without rules it lets everything pass; with rules that allow nothing it rejects everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@type", deny_unknown_fields)]
pub(crate) enum DefaultConfig {
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC")]
    Http {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<Empty>,
    },
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC")]
    Network {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<Empty>,
        stat_prefix: String,
    },
}

impl DefaultConfig {
    /// The type of the message.
    pub(crate) const fn type_url(&self) -> &'static str {
        match self {
            Self::Http { .. } => "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            Self::Network { .. } => "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
        }
    }

    /// Whether it rejects everything.
    pub(crate) const fn denies(&self) -> bool {
        matches!(self, Self::Http { rules: Some(_) } | Self::Network { rules: Some(_), .. })
    }
}

impl WasmType {
    /// The type of the message.
    pub(crate) const fn type_url(self) -> &'static str {
        match self {
            Self::Http => "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            Self::Network => "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
        }
    }
}
