//! Pods in the network of their node get no sidecar (istio/istio, pkg/kube/inject/inject.go, `injectRequired`).

use super::Context;
use crate::base::Value;
use crate::diag::{Code, Diagnostic, Sink};

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let Some(entry) = context.linked.pod.spec("hostNetwork") else { return };
    // A proxy that the manifest itself declares needs no injection.
    if !matches!(entry.value.value, Value::Boolean(true)) || context.linked.pod.has_own_proxy() {
        return;
    }
    sink.push(
        Diagnostic::error(Code::MC0527, format!("{} gets no sidecar, so its filters would never run", context.name()))
            .at(context.at())
            .related(entry.key_location, "uses the network of the node")
            .note("Istio's injector skips pods with `hostNetwork: true`: the sidecar would redirect the traffic of the whole node")
            .help("remove `hostNetwork`, or remove the workload's filters"),
    );
}
