//! Pods that get no sidecar.
//!
//! The API server asks istiod only if a webhook matches (istio/istio, manifests/charts/istio-control/istio-discovery/templates/
//! mutatingwebhook.yaml), and istiod then decides by the pod's label, or else by its annotation (pkg/kube/inject/inject.go,
//! `injectRequired`).

use super::Context;
use crate::base::{Node, Object};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::annotation::{DATAPLANE_MODE, INJECT, INJECTION, REVISION, STATUS};

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    if pod.has_own_proxy() || pod.annotation(STATUS).is_some() {
        return;
    }
    let label = pod.label(INJECT);
    // The label is the newer setting and wins.
    let set = label.or_else(|| pod.annotation(INJECT));
    let kind = if label.is_some() { "label" } else { "annotation" };
    match set.map(|set| (set.value, set.node.location)) {
        Some(("false", place)) => {
            sink.push(
                off(context, place, &format!("the {kind} turns injection off"))
                    .note(format!("`{INJECT}: \"false\"` on the pod template keeps the injector away"))
                    .help(format!("remove `{INJECT}` from the pod template, or remove the workload's filters")),
            );
            return;
        }
        Some(("true" | "", _)) | None => {}
        Some((other, place)) => sink.push(invalid(context, kind, other, place)),
    }
    let name = context.workload.namespace.as_str();
    if let Some(namespace) = context.index.namespace(name) {
        // Only labels lead the API server to the webhook. An annotation on a pod cannot do that.
        let is_selected = pod.has_label(INJECT, "true") || pod.label(REVISION).is_some();
        of_namespace(context, namespace, is_selected, sink);
    }
}

fn of_namespace(context: &Context<'_>, namespace: &Object, is_selected: bool, sink: &mut Sink) {
    let label = |key| namespace.at(&["metadata", "labels"]).and_then(|labels| labels.get(key));
    let text = |key| label(key).and_then(Node::as_str);
    let name = &namespace.name;
    let place = |key| label(key).map_or(namespace.location, |node| node.location);
    match (text(INJECTION), text(REVISION), text(DATAPLANE_MODE)) {
        (Some("enabled"), ..) | (None, Some(_), _) => {}
        // Every webhook requires that the namespace has the label with `enabled`, or not at all.
        (Some(other), ..) => sink.push(
            off(context, place(INJECTION), "turns injection off")
                .note(format!("the namespace `{name}` has `{INJECTION}: {other}`; only `enabled` turns injection on"))
                .help(format!("set `{INJECTION}: enabled` on the namespace, or remove the workload's filters")),
        ),
        (None, None, _) if is_selected => {}
        (None, None, Some("ambient")) => sink.push(
            off(context, place(DATAPLANE_MODE), "an ambient namespace")
                .note("pods of the ambient mode have no sidecar, and ztunnel runs no filters")
                .help(format!("set `{INJECT}: \"true\"` in the pod template's labels: a pod with a sidecar leaves the ambient mode")),
        ),
        (None, None, _) => sink.push(
            Diagnostic::warning(Code::MC0526, format!("{} may get no sidecar", context.name()))
                .at(context.at())
                .related(namespace.location, "has no label for injection")
                .note("unless something else labels the namespace or the pods, the filters never run")
                .help(format!("set `{INJECTION}: enabled`, or the label `{REVISION}`, on the namespace")),
        ),
    }
}

fn off(context: &Context<'_>, place: Location, label: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0526, format!("{} gets no sidecar, so its filters would never run", context.name()))
        .at(context.at())
        .related(place, label)
}

fn invalid(context: &Context<'_>, kind: &str, value: &str, place: Location) -> Diagnostic {
    Diagnostic::warning(Code::MC0526, format!("{} may get no sidecar", context.name()))
        .at(context.at())
        .related(place, format!("`{value}` is neither \"true\" nor \"false\""))
        .note(format!("the injector ignores the {kind} `{INJECT}` with any other value"))
        .help(format!("set `{INJECT}: \"true\"`"))
}
