//! JSON 6902 patches. Source: evanphx/json-patch, which kustomize uses.

use super::super::{Node, Value};
use crate::diag::Location;

/// An operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) name: Name,
    pub(super) path: String,
    pub(super) from: String,
    pub(super) value: Option<Node>,
    pub(super) location: Location,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl Name {
    pub(super) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "add" => Self::Add,
            "remove" => Self::Remove,
            "replace" => Self::Replace,
            "move" => Self::Move,
            "copy" => Self::Copy,
            "test" => Self::Test,
            _ => return None,
        })
    }
}

/// Applies an operation. An error says why it cannot be applied, as the end of a sentence.
///
/// While kustomize builds, each object has annotations of kustomize itself, so `metadata.annotations` is never missing.
pub(super) fn apply(root: &mut Node, operation: &Operation) -> Result<(), String> {
    if let Some(metadata) = root.get_mut("metadata") {
        metadata.map_mut("annotations", operation.location);
    }
    let result = apply_to(root, operation);
    let is_empty = |it: &Node| matches!(&it.value, Value::Map(entries) if entries.is_empty());
    if let Some(metadata) = root.get_mut("metadata")
        && metadata.get("annotations").is_some_and(is_empty)
    {
        metadata.remove("annotations");
    }
    result
}

fn apply_to(root: &mut Node, operation: &Operation) -> Result<(), String> {
    let null = || Node { value: Value::Null, location: operation.location };
    let path = pointer(&operation.path)?;
    match operation.name {
        Name::Add => add(root, &path, operation.value.clone().unwrap_or_else(null)),
        Name::Remove => remove(root, &path).map(|_| ()),
        Name::Replace => replace(root, &path, operation.value.clone().unwrap_or_else(null)),
        Name::Move => {
            let value = remove(root, &pointer(&operation.from)?)?;
            add(root, &path, value)
        }
        Name::Copy => {
            let from = pointer(&operation.from)?;
            let parents = from.len().saturating_sub(1);
            find(root, &from[..parents])?;
            let value = find(root, &from).map_or_else(|_| null(), |value| value.clone());
            add(root, &path, value)
        }
        Name::Test => {
            let wanted = operation.value.clone().unwrap_or_else(null);
            match find(root, &path) {
                Ok(found) if found.same(&wanted) => Ok(()),
                Err(_) if wanted.is_null() => Ok(()),
                _ => Err(format!("the value at `{}` differs", operation.path)),
            }
        }
    }
}

/// The parts of a JSON pointer. What is before the first `/` does not count.
fn pointer(text: &str) -> Result<Vec<String>, String> {
    match text.split_once('/') {
        _ if text.is_empty() => Ok(Vec::new()),
        Some((_, rest)) => Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()),
        None => Err(format!("the path `{text}` does not begin with `/`")),
    }
}

fn find<'a>(root: &'a mut Node, path: &[String]) -> Result<&'a mut Node, String> {
    path.iter().try_fold(root, |node, part| {
        let missing = || format!("the object has nothing at `{part}` of the path");
        if matches!(node.value, Value::List(_)) {
            let items = node.items_mut();
            let index = index(part, items.len()).ok_or_else(missing)?;
            return items.get_mut(index).ok_or_else(missing);
        }
        node.get_mut(part).ok_or_else(missing)
    })
}

fn add(root: &mut Node, path: &[String], value: Node) -> Result<(), String> {
    let Some((last, parents)) = path.split_last() else { return Err("the path is empty".to_owned()) };
    let parent = find(root, parents)?;
    match &mut parent.value {
        Value::List(items) if last == "-" => items.push(value),
        Value::List(items) => {
            let count = items.len();
            let index = index(last, count + 1).filter(|index| *index <= count);
            items.insert(index.ok_or_else(|| format!("the list has no index `{last}`"))?, value);
        }
        Value::Map(_) => {
            let location = value.location;
            parent.set(last, location, value);
        }
        _ => return Err(format!("`{last}` of the path is neither in a map nor in a list")),
    }
    Ok(())
}

/// A key of a map need not exist.
fn replace(root: &mut Node, path: &[String], value: Node) -> Result<(), String> {
    if let Some((last, parents)) = path.split_last() {
        let parent = find(root, parents)?;
        if matches!(parent.value, Value::Map(_)) {
            let location = value.location;
            parent.set(last, location, value);
            return Ok(());
        }
    } else if !matches!(value.value, Value::Map(_) | Value::List(_)) {
        return Err("only a map can replace the object".to_owned());
    }
    *find(root, path)? = value;
    Ok(())
}

fn remove(root: &mut Node, path: &[String]) -> Result<Node, String> {
    let Some((last, parents)) = path.split_last() else { return Err("the path is empty".to_owned()) };
    let parent = find(root, parents)?;
    let missing = || format!("the object has nothing at `{last}` of the path");
    match &mut parent.value {
        Value::List(items) => {
            let index = index(last, items.len()).filter(|index| *index < items.len()).ok_or_else(missing)?;
            Ok(items.remove(index))
        }
        _ => parent.remove(last).ok_or_else(missing),
    }
}

/// An index into a list. A negative one counts from the end.
fn index(part: &str, count: usize) -> Option<usize> {
    match part.strip_prefix('-') {
        Some(back) => count.checked_sub(back.parse().ok()?),
        None => part.parse().ok(),
    }
}
