//! `namespace`, `namePrefix` and `nameSuffix`.

use super::super::scope::is_cluster_scoped;
use super::super::{Node, Value};
use super::fields::visit;
use super::resource::Resource;
use crate::diag::Location;

/// Moves an object into a namespace. Source: api/filters/namespace.
pub(super) fn set_namespace(resource: &mut Resource, namespace: &str, location: Location) {
    resource.remember();
    let (kind, api_version) = (resource.object.kind.clone(), resource.object.api_version.clone());
    let root = &mut resource.object.root;
    let mut set = |node: &mut Node| *node = Node::text(namespace, location);
    if !is_cluster_scoped(&api_version, &kind)
        && let Some(metadata) = root.map_mut("metadata", location)
    {
        metadata.set_text("namespace", namespace, location);
    }
    match (api_version.as_str(), kind.as_str()) {
        ("v1", "Namespace") => visit(root, &["metadata", "name"], &mut set),
        (version, "APIService") if version.starts_with("apiregistration.k8s.io/") => {
            if let Some(service) = root.map_mut("spec", location).and_then(|spec| spec.map_mut("service", location)) {
                service.set_text("namespace", namespace, location);
            }
        }
        (version, "CustomResourceDefinition") if version.starts_with("apiextensions.k8s.io/") => {
            let path = ["spec", "conversion", "webhook", "clientConfig", "service", "namespace"];
            visit(root, &path, &mut set);
        }
        (_, "RoleBinding" | "ClusterRoleBinding") => visit(root, &["subjects"], &mut |subject| {
            if subject.get("name").and_then(Node::as_str) == Some("default") {
                subject.set_text("namespace", namespace, location);
            }
        }),
        _ => {}
    }
    resource.refresh();
}

/// Whether `namePrefix` and `nameSuffix` leave an object alone.
pub(super) fn keeps_its_name(resource: &Resource) -> bool {
    let id = resource.original();
    matches!(id.kind.as_str(), "CustomResourceDefinition" | "Namespace")
        || (id.kind == "APIService" && id.api_version.starts_with("apiregistration.k8s.io/"))
}

/// Renames an object.
pub(super) fn rename(resource: &mut Resource, name: &str) {
    resource.remember();
    if let Some(node) = resource.object.root.at_mut(&["metadata", "name"]) {
        node.value = Value::String(name.to_owned());
    }
    resource.refresh();
}
