//! Which EnvoyFilters there are, whom each selects and in which order they are applied.
//!
//! istiod holds every EnvoyFilter of a namespace against every proxy of it, so all plain uses of a filter share one object. The
//! gate's pod label subscribes a pod to it; a use with overrides subscribes to an object of its own.

use std::collections::BTreeMap;

use super::filters::{self, Filter};
use super::gate::{self, Gates};
use super::limits;
use super::mesh::{EnvoyFilter, Plugin};
use super::order::{self, Position};
use super::settings::Settings;
use super::template::{Scope, Templates};
use super::workloads::{Use, Workload};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{Insert, LabelKey, LabelValue, Namespace, ObjectName};
use crate::spec::types::{EnvoyFilters, Gate};
use crate::spec::{Place, Spec};

/// The EnvoyFilters, and each workload's gate labels in the order of `workloads`.
pub(super) fn resolve(
    spec: &Spec,
    settings: &Settings,
    workloads: &[Workload<'_>],
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> (Vec<EnvoyFilter>, Vec<Gates>) {
    let positions = positions(settings, workloads);
    let values = gate::values(settings, workloads);
    let mut builder =
        Builder { spec, settings, templates, shared: BTreeMap::new(), names: BTreeMap::new(), made: Vec::new() };
    let mut gates = Vec::with_capacity(workloads.len());
    for ((workload, positions), value) in workloads.iter().zip(&positions).zip(values) {
        let mut plugins = Vec::with_capacity(workload.uses.len());
        let mut labels = Gates::new();
        for (one, position) in workload.uses.iter().zip(positions) {
            let own = settings.envoy_filters == EnvoyFilters::PerWorkload
                || one.overrides
                || !position.common
                || one.filter.names_workload(templates);
            if settings.gate == Gate::PodLabel {
                let alone = own && settings.envoy_filters == EnvoyFilters::Shared;
                let value = if alone { &value.own } else { &value.shared };
                labels.extend(value.clone().map(|value| (one.filter.gate.clone(), value)));
            }
            let plugin = if own {
                builder.own(workload, one, position.priority, &labels, sink)
            } else {
                builder.shared(workload, one, position.priority, &labels, sink)
            };
            plugins.extend(plugin.map(|plugin| (one, plugin)));
        }
        root_namespace(spec, settings, workload, sink);
        shared_vms(spec, &plugins, sink);
        chain_names(spec, workload, sink);
        gates.push(labels);
    }
    (builder.made, gates)
}

/// Priorities of each workload's uses.
fn positions(settings: &Settings, workloads: &[Workload<'_>]) -> Vec<Vec<Position>> {
    let mut positions: Vec<Vec<Position>> = workloads.iter().map(|_| Vec::new()).collect();
    let mut by_namespace: BTreeMap<&Namespace, Vec<usize>> = BTreeMap::new();
    for (i, workload) in workloads.iter().enumerate() {
        by_namespace.entry(&workload.namespace).or_default().push(i);
    }
    for members in by_namespace.values() {
        let lists: Vec<Vec<&str>> = members.iter().map(|&i| behind_the_head(&workloads[i])).collect();
        let arranged = match settings.envoy_filters {
            EnvoyFilters::Shared => order::arrange(&lists),
            EnvoyFilters::PerWorkload => lists.iter().map(|list| order::alone(list.len())).collect(),
        };
        for (&i, behind) in members.iter().zip(arranged) {
            positions[i] = with_heads(&workloads[i], behind);
        }
    }
    positions
}

fn behind_the_head<'a>(workload: &Workload<'a>) -> Vec<&'a str> {
    workload.uses.iter().filter(|one| one.insert == Insert::BeforeRouter).map(|one| one.filter.name).collect()
}

/// Adds the uses that go to the head of the chain. Each is put before all that are there, so the first of the list is applied last.
fn with_heads(workload: &Workload<'_>, behind: Vec<Position>) -> Vec<Position> {
    let heads = workload.uses.len() - behind.len();
    let last = behind.last().map_or(0, |position| position.priority);
    let mut all: Vec<Position> =
        order::alone(heads).into_iter().map(|head| Position { priority: last + head.priority, ..head }).rev().collect();
    all.extend(behind);
    all
}

struct Builder<'a> {
    spec: &'a Spec,
    settings: &'a Settings,
    templates: &'a Templates<'a>,
    /// The plugins of the shared objects that are there already.
    shared: BTreeMap<(Namespace, &'a str), Option<Plugin>>,
    names: BTreeMap<(Namespace, ObjectName), (String, Location)>,
    made: Vec<EnvoyFilter>,
}

impl<'a> Builder<'a> {
    fn shared(
        &mut self,
        workload: &Workload<'a>,
        one: &Use<'a>,
        priority: i32,
        gates: &Gates,
        sink: &mut Sink,
    ) -> Option<Plugin> {
        let key = (workload.namespace.clone(), one.filter.name);
        if let Some(made) = self.shared.get(&key) {
            return made.clone();
        }
        let scope = Scope { filter: Some(&one.filter.vars), workload: None };
        let template = self.spec.names.shared_envoy_filter.as_deref().unwrap_or("wasm-{{ filter.name }}");
        let user = format!("filter `{}`", one.filter.name);
        let name = self.name(
            (template, "shared-envoy-filter"),
            &scope,
            workload,
            (user, self.spec.document.key(&one.filter.place)),
            sink,
        );
        let plugin = self.plugin(workload, one, &scope, sink);
        self.shared.insert(key, plugin.clone());
        let selector = gates.iter().filter(|(key, _)| **key == one.filter.gate).map(pair).collect();
        self.make(workload, one, (name?, selector, priority), plugin.clone()?);
        plugin
    }

    fn own(
        &mut self,
        workload: &Workload<'a>,
        one: &Use<'a>,
        priority: i32,
        gates: &Gates,
        sink: &mut Sink,
    ) -> Option<Plugin> {
        let vars = workload.vars();
        let scope = Scope { filter: Some(&one.filter.vars), workload: Some(&vars) };
        let template = self.spec.names.envoy_filter.as_deref().unwrap_or("{{ workload.name }}-{{ filter.name }}");
        let user = format!("{} `{}`, filter `{}`", vars.kind, vars.name, one.filter.name);
        let name =
            self.name((template, "envoy-filter"), &scope, workload, (user, self.spec.document.at(&one.place)), sink);
        let plugin = self.plugin(workload, one, &scope, sink)?;
        let mut selector: Gates = gates.iter().filter(|(key, _)| **key == one.filter.gate).map(pair).collect();
        if self.settings.envoy_filters == EnvoyFilters::PerWorkload {
            selector.extend(workload.selector.clone());
        }
        self.make(workload, one, (name?, selector, priority), plugin.clone());
        Some(plugin)
    }

    fn make(
        &mut self,
        workload: &Workload<'_>,
        one: &Use<'_>,
        (name, selector, priority): (ObjectName, Gates, i32),
        plugin: Plugin,
    ) {
        self.made.push(EnvoyFilter {
            namespace: workload.namespace.clone(),
            name,
            selector,
            priority,
            direction: one.direction,
            port: one.port,
            insert: one.insert,
            plugin,
        });
    }

    /// Renders an object's name and sees that no other has it. `None` after a report.
    fn name(
        &mut self,
        (template, key): (&str, &str),
        scope: &Scope<'_>,
        workload: &Workload<'_>,
        (user, location): (String, Location),
        sink: &mut Sink,
    ) -> Option<ObjectName> {
        let place = Place::default().key("names").key(key);
        let text = self.templates.render(template, &place, scope, sink)?;
        let name = object_name(self.spec, "EnvoyFilter", &text, (&place, &location), sink)?;
        let user = (user, location);
        unique(&mut self.names, "EnvoyFilter", (&workload.namespace, &name), user, sink).then_some(name)
    }

    fn plugin(&self, workload: &Workload<'a>, one: &Use<'a>, scope: &Scope<'_>, sink: &mut Sink) -> Option<Plugin> {
        let Filter { written, name, .. } = one.filter;
        let written_configuration = one.configuration.as_ref().or(one.filter.configuration.as_ref());
        let configuration = written_configuration.map(|it| it.render(self.templates, scope, sink));
        let place = one.filter.place.key("env");
        let render = |(key, value): (&String, &String), sink: &mut Sink| {
            Some((key.clone(), self.templates.render(value, &place.key(key), scope, sink)?))
        };
        // Each is rendered before any failure ends it, so that all of them are reported.
        let env: Vec<Option<_>> = written.env.iter().map(|entry| render(entry, sink)).collect();
        let env: BTreeMap<_, _> = env.into_iter().collect::<Option<_>>()?;
        let configuration = match configuration {
            Some(rendered) => Some(rendered?),
            None => None,
        };
        let texts = [
            configuration.as_deref().zip(written_configuration.map(|it| it.place().clone())),
            written.vm_config_text.as_deref().map(|text| (text, one.filter.place.key("vm-config-text"))),
            written.root_id.as_deref().map(|text| (text, one.filter.place.key("root-id"))),
        ];
        let variables = env.iter().map(|(key, value)| (value.as_str(), place.key(key)));
        if let Some((text, place)) = &texts[0] {
            limits::configuration(text, &self.spec.document.at(place), sink);
        }
        for (text, place) in texts.into_iter().flatten().chain(variables) {
            comes_through(self.spec, text, &place, sink);
        }
        Some(Plugin {
            filter_type: written.filter_type,
            chain_name: one.filter.chain_name.clone(),
            name: (*name).to_owned(),
            root_id: written.root_id.clone(),
            configuration,
            vm_id: one.filter.vars.vm_id.to_owned(),
            vm_configuration: written.vm_config_text.clone(),
            runtime: written.runtime,
            allow_precompiled: written.allow_precompiled,
            filename: format!("{}/{}", workload.mount_path, one.filter.key()),
            env,
            env_from_host: written.env_from_host.clone(),
            capabilities: one.filter.capabilities.clone(),
            on_failure: one.filter.on_failure,
            stop_iteration: one.filter.stop_iteration,
        })
    }
}

/// Reports a text that kustomize would change or refuse.
fn comes_through(spec: &Spec, text: &str, place: &Place, sink: &mut Sink) {
    if let Some(lost) = text.chars().find(|c| filters::lost_in_kustomize(*c)) {
        let message = format!("the text holds U+{:04X}, which kustomize does not bring through", u32::from(lost));
        let help = "write it in a form that the filter undoes, as JSON's `\\u007f`";
        sink.push(Diagnostic::error(Code::MC0221, message).at(spec.document.at(place)).help(help));
    }
}

fn pair((key, value): (&LabelKey, &LabelValue)) -> (LabelKey, LabelValue) {
    (key.clone(), value.clone())
}

/// A rendered text as an object's name. `None` after a report at the template, or at `user` where the template is the default.
pub(super) fn object_name(
    spec: &Spec,
    kind: &str,
    text: &str,
    (template, user): (&Place, &Location),
    sink: &mut Sink,
) -> Option<ObjectName> {
    let reason = match ObjectName::new(text) {
        Ok(name) => return Some(name),
        Err(reason) => reason,
    };
    let finding = Diagnostic::error(Code::MC0201, format!("`{text}` is not a name for the {kind}: {reason}"));
    let finding = if spec.document.has(template) {
        finding.at_label(spec.document.at(template), "the template").related(*user, "rendered for this")
    } else {
        finding.at(*user).note(format!("the default template of `{template}` made it"))
    };
    let fitting: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let rename = if ObjectName::new(&fitting).is_ok() {
        format!("rename it so that this is `{fitting}`, or ")
    } else {
        String::new()
    };
    sink.push(finding.help(format!("{rename}set another template as `{template}`")));
    None
}

/// Whether no object of the kind has that name yet; both users of the name are shown otherwise.
pub(super) fn unique(
    names: &mut BTreeMap<(Namespace, ObjectName), (String, Location)>,
    kind: &str,
    (namespace, name): (&Namespace, &ObjectName),
    (user, location): (String, Location),
    sink: &mut Sink,
) -> bool {
    let key = (namespace.clone(), name.clone());
    let Some((first_user, first)) = names.get(&key) else {
        names.insert(key, (user, location));
        return true;
    };
    sink.push(
        Diagnostic::error(Code::MC0203, format!("two {kind}s would be named {namespace}/{name}"))
            .at_label(location, format!("one for {user}"))
            .related(*first, format!("one for {first_user}"))
            .help("make the template under [names] tell them apart"),
    );
    false
}

/// Without the gate's label, which names the root namespace, an EnvoyFilter there selects by the workload's own labels alone.
fn root_namespace(spec: &Spec, settings: &Settings, workload: &Workload<'_>, sink: &mut Sink) {
    if settings.gate == Gate::None && settings.root_namespace.as_ref() == Some(&workload.namespace) {
        let message = format!("EnvoyFilters in `{}` reach the pods of every namespace", workload.namespace);
        sink.push(
            Diagnostic::warning(Code::MC0222, message)
                .at(spec.document.key(&workload.place))
                .note(
                    "it is Istio's root namespace: pods elsewhere with these labels get the filters too, and no module",
                )
                .help("use the gate, or labels that no other pod of the mesh has"),
        );
    }
}

/// Filters of one proxy with the same vm-id, module and VM configuration share a VM, and neither the environment nor the capabilities are part of its key
/// (envoyproxy/envoy, source/extensions/common/wasm): the first one loaded wins.
fn shared_vms(spec: &Spec, plugins: &[(&Use<'_>, Plugin)], sink: &mut Sink) {
    let mut first: BTreeMap<_, &(&Use<'_>, Plugin)> = BTreeMap::new();
    for entry in plugins {
        let (one, plugin) = entry;
        let key = (&plugin.vm_id, one.filter.module.module.digest, &plugin.vm_configuration);
        let Some((other, loaded)) = first.get(&key) else {
            first.insert(key, entry);
            continue;
        };
        let settings =
            |plugin: &Plugin| (plugin.env.clone(), plugin.env_from_host.clone(), plugin.capabilities.clone());
        if settings(loaded) != settings(plugin) {
            let message = format!(
                "`{}` and `{}` share one VM, and it has the environment and capabilities of one",
                loaded.name, plugin.name
            );
            sink.push(
                Diagnostic::error(Code::MC0209, message)
                    .at_label(spec.document.key(&one.filter.place), "this one's are ignored")
                    .related(spec.document.key(&other.filter.place), "the first one loaded wins")
                    .note("same vm-id, same module, same VM configuration: same VM. Environment and capabilities are no part of that key")
                    .help("give one of them another `vm-id`"),
            );
        }
    }
}

fn chain_names(spec: &Spec, workload: &Workload<'_>, sink: &mut Sink) {
    let mut first: BTreeMap<_, &Use<'_>> = BTreeMap::new();
    for one in &workload.uses {
        let key = (one.filter.vars.filter_type, one.filter.chain_name.as_str());
        if let Some(other) = first.get(&key) {
            let message = format!("two filters of one chain are named `{}`", one.filter.chain_name);
            sink.push(
                Diagnostic::warning(Code::MC0219, message)
                    .at_label(spec.document.at(&one.place), "has the name too")
                    .related(spec.document.at(&other.place), "has the name")
                    .note("Envoy allows it, but neither can be configured or disabled by itself")
                    .help("use `{{ filter.name }}` in `names.http-filter`"),
            );
        }
        first.entry(key).or_insert(one);
    }
}
