//! The roster: the workloads to render, and the filters that each of them uses. A workload is declared by its table, or it is an
//! object of the base that a binding matches.

mod bindings;
mod detached;
mod included;
mod labels;
mod merge;
mod opt_out;
mod patterns;
mod suitable;
pub(super) mod unevaluated;
mod unmatched;
mod without_filters;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bindings::Bindings;
use merge::Conflicts;
use opt_out::OptOuts;
use suitable::Unsuitable;

use super::kinds;
use super::link::{self, Index, Linked};
use super::settings::{self, Settings};
use crate::base::Object;
use crate::diag::{Location, Sink};
use crate::domain::{Direction, Kind, Namespace};
use crate::spec::types::{self, Use};
use crate::spec::{Spanned, Spec};

/// A workload to render.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Identifies the workload in reports and on the command line: the name of its table. Without a table, its name, after its
    /// namespace and kind where the name alone is not unique.
    pub(crate) key: String,
    /// Its table in mesh.toml.
    pub(crate) table: Option<&'a Spanned<types::Workload>>,
    /// The settings: those of the table, or the defaults of workloads without a table.
    pub(crate) written: &'a types::Workload,
    /// The name of the table, or the binding that matches.
    pub(crate) location: Location,
    /// Its object in the base.
    pub(crate) linked: Option<Linked<'a>>,
    /// The name of the object in Kubernetes. It may not be valid.
    pub(crate) name: &'a str,
    /// `None` if an error was reported.
    pub(crate) kind: Option<Kind>,
    /// `None` if an error was reported.
    pub(crate) namespace: Option<Namespace>,
    /// The filters, in the order in which they process a request. No two have the same name, except in a list of the workload's
    /// own.
    pub(crate) uses: Vec<BoundUse<'a>>,
}

/// A filter that a workload uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoundUse<'a> {
    pub(crate) written: &'a Spanned<Use>,
    pub(crate) origin: Origin,
}

/// The list that a use is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The workload's own list.
    Own,
    /// The binding at this index of [`Spec::bindings`].
    Binding(usize),
}

impl<'a> Entry<'a> {
    /// Its object in the base.
    pub(crate) fn object(&self) -> Option<&'a Object> {
        self.linked.map(|linked| linked.object)
    }

    /// Where its kind is set: in its table, or in the base.
    pub(crate) fn kind_location(&self) -> Location {
        let in_table = self.written.kind.as_ref().map(Spanned::location);
        in_table.or_else(|| self.object().map(|object| object.location)).unwrap_or(self.location)
    }

    /// The labels of its pods.
    pub(crate) fn labels(&self) -> Vec<(&'a str, &'a str)> {
        labels::all(self)
    }

    /// The traffic that filters without a direction of their own see.
    pub(crate) fn direction(&self) -> Direction {
        let written = self.written.direction.as_deref().copied();
        let of_object = || Some(self.linked?.direction());
        let of_kind = || self.kind.filter(|kind| kind.is_gateway()).map(|_| Direction::Gateway);
        written.or_else(of_object).or_else(of_kind).unwrap_or_default()
    }
}

/// The workloads of mesh.toml and of the base.
#[derive(Debug)]
pub(crate) struct Roster<'a> {
    /// The workloads to render, and tables without filters, in the order of their keys.
    pub(crate) entries: Vec<Entry<'a>>,
    /// Workloads of the base that no binding adds filters to, and why wildcards leave them out if one matches.
    pub(crate) unbound: Vec<(Entry<'a>, Option<Unsuitable>)>,
}

/// The roster.
pub(super) fn roster<'a>(spec: &'a Spec, index: &Index<'a>, settings: &Settings, sink: &mut Sink) -> Roster<'a> {
    let tables = spec.workloads.iter();
    let mut roster: Vec<Entry<'a>> =
        tables.map(|(key, table)| declared(spec, key, table, index, settings, sink)).collect();
    let tables: BTreeSet<_> = roster.iter().filter_map(|entry| entry.object().map(std::ptr::from_ref)).collect();
    detached::report(spec, index, sink);
    let others = index.base.objects.iter().filter(|object| !tables.contains(&std::ptr::from_ref(*object)));
    roster.extend(others.filter_map(|object| undeclared(index, object, spec, settings)));
    unique_keys(&mut roster);
    roster.sort_by(|a, b| a.key.cmp(&b.key));
    let kinds: BTreeSet<&str> = roster.iter().filter_map(|entry| Some(entry.kind?.as_str())).collect();
    let conditions = spec.bindings.iter().filter_map(|binding| binding.kinds.as_ref()).flatten();
    conditions.for_each(|kind| kinds::check_condition(kind, &kinds, sink));
    included::check(spec, &roster, index.base.incomplete || spec.unread.mesh, sink);
    let left_out = bind(spec, index, &mut roster, sink);
    let is_bound = |entry: &Entry<'_>| entry.table.is_some() || !entry.uses.is_empty();
    let (bound, unbound): (Vec<_>, Vec<_>) = roster.into_iter().zip(left_out).partition(|(entry, _)| is_bound(entry));
    Roster { entries: bound.into_iter().map(|(entry, _)| entry).collect(), unbound }
}

