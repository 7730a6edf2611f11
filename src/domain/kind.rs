//! The kinds of workloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Kind {
    /// apps/v1
    #[default]
    Deployment,
    /// apps/v1
    StatefulSet,
    /// apps/v1
    DaemonSet,
    /// argoproj.io/v1alpha1, of Argo Rollouts
    Rollout,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Rollout];

    /// The kind of an object, whatever the version of its group. `None` if the object is no workload.
    pub(crate) fn of(api_version: &str, kind: &str) -> Option<Self> {
        let group = |version: &str| version.rsplit_once('/').map(|(group, _)| group.to_owned());
        Self::ALL.into_iter().find(|it| it.as_str() == kind && group(it.api_version()) == group(api_version))
    }

    /// The `kind` in manifests.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Rollout => "Rollout",
        }
    }

    /// The `apiVersion` in manifests.
    pub(crate) const fn api_version(self) -> &'static str {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps/v1",
            Self::Rollout => "argoproj.io/v1alpha1",
        }
    }
}
