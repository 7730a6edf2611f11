//! The workloads: their identity, the filters they use, and how the modules are mounted into their proxies.

use std::collections::BTreeMap;

use super::filters::Filter;
use super::gateways;
use super::link::{self, Index};
use super::mesh::{self, Mount};
use super::mounts::Needed;
use super::roster::Entry;
use super::settings::{self, Settings};
use super::stats;
use super::template::{Scope, Templates, WorkloadVars};
use super::uses::{self, Use};
use super::volumes;
use crate::base::Object;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{Direction, Kind, LabelKey, LabelValue, MountBy, Namespace, ObjectName};
use crate::spec::{Spanned, Spec};
use crate::world::World;

/// The default of `mount-path`.
const MOUNT_PATH: &str = "/var/local/lib/wasm-filters";

/// What workloads are resolved against.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) world: &'a dyn World,
    pub(super) spec: &'a Spec,
    pub(super) settings: &'a Settings,
    pub(super) filters: &'a BTreeMap<&'a str, Filter<'a>>,
    pub(super) index: &'a Index<'a>,
}

/// A workload whose own keys are valid.
#[derive(Debug)]
pub(super) struct Workload<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) mesh: mesh::Workload,
    /// In the order in which a request passes them.
    pub(super) uses: Vec<Use<'a>>,
}

/// The workloads that can be rendered. The others are reported.
pub(super) fn resolve<'a>(
    inputs: &Inputs<'a>,
    roster: &'a [Entry<'a>],
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Vec<Workload<'a>> {
    let mut workloads = Vec::new();
    let mut used: BTreeMap<(Kind, Namespace, ObjectName), Location> = BTreeMap::new();
    for entry in roster.iter().filter(|entry| !entry.uses.is_empty()) {
        let Some(workload) = workload(inputs, templates, entry, sink) else { continue };
        let mesh::Workload { kind, namespace, name, .. } = &workload.mesh;
        let identity = (*kind, namespace.clone(), name.clone());
        if let Some(first) = used.get(&identity) {
            let message = format!("{} {namespace}/{name} is patched twice", kind.as_str());
            let mut places = [*first, entry.location];
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
        used.insert(identity, entry.location);
        workloads.push(workload);
    }
    let members = workloads.iter().map(|workload| {
        let filters = workload.uses.iter().map(|one| one.filter.plugin.name.as_str());
        (&workload.mesh, filters.collect(), workload.entry.linked)
    });
    link::shared_selectors(inputs.spec, inputs.index, &members.collect::<Vec<_>>(), sink);
    workloads
}

