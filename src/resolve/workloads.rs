//! The workloads: who they are, which filters they use and how the modules get into their proxies.

use std::collections::{BTreeMap, BTreeSet};

use super::filters::{self, Configuration, Filter};
use super::limits;
use super::settings::{self, Settings};
use super::template::{Scope, Templates, WorkloadVars};
use super::volumes;
use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::domain::{Direction, Insert, Kind, LabelKey, LabelValue, MountBy, Namespace, ObjectName};
use crate::spec::types::{self, EnvoyFilters, UseWith};
use crate::spec::{Place, Spec};
use crate::world::World;

/// Where modules stand in the proxy unless a workload says otherwise.
const MOUNT_PATH: &str = "/var/local/lib/wasm-filters";

/// A workload whose own keys are right.
#[derive(Debug)]
pub(super) struct Workload<'a> {
    pub(super) written: &'a types::Workload,
    pub(super) place: Place,
    pub(super) name: ObjectName,
    pub(super) namespace: Namespace,
    pub(super) patch_namespace: Option<Namespace>,
    pub(super) selector: BTreeMap<LabelKey, LabelValue>,
    pub(super) mount: MountBy,
    /// Without a slash at its end.
    pub(super) mount_path: String,
    pub(super) volume: String,
    /// In the order of the request path.
    pub(super) uses: Vec<Use<'a>>,
}

/// A filter as a workload uses it.
#[derive(Debug)]
pub(super) struct Use<'a> {
    pub(super) filter: &'a Filter<'a>,
    pub(super) place: Place,
    pub(super) configuration: Option<Configuration<'a>>,
    pub(super) port: Option<u16>,
    pub(super) insert: Insert,
    pub(super) direction: Direction,
    /// Whether it differs from the filter as it is declared, so that no other workload could share its EnvoyFilter.
    pub(super) overrides: bool,
}

impl Workload<'_> {
    pub(super) fn vars(&self) -> WorkloadVars<'_> {
        WorkloadVars { name: self.name.as_str(), namespace: self.namespace.as_str(), kind: self.written.kind.as_str() }
    }
}

/// The workloads that can be rendered; the others have been reported.
pub(super) fn resolve<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    filters: &'a BTreeMap<&'a str, Filter<'a>>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Vec<Workload<'a>> {
    let mut workloads = Vec::new();
    let mut taken: BTreeMap<(Kind, Namespace, ObjectName), Place> = BTreeMap::new();
    for (key, written) in &spec.workloads {
        let place = Place::default().key("workloads").key(key);
        let Some(workload) = workload(world, spec, settings, filters, templates, (key, written, place), sink) else {
            continue;
        };
        let identity = (written.kind, workload.namespace.clone(), workload.name.clone());
        if let Some(first) = taken.get(&identity) {
            let message =
                format!("{} {}/{} is patched twice", written.kind.as_str(), workload.namespace, workload.name);
            let mut places = [first, &workload.place].map(|place| spec.document.key(place));
            places.sort_by_key(|place| place.bytes().start);
            let [first, again] = places;
            sink.push(
                Diagnostic::error(Code::MC0212, message)
                    .at_label(again, "here again")
                    .related(first, "first here")
                    .help("list all its filters in one place: of two patches the last would win"),
            );
            continue;
        }
        taken.insert(identity, workload.place.clone());
        workloads.push(workload);
    }
    workloads
}

