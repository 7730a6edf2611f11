//! Which workloads the report contains.

use std::collections::BTreeSet;

use super::{LabelSelector, Workload};
use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::resolve::select::{self, Name};

/// Selects workloads. Each condition that is empty selects all.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Names of workloads: `web`, `shop/web`, `deployment/web`, `Deployment/shop/web`, or the name of a table in mesh.toml.
    pub names: Vec<String>,
    /// The name of a filter that the workloads use.
    pub filter: Option<String>,
    /// The namespace of the workloads.
    pub namespace: Option<String>,
    /// Labels of the workloads' pods.
    pub labels: LabelSelector,
}

impl Query {
    /// The workloads that meet all conditions. A condition that no workload meets is reported: it is misspelled. `filters` are the
    /// names of all filters.
    pub(crate) fn select(&self, all: Vec<Workload>, filters: &BTreeSet<&str>, sink: &mut Sink) -> Vec<Workload> {
        let names: Vec<Name<'_>> = all.iter().map(name).collect();
        let named = select::select(&names, &self.names, sink);
        if let Some(namespace) = &self.namespace {
            unknown_namespace(namespace, &all, sink);
        }
        if let Some(filter) = &self.filter {
            unknown_filter(filter, filters, sink);
        }
        for (key, value) in self.labels.required() {
            unknown_label(key, value, &all, sink);
        }
        if sink.has_errors() {
            return Vec::new();
        }
        let selected = all.into_iter().zip(named).filter(|(workload, is_named)| *is_named && self.accepts(workload));
        let selected: Vec<Workload> = selected.map(|(workload, _)| workload).collect();
        // A filter that no workload uses is an answer, not a mistake.
        let has_conditions = self.namespace.is_some() || !self.labels.is_empty() || !self.names.is_empty();
        if selected.is_empty() && has_conditions && self.filter.is_none() {
            sink.push(
                Diagnostic::error(Code::MC0708, "no workload meets all conditions")
                    .help("leave out one of them: names, `--namespace` or `--selector`"),
            );
        }
        selected
    }

    fn accepts(&self, workload: &Workload) -> bool {
        let uses = |filter: &String| workload.filters.iter().any(|one| one.name == *filter);
        self.namespace.as_ref().is_none_or(|namespace| workload.namespace == *namespace)
            && self.filter.as_ref().is_none_or(uses)
            && self.labels.matches(&workload.labels)
    }
}

fn name(workload: &Workload) -> Name<'_> {
    let Workload { key, kind, namespace, name, .. } = workload;
    Name { key, kind: kind.as_str().into(), namespace, name }
}

fn unknown_namespace(namespace: &str, all: &[Workload], sink: &mut Sink) {
    let known: BTreeSet<&str> = all.iter().map(|workload| workload.namespace.as_str()).collect();
    if !known.contains(namespace) {
        sink.push(unknown(format!("no workload is in the namespace `{namespace}`"), namespace, &known));
    }
}

fn unknown_filter(filter: &str, known: &BTreeSet<&str>, sink: &mut Sink) {
    if !known.contains(filter) {
        sink.push(unknown(format!("there is no filter `{filter}`"), filter, known));
    }
}

fn unknown_label(key: &str, value: Option<&str>, all: &[Workload], sink: &mut Sink) {
    let keys: BTreeSet<&str> = all.iter().flat_map(|workload| workload.labels.keys()).map(String::as_str).collect();
    if !keys.contains(key) {
        sink.push(unknown(format!("no workload has the label `{key}`"), key, &keys));
        return;
    }
    let Some(value) = value else { return };
    let values: BTreeSet<&str> =
        all.iter().filter_map(|workload| workload.labels.get(key)).map(String::as_str).collect();
    if !values.contains(value) {
        sink.push(unknown(format!("no workload has the label `{key}={value}`"), value, &values));
    }
}

fn unknown(message: String, written: &str, known: &BTreeSet<&str>) -> Diagnostic {
    const SHOWN: usize = 8;
    let diagnostic = Diagnostic::error(Code::MC0708, message);
    if let Some(near) = suggest(written, known.iter().copied()) {
        return diagnostic.help(format!("did you mean `{near}`?"));
    }
    if known.is_empty() {
        return diagnostic;
    }
    let list = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if known.len() > SHOWN { ", …" } else { "" };
    diagnostic.help(format!("known: {list}{more}"))
}
