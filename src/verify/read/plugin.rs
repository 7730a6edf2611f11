//! `typed_config` of a Wasm filter as the proxy gets it from istiod.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_compile_host::FailurePolicy;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::{FilterType, Istio};
use crate::verify::subject::{Module, Plugin};

const TYPED_STRUCTS: [&str; 2] =
    ["type.googleapis.com/udpa.type.v1.TypedStruct", "type.googleapis.com/xds.type.v3.TypedStruct"];
const V8: &str = "envoy.wasm.runtime.v8";

/// A plugin whose module is still to be found at its path.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) filename: String,
    plugin: PluginConfig,
    chain_name: String,
}

/// `envoy.extensions.wasm.v3.PluginConfig`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PluginConfig {
    name: String,
    root_id: String,
    configuration: Option<Any>,
    failure_policy: Option<Policy>,
    fail_open: Option<bool>,
    allow_on_headers_stop_iteration: Option<bool>,
    capability_restriction_config: Option<Restriction>,
    vm_config: VmConfig,
}

/// `envoy.extensions.wasm.v3.VmConfig`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VmConfig {
    vm_id: String,
    runtime: String,
    code: Code,
    configuration: Option<Any>,
    #[serde(rename = "allow_precompiled")]
    _allow_precompiled: bool,
    capability_restriction_config: Option<Restriction>,
    environment_variables: Environment,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Code {
    local: Local,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Local {
    filename: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Environment {
    host_env_keys: Vec<String>,
    key_values: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Restriction {
    allowed_capabilities: BTreeMap<String, Map<String, Value>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Policy {
    #[serde(rename = "UNSPECIFIED")]
    Unspecified,
    #[serde(rename = "FAIL_CLOSED")]
    Closed,
    #[serde(rename = "FAIL_OPEN")]
    Open,
    #[serde(rename = "FAIL_RELOAD")]
    Reload,
}

/// `google.protobuf.Any` of the types that reach a plugin as they are. A Struct reaches it as JSON of Envoy's own writing.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "@type", deny_unknown_fields)]
enum Any {
    #[serde(rename = "type.googleapis.com/google.protobuf.StringValue")]
    Text { value: String },
    #[serde(rename = "type.googleapis.com/google.protobuf.BytesValue")]
    Bytes { value: String },
}

impl Any {
    fn bytes(this: Option<&Self>) -> Result<Vec<u8>, String> {
        match this {
            None => Ok(Vec::new()),
            Some(Self::Text { value }) => Ok(value.clone().into_bytes()),
            Some(Self::Bytes { value }) => STANDARD.decode(value).map_err(|error| error.to_string()),
        }
    }
}

/// Reads a filter of a chain as a proxy of this Istio gets it.
pub(super) fn read(
    chain_name: String,
    chain: FilterType,
    typed_config: Value,
    istio: &str,
) -> Result<Settings, String> {
    let wanted = match chain {
        FilterType::Http => "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        FilterType::Network => "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
    };
    let Value::Object(mut typed) = typed_config else { return Err("typed_config is no object".to_owned()) };
    let mut url = taken(&mut typed, "@type")?;
    let opaque = TYPED_STRUCTS.contains(&url.as_str());
    if opaque {
        url = taken(&mut typed, "type_url")?;
        let Some(Value::Object(value)) = typed.remove("value") else {
            return Err("a TypedStruct without value".into());
        };
        typed = value;
    }
    if url != wanted {
        return Err(format!("`{url}` is not the type of a Wasm filter in this chain"));
    }
    let mut config = typed.remove("config").ok_or("there is no `config`")?;
    if let Some(other) = typed.keys().next() {
        return Err(format!("a Wasm filter has no field `{other}`"));
    }
    if !opaque {
        drop_unknown(&mut config, istio)?;
    }
    let plugin: PluginConfig = serde_json::from_value(config).map_err(|error| error.to_string())?;
    if plugin.vm_config.runtime != V8 {
        return Err(format!("the runtime is `{}`, and the proxy has V8", plugin.vm_config.runtime));
    }
    if plugin.failure_policy.is_some() && plugin.fail_open.is_some() {
        return Err("Envoy takes failure_policy or fail_open, not both".to_owned());
    }
    // So that the plugin can be made without a fault.
    Any::bytes(plugin.configuration.as_ref()).and(Any::bytes(plugin.vm_config.configuration.as_ref()))?;
    Ok(Settings { filename: plugin.vm_config.code.local.filename.clone(), plugin, chain_name })
}

fn taken(typed: &mut Map<String, Value>, field: &str) -> Result<String, String> {
    match typed.remove(field) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("typed_config has no `{field}`")),
    }
}

/// istiod passes a typed message through its own Envoy API, and what that does not know is gone. A TypedStruct is opaque to it.
fn drop_unknown(config: &mut Value, istio: &str) -> Result<(), String> {
    let version = Istio::parse(istio).ok_or_else(|| format!("`{istio}` is no version of Istio"))?;
    let known = [
        ("failure_policy", Istio::FAILURE_POLICY),
        ("reload_config", Istio::FAILURE_POLICY),
        ("allow_on_headers_stop_iteration", Istio::STOP_ITERATION_TYPED),
    ];
    let Some(fields) = config.as_object_mut() else { return Err("`config` is no object".to_owned()) };
    known.iter().filter(|(_, since)| version < *since).for_each(|(field, _)| drop(fields.remove(*field)));
    Ok(())
}

impl Settings {
    /// The plugin with the module that stands at its path.
    pub(super) fn with(&self, module: Module) -> Plugin {
        let PluginConfig { name, root_id, configuration, failure_policy, fail_open, .. } = &self.plugin;
        let vm = &self.plugin.vm_config;
        let restriction = vm.capability_restriction_config.as_ref();
        let restriction = restriction.or(self.plugin.capability_restriction_config.as_ref());
        // An empty list restricts nothing (proxy-wasm-cpp-host, `capabilityAllowed`).
        let allowed = restriction.map(|it| it.allowed_capabilities.keys().cloned().collect());
        Plugin {
            chain_name: self.chain_name.clone(),
            name: name.clone(),
            root_id: root_id.clone(),
            configuration: Any::bytes(configuration.as_ref()).unwrap_or_default(),
            vm_id: vm.vm_id.clone(),
            vm_configuration: Any::bytes(vm.configuration.as_ref()).unwrap_or_default(),
            env: vm.environment_variables.key_values.clone(),
            host_env: vm.environment_variables.host_env_keys.clone(),
            capabilities: allowed.filter(|allowed: &BTreeSet<String>| !allowed.is_empty()),
            on_failure: policy(*failure_policy, *fail_open),
            stop_iteration: self.plugin.allow_on_headers_stop_iteration.unwrap_or_default(),
            filename: self.filename.clone(),
            module,
        }
    }
}

const fn policy(policy: Option<Policy>, fail_open: Option<bool>) -> FailurePolicy {
    match (policy, fail_open) {
        (Some(Policy::Closed), _) | (None, Some(false)) => FailurePolicy::Closed,
        (Some(Policy::Open), _) => FailurePolicy::Open,
        (Some(Policy::Reload), _) => FailurePolicy::Reload,
        (None, Some(true)) => FailurePolicy::OpenOld,
        (None, None) | (Some(Policy::Unspecified), _) => FailurePolicy::Unspecified,
    }
}
