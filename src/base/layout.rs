//! The form of out/kustomization.yaml, which depends on what the base is.

use camino::{Utf8Path, Utf8PathBuf};

use super::entry::{Entry, EntryKind};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::path::relative;
use crate::spec::Spec;
use crate::spec::types::Layout as Written;

/// The form of kustomization.yaml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A Kustomization on the bases at these paths, relative to `out/`. At least one.
    Overlay { bases: Vec<Utf8PathBuf> },
    /// A Component.
    Component,
}

/// What is known about the base.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'a> {
    /// There is none.
    Nothing,
    /// It is not readable, which is reported.
    Rejected,
    /// It is given on the command line alone.
    Given,
    /// The entries of `mesh.base`.
    Entries(&'a [Entry]),
}

/// `output.layout`, or the default: an overlay over kustomization directories, a component otherwise.
pub(super) fn layout(spec: &Spec, out: &Utf8Path, known: Known<'_>, sink: &mut Sink) -> Layout {
    let written = spec.output.layout.as_ref();
    let overlay = match written.map(|layout| **layout) {
        Some(Written::Component) => return Layout::Component,
        Some(Written::Overlay) => written,
        None => None,
    };
    let other = match known {
        Known::Rejected => return Layout::Component,
        Known::Nothing => {
            if let Some(overlay) = overlay {
                let help =
                    "set `mesh.base` to the directory of the workloads' manifests, or use `layout = \"component\"`";
                let diagnostic = Diagnostic::error(Code::MC0214, "the overlay layout requires a base");
                sink.push(diagnostic.at(overlay.location()).help(help));
            }
            return Layout::Component;
        }
        Known::Given => None,
        Known::Entries(entries) => match entries.iter().find(|entry| entry.kind != EntryKind::Kustomization) {
            None => return over(out, entries, sink),
            other => other,
        },
    };
    let Some(overlay) = overlay else { return Layout::Component };
    let mut diagnostic = Diagnostic::error(Code::MC0512, "the overlay layout requires a kustomization directory");
    diagnostic = match other {
        None => diagnostic.at(overlay.location()).note("kustomize cannot build on what `--base` gives"),
        Some(entry) => {
            let what = if entry.kind == EntryKind::File { "this is a file" } else { "it has no kustomization.yaml" };
            diagnostic.at(overlay.location()).related(entry.location, what)
        }
    };
    sink.push(diagnostic.help("remove `layout`, and list out/ under `components:` of the workloads' kustomization"));
    Layout::Component
}

/// An overlay over kustomization directories, each of which kustomize must be able to name.
fn over(out: &Utf8Path, entries: &[Entry], sink: &mut Sink) -> Layout {
    let mut bases = Vec::new();
    for entry in entries {
        let reject = |reason: &str, help: &str| {
            Diagnostic::error(Code::MC0117, format!("`{}` cannot be the base: {reason}", entry.written))
                .at(entry.location)
                .help(help)
        };
        if out.starts_with(&entry.path) {
            sink.push(reject(
                "the output directory is inside it",
                "move one of the two: kustomize rejects a base that contains the kustomization built on it",
            ));
        } else if let Some(path) = relative(out, &entry.path) {
            bases.push(path);
        } else {
            sink.push(reject(
                "no relative path leads to it from the output directory",
                "move `output.dir` below mesh.toml's directory, or use `layout = \"component\"`",
            ));
        }
    }
    if bases.len() < entries.len() { Layout::Component } else { Layout::Overlay { bases } }
}
