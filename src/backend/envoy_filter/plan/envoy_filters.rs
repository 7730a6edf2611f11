//! Which EnvoyFilters there are, whom each selects and in which order they apply.
//!
//! istiod checks every EnvoyFilter of a namespace against every proxy in it, so all workloads that use a filter as declared share
//! one object. The gate's pod label subscribes a pod to it. A use with settings of its own subscribes to its own object.

use std::collections::{BTreeMap, BTreeSet};

use super::gate::{self, Values};
use super::names::{self, Template, UsedNames, User};
use super::order::{self, Position};
use super::{Context, EnvoyFilter, Labels, Target, plugin};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Insert, Namespace};
use crate::resolve::mesh::{Attachment, Workload};
use crate::resolve::template::{FilterVars, Scope, WorkloadVars};

/// The key of `[names]` for objects that workloads share.
const SHARED: &str = "shared-envoy-filter";

/// The EnvoyFilters, and each workload's gate labels in the order of the workloads.
pub(super) fn plan(context: &Context<'_>, sink: &mut Sink) -> (Vec<EnvoyFilter>, Vec<Labels>) {
    let mesh = context.mesh;
    let by_workload = mesh.attachments_by_workload();
    let positions = positions(context, &by_workload);
    let values = gate::values(mesh);
    let mut planner =
        Planner { context, shared: BTreeSet::new(), used: UsedNames::new("EnvoyFilter"), planned: Vec::new() };
    let mut gates = Vec::with_capacity(mesh.workloads.len());
    let workloads = mesh.workloads.iter().zip(by_workload).zip(&positions).zip(&values);
    for (((workload, attachments), positions), values) in workloads {
        let mut labels = Labels::new();
        for (one, position) in attachments.iter().zip(positions) {
            labels.extend(planner.attachment(workload, one, *position, values, sink));
        }
        root_namespace(context, workload, sink);
        names::check_chain(context, attachments, sink);
        gates.push(labels);
    }
    (planner.planned, gates)
}

/// The priorities of each workload's attachments.
fn positions(context: &Context<'_>, by_workload: &[&[Attachment]]) -> Vec<Vec<Position>> {
    let mut positions: Vec<Vec<Position>> = by_workload.iter().map(|_| Vec::new()).collect();
    let mut by_namespace: BTreeMap<&Namespace, Vec<usize>> = BTreeMap::new();
    for (i, workload) in context.mesh.workloads.iter().enumerate() {
        by_namespace.entry(&workload.namespace).or_default().push(i);
    }
    for members in by_namespace.values() {
        let lists: Vec<Vec<&str>> = members.iter().map(|&i| before_router(context, by_workload[i])).collect();
        let arranged = if context.options.is_shared {
            order::arrange(&lists)
        } else {
            lists.iter().map(|list| order::alone(list.len())).collect()
        };
        for (&i, before_router) in members.iter().zip(arranged) {
            positions[i] = with_others(by_workload[i], before_router);
        }
    }
    positions
}

/// The filters that run before the router, in the order of the list.
fn before_router<'a>(context: &Context<'a>, attachments: &[Attachment]) -> Vec<&'a str> {
    let attachments = attachments.iter().filter(|one| one.scope.insert == Insert::BeforeRouter);
    attachments.map(|one| context.mesh.plugins[one.plugin].name.as_str()).collect()
}

/// Adds the filters in other places of the chain. Those that are inserted at the start or after an anchor come before all that were
/// inserted there earlier, so the first of the list is applied last.
fn with_others(attachments: &[Attachment], before_router: Vec<Position>) -> Vec<Position> {
    let last = before_router.last().map_or(0, |position| position.priority);
    let others = order::alone(attachments.len() - before_router.len()).into_iter();
    let mut others = others.map(|position| Position { priority: last + position.priority, ..position });
    let is_reversed = |one: &&Attachment| one.scope.insert.is_reversed();
    let mut reversed: Vec<Position> =
        attachments.iter().filter(is_reversed).zip(&mut others).map(|(_, it)| it).collect();
    let mut before_router = before_router.into_iter();
    let position = |one: &Attachment| match one.scope.insert {
        Insert::BeforeRouter => before_router.next(),
        insert if insert.is_reversed() => reversed.pop(),
        _ => others.next(),
    };
    // Each attachment has one of the positions.
    attachments.iter().filter_map(position).collect()
}

