//! The roster: the workloads to render, and the filters that each of them uses. A workload is declared by its table, or it is an
//! object of the base that a binding matches.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::kinds;
use super::settings::{self, Settings};
use crate::base::{Base, Object};
use crate::diag::{Location, Sink};
use crate::domain::{Kind, Namespace};
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
    /// The object in the base.
    pub(crate) object: Option<&'a Object>,
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

impl Entry<'_> {
    /// Where its kind is set: in its table, or in the base.
    pub(crate) fn kind_location(&self) -> Location {
        let in_table = self.written.kind.as_ref().map(Spanned::location);
        in_table.or_else(|| self.object.map(|object| object.location)).unwrap_or(self.location)
    }

    /// The traffic that filters without a direction of their own see.
    pub(crate) fn direction(&self) -> crate::domain::Direction {
        self.written.direction()
    }
}

/// The roster in the order of the keys.
pub(super) fn roster<'a>(spec: &'a Spec, base: &'a Base, settings: &Settings, sink: &mut Sink) -> Vec<Entry<'a>> {
    let mut by_name: BTreeMap<&str, Vec<&'a Object>> = BTreeMap::new();
    for object in &base.objects {
        by_name.entry(&object.name).or_default().push(object);
    }
    let tables = spec.workloads.iter();
    let mut roster: Vec<Entry<'a>> =
        tables.map(|(key, table)| declared(key, table, &by_name, settings, sink)).collect();
    let tables: BTreeSet<_> = roster.iter().filter_map(|entry| entry.object.map(std::ptr::from_ref)).collect();
    let others = base.objects.iter().filter(|object| !tables.contains(&std::ptr::from_ref(*object)));
    roster.extend(others.filter_map(|object| undeclared(object, spec, settings)));
    unique_keys(&mut roster);
    roster.sort_by(|a, b| a.key.cmp(&b.key));
    for entry in &mut roster {
        let own = entry.written.filters().iter();
        entry.uses = own.map(|written| BoundUse { written, origin: Origin::Own }).collect();
    }
    roster.retain(|entry| entry.table.is_some() || !entry.uses.is_empty());
    roster
}

/// The entry of a table.
fn declared<'a>(
    key: &'a str,
    table: &'a Spanned<types::Workload>,
    objects: &BTreeMap<&str, Vec<&'a Object>>,
    settings: &Settings,
    sink: &mut Sink,
) -> Entry<'a> {
    let name = table.name.as_ref().map_or(key, |name| name.as_str());
    let object = lookup(objects.get(name).map_or(&[], Vec::as_slice), table, settings);
    let kind = kinds::resolve(table, object, sink);
    let namespace = match &table.namespace {
        Some(namespace) => settings::namespace(namespace, sink),
        None => object.map_or_else(|| settings.namespace.clone(), |object| namespace_of(object, settings)),
    };
    let key = key.to_owned();
    let location = table.key_location();
    Entry { key, table: Some(table), written: table, location, object, name, kind, namespace, uses: Vec::new() }
}

/// The object that a table means, among those with its name. `None` if there is none or more than one. An object that no patch can
/// mount into is meant if there is no other.
fn lookup<'a>(objects: &[&'a Object], table: &types::Workload, settings: &Settings) -> Option<&'a Object> {
    let is_meant = |object: &&Object| {
        let is_in = |namespace: Namespace| {
            table.namespace.as_ref().is_none_or(|written| namespace.as_str() == written.as_str())
        };
        let is_of_kind = |written: &types::KindName| Kind::means(&written.0, &object.api_version, &object.kind);
        table.kind.as_deref().is_none_or(is_of_kind) && namespace_of(object, settings).is_some_and(is_in)
    };
    let only = |is_candidate: &dyn Fn(&Object) -> bool| {
        let mut meant = objects.iter().copied().filter(|object| is_candidate(object)).filter(is_meant);
        let first = meant.next();
        (first.is_some(), first.filter(|_| meant.next().is_none()))
    };
    let is_workload = |object: &Object| match Kind::of(&object.api_version, &object.kind) {
        Ok(Some(_)) => true,
        // Of another kind, only mesh.toml knows that it has a pod template.
        Ok(None) => table.template_path.is_some() || table.kind.is_some(),
        Err(_) => false,
    };
    match only(&is_workload) {
        (true, found) => found,
        (false, _) => only(&|object| Kind::of(&object.api_version, &object.kind).is_err_and(|it| it.has_pods)).1,
    }
}

/// The entry of an object that has no table.
fn undeclared<'a>(object: &'a Object, spec: &'a Spec, settings: &Settings) -> Option<Entry<'a>> {
    Some(Entry {
        key: String::new(),
        table: None,
        written: &spec.default_workload,
        location: object.location,
        object: Some(object),
        name: &object.name,
        kind: Some(kind_of(object)?),
        namespace: namespace_of(object, settings),
        uses: Vec::new(),
    })
}

fn kind_of(object: &Object) -> Option<Kind> {
    Kind::of(&object.api_version, &object.kind).ok().flatten()
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
        let (kind, name) = (entry.kind.as_ref().map_or_else(Cow::default, Kind::qualified), entry.name);
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
