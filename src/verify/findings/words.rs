//! What is said of a filter's fault.

use mesh_compile_host::outcome::Remark;
use mesh_compile_module::{Report, Setting, Severity, rules};

use super::{Diagnostic, Fault, FaultKind, Placed, of_fault};
use crate::diag::Code;
use crate::domain::Istio;
use crate::module;

/// The finding, not yet at its place.
pub(super) fn fault(placed: &Placed, fault: &Fault) -> Diagnostic {
    let name = placed.plugin.name();
    let message = match fault.kind {
        FaultKind::Load => {
            if let Some(finding) = by_rule(placed) {
                return finding;
            }
            format!("the filter `{name}` does not load")
        }
        FaultKind::Start => format!("the filter `{name}` does not start"),
        FaultKind::Configure => format!("the filter `{name}` does not take its configuration"),
        FaultKind::Trap => format!("the filter `{name}` fails in {}", callback(&fault.message)),
        FaultKind::Restricted => format!("the filter `{name}` calls what it must not call while it is initialised"),
        FaultKind::Endless => format!("the filter `{name}` comes to no end"),
        FaultKind::Limits => format!("the filter `{name}` needs more than a dry run gives"),
        FaultKind::Unsupported => format!("the filter `{name}` cannot be dry-run here"),
        FaultKind::Engine => format!("the filter `{name}` could not be run"),
        FaultKind::Crash => format!("the filter `{name}` ends Envoy's process"),
    };
    let finding = of_fault(fault, message);
    match fault.kind {
        FaultKind::Endless | FaultKind::Limits | FaultKind::Engine | FaultKind::Crash => finding.note(&fault.message),
        FaultKind::Unsupported => finding
            .note(&fault.message)
            .note("the module may be fine: V8, which Envoy has, can do more than the embedded host")
            .help("`mesh-compile verify --engine envoy` can tell"),
        _ => finding.note(format!("Envoy says: {}", fault.message)),
    }
}

/// The callback of `Function: proxy_on_tick failed: …`.
fn callback(message: &str) -> String {
    let name = message.strip_prefix("Function: ").and_then(|rest| rest.split_once(" failed")).map(|(name, _)| name);
    name.map_or_else(|| "a callback".to_owned(), |name| format!("`{name}`"))
}

/// What the rules say of the module's bytes, where they see why it does not load.
fn by_rule(placed: &Placed) -> Option<Diagnostic> {
    let setting =
        Setting { envoy: Istio::NEWEST.envoy_minor(), filter_type: Some(placed.chain), allow_precompiled: false };
    let found = rules::check(&Report::of(&placed.plugin.module.bytes), &setting);
    let error = found.iter().find(|finding| finding.severity == Severity::Error)?;
    Some(module::diagnostic(error, placed.plugin.filename()))
}

/// The finding about what is no fault, not yet at its place.
pub(super) fn remark(placed: &Placed, remark: &Remark) -> Diagnostic {
    let name = placed.plugin.name();
    match remark {
        Remark::UnknownCluster(cluster) => Diagnostic::warning(
            Code::MC0608,
            format!("the filter `{name}` calls the cluster `{cluster}`, which is unknown"),
        )
        .note("the call fails at once, as it does where the proxy has no such cluster")
        .help(format!("say what it answers: `callouts.\"{cluster}\" = {{ status = 200 }}`")),
        Remark::RemovedProperty(text) => Diagnostic::warning(
            Code::MC0609,
            format!("the filter `{name}` reads a property that Envoy no longer has: {text}"),
        )
        .note("it is not found, as in Envoy 1.33 and newer"),
        Remark::WrongLength(text) => Diagnostic::warning(Code::MC0617, format!("the filter `{name}` leaves {text}"))
            .note("who reads it takes what is over for no part of it, or waits for what is missing")
            .help("remove `content-length` in the headers' callback: the body then goes in chunks"),
        Remark::NotSimulated(text) => {
            Diagnostic::warning(Code::MC0612, format!("the filter `{name}` {text}, which a dry run does not do"))
                .help("`mesh-compile verify --engine envoy` has the real one")
        }
    }
}