struct Planner<'a> {
    context: &'a Context<'a>,
    /// The shared objects that are planned already, by namespace and the index of the plugin.
    shared: BTreeSet<(&'a Namespace, usize)>,
    used: UsedNames,
    planned: Vec<EnvoyFilter>,
}

impl<'a> Planner<'a> {
    /// Plans the object of an attachment and returns the gate's label for it.
    fn attachment(
        &mut self,
        workload: &'a Workload,
        one: &Attachment,
        position: Position,
        values: &Values,
        sink: &mut Sink,
    ) -> Labels {
        let options = &self.context.options;
        if workload.gateway.as_ref().is_some_and(|gateway| gateway.is_waypoint) {
            let target = Target::Waypoint(workload.name.clone());
            self.own(workload, one, (position.priority, target), sink);
            return Labels::new();
        }
        let is_shared = options.is_shared && one.as_declared && position.common;
        let name = &self.context.mesh.plugins[one.plugin].name;
        let value = if is_shared || !options.is_shared { &values.shared } else { &values.own };
        let label = value.clone().filter(|_| options.has_gate).map(|value| (gate::label(name), value));
        let label: Labels = label.into_iter().collect();
        if is_shared {
            if self.shared.insert((&workload.namespace, one.plugin)) {
                self.shared(workload, one, position.priority, label.clone(), sink);
            }
        } else {
            let mut selector = label.clone();
            if !options.is_shared {
                selector.extend(workload.selector.clone());
            }
            self.own(workload, one, (position.priority, Target::Labels(selector)), sink);
        }
        label
    }

    fn shared(&mut self, workload: &Workload, one: &Attachment, priority: i32, selector: Labels, sink: &mut Sink) {
        let plugin = &self.context.mesh.plugins[one.plugin];
        let template = Template {
            kind: "EnvoyFilter",
            key: SHARED,
            written: self.context.names.shared_envoy_filter.as_ref(),
            default: "wasm-{{ filter.name }}",
        };
        let filter = FilterVars::of(plugin);
        let scope = Scope { filter: Some(&filter), workload: None };
        let user = (format!("filter `{}`", plugin.name), plugin.location);
        self.object(&template, &scope, user, (workload, one), (priority, Target::Labels(selector)), sink);
    }

    fn own(&mut self, workload: &Workload, one: &Attachment, placed: (i32, Target), sink: &mut Sink) {
        let plugin = &self.context.mesh.plugins[one.plugin];
        let template = Template {
            kind: "EnvoyFilter",
            key: "envoy-filter",
            written: self.context.names.envoy_filter.as_ref(),
            default: "{{ workload.name }}-{{ filter.name }}",
        };
        let (filter, vars) = (FilterVars::of(plugin), WorkloadVars::of(workload));
        let scope = Scope { filter: Some(&filter), workload: Some(&vars) };
        let user = (format!("{} `{}`, filter `{}`", vars.kind, vars.name, plugin.name), one.location);
        self.object(&template, &scope, user, (workload, one), placed, sink);
    }

    fn object(
        &mut self,
        template: &Template<'_>,
        scope: &Scope<'_>,
        user: User,
        (workload, one): (&Workload, &Attachment),
        (priority, target): (i32, Target),
        sink: &mut Sink,
    ) {
        let plugin = plugin::plan(self.context, one);
        let namespace = workload.namespace.clone();
        let Some(name) = template.render(self.context.templates, scope, "", user.1, sink) else { return };
        if self.used.add(&namespace, &name, user, sink) {
            let scope = one.scope;
            self.planned.push(EnvoyFilter {
                namespace,
                name,
                is_shared: template.key == SHARED,
                target,
                priority,
                direction: scope.direction,
                port: scope.port,
                insert: scope.insert,
                plugin,
                location: one.settings.configuration.as_ref().map_or(one.location, |text| text.location()),
            });
        }
    }
}

/// Reports workloads in the root namespace without the gate. The gate's label names that namespace; without the label, an
/// EnvoyFilter there selects pods of all namespaces by the workload's own labels alone.
fn root_namespace(context: &Context<'_>, workload: &Workload, sink: &mut Sink) {
    let namespace = &workload.namespace;
    if !context.options.has_gate && context.mesh.root_namespace.as_ref() == Some(namespace) {
        sink.push(
            Diagnostic::warning(Code::MC0222, format!("EnvoyFilters in `{namespace}` apply to the pods of every namespace"))
                .at(workload.location)
                .note("it is Istio's root namespace: pods of other namespaces with these labels run the filters too, but have no module")
                .help("use the gate, or labels that no other pod of the mesh has"),
        );
    }
}
