//! Workloads of the base that a wildcard does not mean: whoever writes `*` does not want an error for each pod without a sidecar,
//! nor a filter in the gateways.

use std::fmt;

use super::super::link::{self, Index};
use super::Entry;

/// Why a wildcard does not mean a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsuitable {
    NoSidecar,
    /// Its filters would see the traffic of others.
    Gateway,
    /// Its pods run to completion.
    CronJob,
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSidecar => "its pods get no sidecar",
            Self::Gateway => "it is a gateway",
            Self::CronJob => "its pods run to completion",
        })
    }
}

/// Why a wildcard does not mean the workload, if it does not. A workload with a table is always meant.
pub(super) fn check(entry: &Entry<'_>, index: &Index<'_>) -> Option<Unsuitable> {
    let linked = entry.linked.filter(|_| entry.table.is_none())?;
    let namespace = entry.namespace.as_ref().map_or("", |namespace| namespace.as_str());
    if link::has_no_sidecar(index, &linked, namespace) {
        Some(Unsuitable::NoSidecar)
    } else if linked.pod.gateway().is_some() || linked.kind.is_gateway() {
        Some(Unsuitable::Gateway)
    } else if linked.kind.as_str() == "CronJob" {
        Some(Unsuitable::CronJob)
    } else {
        None
    }
}
