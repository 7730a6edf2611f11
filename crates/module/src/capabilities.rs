//! The list of capabilities that a module needs (`capability_restriction_config.allowed_capabilities`). The list also gates callbacks:
//! a module whose callbacks are not listed loads and does nothing.

use std::collections::BTreeSet;

use super::abi::{WASI_MODULES, callbacks, host_function};
use super::report::{Kind, ModuleReport};

/// The smallest list that allows everything the module uses: its imports and its callbacks.
pub fn derived(report: &ModuleReport) -> BTreeSet<String> {
    let Ok(Some(abi)) = report.abi else { return BTreeSet::new() };
    let imported = report.imports.iter().filter(|import| {
        matches!(import.kind, Kind::Function(_))
            && host_function(abi, &import.module, &import.name).is_some()
            && (import.name.starts_with("proxy_") || WASI_MODULES.contains(&import.module.as_str()))
    });
    imported.map(|import| import.name.clone()).chain(gated_callbacks(report).map(str::to_owned)).collect()
}

/// The exported callbacks that a list disables by omitting them. Envoy's own callbacks (`envoy_`) are exempt.
pub fn gated_callbacks(report: &ModuleReport) -> impl Iterator<Item = &'static str> {
    let abi = report.abi.ok().flatten();
    let known = abi.into_iter().flat_map(callbacks).map(|callback| callback.name);
    known.filter(|name| name.starts_with("proxy_") && report.exported_function(name).is_some())
}
