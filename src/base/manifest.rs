//! From the documents of a manifest to objects.

use std::io;
use std::sync::Arc;

use camino::Utf8Path;

use super::yaml::Dialect;
use super::{Node, Object, Value, yaml};
use crate::diag::{Code, Diagnostic, FileId, Location, Sink, Source, Sources};
use crate::world::{Usage, World};

/// The objects of one manifest.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) objects: Vec<Object>,
    /// Whether objects are missing because of an error, which is reported.
    pub(super) broken: bool,
}

/// Reads the manifest at `path`, which diagnostics show as `path`.
pub(super) fn read(world: &dyn World, path: &Utf8Path, dialect: Dialect, sink: &mut Sink) -> Manifest {
    let Some((file, source)) = source(world, path, sink) else {
        return Manifest { objects: Vec::new(), broken: true };
    };
    parse(file, &source.text, dialect, sink)
}

/// Reads the manifest at a path from the command line, which can also be a pipe.
pub(super) fn read_argument(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> Manifest {
    let bytes = world.read_argument(path, Usage::Stream);
    let Some((file, source)) = content(world.sources(), path, bytes, sink) else {
        return Manifest { objects: Vec::new(), broken: true };
    };
    parse(file, &source.text, Dialect::Kubectl, sink)
}

/// The text of a file of the base. An error goes to `sink`.
pub(super) fn source(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> Option<(FileId, Arc<Source>)> {
    content(world.sources(), path, world.read(path, Usage::Manifest), sink)
}

fn content(
    sources: &Sources,
    path: &Utf8Path,
    bytes: io::Result<Arc<[u8]>>,
    sink: &mut Sink,
) -> Option<(FileId, Arc<Source>)> {
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            let location = Location::whole(sources.id(path));
            sink.push(Diagnostic::error(Code::MC0502, format!("`{path}` cannot be read: {error}")).at(location));
            return None;
        }
    };
    text(sources, path, &bytes, sink)
}

/// Adds the text of a file to the sources. An error goes to `sink` if it is not UTF-8.
pub(super) fn text(sources: &Sources, path: &Utf8Path, bytes: &[u8], sink: &mut Sink) -> Option<(FileId, Arc<Source>)> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let file = sources.add(path, text);
            Some((file, sources.get(file)))
        }
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            let diagnostic = Diagnostic::error(Code::MC0502, format!("line {line} of `{path}` is not UTF-8"));
            sink.push(diagnostic.at(Location::whole(sources.id(path))).help("convert the file to UTF-8"));
            None
        }
    }
}

/// The objects of a text.
#[cfg(test)]
pub(crate) fn read_text(sources: &Sources, path: &Utf8Path, text: &str, sink: &mut Sink) -> Vec<Object> {
    parse(sources.add(path, text), text, Dialect::Kubectl, sink).objects
}

/// The objects of a stream of YAML or JSON documents.
pub(super) fn parse(file: FileId, text: &str, dialect: Dialect, sink: &mut Sink) -> Manifest {
    let read = yaml::parse(file, text, dialect, sink);
    let mut manifest = Manifest { objects: Vec::with_capacity(read.documents.len()), broken: read.broken };
    for document in read.documents {
        object(document, None, &mut manifest, sink);
    }
    manifest
}

/// The kind and API version that the items of a list such as a `DeploymentList` need not repeat.
type Inherited = (String, String);

/// Adds the object of a document, or those in its list.
fn object(mut root: Node, inherited: Option<&Inherited>, manifest: &mut Manifest, sink: &mut Sink) {
    if let Some((api_version, kind)) = inherited {
        let location = root.location;
        for (key, text) in [("apiVersion", api_version), ("kind", kind)] {
            if root.get(key).is_none() && matches!(root.value, Value::Map(_)) {
                root.set_text(key, text, location);
            }
        }
    }
    let head = match head(&root) {
        Ok(head) => head,
        Err(diagnostic) => {
            manifest.broken = true;
            sink.push(*diagnostic);
            return;
        }
    };
    let (api_version, kind) = head;
    if let Some(items) = list(&kind, &mut root) {
        let item = kind.strip_suffix("List").filter(|item| !item.is_empty());
        let inherited = item.map(|item| (api_version, item.to_owned()));
        for item in items {
            object(item, inherited.as_ref(), manifest, sink);
        }
        return;
    }
    match named(api_version, kind, root) {
        Ok(object) => manifest.objects.push(object),
        Err(diagnostic) => {
            manifest.broken = true;
            sink.push(*diagnostic);
        }
    }
}

