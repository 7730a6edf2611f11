//! The ConfigMap of a module.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::ConfigMap;
use super::{FLUX_NO_SUBSTITUTE, labels, strings};
use crate::domain::annotation::MODULE_DIGEST;
use crate::objects::{self, Binary, Metadata};
use crate::resolve::mesh::Mesh;

/// Server-side apply, because a client-side apply keeps the whole object in an annotation of at most 262,144 bytes. Pruned
/// last, after the pods that mount it are gone.
const ARGO_SYNC: (&str, &str) = ("argocd.argoproj.io/sync-options", "ServerSideApply=true,PruneLast=true");
/// Flux prunes before the rollout is complete, while old pods still mount the ConfigMap.
const FLUX_NO_PRUNE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/prune", "disabled");

pub(super) fn object(mesh: &Mesh, config_map: &ConfigMap) -> objects::ConfigMap {
    let ConfigMap { namespace, name, key, module, original, immutable } = config_map;
    let (digest, size) = (original.digest.to_string(), original.bytes.len().to_string());
    let annotations =
        [ARGO_SYNC, FLUX_NO_PRUNE, FLUX_NO_SUBSTITUTE, (MODULE_DIGEST, &digest), ("wasm.mesh-compile.dev/size", &size)];
    objects::ConfigMap {
        api_version: objects::CoreV1::default(),
        kind: objects::ConfigMapKind::default(),
        metadata: Metadata {
            name: name.to_string(),
            namespace: Some(namespace.to_string()),
            labels: labels(&mesh.labels),
            annotations: strings(annotations),
        },
        immutable: *immutable,
        binary_data: BTreeMap::from([(key.clone(), Binary(Arc::clone(&module.bytes)))]),
    }
}
