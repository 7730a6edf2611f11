//! Namespaces whose pods are never injected (istio/istio, pkg/kube/inject/initializer.go, `IgnoredNamespaces`). mesh.toml alone may
//! say that a workload is in one, so this needs no base.

use crate::diag::{Code, Diagnostic, Sink};
use crate::resolve::mesh::Workload;
use crate::resolve::roster::Entry;
use crate::spec::Spanned;

/// The namespaces.
pub(in crate::resolve::link) const EXCLUDED: [&str; 4] =
    ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

pub(crate) fn check(entry: &Entry<'_>, workload: &Workload, sink: &mut Sink) {
    let namespace = workload.namespace.as_str();
    // A proxy that the manifest itself declares needs no injection.
    if !EXCLUDED.contains(&namespace) || entry.linked.is_some_and(|linked| linked.pod.has_own_proxy()) {
        return;
    }
    let message = format!("Istio never injects a sidecar into pods in `{namespace}`");
    let mut diagnostic = Diagnostic::error(Code::MC0528, message).at(entry
        .written
        .namespace
        .as_ref()
        .map_or(workload.location, Spanned::location));
    if let Some(object) = entry.object() {
        let place = object.at(&["metadata", "namespace"]).map_or(object.location, |node| node.location);
        diagnostic = diagnostic.related(place, format!("in `{namespace}`"));
    }
    sink.push(
        diagnostic
            .note("the injector skips this namespace, so the filters would never run")
            .help("move the workload to another namespace, or remove its filters"),
    );
}
