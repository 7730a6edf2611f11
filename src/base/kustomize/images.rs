//! `images` and `replicas`.

use serde_json::Number;

use super::super::{Node, Value};
use super::fields::visit;
use super::resource::Resource;
use crate::diag::Location;

/// An entry of `images`. Empty texts change nothing.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// Matches the whole name; kustomize reads it as a regular expression.
    pub(super) name: regex::Regex,
    pub(super) new_name: String,
    pub(super) new_tag: String,
    pub(super) tag_suffix: String,
    pub(super) digest: String,
}

impl Image {
    /// The expression of a name. `None` if it is not valid.
    pub(super) fn pattern(name: &str) -> Option<regex::Regex> {
        regex::Regex::new(&format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$")).ok()
    }

    /// Changes the images of all containers, wherever they are.
    pub(super) fn apply(&self, resource: &mut Resource) {
        if resource.object.kind != "CustomResourceDefinition" {
            self.containers(&mut resource.object.root);
        }
        for path in [
            &["spec", "volumes", "image", "reference"][..],
            &["spec", "template", "spec", "volumes", "image", "reference"],
        ] {
            visit(&mut resource.object.root, path, &mut |node| self.set(node));
        }
    }

    fn containers(&self, node: &mut Node) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.containers(item)),
            Value::Map(entries) => {
                for entry in entries {
                    if matches!(entry.key.as_str(), "containers" | "initContainers") {
                        for container in entry.value.items_mut() {
                            if let Some(image) = container.get_mut("image") {
                                self.set(image);
                            }
                        }
                    }
                    self.containers(&mut entry.value);
                }
            }
            _ => {}
        }
    }

    fn set(&self, node: &mut Node) {
        let Value::String(image) = &mut node.value else { return };
        if !self.name.is_match(image) {
            return;
        }
        let (name, tag, digest) = split(image);
        let name = if self.new_name.is_empty() { name } else { &self.new_name };
        let suffixed = format!("{tag}{}", self.tag_suffix);
        let (tag, digest) = match (self.new_tag.is_empty(), self.digest.is_empty()) {
            (false, _) => (self.new_tag.as_str(), self.digest.as_str()),
            (true, false) => ("", self.digest.as_str()),
            (true, true) if !self.tag_suffix.is_empty() => (suffixed.as_str(), ""),
            (true, true) => (tag, digest),
        };
        let part = |sign: &str, text: &str| if text.is_empty() { String::new() } else { format!("{sign}{text}") };
        *image = format!("{name}{}{}", part(":", tag), part("@", digest));
    }
}

/// The name, tag and digest of an image.
fn split(image: &str) -> (&str, &str, &str) {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    let start = rest.find('/').filter(|slash| *slash > 0).unwrap_or(0);
    match rest[start..].find(':') {
        Some(colon) => (&rest[..start + colon], &rest[start + colon + 1..], digest),
        None => (rest, "", digest),
    }
}

/// Sets `spec.replicas` of a workload whose name is or was `name`.
pub(super) fn scale(resource: &mut Resource, name: &str, count: i64, location: Location) {
    let kinds = ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"];
    if kinds.contains(&resource.object.kind.as_str()) && resource.ids().any(|id| id.name == name) {
        let replicas = Node { value: Value::Number(Number::from(count)), location };
        if let Some(spec) = resource.object.root.map_mut("spec", location) {
            spec.set("replicas", location, replicas);
        }
    }
}
