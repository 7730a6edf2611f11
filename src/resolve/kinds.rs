//! The kind of a workload: `kind`, `api-version` and `template-path`.

use std::collections::BTreeSet;

use crate::base::Object;
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::domain::{Kind, NotAKind, names};
use crate::spec::{Spanned, types};

/// The kind that a table names, `Deployment` by default. `None` if an error was reported, or if only the base knows the API version.
/// `objects`: those of the base that have the workload's name.
pub(super) fn resolve(
    written: &Spanned<types::Workload>,
    objects: &[&Object],
    sink: &mut Sink,
) -> Result<Option<Kind>, Reported> {
    let before = sink.errors();
    check_syntax(written, sink);
    if sink.errors() > before {
        return Err(Reported);
    }
    let text = |value: &'_ Option<Spanned<String>>| value.as_ref().map(|value| value.to_string());
    let (api_version, path) = (text(&written.api_version), text(&written.template_path));
    let Some(name) = &written.kind else {
        return match (&path, objects) {
            (None, _) => Ok(Some(Kind::deployment())),
            (Some(_), [_, ..]) => Ok(None),
            (Some(path), []) => {
                let kind = Kind::named(Kind::deployment().as_str(), api_version.as_deref(), Some(path));
                kind.map(Some).map_err(|error| {
                    sink.push(report(Kind::deployment().as_str(), &error, written));
                    Reported
                })
            }
        };
    };
    let is_meant = |object: &&&Object| Kind::means(&name.0, &object.api_version, &object.kind);
    let object = objects.iter().find(is_meant);
    match Kind::named(&name.0, api_version.as_deref(), path.as_deref()) {
        Ok(kind) => Ok(Some(kind)),
        Err(NotAKind::NoApiVersion) if object.is_some() => Ok(None),
        Err(error) => {
            let report = report(&name.0, &error, written);
            sink.push(match object {
                Some(object) => report.related(object.location, format!("the {} of the base", name.0)),
                None => report,
            });
            Err(Reported)
        }
    }
}

/// Reports a kind in the condition of a binding that no workload can have. `declared`: the kinds of the workloads.
pub(super) fn check_condition(written: &Spanned<types::KindName>, declared: &BTreeSet<&str>, sink: &mut Sink) {
    let name = written.0.as_str();
    if declared.contains(name) {
        return;
    }
    match Kind::named(name, None, None) {
        Ok(_) => {}
        Err(NotAKind::Refused(refused)) => sink.push(
            Diagnostic::error(Code::MC0560, format!("a {name} cannot run filters"))
                .at(written.location())
                .note(refused.reason)
                .help("remove it from `kinds`"),
        ),
        Err(_) => {
            let diagnostic = unknown(name, written.location());
            sink.push(if diagnostic.help.is_empty() { diagnostic.help("remove it from `kinds`") } else { diagnostic });
        }
    }
}

/// A kind that is neither known nor close to a known one has no help yet.
fn unknown(name: &str, at: Location) -> Diagnostic {
    let known: Vec<&str> = Kind::known().map(|(name, _)| name).collect();
    let diagnostic = Diagnostic::error(Code::MC0561, format!("`{name}` is not a known kind of workload")).at(at);
    match suggest(name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.note(format!("known kinds: `{}`", known.join("`, `"))),
    }
}

/// Reports a workload whose API version the base would have to say, and could not.
pub(super) fn no_api_version(written: &Spanned<types::Workload>, sink: &mut Sink) {
    let name = written.kind.as_ref().map_or("the object", |kind| kind.0.as_str());
    sink.push(report(name, &NotAKind::NoApiVersion, written));
}

/// An error was reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

/// The report of a workload whose object in the base has a kind that cannot be patched. `None` if it has another kind, or no pods.
pub(super) fn refused(object: &Object, at: Location) -> Option<Diagnostic> {
    let refused = Kind::of(&object.api_version, &object.kind).err().filter(|it| it.has_pods)?;
    let message = format!("a {} cannot run filters", object.kind);
    let diagnostic = Diagnostic::error(Code::MC0560, message).at(at);
    let label = format!("the {} of the base", object.kind);
    Some(diagnostic.related(object.location, label).note(refused.reason).help(refused.help))
}

