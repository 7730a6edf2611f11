//! The workloads' own manifests, as the cluster will see them: read, and transformed as kustomize would.
//!
//! Every value keeps its location, so that a diagnostic can label the line of mesh.toml and the line of the manifest.

mod directory;
mod entry;
pub(crate) mod gateways;
mod kustomize;
mod layout;
mod load;
mod manifest;
mod node;
mod ours;
mod renamed;
mod scope;
mod unique;
mod yaml;

pub(crate) use entry::is_kustomization;
pub(crate) use layout::Layout;
pub(crate) use load::{Loaded, Request, load, preview};
#[cfg(test)]
pub(crate) use manifest::read_text;
pub(crate) use node::{Entry, Node, Value};

use crate::diag::Location;

/// The objects of the base.
#[derive(Debug, Default)]
pub(crate) struct Base {
    /// In the order of the sources. No two have the same group, kind, namespace and name.
    pub(crate) objects: Vec<Object>,
    /// Whether some part could not be read or evaluated, which is reported: objects may be missing or unfinished, so nothing is
    /// reported as missing.
    pub(crate) incomplete: bool,
}

/// An object of the base, after all transformers of its kustomizations.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// Such as `apps/v1`.
    pub(crate) api_version: String,
    pub(crate) kind: String,
    /// `None` if the manifest sets none: whoever applies it chooses.
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// The value of `metadata.name`, for labels of diagnostics.
    pub(crate) location: Location,
    /// The whole object, a map.
    pub(crate) root: Node,
    /// The object as our own patches meet it, if a kustomization of the base lists out/ as a component: before its transformers.
    pub(crate) patched: Option<Patched>,
}

/// What kustomize knows an object by when it applies the patches of out/.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patched {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// Where the kustomization lists out/.
    pub(crate) location: Location,
}

impl Object {
    /// The value at a path of map keys, such as `["spec", "template"]`.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Node> {
        self.root.at(path)
    }
}
