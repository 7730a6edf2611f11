//! The filters by themselves: their names, their configuration as written, and the fields that the declared Istio reads.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::{Map, Value};

use super::capabilities;
use super::mesh::{Capabilities, FailureField, StopIteration};
use super::modules::{self, Embedded};
use super::settings::Settings;
use super::template::{FilterVars, Scope, Templates};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{FilterType, Istio, LabelKey, OnFailure};
use crate::spec::types;
use crate::spec::{Place, Spec};
use crate::world::{Usage, World};

/// The gate's label is this prefix and the filter's name.
const GATE_PREFIX: &str = "wasm.mesh-compile.dev/";

/// A filter whose own keys are right.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    pub(super) name: &'a str,
    pub(super) written: &'a types::Filter,
    pub(super) place: Place,
    pub(super) vars: FilterVars<'a>,
    pub(super) module: Embedded,
    pub(super) capabilities: Option<Capabilities>,
    pub(super) gate: LabelKey,
    pub(super) chain_name: String,
    pub(super) configuration: Option<Configuration<'a>>,
    pub(super) on_failure: Option<FailureField>,
    pub(super) stop_iteration: Option<StopIteration>,
}

/// A plugin's configuration as mesh.toml gives it.
#[derive(Debug)]
pub(super) enum Configuration<'a> {
    /// To be written as canonical JSON.
    Table(&'a Map<String, Value>, Place),
    /// Passed on, after its templates are rendered.
    Text(&'a str, Place),
    /// A file's text, passed on as it is.
    File(String, Place),
}

/// A character that kustomize does not bring through: it reads its own output again, refuses most of these and makes a blank of
/// U+0085 (seen with 5.7).
pub(super) const fn lost_in_kustomize(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// JSON with those characters as escapes; only its strings hold any.
fn escaped(json: &str) -> String {
    let escape = |c: char| if lost_in_kustomize(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    if json.contains(lost_in_kustomize) { json.chars().map(escape).collect() } else { json.to_owned() }
}

impl Configuration<'_> {
    /// The text that the plugin gets. `None` after a report.
    pub(super) fn render(&self, templates: &Templates<'_>, scope: &Scope<'_>, sink: &mut Sink) -> Option<String> {
        match self {
            Self::Table(table, place) => {
                let table = Value::Object((*table).clone());
                templates.render_json(&table, place, scope, sink).map(|value| escaped(&value.to_string()))
            }
            Self::Text(text, place) => templates.render(text, place, scope, sink),
            Self::File(text, _) => Some(text.clone()),
        }
    }

    /// Where it is written.
    pub(super) const fn place(&self) -> &Place {
        match self {
            Self::Table(_, place) | Self::Text(_, place) | Self::File(_, place) => place,
        }
    }

    fn names_workload(&self, templates: &Templates<'_>) -> bool {
        fn any(value: &Value, templates: &Templates<'_>) -> bool {
            match value {
                Value::String(text) => templates.names_workload(text),
                Value::Array(items) => items.iter().any(|item| any(item, templates)),
                Value::Object(entries) => entries.values().any(|item| any(item, templates)),
                _ => false,
            }
        }
        match self {
            Self::Table(table, _) => table.values().any(|value| any(value, templates)),
            Self::Text(text, _) => templates.names_workload(text),
            Self::File(..) => false,
        }
    }
}

impl Filter<'_> {
    /// The key of its ConfigMap, and so its file under the mount path: constant, whatever the module's own file is called, so
    /// that a new module never moves the path from under a running pod.
    pub(super) fn key(&self) -> String {
        format!("{}.wasm", self.name)
    }

    /// Whether what Envoy gets differs from workload to workload.
    pub(super) fn names_workload(&self, templates: &Templates<'_>) -> bool {
        let configuration = self.configuration.as_ref().is_some_and(|it| it.names_workload(templates));
        configuration || self.written.env.values().any(|value| templates.names_workload(value))
    }
}

/// The filters that can be used; the others have been reported.
pub(super) fn resolve<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    modules: &BTreeMap<&str, Embedded>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> BTreeMap<&'a str, Filter<'a>> {
    let mut filters = BTreeMap::new();
    for (name, written) in &spec.filters {
        let place = Place::default().key("filters").key(name);
        let vars = FilterVars {
            name,
            root_id: written.root_id.as_deref(),
            vm_id: written.vm_id.as_deref().unwrap_or(name),
            filter_type: match written.filter_type {
                FilterType::Http => "http",
                FilterType::Network => "network",
            },
        };
        // What is wrong with the template is not the filter's fault: the default stands in.
        let chain_name = chain_name(spec, &vars, templates, sink).unwrap_or_else(|| format!("wasm.{name}"));
        let before = sink.errors();
        let gate = gate_label(spec, name, &place, sink);
        let sources = [&written.config_text, &written.config_file];
        let configuration = configuration(world, spec, written.config.as_ref(), sources, &place, sink);
        environment(spec, written, &place, sink);
        let on_failure = on_failure(spec, settings, written, &place, sink);
        let stop_iteration = stop_iteration(spec, settings, written, &place, sink);
        let module = modules.get(name.as_str());
        let capabilities =
            module.and_then(|module| capabilities::resolve(spec, settings, written, module, &place, sink));
        if let (Some(gate), Some(module)) = (gate, module)
            && sink.errors() == before
        {
            let module = module.clone();
            filters.insert(
                name.as_str(),
                Filter {
                    name,
                    written,
                    place,
                    vars,
                    module,
                    capabilities,
                    gate,
                    chain_name,
                    configuration,
                    on_failure,
                    stop_iteration,
                },
            );
        }
    }
    filters
}

fn gate_label(spec: &Spec, name: &str, place: &Place, sink: &mut Sink) -> Option<LabelKey> {
    let label = if name.contains('/') {
        Err("it holds '/', and a label's key has one already".to_owned())
    } else {
        LabelKey::new(format!("{GATE_PREFIX}{name}"))
    };
    label
        .map_err(|reason| {
            sink.push(
                Diagnostic::error(Code::MC0201, format!("`{name}` cannot be the name of a filter: {reason}"))
                    .at(spec.document.key(place))
                    .note(format!("it becomes the pod label `{GATE_PREFIX}{name}` and the file `{name}.wasm`")),
            );
        })
        .ok()
}

fn chain_name(spec: &Spec, vars: &FilterVars<'_>, templates: &Templates<'_>, sink: &mut Sink) -> Option<String> {
    let template = spec.names.http_filter.as_deref().unwrap_or("wasm.{{ filter.name }}");
    let place = Place::default().key("names").key("http-filter");
    let scope = Scope { filter: Some(vars), workload: None };
    let name = templates.render(template, &place, &scope, sink)?;
    if name.is_empty() {
        sink.push(
            Diagnostic::error(Code::MC0201, "the filter's name in the chain is empty").at(spec.document.at(&place)),
        );
        return None;
    }
    Some(name)
}

/// The configuration of a filter or of one use of it, of which there may be one. `None` also after a report.
pub(super) fn configuration<'a>(
    world: &dyn World,
    spec: &'a Spec,
    table: Option<&'a Map<String, Value>>,
    [text, file]: [&'a Option<String>; 2],
    place: &Place,
    sink: &mut Sink,
) -> Option<Configuration<'a>> {
    let written: Vec<&str> =
        [("config", table.is_some()), ("config-text", text.is_some()), ("config-file", file.is_some())]
            .iter()
            .filter_map(|(key, there)| there.then_some(*key))
            .collect();
    if let [first, second, ..] = written.as_slice() {
        sink.push(
            Diagnostic::error(Code::MC0114, format!("`{first}` and `{second}` exclude each other"))
                .at_label(spec.document.key(&place.key(*second)), "a plugin has one configuration")
                .related(spec.document.key(&place.key(*first)), "and this is one already")
                .help("keep one of them"),
        );
        return None;
    }
    if let Some(table) = table {
        return Some(Configuration::Table(table, place.key("config")));
    }
    if let Some(text) = text {
        return Some(Configuration::Text(text, place.key("config-text")));
    }
    let path = file.as_ref()?;
    let place = place.key("config-file");
    let location = spec.document.at(&place);
    if Utf8Path::new(path).is_absolute() {
        sink.push(modules::absolute(path).at(location));
        return None;
    }
    let content = world.read(&spec.document.folder().join(path), Usage::Configuration);
    match content.map(|bytes| String::from_utf8(bytes.to_vec())) {
        Ok(Ok(text)) => Some(Configuration::File(text, place)),
        Ok(Err(_)) => {
            let message = format!("`{path}` is not valid UTF-8, which the EnvoyFilter's StringValue takes");
            sink.push(Diagnostic::error(Code::MC0115, message).at(location));
            None
        }
        Err(error) => {
            let message = format!("cannot read the configuration `{path}`: {error}");
            let note = "the path starts from mesh.toml's folder";
            sink.push(Diagnostic::error(Code::MC0115, message).at(location).note(note));
            None
        }
    }
}

