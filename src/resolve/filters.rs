//! The filters on their own: names, modules, and the settings that the mesh's Istio supports.

use std::collections::BTreeMap;

use super::capabilities;
use super::configuration::{self, Configuration, Keys};
use super::mesh::{Plugin, PluginModule, Source};
use super::settings::Settings;
use super::sources;
use super::template::{FilterVars, Scope, Templates};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{Feature, FilterName, FilterType, LoadFailure, OnFailure, Vm};
use crate::spec::types;
use crate::spec::{Spanned, Spec};
use crate::world::World;

/// A filter whose own keys are valid.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    pub(super) written: &'a Spanned<types::Filter>,
    pub(super) plugin: Plugin,
    pub(super) configuration: Option<Configuration<'a>>,
    /// Whether a value depends on the workload.
    pub(super) depends_on_workload: bool,
}

/// The filters by name, without those that are reported.
pub(super) fn resolve<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    mut modules: BTreeMap<&str, PluginModule>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> BTreeMap<&'a str, Filter<'a>> {
    let mut filters = BTreeMap::new();
    for (name, written) in &spec.filters {
        let before = sink.errors();
        let checked_name = filter_name(name, written.key_location(), sink);
        let configuration = configuration::resolve(world, spec, &Keys::from(&**written), sink);
        environment(written, sink);
        let on_failure = on_failure(spec, settings, written, sink);
        let stop_iteration = stop_iteration(spec, settings, written, sink);
        let Some(module) = modules.remove(name.as_str()) else { continue };
        let list = written.capabilities.as_ref();
        let capabilities = list.and_then(|list| capabilities::resolve(list, module.file(), sink));
        let Some(checked_name) = checked_name.filter(|_| sink.errors() == before) else { continue };
        let text = |written: &Option<Spanned<String>>| written.as_ref().map(|text| text.to_string());
        let mut plugin = Plugin {
            name: checked_name,
            module,
            source: Source::ConfigMap,
            filter_type: written.filter_type(),
            root_id: text(&written.root_id),
            vm_id: text(&written.vm_id).unwrap_or_else(|| name.clone()),
            vm: vm(written, sink),
            vm_configuration: None,
            runtime: written.runtime.as_deref().copied().unwrap_or_default(),
            allow_precompiled: written.allow_precompiled.as_deref().copied(),
            env_from_host: written.env_from_host.iter().map(|name| name.to_string()).collect(),
            capabilities,
            on_failure,
            load_failure: load_failure(spec, written),
            stop_iteration,
            location: written.key_location(),
        };
        let mut vm_configuration = None;
        let vars = FilterVars::of(&plugin);
        let scope = Scope { filter: Some(&vars), workload: None };
        if let Some(text) = &written.vm_config_text {
            let Some(rendered) = templates.render(text, &scope, sink) else { continue };
            vm_configuration = Some(rendered);
        }
        let context = sources::Context {
            spec,
            settings,
            templates,
            scope: &scope,
            name,
            written,
            load_failure: plugin.load_failure,
        };
        let Some(source) = sources::resolve(&context, &plugin.module, sink) else { continue };
        plugin.source = source;
        plugin.vm_configuration = vm_configuration;
        let of_env = written.env.values().any(|value| templates.depends_on_workload(value));
        let depends_on_workload = of_env || configuration.as_ref().is_some_and(|it| it.depends_on_workload(templates));
        filters.insert(name.as_str(), Filter { written, plugin, configuration, depends_on_workload });
    }
    sources::digest(filters.values_mut().map(|filter| &mut filter.plugin));
    filters
}

fn filter_name(name: &str, location: Location, sink: &mut Sink) -> Option<FilterName> {
    FilterName::new(name)
        .map_err(|reason| {
            sink.push(
                Diagnostic::error(Code::MC0201, format!("`{name}` is not a valid filter name: {reason}"))
                    .at(location)
                    .note("the name becomes part of a pod label and of a file name"),
            );
        })
        .ok()
}

