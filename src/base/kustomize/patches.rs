//! Applies patches. Source: api/internal/builtins/PatchTransformer.go.

use super::super::{Node, Object, Value};
use super::json_patch::{self, Operation};
use super::merge::merge;
use super::merge_keys::Schema;
use super::patch_file::Change;
use super::resource::{Id, Resource};
use super::select::Selector;
use crate::diag::{Code, Diagnostic, Location, Sink};

/// A patch that is read.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) change: Change,
    pub(super) target: Option<Selector>,
    /// Whether it is listed under `patchesStrategicMerge`.
    pub(super) legacy: bool,
    pub(super) allow_name_change: bool,
    pub(super) allow_kind_change: bool,
    pub(super) location: Location,
}

/// What is known about objects that are not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unread<'a> {
    /// The kinds and names of generated objects.
    pub(super) generated: &'a [(&'static str, String)],
    /// Whether any object may be missing.
    pub(super) any: bool,
}

/// Applies a patch to the objects that it names or selects.
pub(super) fn apply(patch: Patch, resources: &mut Vec<Resource>, unread: Unread<'_>, sink: &mut Sink) {
    let Patch { change, target, legacy, allow_name_change, allow_kind_change, location } = patch;
    let allowed = Allowed { name: allow_name_change, kind: allow_kind_change };
    match (change, target) {
        (Change::Json(_), None) => {
            let message = "a list of operations requires a `target`".to_owned();
            sink.push(Diagnostic::error(Code::MC0511, message).at(location));
        }
        (Change::Json(operations), Some(target)) => {
            for resource in resources.iter_mut().filter(|resource| target.matches(resource)) {
                resource.remember();
                operate(resource, &operations, sink);
            }
        }
        (Change::Strategic(documents), Some(target)) => {
            let [document] = &*documents else {
                let message = "a patch with a `target` contains one document".to_owned();
                sink.push(Diagnostic::error(Code::MC0511, message).at(location));
                return;
            };
            let document = as_strings(document.clone());
            let selected: Vec<bool> = resources.iter().map(|resource| target.matches(resource)).collect();
            let mut selected = selected.into_iter();
            resources.retain_mut(|resource| {
                !selected.next().unwrap_or_default() || merge_into(resource, document.clone(), allowed, sink)
            });
        }
        (Change::Strategic(documents), None) => {
            for document in documents {
                let document = if legacy { as_strings(document) } else { document };
                if let Some(index) = named(&document, location, resources, unread, sink)
                    && !merge_into(&mut resources[index], document, allowed, sink)
                {
                    resources.remove(index);
                }
            }
        }
    }
}

/// The patch with labels and annotations as strings: kustomize reads them so if it applies a patch to selected objects, null
/// included.
fn as_strings(mut patch: Node) -> Node {
    for map in ["labels", "annotations"] {
        for entry in patch.at_mut(&["metadata", map]).into_iter().flat_map(Node::entries_mut) {
            let text = match &entry.value.value {
                Value::Null => "null".to_owned(),
                Value::Boolean(value) => value.to_string(),
                Value::Number(number) => number.to_string(),
                Value::String(_) | Value::List(_) | Value::Map(_) => continue,
            };
            entry.value.value = Value::String(text);
        }
    }
    patch
}

/// What a patch may change besides the rest.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    name: bool,
    kind: bool,
}

