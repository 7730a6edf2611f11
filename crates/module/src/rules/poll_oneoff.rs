//! `poll_oneoff` fails in older Envoys.

use super::{Finding, LoadContext, ModuleReport, Rule, abi};
use crate::abi::{EnvoyMinor, host_function};

/// The first Envoy in which `poll_oneoff` returns like a sleep (golang/go#78513).
const POLL_RETURNS: EnvoyMinor = 38;

pub(super) fn check(report: &ModuleReport, context: &LoadContext, found: &mut Vec<Finding>) {
    let Some(abi) = abi(report) else { return };
    for import in report.imports.iter().filter(|import| import.name == "poll_oneoff") {
        let Some(host) = host_function(abi, &import.module, &import.name) else { continue };
        if host.since <= context.envoy && context.envoy < POLL_RETURNS {
            found.push(
                Finding::warning(Rule::PollOneoff, format!("`poll_oneoff` fails in Envoy 1.{}", context.envoy))
                    .note("a Go module calls it while its garbage collector waits, and crashes (golang/go#78513)")
                    .help(format!("upgrade the mesh to Istio 1.{}, or build with TinyGo", POLL_RETURNS - 8)),
            );
        }
    }
}
