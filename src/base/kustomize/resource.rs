//! An object on its way through kustomizations.

use super::super::load::effective;
use super::super::scope::is_cluster_scoped;
use super::super::{Node, Object, Patched};
use crate::diag::Location;

/// An object, and the names that it had before.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) object: Object,
    /// The oldest first.
    pub(super) previous: Vec<Id>,
    /// Whether something that is not evaluated may change it.
    pub(super) unfinished: bool,
}

/// What kustomize knows an object by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Id {
    pub(super) fn of(object: &Object) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }

    /// No namespace and `default` are the same, and an object of the cluster has no namespace whatever it says.
    pub(super) fn namespace(&self) -> &str {
        if is_cluster_scoped(&self.api_version, &self.kind) {
            "_non_namespaceable_"
        } else {
            effective(self.namespace.as_deref())
        }
    }

    pub(super) fn matches(&self, other: &Self) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.api_version == other.api_version
            && self.namespace() == other.namespace()
    }
}

impl Resource {
    pub(super) const fn new(object: Object) -> Self {
        Self { object, previous: Vec::new(), unfinished: false }
    }

    /// Every id that the object had, the oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.previous.iter().cloned().chain([Id::of(&self.object)])
    }

    /// Whether the object has or had a name.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.object.name == name || self.previous.iter().any(|id| id.name == name)
    }

    /// The id in the file.
    pub(super) fn original(&self) -> Id {
        self.previous.first().cloned().unwrap_or_else(|| Id::of(&self.object))
    }

    /// Keeps the present name and namespace, by which the patches of out/ find the object.
    pub(super) fn meet_patches(&mut self, location: Location) {
        let Object { namespace, name, .. } = &self.object;
        self.object.patched = Some(Patched { namespace: namespace.clone(), name: name.clone(), location });
    }

    /// Keeps the present id, before a change of the name or the namespace.
    pub(super) fn remember(&mut self) {
        let id = Id::of(&self.object);
        if self.previous.last() != Some(&id) {
            self.previous.push(id);
        }
    }

    /// Takes over what the object itself says after a change.
    pub(super) fn refresh(&mut self) {
        let object = &mut self.object;
        let text = |node: Option<&Node>| node.and_then(Node::as_str).map(str::to_owned);
        if let Some(api_version) = text(object.root.get("apiVersion")) {
            object.api_version = api_version;
        }
        if let Some(kind) = text(object.root.get("kind")) {
            object.kind = kind;
        }
        if let Some(node) = object.root.at(&["metadata", "name"])
            && let Some(name) = node.as_str()
        {
            object.name = name.to_owned();
            object.location = node.location;
        }
        object.namespace = text(object.root.at(&["metadata", "namespace"])).filter(|namespace| !namespace.is_empty());
    }

    /// The version of the API version.
    pub(super) fn version(&self) -> &str {
        let api_version = &self.object.api_version;
        api_version.split_once('/').map_or(api_version, |(_, version)| version)
    }
}
