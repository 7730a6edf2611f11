//! kustomization.yaml: a Kustomization over the base, or a Component for the workloads' owner to list.

use camino::Utf8PathBuf;

use crate::resolve::mesh::{Layout, Mesh};
use crate::yaml::{Node, map, seq};

pub(super) fn tree(mesh: &Mesh, resources: &[Utf8PathBuf], patches: &[Utf8PathBuf]) -> Node {
    let (api_version, kind, base) = match &mesh.layout {
        Layout::Overlay { base } => ("kustomize.config.k8s.io/v1beta1", "Kustomization", Some(base)),
        Layout::Component => ("kustomize.config.k8s.io/v1alpha1", "Component", None),
    };
    // No `target:`: with one, kustomize passes over a workload that is not there without a word (kustomize#4379).
    let patches = patches.iter().map(|path| map([("path", path.to_string().into())]));
    map([
        ("apiVersion", api_version.into()),
        ("kind", kind.into()),
        ("resources", seq(base.into_iter().chain(resources).map(|path| Node::from(path.to_string())))),
        ("patches", seq(patches)),
    ])
}
