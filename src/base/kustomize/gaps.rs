//! What a kustomization uses and this module does not evaluate.

use super::super::{Entry, Node, Value};
use super::resource::Resource;
use super::select::{Selector, whole};
use crate::diag::{Code, Diagnostic, Location};

/// Something that is not evaluated.
#[derive(Debug)]
pub(super) struct Gap {
    /// As the end of a sentence that says that it is not evaluated.
    pub(super) what: String,
    pub(super) location: Location,
    pub(super) effect: Effect,
}

/// What is unknown because of a gap.
#[derive(Debug)]
pub(super) enum Effect {
    /// Objects may be missing.
    Missing,
    /// Any object may be changed.
    Any,
    /// The objects that a selector matches may be changed.
    Selected(Vec<Selector>),
    /// Objects with one of these texts may be changed.
    Containing(Vec<String>),
}

impl Gap {
    /// The gap that a field makes, if it touches what is read.
    pub(super) fn of(field: &str, entry: &Entry) -> Option<Self> {
        let effect = match field {
            "helmCharts" | "helmChartInflationGenerator" | "generators" => Effect::Missing,
            "transformers" | "openapi" | "configurations" => Effect::Any,
            "replacements" => Effect::Selected(replaced(&entry.value)?),
            "vars" => {
                let names = entry.value.items().iter().filter_map(|var| var.get("name").and_then(Node::as_str));
                Effect::Containing(names.map(|name| format!("$({name})")).collect())
            }
            // These change no field that is read: the order of the objects, the metadata of a build, the fields that refer to
            // names. Validators change nothing at all.
            _ => return None,
        };
        let empty = matches!(&entry.value.value, Value::List(items) if items.is_empty());
        (!empty).then(|| Self { what: format!("`{}`", entry.key), location: entry.key_location, effect })
    }

    pub(super) fn remote(path: &str, location: Location) -> Self {
        Self { what: format!("the remote resource `{path}`"), location, effect: Effect::Missing }
    }

    /// Marks the objects that the gap may change. Returns the warning, unless there are none.
    pub(super) fn mark(&self, resources: &mut [Resource], dir: &str) -> Option<Diagnostic> {
        let mut names = Vec::new();
        for resource in resources.iter_mut() {
            let touched = match &self.effect {
                Effect::Missing => false,
                Effect::Any => true,
                Effect::Selected(selectors) => selectors.iter().any(|selector| selector.matches(resource)),
                Effect::Containing(texts) => contains(&resource.object.root, texts),
            };
            if touched {
                resource.unfinished = true;
                names.push(format!("the {} `{}`", resource.object.kind, resource.object.name));
            }
        }
        let diagnostic = Diagnostic::warning(Code::MC0510, format!("{} is not evaluated", self.what)).at(self.location);
        let diagnostic = match (&self.effect, names.len()) {
            (Effect::Missing, _) => {
                diagnostic.note("objects of the base may be missing, so none is reported as missing")
            }
            (_, 0) => return None,
            (_, count @ 1..=3) => {
                let verb = if count == 1 { "is" } else { "are" };
                diagnostic.note(format!("{} {verb} ignored", names.join(", ")))
            }
            (_, count) => {
                diagnostic.note(format!("{}, {} and {} more objects are ignored", names[0], names[1], count - 2))
            }
        };
        let flag = if self.what.contains("helmChart") { "--enable-helm " } else { "" };
        Some(diagnostic.help(format!(
            "pipe what kustomize builds: `kubectl kustomize {flag}{dir} | mesh-compile render --base -`"
        )))
    }
}

/// What replacements change. `None` if they change nothing that is read.
fn replaced(value: &Node) -> Option<Vec<Selector>> {
    let mut selectors = Vec::new();
    for replacement in value.items() {
        // The replacement is in a file of its own.
        if replacement.get("path").is_some() {
            return Some(vec![Selector::default()]);
        }
        for target in replacement.get("targets").into_iter().flat_map(Node::items) {
            let paths = target.get("fieldPaths").into_iter().flat_map(Node::items).filter_map(Node::as_str);
            if paths.clone().count() > 0 && paths.clone().all(is_harmless) {
                continue;
            }
            selectors.push(target.get("select").map(selected).unwrap_or_default());
        }
    }
    (!selectors.is_empty()).then_some(selectors)
}

/// Whether nothing reads the value at a path of a replacement.
fn is_harmless(path: &str) -> bool {
    const CONTAINER: &[&str] = &[".env.", ".args", ".command", ".image", ".resources."];
    let within_container = path.contains(".containers.") || path.contains(".initContainers.");
    path.starts_with("data.")
        || path.starts_with("stringData.")
        || path.starts_with("spec.replicas")
        || (within_container && CONTAINER.iter().any(|part| path.contains(part)))
}

/// A selector of a replacement. What cannot be read matches all.
fn selected(select: &Node) -> Selector {
    let pattern = |key| select.get(key).and_then(Node::as_str).and_then(|text| whole(text).ok()).flatten();
    Selector {
        group: pattern("group"),
        version: pattern("version"),
        kind: pattern("kind"),
        name: pattern("name"),
        namespace: pattern("namespace"),
        ..Selector::default()
    }
}

/// Whether a value contains a text outside of the fields of containers that kustomize calls variables too.
fn contains(node: &Node, texts: &[String]) -> bool {
    match &node.value {
        Value::String(text) => texts.iter().any(|wanted| text.contains(wanted)),
        Value::List(items) => items.iter().any(|item| contains(item, texts)),
        Value::Map(entries) => entries
            .iter()
            .filter(|entry| !matches!(entry.key.as_str(), "args" | "command" | "env" | "data"))
            .any(|entry| contains(&entry.value, texts)),
        Value::Null | Value::Boolean(_) | Value::Number(_) => false,
    }
}
