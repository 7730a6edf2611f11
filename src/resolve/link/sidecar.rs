//! Whether pods get a sidecar, as far as the base tells. The rules report the reasons.

use super::Linked;
use super::index::Index;
use super::rules::excluded_namespace::EXCLUDED;
use crate::base::{Node, Value};
use crate::domain::annotation::{DATAPLANE_MODE, INJECT, INJECTION, REVISION, STATUS};

/// Whether the pods of a workload in `namespace` certainly get no sidecar.
pub(crate) fn is_missing(index: &Index<'_>, linked: &Linked<'_>, namespace: &str) -> bool {
    let pod = linked.pod;
    if pod.has_own_proxy() || pod.annotation(STATUS).is_some() {
        return false;
    }
    let is_host = pod.spec("hostNetwork").is_some_and(|entry| matches!(entry.value.value, Value::Boolean(true)));
    let inject = pod.label(INJECT).or_else(|| pod.annotation(INJECT)).map(|text| text.value);
    if is_host || EXCLUDED.contains(&namespace) || inject == Some("false") {
        return true;
    }
    let Some(object) = index.namespace(namespace) else { return false };
    let labels = object.at(&["metadata", "labels"]);
    let label = |key| labels.and_then(|labels| labels.get(key)).and_then(Node::as_str);
    match (label(INJECTION), label(REVISION), label(DATAPLANE_MODE)) {
        (Some(other), ..) => other != "enabled",
        (None, None, Some("ambient")) => !pod.has_label(INJECT, "true") && pod.label(REVISION).is_none(),
        _ => false,
    }
}