fn workload<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    filters: &'a BTreeMap<&'a str, Filter<'a>>,
    templates: &Templates<'_>,
    (key, written, place): (&'a str, &'a types::Workload, Place),
    sink: &mut Sink,
) -> Option<Workload<'a>> {
    let name = name(spec, key, written, &place, sink);
    let namespace = match &written.namespace {
        Some(text) => settings::namespace(spec, text, &place.key("namespace"), sink),
        None => settings.namespace.clone(),
    };
    let patch_namespace = match written.patch_namespace.as_deref() {
        None => namespace.clone(),
        Some("") => None,
        Some(text) => settings::namespace(spec, text, &place.key("patch-namespace"), sink),
    };
    let selector = selector(spec, settings, written, &place, sink);
    let mount_path = volumes::mount_path(spec, written.mount_path.as_deref().unwrap_or(MOUNT_PATH), &place, sink);
    let uses = uses(world, spec, filters, written, &place, mount_path.as_deref() != Some(MOUNT_PATH), sink);
    let mount = mount(spec, written, &uses, &place, sink);
    insert_order(spec, &uses, sink);
    let (name, namespace) = (name?, namespace?);
    let vars = WorkloadVars { name: name.as_str(), namespace: namespace.as_str(), kind: written.kind.as_str() };
    // After a report the default stands in, so that what else is wrong with the workload is shown in the same run.
    let volume = volumes::volume_name(spec, &Scope { filter: None, workload: Some(&vars) }, templates, sink);
    let volume = volume.unwrap_or_else(|| volumes::NAME.to_owned());
    let mount_path = mount_path.unwrap_or_else(|| MOUNT_PATH.to_owned());
    if mount == MountBy::Annotation {
        limits::annotations(written, &spec.document.at(&place.key("volumes")), sink);
    }
    volumes::check_own(spec, written, (&volume, &mount_path), &place, sink);
    Some(Workload { written, place, name, namespace, patch_namespace, selector, mount, mount_path, volume, uses })
}

fn name(spec: &Spec, key: &str, written: &types::Workload, place: &Place, sink: &mut Sink) -> Option<ObjectName> {
    let (text, location) = match &written.name {
        Some(name) => (name.as_str(), spec.document.at(&place.key("name"))),
        None => (key, spec.document.key(place)),
    };
    ObjectName::new(text)
        .map_err(|reason| {
            let message = format!("`{text}` is not the name of a {}: {reason}", written.kind.as_str());
            sink.push(Diagnostic::error(Code::MC0201, message).at(location));
        })
        .ok()
}

fn selector(
    spec: &Spec,
    settings: &Settings,
    written: &types::Workload,
    place: &Place,
    sink: &mut Sink,
) -> BTreeMap<LabelKey, LabelValue> {
    let selector = place.key("selector");
    if settings.envoy_filters == EnvoyFilters::PerWorkload && written.selector.is_empty() {
        sink.push(
            Diagnostic::error(Code::MC0213, format!("`{place}` has no `selector`"))
                .at(spec.document.key(&selector))
                .note("a per-workload EnvoyFilter selects by it; an empty one would reach every pod of the namespace that has a module")
                .help("add the labels that its pods have and no others, as `selector = { app = \"…\" }`"),
        );
    }
    for key in written.selector.iter().filter(|(_, value)| value.is_empty()).map(|(key, _)| key) {
        sink.push(
            Diagnostic::error(Code::MC0202, format!("the selector's `{key}` is empty"))
                .at(spec.document.at(&selector.key(key)))
                .note("Istio's webhook refuses an EnvoyFilter with an empty value in its selector"),
        );
    }
    settings::labels(spec, &written.selector, &selector, sink)
}

fn uses<'a>(
    world: &dyn World,
    spec: &'a Spec,
    filters: &'a BTreeMap<&'a str, Filter<'a>>,
    written: &'a types::Workload,
    place: &Place,
    moved: bool,
    sink: &mut Sink,
) -> Vec<Use<'a>> {
    let default_direction = written.direction.unwrap_or_default();
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    let mut uses = Vec::new();
    for (i, item) in written.filters.iter().enumerate() {
        let here = place.key("filters").index(i);
        let (name, with, name_place) = match item {
            types::Use::Plain(name) => (name, None, here.clone()),
            types::Use::With(with) => (&with.filter, Some(with), here.key("filter")),
        };
        if let Some(first) = seen.get(name.as_str()) {
            sink.push(
                Diagnostic::error(Code::MC0211, format!("`{name}` stands twice in the list"))
                    .at_label(spec.document.at(&name_place), "again here")
                    .related(spec.document.at(first), "first here")
                    .help("declare a second filter with the same module and give it the other configuration"),
            );
            continue;
        }
        seen.insert(name, name_place.clone());
        let configuration = with.and_then(|with| {
            let sources = [&with.config_text, &with.config_file];
            filters::configuration(world, spec, with.config.as_ref(), sources, &here, sink)
        });
        let Some(filter) = filters.get(name.as_str()) else {
            undefined(spec, name, &name_place, sink);
            continue;
        };
        uses.push(Use {
            filter,
            place: here,
            port: with.and_then(|with| with.port),
            insert: with.and_then(|with| with.insert).unwrap_or_default(),
            direction: with.and_then(|with| with.direction).unwrap_or(default_direction),
            overrides: moved || default_direction != Direction::default() || with.is_some_and(differs),
            configuration,
        });
    }
    uses
}

