//! Selects the workloads that the command line names.

use crate::diag::Sink;
use crate::resolve::select::{self, Name};
use crate::resolve::traffic::suite::Suite;

/// The suites that are named, each once, in their own order. All suites if there are no names. Unknown names are reported.
pub(super) fn select<'a>(suites: &'a [Suite], names: &[String], sink: &mut Sink) -> Vec<&'a Suite> {
    let name = |suite: &'a Suite| {
        let Suite { key, kind, namespace, name, .. } = suite;
        Name { key, kind: kind.qualified(), namespace, name }
    };
    let known: Vec<Name<'_>> = suites.iter().map(name).collect();
    let selected = select::select(&known, names, sink);
    suites.iter().zip(selected).filter(|(_, is_selected)| *is_selected).map(|(suite, _)| suite).collect()
}

/// Whether a name selects a suite.
pub(super) fn has_name(Suite { key, kind, namespace, name, .. }: &Suite, wanted: &str) -> bool {
    Name { key, kind: kind.qualified(), namespace, name }.is(wanted)
}