/// Fills in the uses. Returns why wildcards leave out each workload, if they do.
fn bind<'a>(spec: &'a Spec, index: &Index<'a>, roster: &mut [Entry<'a>], sink: &mut Sink) -> Vec<Option<Unsuitable>> {
    let mut bindings = Bindings::new(spec, sink);
    let applied = bindings.apply(roster, index);
    let (mut opt_outs, mut conflicts) = (OptOuts::default(), Conflicts::default());
    for (entry, bound) in roster.iter_mut().zip(applied.iter().map(|applied| &applied.bound)) {
        let opt_out = opt_outs.of(spec, entry, bound, sink);
        entry.uses = merge::merge(spec, entry, bound, &opt_out, &mut conflicts);
        if let (None, Some(Origin::Binding(index))) = (entry.table, entry.uses.first().map(|one| one.origin)) {
            entry.location = spec.bindings[index].location();
        }
    }
    without_filters::report(spec, roster, sink);
    unmatched::report(spec, index.base, roster, &bindings, sink);
    opt_outs.report(spec, sink);
    conflicts.report(spec, sink);
    applied.into_iter().map(|applied| applied.left_out).collect()
}

/// The entry of a table.
fn declared<'a>(
    spec: &'a Spec,
    key: &'a str,
    table: &'a Spanned<types::Workload>,
    index: &Index<'a>,
    settings: &Settings,
    sink: &mut Sink,
) -> Entry<'a> {
    let name = table.name.as_ref().map_or(key, |name| name.as_str());
    let (kind, linked) = match kinds::resolve(table, index.all_named(name), sink) {
        Ok(kind) => {
            let linked = link::find(index, key, table, spec.mesh.namespace.as_ref(), sink);
            if kind.is_none() && linked.is_none() && index.base.incomplete {
                kinds::no_api_version(table, sink);
            }
            (linked.map(|it| it.kind).or(kind), linked)
        }
        Err(kinds::Reported) => (None, None),
    };
    // The Deployment that a Rollout refers to has another name.
    let name = linked.map_or(name, |linked| linked.object.name.as_str());
    let namespace = match &table.namespace {
        Some(namespace) => settings::namespace(namespace, sink),
        None => linked.map_or_else(|| settings.namespace.clone(), |it| namespace_of(it.object, settings)),
    };
    let key = key.to_owned();
    let location = table.key_location();
    Entry { key, table: Some(table), written: table, location, linked, name, kind, namespace, uses: Vec::new() }
}

/// The entry of an object that has no table.
fn undeclared<'a>(index: &Index<'a>, object: &'a Object, spec: &'a Spec, settings: &Settings) -> Option<Entry<'a>> {
    let linked = Linked::new(index, object)?;
    Some(Entry {
        key: String::new(),
        table: None,
        written: &spec.default_workload,
        location: object.location,
        linked: Some(linked),
        name: &object.name,
        kind: Some(linked.kind),
        namespace: namespace_of(object, settings),
        uses: Vec::new(),
    })
}

/// The namespace of an object. An object that sets none is in the mesh's.
fn namespace_of(object: &Object, settings: &Settings) -> Option<Namespace> {
    match &object.namespace {
        Some(namespace) => Namespace::new(namespace).ok(),
        None => settings.namespace.clone(),
    }
}

/// Gives every workload without a table the shortest name that no other workload has.
fn unique_keys(roster: &mut [Entry<'_>]) {
    let forms = |entry: &Entry<'_>| {
        let namespace = entry.namespace.as_ref().map_or("", Namespace::as_str);
        let (kind, name) = (entry.kind.map_or_else(Cow::default, Kind::qualified), entry.name);
        [name.to_owned(), format!("{namespace}/{name}"), format!("{kind}/{namespace}/{name}")]
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in roster.iter() {
        if entry.table.is_some() {
            *counts.entry(entry.key.clone()).or_default() += 1;
        } else {
            forms(entry).into_iter().for_each(|form| *counts.entry(form).or_default() += 1);
        }
    }
    for entry in roster.iter_mut().filter(|entry| entry.table.is_none()) {
        let [name, with_namespace, full] = forms(entry);
        let is_unique = |form: &String| counts.get(form) == Some(&1);
        entry.key = [name, with_namespace].into_iter().find(is_unique).unwrap_or(full);
    }
}
