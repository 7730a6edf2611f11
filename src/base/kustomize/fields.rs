//! Sets values at the paths that kustomize's built-in configuration lists. Source: api/filters/fieldspec.

use super::super::{Node, Value};
use super::resource::Resource;
use crate::diag::Location;

/// Where a transformer changes objects of some kinds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Empty for any.
    pub(super) group: &'a str,
    /// Empty for any.
    pub(super) version: &'a str,
    /// Empty for any.
    pub(super) kind: &'a str,
    /// Keys with `/` between them. Lists on the way are passed through.
    pub(super) path: &'a str,
    /// Whether maps that are missing are created.
    pub(super) create: bool,
}

impl Field<'_> {
    pub(super) fn is_of(&self, resource: &Resource) -> bool {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        is(self.kind, &resource.object.kind)
            && is(self.group, resource.object.group())
            && is(self.version, resource.version())
    }

    /// Adds entries to the map at the path.
    pub(super) fn add_entries(&self, resource: &mut Resource, entries: &[(String, String, Location)]) {
        if self.is_of(resource) {
            let path: Vec<&str> = self.path.split('/').collect();
            add(&mut resource.object.root, &path, self.create, entries);
        }
    }
}

fn add(node: &mut Node, path: &[&str], create: bool, entries: &[(String, String, Location)]) {
    if let Value::List(items) = &mut node.value {
        for item in items {
            add(item, path, create, entries);
        }
        return;
    }
    let Some((first, rest)) = path.split_first() else {
        if matches!(node.value, Value::Map(_)) {
            for (key, value, location) in entries {
                node.set_text(key, value, *location);
            }
        }
        return;
    };
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    let location = entries.first().map_or(node.location, |(_, _, location)| *location);
    // A key that ends with `[]` is a list, which is never created.
    let key = first.trim_end_matches("[]");
    let next = if create && key == *first { node.map_mut(key, location) } else { node.get_mut(key) };
    if let Some(next) = next.filter(|next| !next.is_null()) {
        add(next, rest, create, entries);
    }
}

/// Calls `visit` with the value at every path like `path`, through lists.
pub(super) fn visit(node: &mut Node, path: &[&str], visit_value: &mut dyn FnMut(&mut Node)) {
    match (&mut node.value, path.split_first()) {
        (Value::List(items), _) => items.iter_mut().for_each(|item| visit(item, path, visit_value)),
        (_, None) => visit_value(node),
        (Value::Map(_), Some((first, rest))) => {
            if let Some(next) = node.get_mut(first) {
                visit(next, rest, visit_value);
            }
        }
        _ => {}
    }
}
