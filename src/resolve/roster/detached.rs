//! Reports Rollouts whose pod template is in an object that the base does not have, where a binding would cover them.

use std::collections::BTreeSet;

use crate::base::Object;
use crate::diag::{Severity, Sink};
use crate::domain::glob;
use crate::resolve::link::{self, Index};
use crate::spec::types::Workload;
use crate::spec::{Binding, Spanned, Spec};

/// A table for such a Rollout is an error already.
pub(super) fn report(spec: &Spec, index: &Index<'_>, sink: &mut Sink) {
    let name = |(key, table): (&'_ String, &'_ Spanned<Workload>)| table.name.as_ref().map_or(key, |name| name).clone();
    let tables: BTreeSet<String> = spec.workloads.iter().map(name).collect();
    let is_covered = |object: &&Object| {
        !tables.contains(object.name.as_str()) && spec.bindings.iter().any(|binding| covers(binding, &object.name))
    };
    for object in index.base.objects.iter().filter(is_covered) {
        let Some(mut diagnostic) = link::without_template(index, object) else { continue };
        diagnostic.severity = Severity::Warning;
        sink.push(diagnostic.note("no binding adds filters to it"));
    }
}

/// Whether the name is one of those that the binding includes. Other conditions do not count.
fn covers(binding: &Binding, name: &str) -> bool {
    let listed = binding.workloads.as_deref().unwrap_or_default();
    let matches = |pattern: &str| glob::compile(pattern).is_ok_and(|glob| glob.is_match(name));
    let (excluded, included): (Vec<_>, Vec<_>) =
        listed.iter().map(|it| it.as_str()).partition(|it| it.starts_with('!'));
    (included.is_empty() || included.iter().any(|it| matches(it))) && !excluded.iter().any(|it| matches(&it[1..]))
}