/// Envoy refuses a variable that is given twice (source/extensions/common/wasm/plugin.cc).
fn environment(spec: &Spec, written: &types::Filter, place: &Place, sink: &mut Sink) {
    let host_place = place.key("env-from-host");
    let from_host =
        written.env_from_host.iter().enumerate().map(|(i, name)| (name, spec.document.at(&host_place.index(i))));
    let own = written.env.keys().map(|name| (name, spec.document.key(&place.key("env").key(name))));
    let mut seen: BTreeMap<&str, crate::diag::Location> = BTreeMap::new();
    for (name, location) in own.chain(from_host) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("{name:?} cannot be the name of an environment variable");
            sink.push(Diagnostic::error(Code::MC0217, message).at(location));
        } else if let Some(first) = seen.get(name.as_str()) {
            sink.push(
                Diagnostic::error(Code::MC0217, format!("the environment variable `{name}` is given twice"))
                    .at_label(location, "given again here")
                    .related(*first, "first given here")
                    .note("Envoy refuses the listener"),
            );
        } else {
            seen.insert(name, location);
        }
    }
}

fn on_failure(
    spec: &Spec,
    settings: &Settings,
    written: &types::Filter,
    place: &Place,
    sink: &mut Sink,
) -> Option<FailureField> {
    let policy = written.on_failure?;
    if settings.istio >= Istio::FAILURE_POLICY {
        return Some(FailureField::Policy(policy));
    }
    match policy {
        OnFailure::Closed => Some(FailureField::FailOpen(false)),
        OnFailure::Open => Some(FailureField::FailOpen(true)),
        OnFailure::Reload => {
            let what = "`on-failure = \"reload\"` is not known to";
            sink.push(too_old(spec, settings, what, &place.key("on-failure"), Istio::FAILURE_POLICY));
            None
        }
    }
}