fn workload<'a>(
    inputs: &Inputs<'a>,
    templates: &Templates<'_>,
    entry: &'a Entry<'a>,
    sink: &mut Sink,
) -> Option<Workload<'a>> {
    let Inputs { world, spec, filters, .. } = *inputs;
    let written = entry.written;
    let name = name(entry, sink);
    let (namespace, patch_namespace) = namespaces(entry, sink);
    let selector = selector(inputs, entry, sink);
    let mount_path = match &written.mount_path {
        Some(path) => volumes::mount_path(path, sink),
        None => Some(MOUNT_PATH.to_owned()),
    };
    // Workloads share an EnvoyFilter unless they differ from what most of them have.
    let default = spec.default_workload.mount_path.as_ref().map_or(MOUNT_PATH, |path| path.trim_end_matches('/'));
    let is_moved = mount_path.as_deref() != Some(default);
    let uses = uses::resolve(world, spec, filters, entry, is_moved, sink);
    let by = mount_by(entry, &uses, sink);
    let (kind, name, namespace) = (entry.kind?, name?, namespace?);
    let vars = WorkloadVars { name: name.as_str(), namespace: namespace.as_str(), kind: kind.as_str() };
    // After a report, the default is used, so that the same run reports the workload's other errors.
    let scope = Scope { filter: None, workload: Some(&vars) };
    let volume = volumes::volume_name(spec, entry.location, &scope, templates, sink);
    let volume = volume.unwrap_or_else(|| volumes::NAME.to_owned());
    let path = mount_path.unwrap_or_else(|| MOUNT_PATH.to_owned());
    let is_gateway = || uses.iter().any(|one| one.scope.direction == Direction::Gateway);
    let own_container =
        by == MountBy::GatewayParameters || entry.linked.map_or_else(is_gateway, |linked| linked.has_proxy());
    let mount = Mount { by, own_container, path, volume };
    let gateway = gateways::resolve(inputs, entry, &uses, sink);
    let needed = Needed::new(&mount, uses.iter().map(|one| &one.filter.plugin), sink);
    volumes::check_own(spec, entry, &needed, sink);
    pull_secrets(entry, &uses, sink);
    let existing = entry.linked.map(|linked| link::existing(&linked, entry.location, sink)).unwrap_or_default();
    let log = written.wasm_log_level.as_ref().map(|level| link::log_level(entry.linked.as_ref(), level, sink));
    let base = inputs.index.base;
    let is_known = entry.linked.is_some() || !(base.incomplete || base.objects.is_empty());
    let mut mesh = mesh::Workload {
        kind,
        name,
        namespace,
        patch_namespace,
        selector,
        // An object whose selector cannot be used is reported, and so is one that the base lacks.
        has_selector: written.selector.as_ref().map_or(is_known, |selector| !selector.is_empty()),
        mount,
        gateway,
        log,
        stats: is_true(written.stats.as_ref()).then(|| stats::annotation(entry.linked.as_ref())),
        volumes: volumes::json(written.volumes()),
        volume_mounts: volumes::json(written.volume_mounts()),
        location: entry.location,
        selector_location: written.selector.as_ref().map_or(entry.location, Spanned::key_location),
    };
    link::excluded_namespace(entry, &mesh, sink);
    if let Some(linked) = entry.linked {
        link::check(inputs, entry, &linked, (&mesh, &uses, &existing, &needed), sink);
    }
    if by == MountBy::Annotation {
        existing.add_to(&mut mesh);
    }
    Some(Workload { entry, mesh, uses })
}

fn is_true(written: Option<&Spanned<bool>>) -> bool {
    written.is_some_and(|written| **written)
}

/// Reports Secrets for a kind whose lists a patch would replace.
fn pull_secrets(entry: &Entry<'_>, uses: &[Use<'_>], sink: &mut Sink) {
    let Some(kind) = entry.kind.filter(|kind| !kind.merges_lists()) else { return };
    let secrets = uses.iter().filter_map(|one| Some((one, one.filter.written.image_pull_secrets.as_ref()?)));
    for (one, secrets) in secrets.filter(|(_, secrets)| !secrets.is_empty()) {
        sink.push(
            Diagnostic::error(Code::MC0214, format!("the `imagePullSecrets` of a {kind} cannot be patched", kind = kind.as_str()))
                .at(secrets.key_location())
                .related(one.location, "used here")
                .related(entry.kind_location(), "kustomize has no schema of it")
                .note(format!("kustomize merges lists only for the kinds it knows: the patch would replace all Secrets of the {}", kind.as_str()))
                .help("list the Secret in the workload's own manifest or in its ServiceAccount, and remove `image-pull-secrets`"),
        );
    }
}

/// The namespace, and the one in the patch's metadata. `None` if an error was reported, and for a patch without one.
fn namespaces(entry: &Entry<'_>, sink: &mut Sink) -> (Option<Namespace>, Option<Namespace>) {
    let namespace = entry.namespace.clone();
    let of_object = entry.object().and_then(|object| Some((object.namespace.as_deref()?, object.location)));
    if let (None, None, Some((text, location))) = (&namespace, &entry.written.namespace, of_object) {
        let reason = Namespace::new(text).err().unwrap_or_default();
        let message = format!("`{text}` is not a valid namespace: {reason}");
        sink.push(Diagnostic::error(Code::MC0201, message).at(location));
    }
    let of_patch = match (&entry.written.patch_namespace, entry.object()) {
        (Some(empty), _) if empty.is_empty() => None,
        (Some(namespace), _) => settings::namespace(namespace, sink),
        (None, Some(Object { patched: Some(patched), .. })) => {
            patched.namespace.as_deref().and_then(|text| Namespace::new(text).ok())
        }
        // kustomize finds an object that sets no namespace by a patch that sets none or `default`.
        (None, Some(object)) if object.namespace.is_none() => namespace.clone().filter(|it| it.as_str() == "default"),
        (None, _) => namespace.clone(),
    };
    (namespace, of_patch)
}

