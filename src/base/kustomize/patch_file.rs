//! From the patches of a kustomization to what they change.

use super::super::{Node, Value};
use super::file::{Reader, Text};
use super::json_patch::{Name, Operation};
use super::select::{Requirement, Selector, requirements, whole};
use crate::diag::Location;

/// A patch as a kustomization lists it.
#[derive(Debug)]
pub(super) struct PatchEntry {
    pub(super) source: PatchSource,
    pub(super) target: Option<Selector>,
    /// Whether it is listed under `patchesStrategicMerge`.
    pub(super) legacy: bool,
    pub(super) allow_name_change: bool,
    pub(super) allow_kind_change: bool,
    pub(super) location: Location,
}

/// Where the patch is.
#[derive(Debug)]
pub(super) enum PatchSource {
    Inline(Text),
    Path(Text),
}

/// What a patch does.
#[derive(Debug)]
pub(super) enum Change {
    Strategic(Vec<Node>),
    Json(Vec<Operation>),
}

impl PatchEntry {
    /// An entry of `patchesStrategicMerge`: a patch or the path of one.
    pub(super) fn legacy(text: Text) -> Self {
        let location = text.1;
        let inline = text.0.contains(['\n', '{']);
        let source = if inline { PatchSource::Inline(text) } else { PatchSource::Path(text) };
        Self { source, target: None, legacy: true, allow_name_change: false, allow_kind_change: false, location }
    }

    /// An entry of `patches` or `patchesJson6902`.
    pub(super) fn read(reader: &mut Reader<'_>, value: &Node) -> Option<Self> {
        if !reader.keys("a patch", value, &["path", "patch", "target", "options"]) {
            return None;
        }
        let source = match (reader.field(value, "patch"), reader.field(value, "path")) {
            (Some(patch), None) => PatchSource::Inline(patch),
            (None, Some(path)) => PatchSource::Path(path),
            (Some(_), Some(_)) => {
                reader.reject("a patch has either `patch` or `path`".to_owned(), value.location);
                return None;
            }
            (None, None) => {
                reader.reject("a patch has `patch` or `path`".to_owned(), value.location);
                return None;
            }
        };
        let target = match value.get("target").filter(|target| !target.is_null()) {
            Some(target) => Some(selector(reader, target)?),
            None => None,
        };
        let option = |key| matches!(value.at(&["options", key]).map(|it| &it.value), Some(Value::Boolean(true)));
        Some(Self {
            source,
            target,
            legacy: false,
            allow_name_change: option("allowNameChange"),
            allow_kind_change: option("allowKindChange"),
            location: value.location,
        })
    }
}

fn selector(reader: &mut Reader<'_>, value: &Node) -> Option<Selector> {
    let known = ["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"];
    if !reader.keys("`target`", value, &known) {
        return None;
    }
    let mut valid = true;
    let mut pattern = |reader: &mut Reader<'_>, key| {
        let (text, location) = reader.field(value, key)?;
        whole(&text).unwrap_or_else(|error| {
            valid = false;
            let error = error.to_string();
            let reason = error.rsplit("error: ").next().unwrap_or(&error);
            reader.reject(format!("`{key}` is not a valid regular expression: {reason}"), location);
            None
        })
    };
    let (group, version, kind) = (pattern(reader, "group"), pattern(reader, "version"), pattern(reader, "kind"));
    let (name, namespace) = (pattern(reader, "name"), pattern(reader, "namespace"));
    let mut list = |reader: &mut Reader<'_>, key| -> Vec<Requirement> {
        let Some((text, location)) = reader.field(value, key) else { return Vec::new() };
        requirements(&text).unwrap_or_else(|| {
            valid = false;
            reader.reject(format!("`{text}` is not a label selector"), location);
            Vec::new()
        })
    };
    let (labels, annotations) = (list(reader, "labelSelector"), list(reader, "annotationSelector"));
    valid.then_some(Selector { group, version, kind, name, namespace, labels, annotations })
}

/// What the documents of a patch do.
pub(super) fn change(reader: &mut Reader<'_>, mut documents: Vec<Node>, location: Location) -> Option<Change> {
    match documents.first().map(|first| &first.value) {
        None => {
            reader.reject("the patch is empty".to_owned(), location);
            None
        }
        Some(Value::List(_)) => {
            let operations = documents.swap_remove(0);
            let count = operations.items().len();
            let read: Vec<_> = operations.items().iter().filter_map(|item| operation(reader, item)).collect();
            (read.len() == count).then_some(Change::Json(read))
        }
        Some(_) => {
            if let Some(other) = documents.iter().find(|document| !matches!(document.value, Value::Map(_))) {
                reader.reject("a patch is a map, or a list of operations".to_owned(), other.location);
                return None;
            }
            Some(Change::Strategic(documents))
        }
    }
}

fn operation(reader: &mut Reader<'_>, value: &Node) -> Option<Operation> {
    let (name, location) = reader.field(value, "op").unwrap_or_else(|| (String::new(), value.location));
    let Some(name) = Name::find(&name) else {
        reader.reject("`op` must be `add`, `remove`, `replace`, `move`, `copy` or `test`".to_owned(), location);
        return None;
    };
    let mut text = |key| reader.field(value, key).map(|(text, _)| text).unwrap_or_default();
    let (path, from) = (text("path"), text("from"));
    Some(Operation { name, path, from, value: value.get("value").cloned(), location: value.location })
}
