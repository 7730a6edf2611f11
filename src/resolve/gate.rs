//! The gate: the pod label, put on by the patch that mounts a module, that an EnvoyFilter selects. A pod without the module never
//! matches, so adding and removing need no order of rollout.

use std::collections::BTreeMap;

use super::kube::{LabelKey, LabelValue, Namespace, ObjectName};
use super::settings::Settings;
use super::workloads::{Workload, kind};
use crate::digest::Digest;

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
        let identity = format!("{}/{}/{name}", workload.namespace, kind(workload.written.kind));
        // What is in the root namespace selects the pods of every namespace, so its values are not those of any other.
        if settings.root_namespace.as_ref() == Some(&workload.namespace) {
            let shared = format!("{SHARED}.{}", workload.namespace);
            let own = unique.then(|| format!("{name}.{}", workload.namespace));
            return Values { shared: value(Some(shared), &workload.namespace.to_string()), own: value(own, &identity) };
        }
        Values { shared: LabelValue::new(SHARED).ok(), own: value(unique.then(|| name.to_owned()), &identity) }
    };
    workloads.iter().map(values).collect()
}

/// The plain text where it is there and a label takes it; the identity's hash otherwise.
fn value(plain: Option<String>, identity: &str) -> Option<LabelValue> {
    let hashed = || LabelValue::new(format!("h-{}", Digest::of(identity.as_bytes()).short())).ok();
    plain.and_then(|text| LabelValue::new(text).ok()).or_else(hashed)
}
