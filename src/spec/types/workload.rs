//! A workload: `[workloads.NAME]`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use super::{Insert, traffic};
use crate::domain::{Direction, Kind, LogLevel, MountBy};
use crate::spec::decode::by_kind;
use crate::spec::{Spanned, Table};

/// A workload and the filters that its proxies run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Workload {
    /// The name of the object in Kubernetes. Default: the name of this table.
    pub(crate) name: Option<Spanned<String>>,
    /// The kind of the object. Default: the kind of the base's object, `Deployment` without a base.
    pub(crate) kind: Option<Spanned<KindName>>,
    /// The API version of the object, `GROUP/VERSION`, for a kind that mesh-compile does not know. Default: that of the base's
    /// object.
    pub(crate) api_version: Option<Spanned<String>>,
    /// The keys that lead to the pod template, separated by dots, for a kind that mesh-compile does not know: `spec.template`.
    pub(crate) template_path: Option<Spanned<String>>,
    /// The namespace of the object. Default: `mesh.namespace`.
    pub(crate) namespace: Option<Spanned<String>>,
    /// The namespace in the patch's metadata, for a manifest that sets another one. An empty string writes none. Default: the
    /// workload's namespace.
    pub(crate) patch_namespace: Option<Spanned<String>>,
    /// Labels that the pods of this workload have and no other pod has. Required for per-workload EnvoyFilters.
    pub(crate) selector: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    /// The filters, in the order in which they process a request. They follow the filters of the bindings. A filter that a binding
    /// adds too runs once, here, with the settings of this list.
    #[schemars(length(min = 1))]
    pub(crate) filters: Option<Spanned<Vec<Spanned<Use>>>>,
    /// The bindings that may add filters: `true`, `false`, or filters that no binding adds, as `["!NAME"]`. Default: `true`.
    pub(crate) bindings: Option<Spanned<Bindings>>,
    /// The traffic that the filters see. Default: `gateway` for a gateway, otherwise `inbound`.
    pub(crate) direction: Option<Spanned<Direction>>,
    /// How the modules are mounted into the proxy. Default: `gateway-parameters` for a Gateway, `container` with the direction
    /// `gateway`, otherwise `annotation`.
    pub(crate) mount: Option<Spanned<MountBy>>,
    /// The directory in the proxy where the modules are mounted. Default: `/var/local/lib/wasm-filters`.
    pub(crate) mount_path: Option<Spanned<String>>,
    /// The log level of Envoy's `wasm` component. Default: the mesh's setting.
    pub(crate) wasm_log_level: Option<Spanned<LogLevel>>,
    /// Adds the filters' own metrics, and those of their loading, to the statistics of the proxy. Default: `false`.
    pub(crate) stats: Option<Spanned<bool>>,
    /// Additional volumes of the pod, in Kubernetes' own form.
    pub(crate) volumes: Option<Spanned<Vec<Spanned<Table>>>>,
    /// Additional volume mounts of the proxy, in Kubernetes' own form.
    pub(crate) volume_mounts: Option<Spanned<Vec<Spanned<Table>>>>,
    /// Requests that `mesh-compile verify` sends through the filters, and the expected results. Tests are never rendered.
    #[serde(default)]
    pub(crate) tests: Vec<Spanned<traffic::Test>>,
}

impl Workload {
    /// `filters`, none by default.
    pub(crate) fn filters(&self) -> &[Spanned<Use>] {
        self.filters.as_deref().map_or(&[], Vec::as_slice)
    }

    /// `volumes`, none by default.
    pub(crate) fn volumes(&self) -> &[Spanned<Table>] {
        self.volumes.as_deref().map_or(&[], Vec::as_slice)
    }

    /// `volume-mounts`, none by default.
    pub(crate) fn volume_mounts(&self) -> &[Spanned<Table>] {
        self.volume_mounts.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// The kind of a workload: one that mesh-compile knows, or any other together with `template-path`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct KindName(pub(crate) String);

/// Any string. Editors offer the known kinds.
impl JsonSchema for KindName {
    fn schema_name() -> Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known = Kind::known().map(|(name, text)| json!({ "type": "string", "const": name, "description": text }));
        json_schema!({
            "description": "The kind of a workload.",
            "anyOf": [
                { "type": "string", "description": "A kind that mesh-compile does not know, with `api-version` and `template-path`." },
                { "oneOf": known.collect::<Vec<_>>() },
            ],
        })
    }
}

/// The bindings that may add filters to a workload.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Bindings {
    /// All of them, or none.
    All(bool),
    /// All of them, without the filters of this list: `!NAME`.
    Without(Vec<Spanned<String>>),
}

by_kind! { Bindings { boolean => All, array => Without } }

/// A filter that a workload uses: its name, or a table with its name and settings for this workload.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Use {
    /// The filter as declared.
    Plain(String),
    /// The filter with settings for this workload.
    With(Box<UseSettings>),
}

by_kind! { Use { string => Plain, table => With } }

impl Use {
    /// The filter's name.
    pub(crate) fn filter(&self) -> &str {
        match self {
            Self::Plain(name) => name,
            Self::With(with) => &with.filter,
        }
    }

    /// The settings for this workload.
    pub(crate) const fn settings(&self) -> Option<&UseSettings> {
        match self {
            Self::Plain(_) => None,
            Self::With(with) => Some(with),
        }
    }
}

impl Spanned<Use> {
    /// Where the filter's name is.
    pub(crate) fn filter_at(&self) -> crate::diag::Location {
        self.settings().map_or_else(|| self.location(), |with| with.filter.location())
    }
}

/// A filter with settings for one workload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UseSettings {
    /// The filter's name.
    pub(crate) filter: Spanned<String>,
    /// The filter's configuration as a table. It replaces the one that the filter declares.
    pub(crate) config: Option<Spanned<Table>>,
    /// The filter's configuration as text. It replaces the one that the filter declares.
    pub(crate) config_text: Option<Spanned<String>>,
    /// The path of a file with the filter's configuration. It replaces the one that the filter declares.
    pub(crate) config_file: Option<Spanned<String>>,
    /// The port whose listener runs the filter. For inbound traffic, the port that the container listens on. Default: all ports.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<Spanned<u16>>,
    /// The filter's place in the filter chain. Default: `before-router`.
    pub(crate) insert: Option<Spanned<Insert>>,
    /// The traffic that the filter sees. Default: the workload's setting.
    pub(crate) direction: Option<Spanned<Direction>>,
}
