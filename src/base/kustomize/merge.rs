//! Strategic-merge patches, as kustomize applies them.
//!
//! Maps merge, null removes, lists of a kind that Kubernetes gives a merge key merge by it with the patch's elements first, and other
//! lists are replaced. Source: kyaml/yaml/merge2 and kyaml/yaml/walk.

use super::super::{Entry, Node, Value};
use super::merge_keys::Schema;
use crate::diag::Location;

/// A patch whose value has another type than the object's: the place in the patch.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) location: Location,
    pub(super) message: String,
}

/// The result of a merge. `None` if the patch deletes the value.
type Merged = Result<Option<Node>, Mismatch>;

/// What a `$patch` directive asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Applies a patch to a value.
pub(super) fn merge(mut target: Node, mut patch: Node, schema: Schema) -> Merged {
    if patch.is_null() {
        return Ok(None);
    }
    if target.is_null() {
        return added(patch, schema);
    }
    match (&mut target.value, &mut patch.value) {
        (Value::Map(_), Value::Map(_)) => match directive(&mut patch)? {
            Directive::Delete => Ok(None),
            Directive::Replace => added(patch, schema),
            Directive::Merge => map(target, patch, schema).map(Some),
        },
        (Value::List(_), Value::List(_)) => match schema.merge_keys() {
            None => Ok(Some(patch)),
            Some(keys) => match list_directive(&mut patch)? {
                Directive::Delete => Ok(None),
                Directive::Replace => added(patch, schema),
                Directive::Merge => list(target, patch, keys, schema),
            },
        },
        (Value::Map(_) | Value::List(_), _) | (_, Value::Map(_) | Value::List(_)) => Err(Mismatch {
            location: patch.location,
            message: format!("the patch has {} where the object has {}", what(&patch), what(&target)),
        }),
        _ => Ok(Some(patch)),
    }
}

/// A value that only the patch has: without its directives and nulls.
fn added(mut patch: Node, schema: Schema) -> Merged {
    match &mut patch.value {
        Value::Map(_) => {
            if directive(&mut patch)? == Directive::Delete {
                return Ok(None);
            }
            let Value::Map(entries) = patch.value else { return Ok(None) };
            let mut kept = Vec::with_capacity(entries.len());
            for entry in entries.into_iter().filter(|entry| !entry.value.is_null()) {
                if let Some(value) = added(entry.value, schema.field(&entry.key))? {
                    kept.push(Entry { value, ..entry });
                }
            }
            Ok(Some(Node { value: Value::Map(kept), location: patch.location }))
        }
        Value::List(_) if schema.merge_keys().is_some() => {
            if list_directive(&mut patch)? == Directive::Delete {
                return Ok(None);
            }
            let Value::List(items) = patch.value else { return Ok(None) };
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                kept.extend(added(item, schema)?);
            }
            Ok(Some(Node { value: Value::List(kept), location: patch.location }))
        }
        _ => Ok(Some(patch)),
    }
}

fn map(mut target: Node, patch: Node, schema: Schema) -> Result<Node, Mismatch> {
    let Value::Map(entries) = patch.value else { return Ok(target) };
    for Entry { key, key_location, value } in entries {
        let below = schema.field(&key);
        let old = target
            .get_mut(&key)
            .map(|old| std::mem::replace(&mut old.value, Value::Null))
            .map(|value| Node { location: target.get(&key).map_or(target.location, |old| old.location), value });
        let merged = match old {
            Some(old) => merge(old, value, below)?,
            None if value.is_null() => None,
            None => added(value, below)?,
        };
        match merged {
            Some(value) => target.set(&key, key_location, value),
            None => {
                target.remove(&key);
            }
        }
    }
    Ok(target)
}

/// Merges a list by the keys of its elements; a list of scalars, which has no keys, by their values.
fn list(target: Node, patch: Node, keys: &[&str], schema: Schema) -> Merged {
    let location = target.location;
    let (Value::List(mut rest), Value::List(items)) = (target.value, patch.value) else { return Ok(None) };
    let mut merged = Vec::new();
    // With several keys, kustomize leaves elements that both have where they are.
    let in_place = keys.len() > 1;
    for item in items {
        let index = rest.iter().position(|old| matches(old, &item, keys));
        match index {
            None => merged.extend(added(item, schema)?),
            Some(index) if in_place => {
                let old = std::mem::replace(&mut rest[index], Node { value: Value::Null, location });
                match merge(old, item, schema)? {
                    Some(new) => rest[index] = new,
                    None => {
                        rest.remove(index);
                    }
                }
            }
            Some(index) => {
                let old = rest.remove(index);
                merged.extend(merge(old, item, schema)?);
            }
        }
    }
    merged.extend(rest);
    Ok((!merged.is_empty()).then_some(Node { value: Value::List(merged), location }))
}

/// Whether two elements are the same one. A second key, such as the protocol of a port, may be missing in one of them.
fn matches(a: &Node, b: &Node, keys: &[&str]) -> bool {
    if keys.is_empty() {
        return a.same(b);
    }
    keys.iter().enumerate().all(|(index, key)| match (a.get(key), b.get(key)) {
        (Some(a), Some(b)) => a.same(b),
        (None, None) => index > 0,
        _ => index > 0,
    })
}

/// The directive of a map, which is removed.
fn directive(patch: &mut Node) -> Result<Directive, Mismatch> {
    patch.remove("$patch").map_or(Ok(Directive::Merge), |directive| parse(&directive))
}

/// The directive of a list: an element that has nothing else.
fn list_directive(patch: &mut Node) -> Result<Directive, Mismatch> {
    let Value::List(items) = &mut patch.value else { return Ok(Directive::Merge) };
    let Some(index) = items.iter().position(|item| item.entries().len() == 1 && item.get("$patch").is_some()) else {
        return Ok(Directive::Merge);
    };
    let item = items.remove(index);
    item.get("$patch").map_or(Ok(Directive::Merge), parse)
}

fn parse(directive: &Node) -> Result<Directive, Mismatch> {
    match directive.as_str() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        _ => Err(Mismatch {
            location: directive.location,
            message: "`$patch` must be `merge`, `replace` or `delete`".to_owned(),
        }),
    }
}

const fn what(node: &Node) -> &'static str {
    match &node.value {
        Value::Map(_) => "a map",
        Value::List(_) => "a list",
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => "a scalar",
    }
}
