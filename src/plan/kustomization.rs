//! kustomization.yaml: a Kustomization over the base, or a Component for the workloads' owner to list.

use crate::resolve::mesh::{Layout, Mesh};
use crate::yaml::{Node, map, seq};

pub(super) fn tree(mesh: &Mesh, resources: &[String], patches: &[String]) -> Node {
    let (api_version, kind, base) = match &mesh.layout {
        Layout::Overlay { base } => ("kustomize.config.k8s.io/v1beta1", "Kustomization", Some(base.to_string())),
        Layout::Component => ("kustomize.config.k8s.io/v1alpha1", "Component", None),
    };
    // No `target:`: with one, kustomize passes over a workload that is not there without a word (kustomize#4379).
    let patches = patches.iter().map(|path| map([("path", path.clone().into())]));
    map([
        ("apiVersion", api_version.into()),
        ("kind", kind.into()),
        ("resources", seq(base.into_iter().chain(resources.iter().cloned()).map(Node::from))),
        ("patches", seq(patches)),
    ])
}
