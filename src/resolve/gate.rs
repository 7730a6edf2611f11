//! The gate: the pod label, put on by the patch that mounts a module, that an EnvoyFilter selects. A pod without the module never
//! matches, so adding and removing need no order of rollout.

use crate::domain::{Digest, LabelKey, LabelValue, Namespace, ObjectName};
use std::collections::BTreeMap;

use super::settings::Settings;
use super::workloads::Workload;

/// The labels of one workload's pods, a label a filter.
pub(super) type Gates = BTreeMap<LabelKey, LabelValue>;

/// What the label of a workload's pods says.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// Where they subscribe to the EnvoyFilter that workloads share. Constant, so that no change rolls the pods.
    pub(super) shared: Option<LabelValue>,
    /// Where they subscribe to one of their own.
    pub(super) own: Option<LabelValue>,
}

const SHARED: &str = "mounted";

/// The values of each workload.
pub(super) fn values(settings: &Settings, workloads: &[Workload<'_>]) -> Vec<Values> {
    let mut names: BTreeMap<(&Namespace, &ObjectName), usize> = BTreeMap::new();
    for workload in workloads {
        *names.entry((&workload.namespace, &workload.name)).or_default() += 1;
    }
    let values = |workload: &Workload<'_>| {
        let name = workload.name.as_str();
        let unique = names.get(&(&workload.namespace, &workload.name)) == Some(&1) && name != SHARED;
        // What is in the root namespace selects the pods of every namespace, so its values are not those of any other.
        let in_root = settings.root_namespace.as_ref() == Some(&workload.namespace);
        let scoped = |text: &str| if in_root { format!("{text}.{}", workload.namespace) } else { text.to_owned() };
        let own = scoped(name);
        let identity = format!("{}/{own}", workload.written.kind.as_str());
        let plain = if unique { LabelValue::new(&own).ok() } else { None };
        Values { shared: short(&scoped(SHARED)), own: plain.or_else(|| hashed(&own, &identity)) }
    };
    workloads.iter().map(values).collect()
}

/// The text, or where it is too long for a label its hash behind its beginning.
fn short(text: &str) -> Option<LabelValue> {
    LabelValue::new(text).ok().or_else(|| hashed(text, text))
}

/// A label's 63 characters: the beginning of the text, and the identity's hash.
fn hashed(text: &str, identity: &str) -> Option<LabelValue> {
    let stem: String = text.chars().take(52).collect();
    let digest = Digest::of(identity.as_bytes());
    LabelValue::new(format!("{}-{}", stem.trim_end_matches(['.', '-']), digest.short())).ok()
}