/// Envoy rejects a variable that is set twice (source/extensions/common/wasm/plugin.cc).
fn environment(written: &types::Filter, sink: &mut Sink) {
    let own = written.env.iter().map(|(name, value)| (name.as_str(), value.key_location()));
    let from_host = written.env_from_host.iter().map(|name| (name.as_str(), name.location()));
    let mut seen: BTreeMap<&str, Location> = BTreeMap::new();
    for (name, location) in own.chain(from_host) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("{name:?} is not a valid environment variable name");
            sink.push(Diagnostic::error(Code::MC0217, message).at(location));
        } else if let Some(first) = seen.get(name) {
            sink.push(
                Diagnostic::error(Code::MC0217, format!("the environment variable `{name}` is set twice"))
                    .at_label(location, "set again here")
                    .related(*first, "first set here")
                    .note("Envoy rejects the listener"),
            );
        } else {
            seen.insert(name, location);
        }
    }
}

fn on_failure(spec: &Spec, settings: &Settings, written: &types::Filter, sink: &mut Sink) -> Option<OnFailure> {
    let policy = written.on_failure.as_ref()?;
    if **policy == OnFailure::Reload && !settings.istio.supports(Feature::FailurePolicy) {
        sink.push(too_old(spec, settings, "`on-failure = \"reload\"`", policy.location(), Feature::FailurePolicy));
        return None;
    }
    Some(**policy)
}

/// `vm`, or its default. A VM that is shared has an id of its own.
fn vm(written: &types::Filter, sink: &mut Sink) -> Vm {
    let vm = written.vm.as_deref().copied().unwrap_or_default();
    if let (Vm::Shared, Some(shared), Some(id)) = (vm, &written.vm, &written.vm_id) {
        sink.push(
            Diagnostic::error(Code::MC0214, "a shared VM has no `vm-id` of its own")
                .at(id.key_location())
                .related(shared.location(), "the id is a digest of what its filters have in common")
                .help("remove one of the two"),
        );
    }
    vm
}

/// `load-failure`, or its default. Without the gate, the objects are those that people write by hand unless a key asks for others.
fn load_failure(spec: &Spec, written: &types::Filter) -> LoadFailure {
    let has_gate = spec.rollout.gate.as_deref() != Some(&types::Gate::None);
    let is_open = written.on_failure.as_deref() == Some(&OnFailure::Open);
    let default = if has_gate && is_open { LoadFailure::Allow } else { LoadFailure::StopRollout };
    written.load_failure.as_deref().copied().unwrap_or(default)
}

fn stop_iteration(spec: &Spec, settings: &Settings, written: &types::Filter, sink: &mut Sink) -> Option<bool> {
    let allowed = written.stop_iteration.as_ref()?;
    if let Some(network) = written.filter_type.as_ref().filter(|it| ***it == FilterType::Network) {
        sink.push(
            Diagnostic::error(Code::MC0214, "`stop-iteration` requires an HTTP filter")
                .at(allowed.key_location())
                .related(network.location(), "a network filter has no header callbacks"),
        );
        return None;
    }
    if !settings.istio.supports(Feature::StopIteration) {
        sink.push(too_old(spec, settings, "`stop-iteration`", allowed.location(), Feature::StopIteration));
        return None;
    }
    Some(**allowed)
}

fn too_old(spec: &Spec, settings: &Settings, what: &str, location: Location, feature: Feature) -> Diagnostic {
    let (istio, since) = (settings.istio, feature.since());
    let message = format!("Istio {istio} (Envoy 1.{}) does not support {what}", istio.envoy_minor());
    let diagnostic = Diagnostic::error(Code::MC0206, message)
        .at_label(location, format!("requires Istio {since} (Envoy 1.{})", since.envoy_minor()))
        .note("istiod silently drops a field that it does not know")
        .help("remove it, or raise `mesh.istio` once all proxies are upgraded");
    match &spec.mesh.istio {
        Some(declared) => diagnostic.related(declared.location(), "the oldest proxies of the mesh"),
        None => diagnostic,
    }
}
