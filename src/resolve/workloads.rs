//! The workloads: their identity, the filters they use, and how the modules are mounted into their proxies.

use std::collections::BTreeMap;

use super::filters::Filter;
use super::kinds;
use super::limits;
use super::mesh::{self, Mount};
use super::settings::{self, Settings};
use super::template::{Scope, Templates, WorkloadVars};
use super::uses::{self, Use};
use super::volumes;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{Direction, Kind, LabelKey, LabelValue, MountBy, Namespace, ObjectName};
use crate::spec::types;
use crate::spec::{Spanned, Spec};
use crate::world::World;

/// The default of `mount-path`.
const MOUNT_PATH: &str = "/var/local/lib/wasm-filters";

/// A workload whose own keys are valid.
#[derive(Debug)]
pub(super) struct Workload<'a> {
    /// The name of its table.
    pub(super) key: &'a str,
    pub(super) mesh: mesh::Workload,
    /// In the order in which a request passes them.
    pub(super) uses: Vec<Use<'a>>,
}

/// The workloads that can be rendered. The others are reported.
pub(super) fn resolve<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    filters: &'a BTreeMap<&'a str, Filter<'a>>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Vec<Workload<'a>> {
    let mut workloads = Vec::new();
    let mut used: BTreeMap<(Kind, Namespace, ObjectName), Location> = BTreeMap::new();
    for (key, written) in &spec.workloads {
        let Some(workload) = workload(world, spec, settings, filters, templates, (key, written), sink) else {
            continue;
        };
        let mesh::Workload { kind, namespace, name, .. } = &workload.mesh;
        let identity = (kind.clone(), namespace.clone(), name.clone());
        if let Some(first) = used.get(&identity) {
            let message = format!("{} {namespace}/{name} is patched twice", kind.as_str());
            let mut places = [*first, written.key_location()];
            places.sort();
            let [first, again] = places;
            sink.push(
                Diagnostic::error(Code::MC0212, message)
                    .at_label(again, "second table")
                    .related(first, "first table")
                    .help("list all its filters in one table: the second patch would replace the first"),
            );
            continue;
        }
        used.insert(identity, written.key_location());
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
    (key, written): (&'a str, &'a Spanned<types::Workload>),
    sink: &mut Sink,
) -> Option<Workload<'a>> {
    let kind = kinds::resolve(written, None, sink);
    let name = name(key, written, sink);
    let namespace = match &written.namespace {
        Some(namespace) => settings::namespace(namespace, sink),
        None => settings.namespace.clone(),
    };
    let patch_namespace = match &written.patch_namespace {
        None => namespace.clone(),
        Some(empty) if empty.is_empty() => None,
        Some(namespace) => settings::namespace(namespace, sink),
    };
    let selector = selector(written, sink);
    let mount_path = match &written.mount_path {
        Some(path) => volumes::mount_path(path, sink),
        None => Some(MOUNT_PATH.to_owned()),
    };
    let is_moved = mount_path.as_deref() != Some(MOUNT_PATH);
    let uses = uses::resolve(world, spec, filters, written, is_moved, sink);
    let by = mount_by(written, kind.as_ref(), &uses, sink);
    let (kind, name, namespace) = (kind?, name?, namespace?);
    let vars = WorkloadVars { name: name.as_str(), namespace: namespace.as_str(), kind: kind.as_str() };
    // After a report, the default is used, so that the same run reports the workload's other errors.
    let scope = Scope { filter: None, workload: Some(&vars) };
    let volume = volumes::volume_name(spec, written.key_location(), &scope, templates, sink);
    let volume = volume.unwrap_or_else(|| volumes::NAME.to_owned());
    let path = mount_path.unwrap_or_else(|| MOUNT_PATH.to_owned());
    if by == MountBy::Annotation {
        let location = written.volumes.as_ref().map_or_else(|| written.key_location(), Spanned::location);
        limits::annotations(written, location, sink);
    }
    volumes::check_own(spec, written, (&volume, &path), sink);
    let own_container = uses.iter().any(|one| one.scope.direction == Direction::Gateway);
    let mesh = mesh::Workload {
        kind,
        name,
        namespace,
        patch_namespace,
        selector,
        has_selector: written.selector.as_ref().is_some_and(|selector| !selector.is_empty()),
        mount: Mount { by, own_container, path, volume },
        wasm_log_level: written.wasm_log_level,
        volumes: volumes::json(written.volumes()),
        volume_mounts: volumes::json(written.volume_mounts()),
        location: written.key_location(),
        selector_location: written.selector.as_ref().map_or_else(|| written.key_location(), Spanned::key_location),
    };
    Some(Workload { key, mesh, uses })
}

fn name(key: &str, written: &Spanned<types::Workload>, sink: &mut Sink) -> Option<ObjectName> {
    let (text, location) = match &written.name {
        Some(name) => (name.as_str(), name.location()),
        None => (key, written.key_location()),
    };
    ObjectName::new(text)
        .map_err(|reason| {
            let kind = written.kind.as_ref().map_or("workload", |kind| kind.0.as_str());
            let message = format!("`{text}` is not a valid {kind} name: {reason}");
            sink.push(Diagnostic::error(Code::MC0201, message).at(location));
        })
        .ok()
}

fn selector(written: &types::Workload, sink: &mut Sink) -> BTreeMap<LabelKey, LabelValue> {
    let Some(selector) = &written.selector else { return BTreeMap::new() };
    for (key, value) in selector.iter().filter(|(_, value)| value.is_empty()) {
        sink.push(
            Diagnostic::error(Code::MC0202, format!("the value of `{key}` in the selector is empty"))
                .at(value.location())
                .note("Istio's webhook rejects an EnvoyFilter with an empty value in its selector"),
        );
    }
    settings::labels(selector, sink)
}

fn mount_by(written: &Spanned<types::Workload>, kind: Option<&Kind>, uses: &[Use<'_>], sink: &mut Sink) -> MountBy {
    let gateway = uses.iter().find(|one| one.scope.direction == Direction::Gateway);
    let default = if gateway.is_some() { MountBy::Container } else { MountBy::Annotation };
    let by = written.mount.as_deref().copied().unwrap_or(default);
    let location = written.mount.as_ref().map_or_else(|| written.key_location(), Spanned::location);
    match (by, gateway, kind.filter(|kind| !kind.merges_lists())) {
        (MountBy::Annotation, Some(gateway), _) => sink.push(
            Diagnostic::error(Code::MC0210, "gateways ignore the sidecar annotations, so no module would be mounted")
                .at_label(location, "mounts by the sidecar annotations")
                .related(gateway.location, "runs in a gateway")
                .note("istio/istio#36999: the gateway's injection template has no userVolume")
                .help("remove `mount`, or set `mount = \"container\"`"),
        ),
        (MountBy::Container, gateway, Some(kind)) => {
            let message = format!("the containers of a {kind} cannot be patched");
            let diagnostic = Diagnostic::error(Code::MC0214, message)
                .at(location)
                .note(format!("kustomize merges lists only for the kinds it knows: the patch would replace all containers of the {kind}"))
                .help(match gateway {
                    Some(_) => "use a Deployment: a gateway ignores the sidecar annotations",
                    None => "mount by annotation, or use a Deployment",
                });
            sink.push(match &written.kind {
                Some(kind) => diagnostic.related(kind.location(), "kustomize has no schema of it"),
                None => diagnostic,
            });
        }
        _ => {}
    }
    by
}