fn stop_iteration(
    spec: &Spec,
    settings: &Settings,
    written: &types::Filter,
    place: &Place,
    sink: &mut Sink,
) -> Option<StopIteration> {
    let allowed = written.stop_iteration?;
    let here = place.key("stop-iteration");
    if written.filter_type == FilterType::Network {
        sink.push(
            Diagnostic::error(Code::MC0214, "`stop-iteration` is for HTTP filters")
                .at(spec.document.key(&here))
                .related(spec.document.at(&place.key("type")), "a network filter has no header callbacks"),
        );
        return None;
    }
    if settings.istio < Istio::STOP_ITERATION {
        sink.push(too_old(spec, settings, "`stop-iteration` is not known to", &here, Istio::STOP_ITERATION));
        return None;
    }
    Some(StopIteration { allowed, typed_struct: settings.istio < Istio::STOP_ITERATION_TYPED })
}

fn too_old(spec: &Spec, settings: &Settings, what: &str, place: &Place, since: Istio) -> Diagnostic {
    let istio = settings.istio;
    let finding = Diagnostic::error(Code::MC0206, format!("{what} Istio {istio} (Envoy 1.{})", istio.envoy_minor()))
        .at_label(spec.document.at(place), format!("came with Istio {since} (Envoy 1.{})", since.envoy_minor()))
        .note("istiod drops a field that it does not know, without a word")
        .help("remove it, or raise `mesh.istio` once no older proxy is left");
    if spec.mesh.istio.is_some() {
        let declared = spec.document.at(&Place::default().key("mesh").key("istio"));
        return finding.related(declared, "the oldest proxies of the mesh");
    }
    finding
}
