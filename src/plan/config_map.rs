//! A module as a ConfigMap.

use std::sync::Arc;

use super::{FLUX_NO_SUBSTITUTE, strings};
use crate::backend::envoy_filter::plan::ConfigMap;
use crate::resolve::mesh::Mesh;
use crate::yaml::{Node, map};

/// Server-side, because a client-side apply keeps the whole object in an annotation of at most 262,144 bytes; pruned last, so that
/// the pods that mount it are gone first.
const ARGO_SYNC: (&str, &str) = ("argocd.argoproj.io/sync-options", "ServerSideApply=true,PruneLast=true");
/// Flux prunes before the rollout is through, and the old pods still mount it.
const FLUX_NO_PRUNE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/prune", "disabled");

pub(super) fn path(config_map: &ConfigMap) -> String {
    format!("configmaps/{}/{}.yaml", config_map.namespace, config_map.name)
}

pub(super) fn tree(mesh: &Mesh, config_map: &ConfigMap) -> Node {
    let ConfigMap { namespace, name, key, module, original, immutable } = config_map;
    let (digest, size) = (original.digest.to_string(), original.bytes.len().to_string());
    let annotations = [
        ARGO_SYNC,
        FLUX_NO_PRUNE,
        FLUX_NO_SUBSTITUTE,
        ("wasm.mesh-compile.dev/sha256", &digest),
        ("wasm.mesh-compile.dev/size", &size),
    ];
    let mut metadata = vec![("name", name.to_string().into()), ("namespace", namespace.to_string().into())];
    if !mesh.labels.is_empty() {
        metadata.push(("labels", strings(mesh.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))));
    }
    metadata.push(("annotations", strings(annotations.into_iter())));
    let mut object: Vec<(&str, Node)> =
        vec![("apiVersion", "v1".into()), ("kind", "ConfigMap".into()), ("metadata", map(metadata))];
    if *immutable {
        object.push(("immutable", true.into()));
    }
    // Always binaryData: a module that happens to be valid UTF-8 would stand under `data` otherwise.
    object.push(("binaryData", map([(key.clone(), Arc::clone(&module.bytes).into())])));
    map(object)
}
