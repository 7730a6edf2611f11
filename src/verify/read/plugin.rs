//! The configuration of a Wasm filter as the proxy gets it from istiod.

use crate::domain::{Feature, FilterType, Istio};
use crate::objects::{PluginConfig, TypedConfig, WasmType};

/// What remains of `typed_config` in a proxy of this Istio.
pub(super) fn received(typed_config: TypedConfig, chain: FilterType, istio: &str) -> Result<PluginConfig, String> {
    let opaque = matches!(typed_config, TypedConfig::TypedStruct(_));
    let (wasm_type, wasm) = typed_config.into_wasm();
    let fits = match chain {
        FilterType::Http => wasm_type == WasmType::Http,
        FilterType::Network => wasm_type == WasmType::Network,
    };
    if !fits {
        return Err("the type of `typed_config` does not fit `applyTo`".to_owned());
    }
    let mut config = wasm.config;
    if config.failure_policy.is_some() && config.fail_open.is_some() {
        return Err("Envoy accepts `failure_policy` or `fail_open`, not both".to_owned());
    }
    if !opaque {
        drop_unknown(&mut config, istio)?;
    }
    Ok(config)
}

/// istiod decodes a typed message with its own copy of the Envoy API, and fields that it does not know are lost. The content of
/// a TypedStruct is opaque to istiod.
fn drop_unknown(config: &mut PluginConfig, istio: &str) -> Result<(), String> {
    let version = Istio::parse(istio).ok_or_else(|| format!("`{istio}` is not an Istio version"))?;
    if !version.supports(Feature::FailurePolicy) {
        config.failure_policy = None;
    }
    if !version.supports(Feature::StopIterationTyped) {
        config.allow_on_headers_stop_iteration = None;
    }
    Ok(())
}
