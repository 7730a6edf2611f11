//! Selects the workloads that the command line names.

use crate::diag::Sink;
use crate::resolve::select::{self, Name};
use crate::resolve::traffic::suite::Suite;

/// The suites that are named, each once, in their own order. All suites if there are no names. Unknown names are reported.
pub(super) fn select<'a>(suites: impl Iterator<Item = &'a Suite>, names: &[String], sink: &mut Sink) -> Vec<&'a Suite> {
    let suites: Vec<&Suite> = suites.collect();
    let known: Vec<Name<'_>> = suites.iter().map(|suite| name(suite)).collect();
    let selected = select::select(&known, names, sink);
    suites.into_iter().zip(selected).filter(|(_, is_selected)| *is_selected).map(|(suite, _)| suite).collect()
}

/// Whether a name selects a suite.
pub(super) fn has_name(suite: &Suite, wanted: &str) -> bool {
    name(suite).is(wanted)
}

fn name(Suite { key, kind, namespace, name, .. }: &Suite) -> Name<'_> {
    Name { key, kind: kind.qualified(), namespace, name }
}
