//! The namespaces that an included file may change.

use std::collections::BTreeMap;

use super::Entry;
use super::patterns::Patterns;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::spec::{Spanned, Spec};

/// Reports workloads of included files in namespaces that the include does not permit. Bindings apply only to the permitted ones.
///
/// `has_unknown` says that objects may be missing from the base. Beside the error that is the reason, the default namespace of a
/// workload without an object means nothing.
pub(super) fn check(spec: &Spec, roster: &[Entry<'_>], has_unknown: bool, sink: &mut Sink) {
    if spec.namespaces.is_empty() {
        return;
    }
    let mut limits = Patterns::new(spec.namespaces.values().map(Vec::as_slice), sink);
    let lists: BTreeMap<_, _> = spec.namespaces.keys().enumerate().map(|(index, file)| (*file, index)).collect();
    let mut known: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for entry in roster {
        let Some(table) = entry.table else { continue };
        let Some(&list) = lists.get(&entry.location.file) else { continue };
        let is_known = entry.linked.is_some() || table.namespace.is_some() || !(has_unknown && sink.has_errors());
        let own = entry.namespace.as_ref().filter(|_| is_known).map(|it| (it.as_str(), table.namespace.as_ref(), "is"));
        let of_patch = table.patch_namespace.as_ref().filter(|it| !it.is_empty());
        let of_patch = of_patch.map(|it| (it.as_str(), Some(it), "is patched"));
        for (namespace, written, verb) in own.into_iter().chain(of_patch) {
            let allowed = known.entry(namespace.to_owned()).or_insert_with(|| allowed(&mut limits, namespace));
            if !allowed[list] {
                let location = written.map_or(entry.location, Spanned::location);
                sink.push(rejection(spec, entry, (namespace, verb), location));
            }
        }
    }
}

/// What each list says of a namespace.
fn allowed(limits: &mut Patterns<'_>, namespace: &str) -> Vec<bool> {
    limits.matches(namespace, &mut Vec::new()).into_iter().map(|verdict| verdict.accepts()).collect()
}

fn rejection(spec: &Spec, entry: &Entry<'_>, (namespace, verb): (&str, &str), location: Location) -> Diagnostic {
    let limit = spec.namespaces_of(entry.location).unwrap_or_default();
    let list: Vec<String> = limit.iter().map(|pattern| format!("`{}`", pattern.as_str())).collect();
    let message =
        format!("the workload `{}` {verb} in the namespace `{namespace}`, which its file may not change", entry.key);
    let diagnostic = Diagnostic::error(Code::MC0126, message).at(location).help(format!(
        "set a `namespace` that the file may change: {}; or extend `namespaces` of the include",
        list.join(", ")
    ));
    limit
        .iter()
        .take(1)
        .fold(diagnostic, |it, pattern| it.related(pattern.location(), "may change only these namespaces"))
}
