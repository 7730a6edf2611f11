//! Which bindings apply to which workloads.
//!
//! A binding applies to a workload that matches all of its conditions. Wildcards and labels leave out workloads of the base that
//! cannot run filters or that need particular ones, unless the binding contains their very name: see [`super::suitable`].

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::link::Index;
use super::super::{settings, uses};
use super::patterns::{Patterns, Verdict};
use super::suitable::{self, Unsuitable};
use super::{Entry, labels};
use crate::diag::{Code, Diagnostic, Sink};
use crate::spec::{Binding, Spanned, Spec};

/// The bindings with their patterns compiled, and what they matched.
#[derive(Debug)]
pub(super) struct Bindings<'a> {
    pub(super) all: &'a [Spanned<Binding>],
    /// Over the names of workloads: one list per binding.
    pub(super) names: Patterns<'a>,
    /// Over namespaces: one list per binding, then the list of each binding's file.
    pub(super) namespaces: Patterns<'a>,
    /// Of each binding.
    pub(super) matches: Vec<Matches>,
    /// Whether each pattern of `names` decides about any workload.
    pub(super) used_names: Vec<bool>,
    /// Whether each pattern of `namespaces` decides about any workload.
    pub(super) used_namespaces: Vec<bool>,
}

/// What a binding matches.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// The number of workloads that it adds filters to, or would if they did not opt out.
    pub(super) bound: usize,
    /// The number of workloads that match but are left out, and the first of them.
    pub(super) left_out: usize,
    pub(super) first_left_out: Option<(String, Unsuitable)>,
}

/// What applies to a workload.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The bindings, as indices.
    pub(super) bound: Vec<usize>,
    /// Why a binding that matches leaves the workload out.
    pub(super) left_out: Option<Unsuitable>,
}

/// The patterns that match a namespace, and what each list says of it.
type OfNamespace = Rc<(Vec<usize>, Vec<Verdict>)>;

impl<'a> Bindings<'a> {
    /// Compiles the bindings. Patterns that are not valid and bindings without a condition are reported.
    pub(super) fn new(spec: &'a Spec, sink: &mut Sink) -> Self {
        let all = spec.bindings.as_slice();
        let list = |list: &'a Option<Vec<Spanned<String>>>| list.as_deref().unwrap_or_default();
        let names = Patterns::new(all.iter().map(|binding| list(&binding.workloads)), sink);
        let of_files = all.iter().map(|binding| spec.namespaces_of(binding.location()).unwrap_or_default());
        let namespaces = Patterns::new(all.iter().map(|binding| list(&binding.namespaces)).chain(of_files), sink);
        for binding in all {
            settings::labels(&binding.match_labels, sink);
            for one in &binding.filters {
                uses::undefined(spec, one.filter(), one.filter_at(), sink);
            }
            if has_no_condition(binding) {
                sink.push(Diagnostic::error(Code::MC0146, "the binding has no condition").at(binding.location()).help(
                    "name its `workloads`, `match-labels`, `namespaces` or `kinds`; `workloads = [\"*\"]` matches all",
                ));
            }
        }
        let matches = all.iter().map(|_| Matches::default()).collect();
        let (used_names, used_namespaces) = (vec![false; names.all.len()], vec![false; namespaces.all.len()]);
        Self { all, names, namespaces, matches, used_names, used_namespaces }
    }

    /// What applies to each workload. Records what is matched.
    pub(super) fn apply(&mut self, roster: &[Entry<'_>], index: &Index<'_>) -> Vec<Applied> {
        let mut by_namespace: BTreeMap<&str, OfNamespace> = BTreeMap::new();
        let mut hits = Vec::new();
        let mut bound = Vec::with_capacity(roster.len());
        for entry in roster {
            let by_name = self.names.matches(entry.name, &mut hits);
            let namespace = entry.namespace.as_ref().map_or("", |namespace| namespace.as_str());
            let of_namespace = by_namespace.entry(namespace).or_insert_with(|| {
                let mut hits = Vec::new();
                let verdicts = self.namespaces.matches(namespace, &mut hits);
                Rc::new((hits, verdicts))
            });
            let of_namespace = Rc::clone(of_namespace);
            bound.push(self.of_entry(entry, index, (&hits, &by_name), &of_namespace));
        }
        bound
    }

    fn of_entry(
        &mut self,
        entry: &Entry<'_>,
        index: &Index<'_>,
        (name_hits, by_name): (&[usize], &[Verdict]),
        of_namespace: &OfNamespace,
    ) -> Applied {
        let (namespace_hits, by_namespace) = &**of_namespace;
        let unsuitable = suitable::check(entry, index);
        let mut applied = Applied::default();
        // Whether the conditions of each binding match, apart from its patterns.
        let mut others = vec![false; self.all.len()];
        for (index, binding) in self.all.iter().enumerate() {
            let (name, namespace) = (by_name[index], by_namespace[index]);
            let of_file = by_namespace[self.all.len() + index];
            let may_match = of_file.accepts() && name.included && namespace.included;
            if !may_match || has_no_condition(binding) {
                continue;
            }
            others[index] = has_kind(binding, entry) && has_labels(binding, entry);
            if !others[index] || !name.accepts() || !namespace.accepts() {
                continue;
            }
            // `kinds` can name CronJobs only one by one.
            let is_meant = |it: Unsuitable| name.exact || it == Unsuitable::CronJob && binding.kinds.is_some();
            match unsuitable.filter(|it| !is_meant(*it)) {
                Some(unsuitable) => {
                    applied.left_out = Some(unsuitable);
                    let matches = &mut self.matches[index];
                    matches.left_out += 1;
                    matches.first_left_out.get_or_insert_with(|| (entry.key.clone(), unsuitable));
                }
                None => {
                    self.matches[index].bound += 1;
                    applied.bound.push(index);
                }
            }
        }
        // A pattern is used if it decides about any workload that the other conditions accept.
        for &hit in name_hits {
            let pattern = &self.names.all[hit];
            let (name, namespace) = (by_name[pattern.list], by_namespace[pattern.list]);
            let decides = pattern.excludes || name.accepts();
            self.used_names[hit] |= others[pattern.list] && namespace.accepts() && decides;
        }
        for &hit in namespace_hits {
            let pattern = &self.namespaces.all[hit];
            if let Some(is_used) = others.get(pattern.list) {
                let (name, namespace) = (by_name[pattern.list], by_namespace[pattern.list]);
                let decides = pattern.excludes || namespace.accepts();
                self.used_namespaces[hit] |= *is_used && name.accepts() && decides;
            }
        }
        applied
    }
}

/// Whether the binding would match every workload for lack of a condition.
pub(super) fn has_no_condition(binding: &Binding) -> bool {
    let Binding { workloads, namespaces, kinds, match_labels, .. } = binding;
    workloads.is_none() && namespaces.is_none() && kinds.is_none() && match_labels.is_empty()
}

pub(super) fn has_kind(binding: &Binding, entry: &Entry<'_>) -> bool {
    binding
        .kinds
        .as_ref()
        .is_none_or(|kinds| kinds.iter().any(|kind| entry.kind.is_some_and(|it| it.as_str() == kind.0)))
}

pub(super) fn has_labels(binding: &Binding, entry: &Entry<'_>) -> bool {
    binding.match_labels.iter().all(|(key, value)| labels::get(entry, key) == Some(value.as_str()))
}
