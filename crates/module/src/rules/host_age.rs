//! The oldest Envoy of the mesh must provide all imported functions.

use super::{Finding, Report, Rule, Setting, Stage, abi};
use crate::abi::{EnvoyMinor, host_function};

/// The first Envoy in which `poll_oneoff` returns like a sleep (golang/go#78513).
const POLL_RETURNS: EnvoyMinor = 38;

pub(super) fn check(report: &Report, setting: &Setting, found: &mut Vec<Finding>) {
    let Some(abi) = abi(report) else { return };
    for (number, import) in report.imports.iter().enumerate() {
        let Some(host) = host_function(abi, &import.module, &import.name) else { continue };
        let (module, name) = (&import.module, &import.name);
        if host.since > setting.envoy {
            found.push(
                Finding::error(
                    Rule::HostAge,
                    Stage::Link,
                    format!(
                        "Envoy 1.{} does not provide `{module}.{name}`, which Envoy 1.{} added",
                        setting.envoy, host.since
                    ),
                    format!("Failed to load Wasm module due to a missing import: {module}.{name}"),
                )
                .number(number)
                .note(format!("Istio 1.{} ships Envoy 1.{}", setting.envoy.saturating_sub(8), setting.envoy))
                .help(format!(
                    "upgrade the mesh to Istio 1.{}, or build the module without code that needs the function",
                    host.since.saturating_sub(8)
                )),
            );
        } else if name == "poll_oneoff" && setting.envoy < POLL_RETURNS {
            found.push(
                Finding::warning(Rule::PollOneoff, format!("`poll_oneoff` fails in Envoy 1.{}", setting.envoy))
                    .note("a Go module calls it while its garbage collector waits, and crashes (golang/go#78513)")
                    .help(format!("upgrade the mesh to Istio 1.{}, or build with TinyGo", POLL_RETURNS - 8)),
            );
        }
    }
}

/// The oldest Envoy that provides all imports of the module. `None`: no Envoy does.
#[must_use]
pub fn oldest_envoy(report: &Report) -> Option<EnvoyMinor> {
    let abi = abi(report)?;
    let since = |import: &crate::report::Import| match import.kind {
        crate::report::Kind::Function(_) => host_function(abi, &import.module, &import.name).map(|host| host.since),
        _ => Some(0),
    };
    report.imports.iter().map(since).try_fold(0, |oldest, since| since.map(|since| oldest.max(since)))
}
