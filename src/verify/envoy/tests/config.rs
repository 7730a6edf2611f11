//! The rendered configuration of a plugin, as Envoy gets it.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::subjects::{plugin, subject};
use crate::domain::{Direction, FilterType};
use crate::objects::{
    Any, CapabilityRestrictionConfig, EnvironmentVariables, FailurePolicy, LocalFile, PluginConfig, SanitizationConfig,
    VmCode, VmConfig, WasmRuntime,
};
use crate::verify::envoy::config::{self, Paths};

/// A configuration with a value in every field. No `..Default`, so that a new field does not compile without one.
fn every_field() -> PluginConfig {
    let restriction = |name: &str| {
        let allowed_capabilities = [(name.to_owned(), SanitizationConfig {})].into();
        Some(CapabilityRestrictionConfig { allowed_capabilities })
    };
    PluginConfig {
        name: "demo".to_owned(),
        root_id: Some("root".to_owned()),
        configuration: Some(Any::String { value: "{}".to_owned() }),
        failure_policy: Some(FailurePolicy::FailReload),
        fail_open: Some(false),
        allow_on_headers_stop_iteration: Some(true),
        capability_restriction_config: restriction("proxy_log"),
        vm_config: VmConfig {
            vm_id: "vm".to_owned(),
            runtime: WasmRuntime::V8,
            code: VmCode { local: LocalFile { filename: "/rendered.wasm".to_owned() } },
            configuration: Some(Any::Bytes { value: vec![0xff] }),
            allow_precompiled: Some(true),
            capability_restriction_config: restriction("proxy_log"),
            environment_variables: EnvironmentVariables {
                host_env_keys: vec!["HOST".to_owned()],
                key_values: [("KEY".to_owned(), "value".to_owned())].into(),
            },
        },
    }
}

/// The paths and values of all leaves.
fn leaves(value: &Value, path: &str, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), into));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), into));
        }
        leaf => into.push((path.to_owned(), leaf.clone())),
    }
}

#[test]
fn every_field_of_a_plugin_reaches_envoy_unchanged() {
    let paths = Paths(Utf8Path::new("/engine"));
    for (chain, place) in [(FilterType::Http, 1), (FilterType::Network, 0)] {
        let mut subject = subject(vec![plugin("demo", b"module")], Vec::new());
        let entry = &mut subject.plugins[0];
        entry.chain = chain;
        std::sync::Arc::make_mut(&mut entry.plugin).config = every_field();
        let mut chains: [&[&_]; 2] = [&[], &[]];
        let of_chain = [&*entry];
        chains[place] = &of_chain;
        let listener = config::listener("demo", Direction::Inbound, chains, &paths);
        let pointer = match chain {
            FilterType::Http => "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config",
            FilterType::Network => "/filter_chains/0/filters/0/typed_config/config",
        };
        let config = listener.pointer(pointer).expect("a Wasm filter");
        let mut rendered = Vec::new();
        leaves(&json!(every_field()), "", &mut rendered);
        assert!(rendered.len() >= 15, "{rendered:?}");
        for (path, value) in rendered {
            let found = config.pointer(&path);
            match path.as_str() {
                // The module is in another directory.
                "/vm_config/code/local/filename" => {
                    assert_eq!(found, Some(&json!(paths.module(&of_chain[0].plugin))));
                }
                // The restriction is in the place that every Envoy reads.
                "/vm_config/capability_restriction_config/allowed_capabilities/proxy_log" => assert_eq!(found, None),
                _ => assert_eq!(found, Some(&value), "{path}"),
            }
        }
    }
}
