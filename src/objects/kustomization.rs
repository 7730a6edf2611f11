//! kustomization.yaml: a Kustomization or a Component (kubernetes-sigs/kustomize, api/types/kustomization.go).

use serde::{Deserialize, Serialize};

/// A Kustomization or a Component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kustomization {
    pub(crate) api_version: KustomizationApi,
    pub(crate) kind: KustomizationKind,
    /// Paths of files and directories that are applied.
    pub(crate) resources: Vec<String>,
    pub(crate) patches: Vec<PatchPath>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KustomizationApi {
    #[serde(rename = "kustomize.config.k8s.io/v1beta1")]
    V1Beta1,
    /// Components have no other.
    #[serde(rename = "kustomize.config.k8s.io/v1alpha1")]
    V1Alpha1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KustomizationKind {
    Kustomization,
    Component,
}

/// A patch without `target:`. With a target, kustomize silently skips a workload that does not exist (kustomize#4379).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchPath {
    pub(crate) path: String,
}
