//! A filter's settings as Envoy's messages. A key that mesh.toml omits writes no field.

use super::plan::{Capabilities, FailureField, Plugin};
use crate::domain::{FilterType, OnFailure, Runtime};
use crate::objects::{
    Any, CapabilityRestrictionConfig, EnvironmentVariables, FailurePolicy, LocalFile, PluginConfig, SanitizationConfig,
    TypedConfig, TypedStruct, VmCode, VmConfig, Wasm, WasmRuntime, WasmType,
};

pub(super) fn typed_config(plugin: &Plugin) -> TypedConfig {
    let wasm = Wasm { config: config(plugin) };
    let opaque = plugin.stop_iteration.is_some_and(|field| field.typed_struct);
    match (plugin.filter_type, opaque) {
        (FilterType::Http, false) => TypedConfig::HttpWasm(wasm),
        (FilterType::Network, false) => TypedConfig::NetworkWasm(wasm),
        (FilterType::Http, true) => TypedConfig::TypedStruct(TypedStruct { type_url: WasmType::Http, value: wasm }),
        (FilterType::Network, true) => {
            TypedConfig::TypedStruct(TypedStruct { type_url: WasmType::Network, value: wasm })
        }
    }
}

fn config(plugin: &Plugin) -> PluginConfig {
    let (failure_policy, fail_open) = match plugin.on_failure {
        Some(FailureField::Policy(policy)) => (Some(failure_policy(policy)), None),
        Some(FailureField::FailOpen(open)) => (None, Some(open)),
        None => (None, None),
    };
    let restriction = |in_vm_config| {
        let capabilities = plugin.capabilities.as_ref().filter(|it| it.in_vm_config == in_vm_config);
        capabilities.map(capability_restriction)
    };
    PluginConfig {
        name: plugin.name.clone(),
        root_id: plugin.root_id.clone(),
        configuration: plugin.configuration.as_deref().map(string_value),
        failure_policy,
        fail_open,
        allow_on_headers_stop_iteration: plugin.stop_iteration.map(|field| field.allowed),
        capability_restriction_config: restriction(false),
        vm_config: VmConfig {
            vm_id: plugin.vm_id.clone(),
            runtime: match plugin.runtime {
                Runtime::V8 => WasmRuntime::V8,
            },
            code: VmCode { local: LocalFile { filename: plugin.filename.clone() } },
            configuration: plugin.vm_configuration.as_deref().map(string_value),
            allow_precompiled: plugin.allow_precompiled,
            capability_restriction_config: restriction(true),
            environment_variables: EnvironmentVariables {
                host_env_keys: plugin.env_from_host.clone(),
                key_values: plugin.env.clone(),
            },
        },
    }
}

const fn failure_policy(policy: OnFailure) -> FailurePolicy {
    match policy {
        OnFailure::Closed => FailurePolicy::FailClosed,
        OnFailure::Open => FailurePolicy::FailOpen,
        OnFailure::Reload => FailurePolicy::FailReload,
    }
}

fn capability_restriction(capabilities: &Capabilities) -> CapabilityRestrictionConfig {
    let allowed = capabilities.allowed.iter().map(|name| (name.clone(), SanitizationConfig {}));
    CapabilityRestrictionConfig { allowed_capabilities: allowed.collect() }
}

/// A text that reaches the plugin unchanged. A Struct would reach it as JSON that Envoy writes.
fn string_value(text: &str) -> Any {
    Any::String { value: text.to_owned() }
}