fn name(entry: &Entry<'_>, sink: &mut Sink) -> Option<ObjectName> {
    let text = entry.name;
    let location = match (entry.table, entry.object()) {
        (Some(table), _) => table.name.as_ref().map_or(entry.location, Spanned::location),
        (None, Some(object)) => object.location,
        (None, None) => entry.location,
    };
    ObjectName::new(text)
        .map_err(|reason| {
            let kind = entry.kind.map_or("workload", Kind::as_str);
            let message = format!("`{text}` is not a valid {kind} name: {reason}");
            sink.push(Diagnostic::error(Code::MC0201, message).at(location));
        })
        .ok()
}

/// The selector of mesh.toml, or else the object's.
fn selector(inputs: &Inputs<'_>, entry: &Entry<'_>, sink: &mut Sink) -> BTreeMap<LabelKey, LabelValue> {
    let Some(selector) = &entry.written.selector else {
        let of_object = |linked| link::selector(inputs.spec, &linked, entry.location, sink);
        return entry.linked.map(of_object).unwrap_or_default();
    };
    for (key, value) in selector.iter().filter(|(_, value)| value.is_empty()) {
        sink.push(
            Diagnostic::error(Code::MC0202, format!("the value of `{key}` in the selector is empty"))
                .at(value.location())
                .note("Istio's webhook rejects an EnvoyFilter with an empty value in its selector"),
        );
    }
    settings::labels(selector, sink)
}

fn mount_by(entry: &Entry<'_>, uses: &[Use<'_>], sink: &mut Sink) -> MountBy {
    let written = entry.written;
    let gateway = uses.iter().find(|one| one.scope.direction == Direction::Gateway);
    let is_of_istiod = entry.kind.is_some_and(Kind::is_gateway);
    let default = match gateway {
        _ if is_of_istiod => MountBy::GatewayParameters,
        Some(_) => MountBy::Container,
        None => MountBy::Annotation,
    };
    let by = written.mount.as_deref().copied().unwrap_or(default);
    let location = written.mount.as_ref().map_or(entry.location, Spanned::location);
    let unpatchable = entry.kind.filter(|kind| !kind.merges_lists());
    match (by, gateway, unpatchable) {
        (MountBy::Annotation | MountBy::Container, ..) if is_of_istiod => {
            sink.push(
                Diagnostic::error(Code::MC0210, "a Gateway has no pod template, so no module would be mounted")
                    .at_label(location, "for a workload with a pod template")
                    .note("istiod creates the pods of a Gateway, with the changes in its parameters")
                    .help("remove `mount`, or set `mount = \"gateway-parameters\"`"),
            );
            return default;
        }
        (MountBy::GatewayParameters, ..) if !is_of_istiod => {
            let kind = entry.kind.map_or("workload", Kind::as_str);
            sink.push(
                Diagnostic::error(Code::MC0210, format!("a {kind} has no parameters, so no module would be mounted"))
                    .at_label(location, "for a Gateway of the Gateway API")
                    .help("remove `mount`; for the pods that istiod creates, name the Gateway: `kind = \"Gateway\"`"),
            );
            return default;
        }
        (MountBy::Annotation, Some(gateway), _) => sink.push(
            Diagnostic::error(Code::MC0210, "gateways ignore the sidecar annotations, so no module would be mounted")
                .at_label(location, "mounts by the sidecar annotations")
                .related(gateway.location, "runs in a gateway")
                .note("istio/istio#36999: the gateway's injection template has no userVolume")
                .help("remove `mount`, or set `mount = \"container\"`"),
        ),
        (MountBy::Container, gateway, Some(kind)) => sink.push(
            Diagnostic::error(Code::MC0214, format!("the containers of a {kind} cannot be patched"))
                .at(location)
                .related(entry.kind_location(), "kustomize has no schema of it")
                .note(format!("kustomize merges lists only for the kinds it knows: the patch would replace all containers of the {kind}"))
                .help(match gateway {
                    Some(_) => "use a Deployment: a gateway ignores the sidecar annotations",
                    None => "mount by annotation, or use a Deployment",
                }),
        ),
        _ => {}
    }
    by
}
