//! The selector of a workload: written, or taken from the object.

use std::collections::BTreeMap;

use super::{Linked, is_per_workload};
use crate::base::Node;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::annotation::GATEWAY_NAME;
use crate::domain::{LabelKey, LabelValue};
use crate::spec::Spec;

/// The labels of `spec.selector.matchLabels`. Labels that the pod template adds to them are left out: some change with every
/// release. `None` if the object has no such labels, which is reported where the selector is needed.
pub(crate) fn of(spec: &Spec, linked: &Linked<'_>, at: Location, sink: &mut Sink) -> BTreeMap<LabelKey, LabelValue> {
    if linked.kind.is_gateway() {
        let name = LabelValue::new(&linked.object.name).ok();
        return LabelKey::new(GATEWAY_NAME).ok().zip(name).into_iter().collect();
    }
    let selector = linked.kind.selector_path().and_then(|path| linked.object.at(&path));
    let expressions = selector.and_then(|it| it.entry("matchExpressions")).filter(|it| !it.value.items().is_empty());
    let labels = selector.and_then(|it| it.get("matchLabels")).map_or(&[][..], Node::entries);
    let labels = labels.iter().filter_map(|it| {
        let value = it.value.as_str().filter(|value| !value.is_empty())?;
        Some((LabelKey::new(it.key.as_str()).ok()?, LabelValue::new(value).ok()?))
    });
    let labels: BTreeMap<_, _> = labels.collect();
    if expressions.is_none() && !labels.is_empty() {
        return labels;
    }
    if is_per_workload(spec) {
        let kind = linked.kind.as_str();
        let (place, reason) = match expressions {
            Some(expressions) => (expressions.key_location, "an EnvoyFilter cannot express this"),
            None if linked.kind.selector_path().is_none() => (linked.object.location, "a kind without a selector"),
            None => (linked.object.location, "has no `spec.selector.matchLabels`"),
        };
        sink.push(
            Diagnostic::error(Code::MC0525, format!("{kind} `{}` needs a `selector` in mesh.toml", linked.object.name))
                .at(at)
                .related(place, reason)
                .note("a per-workload EnvoyFilter selects pods by labels alone")
                .help("add labels that its pods have and no other pod has, such as `selector = { app = \"…\" }`"),
        );
    }
    BTreeMap::new()
}
