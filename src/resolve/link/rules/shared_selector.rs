//! A selector matches the pods of its workload alone. With per-workload EnvoyFilters, each proxy that two selectors match runs the
//! filters of both.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Sink};
use crate::resolve::link::index::{Index, kind_of};
use crate::resolve::link::pod::{Pod, Text};
use crate::resolve::link::{Linked, has_gate, is_per_workload};
use crate::resolve::mesh::Workload;
use crate::spec::Spec;

/// A workload, the names of its filters, and its object if the base has it.
pub(crate) type Member<'a> = (&'a Workload, BTreeSet<&'a str>, Option<Linked<'a>>);

/// Reports the first workload that a selector matches by accident. With the gate, only workloads that use a filter in common
/// matter: the others lack its label.
pub(crate) fn check(spec: &Spec, index: &Index<'_>, members: &[Member<'_>], sink: &mut Sink) {
    if !is_per_workload(spec) {
        return;
    }
    let by_object: BTreeMap<_, (&Workload, &BTreeSet<&str>)> = members
        .iter()
        .filter_map(|(workload, filters, linked)| Some((linked.as_ref()?.object.location, (*workload, filters))))
        .collect();
    let pods = Pods::new(index, |linked| !has_gate(spec) || by_object.contains_key(&linked.object.location));
    for (workload, filters, linked) in members {
        let Some(linked) = linked else { continue };
        // Two selectors that match each other's pods are one conflict.
        let is_known = |other: &Linked<'_>| {
            let theirs = by_object.get(&other.object.location);
            theirs.is_some_and(|(them, _)| them.location < workload.location && has_all(linked.pod, them))
        };
        let others = pods.matched(workload).filter(|other| other.object.location != linked.object.location);
        let others = others.filter(|other| !is_known(other));
        let shares = |other: &Linked<'_>| {
            let theirs = by_object.get(&other.object.location);
            theirs.map(|(_, theirs)| theirs.intersection(filters).next().copied())
        };
        let mut conflicts = others.filter_map(|other| match shares(other) {
            Some(Some(filter)) => Some((other, Some(filter))),
            _ if has_gate(spec) => None,
            _ => Some((other, None)),
        });
        if let Some((other, filter)) = conflicts.next() {
            sink.push(conflict(workload, other, filter));
        }
    }
}

fn conflict(workload: &Workload, other: &Linked<'_>, filter: Option<&str>) -> Diagnostic {
    let other_name = format!("{} `{}`", other.kind.as_str(), other.object.name);
    let labels: Vec<String> = workload.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let message = format!("the selector of `{}` also matches the pods of {other_name}", workload.name);
    Diagnostic::error(Code::MC0524, message)
        .at_label(workload.selector_location, labels.join(","))
        .related(other.object.location, "its pods have these labels too")
        .note(match filter {
            Some(filter) => format!("its proxies would run `{filter}` twice"),
            None => "its proxies would run the filters too, but have no module".to_owned(),
        })
        .help("set a `selector` with a label that no other pod has, or use shared EnvoyFilters, which select pods by a label of their own")
}

/// Pods by namespace and label.
struct Pods<'a> {
    by_label: BTreeMap<(&'a str, &'a str, &'a str), Vec<Linked<'a>>>,
}

impl<'a> Pods<'a> {
    fn new(index: &Index<'a>, is_wanted: impl Fn(&Linked<'a>) -> bool) -> Self {
        let mut by_label: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let objects = index.base.objects.iter().filter(|object| kind_of(object).is_some());
        for linked in objects.filter_map(|object| Linked::new(index, object)).filter(is_wanted) {
            for (key, value) in linked.pod.labels().iter().filter_map(Text::pair) {
                by_label.entry((linked.namespace, key, value)).or_default().push(linked);
            }
        }
        Self { by_label }
    }

    /// The workloads whose pods have all labels of a selector.
    fn matched(&self, workload: &'a Workload) -> impl Iterator<Item = &Linked<'a>> {
        let namespace = workload.namespace.as_str();
        let lists = workload.selector.iter().map(|(key, value)| {
            self.by_label.get(&(namespace, key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice)
        });
        let rarest = lists.min_by_key(|list| list.len()).unwrap_or_default();
        rarest.iter().filter(|linked| has_all(linked.pod, workload))
    }
}

fn has_all(pod: Pod<'_>, workload: &Workload) -> bool {
    workload.selector.iter().all(|(key, value)| pod.has_label(key.as_str(), value.as_str()))
}
