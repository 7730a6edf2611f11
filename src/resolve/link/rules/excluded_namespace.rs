//! Namespaces whose pods are never injected (istio/istio, pkg/kube/inject/inject.go, `IgnoredNamespaces`).

use super::Context;
use crate::diag::{Code, Diagnostic, Sink};
use crate::spec::Spanned;

const EXCLUDED: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let namespace = context.workload.namespace.as_str();
    if !EXCLUDED.contains(&namespace) || context.linked.pod.has_own_proxy() {
        return;
    }
    let object = context.object();
    let place = object.at(&["metadata", "namespace"]).map_or(object.location, |node| node.location);
    sink.push(
        Diagnostic::error(Code::MC0528, format!("Istio never injects a sidecar into pods in `{namespace}`"))
            .at(context.written.namespace.as_ref().map_or_else(|| context.at(), Spanned::location))
            .related(place, format!("in `{namespace}`"))
            .note("the injector skips this namespace, so the filters would never run")
            .help("move the workload to another namespace, or remove its filters"),
    );
}