/// Whether any key but the filter's name is written. What it says does not matter: a value that happens to be the default
/// must not move the pods to another label.
fn differs(with: &UseWith) -> bool {
    let configured = with.config.is_some() || with.config_text.is_some() || with.config_file.is_some();
    configured || with.port.is_some() || with.insert.is_some() || with.direction.is_some()
}

fn undefined(spec: &Spec, name: &str, place: &Place, sink: &mut Sink) {
    if spec.filters.contains_key(name) || spec.refused_filters.contains(name) {
        return; // it is there, and what is wrong with it has been said
    }
    let known: BTreeSet<&str> = spec.filters.keys().chain(&spec.refused_filters).map(String::as_str).collect();
    let help = match suggest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("declare it as `[filters.{name}]`"),
        None => {
            let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("declare it as `[filters.{name}]`; there are {list}")
        }
    };
    let finding = Diagnostic::error(Code::MC0110, format!("there is no filter `{name}`"));
    sink.push(finding.at(spec.document.at(place)).help(help));
}

fn mount(spec: &Spec, written: &types::Workload, uses: &[Use<'_>], place: &Place, sink: &mut Sink) -> MountBy {
    let gateway = uses.iter().find(|one| one.direction == Direction::Gateway);
    let default = if gateway.is_some() { MountBy::Container } else { MountBy::Annotation };
    let mount = written.mount.unwrap_or(default);
    let location = spec.document.at(&place.key("mount"));
    match (mount, gateway) {
        (MountBy::Annotation, Some(gateway)) => sink.push(
            Diagnostic::error(Code::MC0210, "gateways never read the sidecar annotations, so no module would be mounted")
                .at_label(location, "the sidecar's annotations")
                .related(spec.document.at(&gateway.place), "runs in a gateway")
                .note("istio/istio#36999: the gateway's injection template has no userVolume")
                .help("remove `mount`, or write `mount = \"container\"`"),
        ),
        (MountBy::Container, gateway) if written.kind == Kind::Rollout => sink.push(
            Diagnostic::error(Code::MC0214, "a Rollout's containers cannot be patched")
                .at(location)
                .related(spec.document.at(&place.key("kind")), "a custom resource")
                .note("kustomize merges lists only for the kinds it knows: for a Rollout the patch would replace all containers")
                .help(match gateway {
                    Some(_) => "use a Deployment: a gateway never reads the sidecar annotations",
                    None => "mount by annotation, or use a Deployment",
                }),
        ),
        _ => {}
    }
    mount
}

/// A filter at the head of the chain comes before all that are not, so it must in the list too.
fn insert_order(spec: &Spec, uses: &[Use<'_>], sink: &mut Sink) {
    for (before, after) in uses.iter().zip(uses.iter().skip(1)) {
        if before.insert == Insert::BeforeRouter && after.insert == Insert::First {
            let message =
                format!("`{}` would run before `{}`, against the list", after.filter.name, before.filter.name);
            sink.push(
                Diagnostic::error(Code::MC0214, message)
                    .at_label(spec.document.at(&after.place.key("insert")), "goes to the head of the chain")
                    .related(spec.document.at(&before.place), "stays behind Istio's own filters")
                    .help("list it first, or remove its `insert`"),
            );
        }
    }
}
