//! Findings about a filter's faults.

use mesh_compile_host::outcome::Remark;
use mesh_compile_module::{LoadContext, ModuleReport, Severity, rules};

use super::super::subject::Subject;
use super::{ChainEntry, Diagnostic, Fault, FaultKind, of_fault};
use crate::diag::Code;
use crate::domain::Istio;
use crate::module;

/// The finding about a fault. The caller adds the location.
pub(super) fn fault(entry: &ChainEntry, fault: &Fault) -> Diagnostic {
    let name = entry.plugin.name();
    let message = match fault.kind {
        FaultKind::Load => {
            if let Some(finding) = by_rule(entry) {
                return finding;
            }
            format!("the filter `{name}` does not load")
        }
        FaultKind::Start => format!("the filter `{name}` does not start"),
        FaultKind::Configure => format!("the filter `{name}` does not accept its configuration"),
        FaultKind::Trap => format!("the filter `{name}` fails in {}", callback(&fault.message)),
        FaultKind::Restricted => format!("the filter `{name}` calls a restricted host function while it initializes"),
        FaultKind::Endless => match endless_callback(&fault.message) {
            Some(callback) => format!("the filter `{name}` does not terminate in `{callback}`"),
            None => format!("the filter `{name}` does not terminate"),
        },
        FaultKind::Limits => format!("the filter `{name}` exceeds the limits of a dry run"),
        FaultKind::Unsupported => format!("the filter `{name}` cannot run in the embedded host"),
        FaultKind::Engine => format!("the filter `{name}` could not be run"),
        FaultKind::Crash => format!("the filter `{name}` crashes Envoy"),
    };
    let finding = of_fault(fault, message);
    match fault.kind {
        FaultKind::Endless if endless_callback(&fault.message).is_some() => finding,
        FaultKind::Endless | FaultKind::Limits | FaultKind::Engine | FaultKind::Crash => finding.note(&fault.message),
        FaultKind::Unsupported => finding
            .note(&fault.message)
            .note("the module may be fine: V8 in Envoy supports more than the embedded host")
            .help("run `mesh-compile verify --engine envoy` to find out"),
        _ => finding.note(format!("Envoy says: {}", fault.message)),
    }
}

/// The callback of `proxy_on_tick does not terminate`, or of `Function: proxy_on_tick does not return` in Envoy.
fn endless_callback(message: &str) -> Option<&str> {
    let callback = message.strip_prefix("Function: ").unwrap_or(message);
    let callback =
        callback.strip_suffix(" does not terminate").or_else(|| callback.strip_suffix(" does not return"))?;
    (!callback.contains(' ')).then_some(callback)
}

/// The callback of `Function: proxy_on_tick failed: …`.
fn callback(message: &str) -> String {
    let name = message.strip_prefix("Function: ").and_then(|rest| rest.split_once(" failed")).map(|(name, _)| name);
    name.map_or_else(|| "a callback".to_owned(), |name| format!("`{name}`"))
}

/// The finding of a rule about the module, if a rule explains why it does not load.
fn by_rule(entry: &ChainEntry) -> Option<Diagnostic> {
    let allow_precompiled = entry.plugin.config.vm_config.allow_precompiled.unwrap_or_default();
    let context = LoadContext { envoy: Istio::NEWEST.envoy_minor(), filter_type: Some(entry.chain), allow_precompiled };
    let found = rules::check(&ModuleReport::of(&entry.plugin.module.bytes), &context);
    let error = found.iter().find(|finding| finding.severity == Severity::Error)?;
    Some(module::diagnostic(error, entry.plugin.filename()))
}

/// The finding about a call to a cluster that no proxy has.
pub(super) fn undeclared(who: &str, cluster: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0608, format!("{who} calls `{cluster}`, a cluster that no proxy has"))
        .note("the call fails at once")
        .help("declare what it calls, and write `{{ cluster.auth }}` in its configuration:\n[clusters.auth]\nhost = \"auth.example.com\"\ntls = true")
        .help(format!("for a service of the mesh, write `service = \"HOST:PORT\"` instead; for a cluster that something else adds, `name = \"{cluster}\"`"))
}

/// The finding about a remark. The caller adds the location.
pub(super) fn remark(subject: &Subject, entry: &ChainEntry, remark: &Remark) -> Diagnostic {
    let name = entry.plugin.name();
    match remark {
        Remark::UnknownCluster(cluster) if !subject.has_cluster(cluster) => {
            undeclared(&format!("the filter `{name}`"), cluster)
        }
        Remark::UnknownCluster(cluster) => {
            Diagnostic::warning(Code::MC0608, format!("the filter `{name}` calls the unknown cluster `{cluster}`"))
                .note("the call fails immediately, as in a proxy without this cluster")
                .help(format!("define its response: `callouts.\"{cluster}\" = {{ status = 200 }}`"))
        }
        Remark::RemovedProperty(text) => Diagnostic::warning(
            Code::MC0609,
            format!("the filter `{name}` reads a property that Envoy removed: {text}"),
        )
        .note("the property is not found, as in Envoy 1.33 and later"),
        Remark::WrongLength(text) => Diagnostic::warning(Code::MC0617, format!("the filter `{name}` sends {text}"))
            .note("the receiver ignores the excess bytes, or waits for the missing ones")
            .help("remove `content-length` in the headers callback, so that the body is sent in chunks"),
        Remark::NotSimulated(text) => Diagnostic::warning(
            Code::MC0612,
            format!("the filter `{name}` {text}, which the embedded host does not simulate"),
        )
        .help("run `mesh-compile verify --engine envoy` to run it with Envoy's implementation"),
    }
}
