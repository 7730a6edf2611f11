//! The gate: a pod label that the patch adds together with the mount, and that an EnvoyFilter selects. A pod without the module
//! never matches, so adding and removing filters needs no particular order of rollout.

use std::collections::BTreeMap;

use crate::domain::{Digest, FilterName, LabelKey, LabelValue, Namespace, ObjectName};
use crate::resolve::mesh::{Mesh, Workload};

/// The prefix of the label. The filter's name follows.
const PREFIX: &str = "wasm.mesh-compile.dev";
const SHARED: &str = "mounted";

/// The values of the label on a workload's pods.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// For the EnvoyFilter that workloads share. The value is constant, so no change restarts the pods.
    pub(super) shared: Option<LabelValue>,
    /// For an EnvoyFilter of their own.
    pub(super) own: Option<LabelValue>,
}

/// The label of a filter.
pub(crate) fn label(filter: &FilterName) -> LabelKey {
    LabelKey::of_filter(PREFIX, filter)
}

/// The values of each workload, in the order of the workloads.
pub(super) fn values(mesh: &Mesh) -> Vec<Values> {
    let mut names: BTreeMap<(&Namespace, &ObjectName), usize> = BTreeMap::new();
    for workload in &mesh.workloads {
        *names.entry((&workload.namespace, &workload.name)).or_default() += 1;
    }
    let values = |workload: &Workload| {
        let Workload { kind, name, namespace, .. } = workload;
        let is_unique = names.get(&(namespace, name)) == Some(&1) && name.as_str() != SHARED;
        // EnvoyFilters in the root namespace select the pods of all namespaces, so their values must differ from all others.
        let in_root = mesh.root_namespace.as_ref() == Some(namespace);
        let scoped = |text: &str| if in_root { format!("{text}.{namespace}") } else { text.to_owned() };
        let own = scoped(name.as_str());
        let identity = format!("{}/{own}", kind.as_str());
        let plain = if is_unique { LabelValue::new(&own).ok() } else { None };
        Values { shared: short(&scoped(SHARED)), own: plain.or_else(|| hashed(&own, &identity)) }
    };
    mesh.workloads.iter().map(values).collect()
}

/// The text, shortened and followed by its hash if it is too long for a label.
fn short(text: &str) -> Option<LabelValue> {
    LabelValue::new(text).ok().or_else(|| hashed(text, text))
}

/// The 63 characters of a label: the start of the text, and the hash of the identity.
fn hashed(text: &str, identity: &str) -> Option<LabelValue> {
    let stem: String = text.chars().take(52).collect();
    let digest = Digest::of(identity.as_bytes());
    LabelValue::new(format!("{}-{}", stem.trim_end_matches(['.', '-']), digest.short())).ok()
}
