//! kustomization.yaml: a Kustomization over the base, or a Component for the workloads' owner to list.

use super::{Document, generated};
use crate::resolve::mesh::{Layout, Mesh};
use crate::yaml::{Node, map, seq};

/// `documents` are all the others, in the order of their paths.
pub(super) fn document(mesh: &Mesh, documents: &[Document]) -> Document {
    let paths = |applied: bool| documents.iter().filter(move |it| it.applied == applied).map(|it| it.path.to_string());
    let (api_version, kind, base) = match &mesh.layout {
        Layout::Overlay { base } => ("kustomize.config.k8s.io/v1beta1", "Kustomization", Some(base.to_string())),
        Layout::Component => ("kustomize.config.k8s.io/v1alpha1", "Component", None),
    };
    let resources = base.into_iter().chain(paths(true)).map(Node::from);
    // No `target:`: with one, kustomize passes over a workload that is not there without a word (kustomize#4379).
    let patches = paths(false).map(|path| map([("path", path.into())]));
    let object = map([
        ("apiVersion", api_version.into()),
        ("kind", kind.into()),
        ("resources", seq(resources)),
        ("patches", seq(patches)),
    ]);
    Document { path: "kustomization.yaml".into(), comments: vec![generated(&mesh.spec)], object, applied: false }
}
