//! kustomization.yaml: a Kustomization over the base, or a Component for the owner of the workloads to list.

use super::{File, PATCHES};
use crate::objects::{Kustomization, KustomizationApi, KustomizationKind, PatchPath};
use crate::resolve::mesh::Layout;

/// Lists the files, which are in the order of their paths.
pub(super) fn object(layout: &Layout, files: &[File]) -> Kustomization {
    let (api_version, kind, bases) = match layout {
        Layout::Overlay { bases } => (
            KustomizationApi::V1Beta1,
            KustomizationKind::Kustomization,
            bases.iter().map(ToString::to_string).collect(),
        ),
        Layout::Component => (KustomizationApi::V1Alpha1, KustomizationKind::Component, Vec::new()),
    };
    let (patches, resources): (Vec<&File>, Vec<&File>) = files.iter().partition(|file| file.path.starts_with(PATCHES));
    Kustomization {
        api_version,
        kind,
        resources: bases.into_iter().chain(resources.iter().map(|file| file.path.clone())).collect(),
        patches: patches.iter().map(|file| PatchPath { path: file.path.clone() }).collect(),
    }
}
