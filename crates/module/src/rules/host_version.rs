//! The oldest Envoy of the mesh must provide all imported functions.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage, abi};
use crate::abi::{ENVOY_AHEAD_OF_ISTIO, EnvoyMinor, host_function};

pub(super) fn check(report: &ModuleReport, context: &LoadContext, found: &mut Vec<Finding>) {
    let Some(abi) = abi(report) else { return };
    for (number, import) in report.imports.iter().enumerate() {
        let Some(host) = host_function(abi, &import.module, &import.name) else { continue };
        let (module, name) = (&import.module, &import.name);
        if host.since > context.envoy {
            found.push(
                Finding::error(
                    Rule::HostVersion,
                    Stage::Link,
                    format!(
                        "Envoy 1.{} does not provide `{module}.{name}`, which Envoy 1.{} added",
                        context.envoy, host.since
                    ),
                    format!("Failed to load Wasm module due to a missing import: {module}.{name}"),
                )
                .number(number)
                .note(format!(
                    "Istio 1.{} ships Envoy 1.{}",
                    context.envoy.saturating_sub(ENVOY_AHEAD_OF_ISTIO),
                    context.envoy
                ))
                .help(format!(
                    "upgrade the mesh to Istio 1.{}, or build the module without code that needs the function",
                    host.since.saturating_sub(ENVOY_AHEAD_OF_ISTIO)
                )),
            );
        }
    }
}

/// The oldest Envoy that provides all imports of the module. `None`: no Envoy does.
#[must_use]
pub fn oldest_envoy(report: &ModuleReport) -> Option<EnvoyMinor> {
    let abi = abi(report)?;
    let since = |import: &crate::report::Import| match import.kind {
        crate::report::Kind::Function(_) => host_function(abi, &import.module, &import.name).map(|host| host.since),
        _ => Some(0),
    };
    report.imports.iter().map(since).try_fold(0, |oldest, since| since.map(|since| oldest.max(since)))
}
