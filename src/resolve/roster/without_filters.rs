//! Reports tables of workloads that run no filters.

use super::Entry;
use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::spec::types::Bindings;
use crate::spec::{Spanned, Spec};

/// Reports every table without filters, unless it is there to opt out of bindings.
pub(super) fn report(spec: &Spec, roster: &[Entry<'_>], sink: &mut Sink) {
    // A binding that could not be read may add filters to any workload.
    if spec.unread.any || spec.unread.bindings {
        return;
    }
    for entry in roster.iter().filter(|entry| entry.uses.is_empty()) {
        let Some(table) = entry.table else { continue };
        let opt_out = table.bindings.as_ref().filter(|bindings| !matches!(***bindings, Bindings::All(true)));
        match (opt_out, table.tests.first()) {
            (Some(_), None) => {}
            (Some(opt_out), Some(test)) => sink.push(
                Diagnostic::error(Code::MC0143, format!("`{}` has tests but no filters", entry.key))
                    .at_label(test.name.location(), "this test would bypass all filters")
                    .related(opt_out.key_location(), "excludes the filters of the bindings")
                    .help("remove the tests, or list filters as `filters`"),
            ),
            (None, _) => sink.push(nothing(spec, entry, table)),
        }
    }
}

fn nothing(spec: &Spec, entry: &Entry<'_>, table: &Spanned<crate::spec::Workload>) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::MC0143, format!("`{}` has no filters", entry.key)).at(table.key_location());
    // A table with tests alone often belongs to a workload whose name is misspelled.
    let has_tests = !table.tests.is_empty();
    let others = spec.workloads.keys().map(String::as_str).filter(|name| *name != entry.key);
    let near = suggest(&entry.key, others).filter(|_| has_tests && table.name.is_none());
    if let Some(near) = near {
        return diagnostic.help(format!("did you mean `[[workloads.{}.tests]]`?", key(near)));
    }
    if spec.bindings.is_empty() {
        diagnostic.help("list them: `filters = [\"NAME\"]`")
    } else {
        diagnostic.note("no binding matches it").help("list them: `filters = [\"NAME\"]`, or add it to a binding")
    }
}

/// A key of TOML, in quotes if it needs them.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.chars().all(is_bare) { name.to_owned() } else { format!("{name:?}") }
}