/// Where `kind` is, or should be.
fn location(written: &Spanned<types::Workload>) -> Location {
    written.kind.as_ref().map_or_else(|| written.key_location(), Spanned::location)
}

fn report(name: &str, error: &NotAKind, written: &Spanned<types::Workload>) -> Diagnostic {
    match error {
        NotAKind::Refused(refused) => Diagnostic::error(Code::MC0560, format!("a {name} cannot run filters"))
            .at(location(written))
            .note(refused.reason)
            .help(refused.help),
        NotAKind::NoTemplatePath => no_template_path(name, written),
        NotAKind::NoApiVersion => Diagnostic::error(Code::MC0561, format!("the API version of `{name}` is not known"))
            .at(location(written))
            .note("a patch names the API version and the kind of its object")
            .help("add `api-version = \"GROUP/VERSION\"`, the `apiVersion` of the object's manifest"),
        NotAKind::OtherPath(kind) => {
            let path = kind.template_path().join(".");
            let message = format!("the pod template of a {kind} is at `{path}`");
            let at = written.template_path.as_ref().map_or_else(|| written.key_location(), Spanned::location);
            let help = match written.kind {
                Some(_) => "remove `template-path`: it is for kinds that mesh-compile does not know",
                None => "set `kind` too: `template-path` is for kinds that mesh-compile does not know",
            };
            Diagnostic::error(Code::MC0562, message).at(at).help(help)
        }
    }
}

fn no_template_path(name: &str, written: &Spanned<types::Workload>) -> Diagnostic {
    const PATH: &str = "`template-path`, the keys that lead to it, such as `template-path = \"spec.template\"`";
    if written.api_version.is_some() {
        let message = format!("mesh-compile does not know where a {name} keeps its pod template");
        return Diagnostic::error(Code::MC0561, message).at(location(written)).help(format!("add {PATH}"));
    }
    let diagnostic = unknown(name, location(written));
    if diagnostic.help.is_empty() {
        return diagnostic.help(format!("for a custom resource with a pod template, add `api-version` and {PATH}"));
    }
    diagnostic
}

/// Reports values that no object can have.
fn check_syntax(written: &types::Workload, sink: &mut Sink) {
    let mut reject = |key: &str, value: &str, location, reason: &str, example: &str| {
        let message = format!("`{value}` is not a valid {key}: {reason}");
        sink.push(
            Diagnostic::error(Code::MC0562, message).at(location).help(format!("example: `{key} = \"{example}\"`")),
        );
    };
    if let Some(kind) = &written.kind {
        let is_word =
            kind.0.starts_with(|c: char| c.is_ascii_alphabetic()) && kind.0.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_word {
            reject("kind", &kind.0, kind.location(), "a kind is one word of letters and digits", "Deployment");
        }
    }
    if let Some(version) = &written.api_version {
        let is_version = match version.split_once('/') {
            Some((group, version)) => group.split('.').chain([version]).all(|part| names::label(part).is_ok()),
            None => names::label(version).is_ok(),
        };
        if !is_version {
            let reason = "an API version is a group and a version";
            reject("api-version", version, version.location(), reason, "apps.kruise.io/v1alpha1");
        }
    }
    if let Some(path) = &written.template_path {
        let is_key =
            |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let first = path.split('.').next().unwrap_or_default();
        let reason = if path.contains(['[', '*', '/']) {
            Some("a patch cannot reach into a list")
        } else if !path.split('.').all(is_key) {
            Some("it must be keys separated by dots")
        } else if matches!(first, "apiVersion" | "kind" | "metadata" | "status") {
            Some("the pod template is part of the object's specification")
        } else {
            None
        };
        if let Some(reason) = reason {
            reject("template-path", path, path.location(), reason, "spec.template");
        }
    }
}
