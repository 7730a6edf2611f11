//! A filter: `[filters.NAME]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::{FilterType, LoadFailure, OnFailure, PullPolicy, Runtime, SourceKind, Vm};
use crate::spec::decode::by_kind;
use crate::spec::{Spanned, Table};

/// A Wasm filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Filter {
    /// The path of the module, a `.wasm` file, relative to this file. Required, unless a volume has it and `sha256` is set.
    pub(crate) module: Option<Spanned<String>>,
    /// Where the proxies get the module from. Default: `config-map`.
    pub(crate) source: Option<Spanned<SourceKind>>,
    /// The name of the module's image without a tag and a digest, a template, such as
    /// `registry.example.com/filters/{{ filter.name }}`.
    pub(crate) image: Option<Spanned<String>>,
    /// When nodes pull the image. Default: not set; Kubernetes uses `if-not-present`.
    pub(crate) image_pull_policy: Option<Spanned<PullPolicy>>,
    /// Names of Secrets with the registry's credentials, which the pods get. Default: none.
    pub(crate) image_pull_secrets: Option<Spanned<Vec<Spanned<String>>>>,
    /// The volume with the module, in Kubernetes' own form: a source such as
    /// `{ persistentVolumeClaim = { claimName = "wasm" } }`. With a `name` alone, a volume that the pods already have.
    pub(crate) volume: Option<Spanned<Table>>,
    /// The path of the module in the volume.
    pub(crate) path: Option<Spanned<String>>,
    /// The expected SHA-256 of the module, 64 hexadecimal digits.
    pub(crate) sha256: Option<Spanned<String>>,
    /// The filter chain that runs the filter. Default: `http`.
    #[serde(rename = "type")]
    pub(crate) filter_type: Option<Spanned<FilterType>>,
    /// The name under which the module registers the root context. Default: none.
    pub(crate) root_id: Option<Spanned<String>>,
    /// Filters with the same vm-id, module and VM configuration share one VM per worker thread. Default: the filter's name.
    pub(crate) vm_id: Option<Spanned<String>>,
    /// Whether the filter shares its VM with filters that need the same one. Default: `own`.
    pub(crate) vm: Option<Spanned<Vm>>,
    /// The Wasm runtime. Default: `v8`.
    pub(crate) runtime: Option<Spanned<Runtime>>,
    /// Allows Envoy to run the precompiled section of the module instead of its bytecode. Default: not set; Envoy uses `false`.
    pub(crate) allow_precompiled: Option<Spanned<bool>>,
    /// How requests are handled when the module fails at run time. Default: not set; Envoy rejects the requests.
    pub(crate) on_failure: Option<Spanned<OnFailure>>,
    /// What the proxy does if the module does not load, start or accept its configuration. Default: `allow` where `on-failure =
    /// "open"` is set, otherwise `stop-rollout`.
    pub(crate) load_failure: Option<Spanned<LoadFailure>>,
    /// The filter's configuration as a table. The filter receives canonical JSON.
    pub(crate) config: Option<Spanned<Table>>,
    /// The filter's configuration as text, a template.
    pub(crate) config_text: Option<Spanned<String>>,
    /// The path of a file with the filter's configuration, relative to this file. Its content is passed on unchanged.
    pub(crate) config_file: Option<Spanned<String>>,
    /// The VM's configuration as text, a template.
    pub(crate) vm_config_text: Option<Spanned<String>>,
    /// Environment variables of the VM.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, Spanned<String>>,
    /// Names of environment variables that the VM inherits from the proxy.
    #[serde(default)]
    pub(crate) env_from_host: Vec<Spanned<String>>,
    /// Strips the debug sections from the module before it is embedded. Default: `false`.
    pub(crate) slim: Option<Spanned<bool>>,
    /// The capabilities of the module: `derived`, or a list of names. Default: no restriction.
    pub(crate) capabilities: Option<Spanned<Capabilities>>,
    /// Allows the filter to return StopIteration from its header callbacks (Istio 1.27 and later). Default: not set; Envoy
    /// uses `false`.
    pub(crate) stop_iteration: Option<Spanned<bool>>,
}

impl Filter {
    /// `type`, or its default.
    pub(crate) fn filter_type(&self) -> FilterType {
        self.filter_type.as_deref().copied().unwrap_or_default()
    }

    /// `slim`, or its default.
    pub(crate) fn is_slim(&self) -> bool {
        self.slim.as_deref().copied().unwrap_or_default()
    }
}

/// The host functions that a module may call, and the callbacks that Envoy calls.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Capabilities {
    /// A rule that determines the list.
    Rule(CapabilityRule),
    /// Names of host functions and callbacks, such as `proxy_log` and `proxy_on_request_headers`.
    List(Vec<Spanned<String>>),
}

by_kind! { Capabilities { string => Rule, array => List } }

/// A rule that determines a list of capabilities.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CapabilityRule {
    /// The functions that the module imports and the callbacks that it exports.
    Derived,
}