/// Merges a patch into an object. Returns whether the object is still there.
fn merge_into(resource: &mut Resource, patch: Node, allowed: Allowed, sink: &mut Sink) -> bool {
    let Id { api_version, kind, namespace, name } = Id::of(&resource.object);
    let location = resource.object.location;
    if allowed.name || allowed.kind {
        resource.remember();
    }
    let place = patch.location;
    let root = std::mem::replace(&mut resource.object.root, Node::text("", location));
    match merge(root, patch, Schema::of(&api_version, &kind)) {
        Ok(Some(root)) => resource.object.root = root,
        Ok(None) => return false,
        Err(mismatch) => {
            let message = format!("the patch of the {kind} `{name}` cannot be applied: {}", mismatch.message);
            let at = if mismatch.location.range.is_some() { mismatch.location } else { place };
            sink.push(Diagnostic::error(Code::MC0511, message).at(at).related(location, "the object"));
            return false;
        }
    }
    let root = &mut resource.object.root;
    root.set_text("apiVersion", &api_version, location);
    if !allowed.kind {
        root.set_text("kind", &kind, location);
    }
    if let Some(metadata) = root.map_mut("metadata", location) {
        if !allowed.name {
            metadata.set_text("name", &name, location);
        }
        match &namespace {
            Some(namespace) => {
                let at = metadata.get("namespace").map_or(location, |node| node.location);
                metadata.set_text("namespace", namespace, at);
            }
            None => {
                metadata.remove("namespace");
            }
        }
    }
    resource.refresh();
    true
}

fn operate(resource: &mut Resource, operations: &[Operation], sink: &mut Sink) {
    for operation in operations {
        if let Err(reason) = json_patch::apply(&mut resource.object.root, operation) {
            let Object { kind, name, location, .. } = &resource.object;
            let message = format!("the operation cannot be applied to the {kind} `{name}`: {reason}");
            sink.push(Diagnostic::error(Code::MC0511, message).at(operation.location).related(*location, "the object"));
            break;
        }
    }
    resource.refresh();
}

/// The object that a patch names.
fn named(
    patch: &Node,
    location: Location,
    resources: &[Resource],
    unread: Unread<'_>,
    sink: &mut Sink,
) -> Option<usize> {
    let text = |path: &[&str]| patch.at(path).and_then(Node::as_str).map(str::to_owned);
    let place = patch.at(&["metadata", "name"]).map_or(location, |name| name.location);
    let (Some(api_version), Some(kind), Some(name)) =
        (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"]))
    else {
        let message = "a patch without a `target` has `apiVersion`, `kind` and `metadata.name`".to_owned();
        sink.push(Diagnostic::error(Code::MC0511, message).at(location));
        return None;
    };
    let id = Id { api_version, kind, namespace: text(&["metadata", "namespace"]), name };
    let matching: Vec<usize> = (0..resources.len())
        .filter(|&index| {
            let resource = &resources[index];
            // Most objects differ in the name that they have now and in all earlier ones.
            resource.has_name(&id.name) && resource.ids().any(|other| other.matches(&id))
        })
        .collect();
    match matching[..] {
        [index] => Some(index),
        [] if unread.any || unread.generated.iter().any(|(kind, name)| *kind == id.kind && *name == id.name) => None,
        [] => {
            sink.push(unmatched(&id, place, resources));
            None
        }
        [first, second, ..] => {
            let message = format!("several objects match the patch of the {} `{}`", id.kind, id.name);
            let diagnostic = Diagnostic::error(Code::MC0511, message).at(place);
            let (first, second) = (&resources[first].object, &resources[second].object);
            sink.push(diagnostic.related(first.location, "one").related(second.location, "another"));
            None
        }
    }
}

/// A patch of an object that is not there, and the object that was probably meant.
fn unmatched(id: &Id, place: Location, resources: &[Resource]) -> Diagnostic {
    let message = format!("no object matches the patch of the {} `{}`", id.kind, id.name);
    let diagnostic = Diagnostic::error(Code::MC0511, message).at(place);
    let near = resources.iter().map(|resource| (resource, resource.original())).find(|(_, it)| it.name == id.name);
    let Some((resource, near)) = near else { return diagnostic };
    let reason = if near.kind != id.kind {
        format!("its kind is {}", near.kind)
    } else if near.api_version != id.api_version {
        format!("its apiVersion is {}", near.api_version)
    } else {
        format!("it is in namespace `{}`", near.namespace.as_deref().unwrap_or("default"))
    };
    diagnostic.related(resource.object.location, reason)
}
