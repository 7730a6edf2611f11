//! No object twice.

use std::collections::BTreeMap;

use super::Object;
use super::load::effective;
use super::scope::is_cluster_scoped;
use crate::diag::{Code, Diagnostic, Sink};

/// The objects of all groups. Two groups may both contain an object, such as their namespace, if they agree on it; within a group,
/// or if they don't, the second one is reported and dropped.
pub(super) fn unique(groups: Vec<Vec<Object>>, sink: &mut Sink) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::with_capacity(groups.iter().map(Vec::len).sum());
    let mut known: BTreeMap<(String, String, String, String), (usize, usize)> = BTreeMap::new();
    for (group, list) in groups.into_iter().enumerate() {
        for object in list {
            let namespace = match is_cluster_scoped(&object.api_version, &object.kind) {
                true => String::new(),
                false => effective(object.namespace.as_deref()).to_owned(),
            };
            let key = (object.name.clone(), namespace, object.kind.clone(), object.group().to_owned());
            match known.get(&key) {
                None => {
                    known.insert(key, (group, objects.len()));
                    objects.push(object);
                }
                Some(&(other, index)) if other != group && objects[index].root.same(&object.root) => {}
                Some(&(_, index)) => sink.push(twice(&objects[index], &object)),
            }
        }
    }
    objects
}

/// An object that is there twice.
pub(super) fn twice(first: &Object, second: &Object) -> Diagnostic {
    let namespace = second.namespace.as_deref().map(|it| format!(" in namespace `{it}`")).unwrap_or_default();
    let message = format!("the base contains the {} `{}`{namespace} twice", second.kind, second.name);
    Diagnostic::error(Code::MC0508, message).at(second.location).related(first.location, "first here")
}