/// The API version and kind of a document.
fn head(root: &Node) -> Result<(String, String), Box<Diagnostic>> {
    let reject = |message: &str, at| {
        let diagnostic = Diagnostic::error(Code::MC0507, format!("this is not a Kubernetes object: {message}"));
        Box::new(diagnostic.at(at).help("name only files of Kubernetes objects in the base"))
    };
    let start = root.location.bytes().start;
    let first =
        root.entries().first().map_or(Location::new(root.location.file, start..start + 1), |it| it.key_location);
    if !matches!(root.value, Value::Map(_)) {
        return Err(reject("it is not a map", first));
    }
    let text = |key: &str| match root.get(key) {
        None => Err(reject(&format!("`{key}` is missing"), first)),
        Some(node) => match node.as_str() {
            Some(text) if text.contains("{{") => Err(Box::new(yaml::unrendered(node.location))),
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(reject(&format!("`{key}` must be a string"), node.location)),
        },
    };
    Ok((text("apiVersion")?, text("kind")?))
}

/// The items of a list of objects, such as those that `kubectl get` prints.
fn list(kind: &str, root: &mut Node) -> Option<Vec<Node>> {
    if !kind.ends_with("List") {
        return None;
    }
    match &mut root.get_mut("items")?.value {
        Value::List(items) => Some(std::mem::take(items)),
        _ => None,
    }
}

fn named(api_version: String, kind: String, root: Node) -> Result<Object, Box<Diagnostic>> {
    let metadata = root.get("metadata");
    let kind_location = root.entry("kind").map_or(root.location, |entry| entry.value.location);
    let text = |key: &str| match metadata.and_then(|metadata| metadata.get(key)) {
        None => Ok(None),
        Some(node) => match &node.value {
            Value::Null => Ok(None),
            Value::String(text) if text.contains("{{") => Err(Box::new(yaml::unrendered(node.location))),
            Value::String(text) => Ok(Some((text.clone(), node.location)).filter(|(text, _)| !text.is_empty())),
            _ => {
                let message = format!("`metadata.{key}` of the {kind} must be a string");
                Err(Box::new(
                    Diagnostic::error(Code::MC0507, message).at(node.location).help("put the value in quotes"),
                ))
            }
        },
    };
    let namespace = text("namespace")?.map(|(namespace, _)| namespace);
    let Some((name, location)) = text("name")? else {
        let message = format!("the {kind} has no `metadata.name`");
        return Err(Box::new(Diagnostic::error(Code::MC0507, message).at(kind_location)));
    };
    Ok(Object { api_version, kind, namespace, name, location, root, patched: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let sources = Sources::new();
        let mut sink = Sink::new();
        let objects = crate::base::read_text(&sources, "a.yaml".into(), text, &mut sink);
        let show = |it: &Object| {
            format!("{} {} {}/{}", it.api_version, it.kind, it.namespace.as_deref().unwrap_or("-"), it.name)
        };
        let found = sink.into_sorted(&sources);
        let message = |one: &Diagnostic| {
            format!("{} {}", one.primary.as_ref().map(|at| sources.show(at.location)).unwrap_or_default(), one.message)
        };
        (objects.iter().map(show).collect(), found.iter().map(message).collect())
    }

    #[test]
    fn the_items_of_lists_are_objects() {
        let (objects, errors) = read(concat!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a, namespace: x}\n",
            "- apiVersion: apps/v1\n  kind: DeploymentList\n  items:\n  - metadata: {name: b}\n  - metadata: {name: c}\n",
            "---\napiVersion: v1\nkind: ConfigMapList\nitems: []\n",
        ));
        assert_eq!(objects, ["v1 Service x/a", "apps/v1 Deployment -/b", "apps/v1 Deployment -/c"]);
        assert_eq!(errors, Vec::<String>::new());
    }

    #[test]
    fn a_document_that_is_no_object_is_an_error() {
        for (text, message) in [
            ("replicas: 1\n", "a.yaml:1:1 this is not a Kubernetes object: `apiVersion` is missing"),
            ("apiVersion: v1\nmetadata: {name: a}\n", "a.yaml:1:1 this is not a Kubernetes object: `kind` is missing"),
            ("apiVersion: 1\nkind: X\n", "a.yaml:1:13 this is not a Kubernetes object: `apiVersion` must be a string"),
            ("- a\n", "a.yaml:1:1 this is not a Kubernetes object: it is not a map"),
            ("apiVersion: v1\nkind: Pod\n", "a.yaml:2:7 the Pod has no `metadata.name`"),
            (
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 123\n",
                "a.yaml:4:9 `metadata.name` of the Pod must be a string",
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Values.x }}'\n",
                "a.yaml:4:9 this is a template, not a manifest: its `{{ }}` are not rendered",
            ),
        ] {
            let (objects, errors) = read(text);
            assert_eq!((objects, errors), (vec![], vec![message.to_owned()]), "{text}");
        }
    }
}
