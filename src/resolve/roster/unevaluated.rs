//! Reports what depends on a part of the base that is not evaluated. Without it, a misspelled name would go unnoticed.

use std::collections::BTreeSet;

use super::Roster;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::glob;
use crate::spec::{Binding, Spec};

/// Reports every workload without an object, and every binding that may match more than what is read.
pub(in crate::resolve) fn report(spec: &Spec, roster: &Roster<'_>, sink: &mut Sink) {
    for entry in roster.entries.iter().filter(|entry| entry.table.is_some() && entry.linked.is_none()) {
        sink.push(unknown(
            format!("it is not known whether the base has the workload `{}`", entry.name),
            entry.location,
        ));
    }
    let all = roster.entries.iter().chain(roster.unbound.iter().map(|(entry, _)| entry));
    let names: BTreeSet<&str> = all.flat_map(|entry| [entry.name, entry.key.as_str()]).collect();
    for binding in spec.bindings.iter().filter(|binding| !names_all(binding, &names)) {
        sink.push(unknown("it is not known which workloads the binding matches".to_owned(), binding.location()));
    }
}

/// Whether the binding lists names, and only those of workloads that are known.
fn names_all(binding: &Binding, known: &BTreeSet<&str>) -> bool {
    let listed = binding.workloads.as_deref().unwrap_or_default();
    let mut included = listed.iter().map(|name| name.as_str()).filter(|name| !name.starts_with('!')).peekable();
    included.peek().is_some() && included.all(|name| !glob::is_pattern(name) && known.contains(name))
}

fn unknown(message: String, location: Location) -> Diagnostic {
    Diagnostic::error(Code::MC0510, message)
        .at(location)
        .note("a part of the base is not evaluated, as a warning reports")
        .help("run the command that the warning shows")
}
