//! The log level of Envoy's `wasm` component, beside the levels that the base sets.

use super::Linked;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::LogLevel;
use crate::domain::annotation::{COMPONENT_LOG_LEVEL, LOG_LEVEL};
use crate::resolve::mesh::ProxyLog;
use crate::spec::Spanned;

/// Istio's own default, which the annotation replaces.
const DEFAULT: &str = "misc:error";
const COMPONENT: &str = "wasm";

/// The annotation that sets the level and keeps all other levels.
///
/// If `logLevel` sets the level of any component, pilot-agent ignores `componentLogLevel` (istio/istio, pkg/envoy/proxy.go,
/// `splitComponentLog`), so the level goes to `logLevel` then.
pub(crate) fn merge(linked: Option<&Linked<'_>>, written: &Spanned<LogLevel>, sink: &mut Sink) -> ProxyLog {
    let annotation = |key| linked.and_then(|linked| linked.annotation_of_proxy(key));
    let level = annotation(LOG_LEVEL).filter(|it| it.value.contains(':'));
    let (key, existing) = match level {
        Some(level) => (LOG_LEVEL, Some(level)),
        None => (COMPONENT_LOG_LEVEL, annotation(COMPONENT_LOG_LEVEL)),
    };
    let Some(existing) = existing.filter(|it| !it.value.trim().is_empty()) else {
        return ProxyLog { annotation: key, value: format!("{DEFAULT},{COMPONENT}:{}", written.as_str()) };
    };
    replaced(existing.value, (written, existing.node.location), sink);
    ProxyLog { annotation: key, value: set(existing.value, written.as_str()) }
}

fn replaced(existing: &str, (written, location): (&Spanned<LogLevel>, Location), sink: &mut Sink) {
    let other = parts(existing).find_map(|part| part.strip_prefix(COMPONENT)?.strip_prefix(':'));
    if let Some(other) = other.filter(|other| *other != written.as_str()) {
        let message =
            format!("the base sets the level of `{COMPONENT}` to `{other}`, mesh.toml to `{}`", written.as_str());
        sink.push(
            Diagnostic::warning(Code::MC0532, message)
                .at_label(written.location(), "used")
                .related(location, "replaced")
                .help("set the level in one place"),
        );
    }
}

fn parts(levels: &str) -> impl Iterator<Item = &str> {
    levels.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// The list with this level of the component, in the place of an earlier one.
fn set(levels: &str, level: &str) -> String {
    let ours = format!("{COMPONENT}:{level}");
    let is_ours = |part: &str| part.split(':').next() == Some(COMPONENT) && part.contains(':');
    let mut merged: Vec<&str> = parts(levels).map(|part| if is_ours(part) { ours.as_str() } else { part }).collect();
    if !merged.contains(&ours.as_str()) {
        merged.push(&ours);
    }
    merged.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_levels_are_kept() {
        assert_eq!(set("misc:error", "debug"), "misc:error,wasm:debug");
        assert_eq!(set("misc:error, rbac:debug", "info"), "misc:error,rbac:debug,wasm:info");
        assert_eq!(set("warning,wasm:trace,rbac:info", "debug"), "warning,wasm:debug,rbac:info");
        assert_eq!(set("misc:error,wasm:debug", "debug"), "misc:error,wasm:debug");
    }
}
