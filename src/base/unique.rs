//! No object twice.

use std::collections::BTreeMap;

use super::load::effective;
use super::{Node, Object, Value};
use crate::diag::{Code, Diagnostic, Sink};

/// The objects of all groups. Two groups may both contain an object, such as their namespace, if they agree on it; within a group,
/// or if they don't, the second one is reported and dropped.
pub(super) fn unique(groups: Vec<Vec<Object>>, sink: &mut Sink) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::with_capacity(groups.iter().map(Vec::len).sum());
    let mut known: BTreeMap<(String, String, String, String), (usize, usize)> = BTreeMap::new();
    for (group, list) in groups.into_iter().enumerate() {
        for object in list {
            let namespace = effective(object.namespace.as_deref()).to_owned();
            let key = (object.name.clone(), namespace, object.kind.clone(), object.group().to_owned());
            match known.get(&key) {
                None => {
                    known.insert(key, (group, objects.len()));
                    objects.push(object);
                }
                Some(&(other, index)) if other != group && same(&objects[index].root, &object.root) => {}
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

/// Whether two values are equal, wherever they are written. The order of a map's keys doesn't count.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Null, Value::Null) => true,
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len() && one.iter().all(|it| b.get(&it.key).is_some_and(|other| same(&it.value, other)))
        }
        _ => false,
    }
}
