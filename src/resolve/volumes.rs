//! Volumes and mounts. The volume of the modules must not collide with the sidecar's or the user's own volumes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::mounts::{self, Needed};
use super::roster::Entry;
use super::template::{Scope, Templates};
use super::volume_sources;
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::domain::names;
use crate::spec::{Spanned, Spec, Table, to_json};

/// The default of `names.volume`.
pub(super) const NAME: &str = "wasmfilters-dir";

/// The volumes of Istio's injection template. The injector merges volumes by name.
const RESERVED: [&str; 13] = [
    "workload-socket",
    "credential-socket",
    "workload-certs",
    "istio-envoy",
    "istio-data",
    "istio-podinfo",
    "istio-token",
    "istiod-ca-cert",
    "istio-ca-crl",
    "istio-certs",
    "gke-workload-certificate",
    "custom-bootstrap-volume",
    "lightstep-certs",
];

/// The mounts of Istio's injection template (istio/istio, manifests/charts/istio-control/istio-discovery/files).
const SIDECAR_PATHS: [&str; 10] = [
    "/var/run/secrets/workload-spiffe-uds",
    "/var/run/secrets/credential-uds",
    "/var/run/secrets/workload-spiffe-credentials",
    "/var/run/secrets/istio",
    "/var/run/secrets/istio/crl",
    "/var/run/secrets/tokens",
    "/var/lib/istio/data",
    "/etc/istio/proxy",
    "/etc/istio/pod",
    "/etc/certs",
];

/// The fields of a volume and of a mount (k8s.io/api/core/v1). Kubernetes drops unknown fields, and a volume without a source
/// becomes an empty directory (istio/istio#39312).
const VOLUME_FIELDS: [&str; 31] = [
    "name",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
];
const MOUNT_FIELDS: [&str; 7] =
    ["name", "mountPath", "mountPropagation", "readOnly", "recursiveReadOnly", "subPath", "subPathExpr"];

/// The name of our volume. `None` if an error was reported.
pub(super) fn volume_name(
    spec: &Spec,
    at: Location,
    scope: &Scope<'_>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Option<String> {
    let template = spec.names.volume.as_ref();
    let name = templates.render_name(template, NAME, scope, sink)?;
    check_name(&name, template.map_or(at, Spanned::location), sink).then_some(name)
}

/// A workload's mount path without a slash at its end. `None` if an error was reported.
pub(super) fn mount_path(written: &Spanned<String>, sink: &mut Sink) -> Option<String> {
    let path = trim(written);
    let reason = if !written.starts_with('/') {
        "it must be absolute"
    } else if path.is_empty() {
        "it would hide the proxy's whole file system"
    } else if written.contains([':', '\0']) {
        "Kubernetes does not allow `:` in a mount path"
    } else if written.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//") {
        "it must not contain `.`, `..` or `//`"
    } else {
        let nested = SIDECAR_PATHS.iter().find_map(|theirs| mounts::nested(path, theirs));
        let diagnostic = match nested {
            _ if SIDECAR_PATHS.contains(&path) => sidecar_mount(path),
            Some(nested) => mounts::shadowed(nested).note("the sidecar has its own mounts there"),
            None => return Some(path.to_owned()),
        };
        sink.push(diagnostic.at(written.location()));
        return None;
    };
    let message = format!("`{}` is not a valid mount path: {reason}", written.as_str());
    sink.push(
        Diagnostic::error(Code::MC0215, message)
            .at(written.location())
            .help("use a path such as `/var/local/lib/wasm-filters`"),
    );
    None
}

fn sidecar_mount(path: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0205, format!("the sidecar has its own mount at `{path}`"))
        .note("the injector merges mounts by path, so one of the two would be lost")
        .help("use another path")
}

/// Checks the user's own volumes and mounts, on their own and against those of the modules.
pub(super) fn check_own(spec: &Spec, entry: &Entry<'_>, needed: &Needed, sink: &mut Sink) {
    let written = entry.written;
    let ours_at = spec.names.volume.as_ref().map_or(entry.location, Spanned::location);
    // A volume that the pods have may be one of mesh.toml.
    let ours = needed.volumes.iter().filter(|volume| !volume.is_of_pods());
    let ours = ours.map(|volume| (volume.name.as_str(), volume.location.unwrap_or(ours_at)));
    let mut names = Used::new("volume", "the volume of the modules", ours);
    for volume in written.volumes() {
        known_volume_fields(volume, sink);
        volume_sources::check(volume, sink);
        if !volume.keys().any(|field| field != "name") {
            sink.push(
                Diagnostic::error(Code::MC0220, "the volume has no source")
                    .at(volume.location())
                    .note("Kubernetes turns it into an empty directory")
                    .help("add its source, such as `configMap = { name = \"…\" }`"),
            );
        }
        let Some((name, location)) = text(volume, "volume", "name", sink) else { continue };
        if check_name(name, location, sink) {
            names.add(name, location, sink);
        }
    }
    let ours_at = written.mount_path.as_ref().map_or(entry.location, Spanned::location);
    let ours = needed.paths.iter().map(|path| (path.as_str(), ours_at));
    let mut paths = Used::new("mount path", "where the modules are mounted", ours);
    for mount in written.volume_mounts() {
        known_fields(mount, &MOUNT_FIELDS, "Kubernetes silently drops it", sink);
        text(mount, "volume mount", "name", sink);
        let Some((path, location)) = text(mount, "volume mount", "mountPath", sink) else { continue };
        let path = trim(path);
        if SIDECAR_PATHS.contains(&path) {
            sink.push(sidecar_mount(path).at(location));
        } else if let Some(nested) = needed.paths.iter().find_map(|ours| mounts::nested(path, ours)) {
            sink.push(mounts::shadowed(nested).at(location).related(ours_at, "where the modules are mounted"));
        } else {
            paths.add(path, location, sink);
        }
    }
}

/// The user's entries in Kubernetes' form.
pub(super) fn json(entries: &[Spanned<Table>]) -> Vec<Map<String, Value>> {
    entries.iter().map(|entry| to_json(entry)).collect()
}

fn trim(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// A name is a DNS label and none of the injector's own.
pub(super) fn check_name(name: &str, location: Location, sink: &mut Sink) -> bool {
    let diagnostic = if RESERVED.contains(&name) {
        Diagnostic::error(Code::MC0204, format!("the sidecar has its own volume `{name}`"))
            .note("the injector merges volumes by name, so one of the two would be lost")
            .help("use another name")
    } else if let Err(reason) = names::label(name) {
        Diagnostic::error(Code::MC0201, format!("`{name}` is not a valid volume name: {reason}"))
    } else {
        return true;
    };
    sink.push(diagnostic.at(location));
    false
}

/// Names or paths that are in use, ours first.
struct Used<'a> {
    what: &'static str,
    /// The label of our own.
    ours: &'static str,
    /// Where each is, and whether it is ours.
    locations: BTreeMap<&'a str, (Location, bool)>,
}

impl<'a> Used<'a> {
    fn new(what: &'static str, ours: &'static str, names: impl Iterator<Item = (&'a str, Location)>) -> Self {
        Self { what, ours, locations: names.map(|(name, location)| (name, (location, true))).collect() }
    }

    fn add(&mut self, name: &'a str, location: Location, sink: &mut Sink) {
        let Some((first, is_ours)) = self.locations.get(name) else {
            self.locations.insert(name, (location, false));
            return;
        };
        sink.push(
            Diagnostic::error(Code::MC0205, format!("the {} `{name}` is used twice", self.what))
                .at_label(location, "used again here")
                .related(*first, if *is_ours { self.ours } else { "first used here" })
                .note("the injector merges the two, so one would be lost"),
        );
    }
}

pub(super) fn known_volume_fields(volume: &Table, sink: &mut Sink) {
    let note = "Kubernetes silently drops it, and a volume without a source is an empty directory";
    known_fields(volume, &VOLUME_FIELDS, note, sink);
}

pub(super) fn known_fields(entry: &Table, known: &[&str], note: &str, sink: &mut Sink) {
    for (field, value) in entry.iter().filter(|(field, _)| !known.contains(&field.as_str())) {
        let diagnostic = Diagnostic::error(Code::MC0220, format!("Kubernetes has no field `{field}` here"))
            .at(value.key_location())
            .note(note);
        sink.push(match suggest(field, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        });
    }
}

/// A required text field and where it is.
fn text<'a>(entry: &'a Spanned<Table>, what: &str, field: &str, sink: &mut Sink) -> Option<(&'a str, Location)> {
    let value = entry.get(field);
    let text = value.and_then(|value| Some((value.as_str()?, value.location()))).filter(|(text, _)| !text.is_empty());
    // A misspelled field is reported as unknown.
    let is_misspelled = || entry.keys().any(|other| suggest(other, [field].into_iter()).is_some());
    if text.is_none() && (value.is_some() || !is_misspelled()) {
        let message = match value {
            None => format!("the {what} has no `{field}`"),
            Some(_) => format!("the `{field}` of the {what} must be a string that is not empty"),
        };
        sink.push(
            Diagnostic::error(Code::MC0220, message)
                .at(value.map_or_else(|| entry.key_location(), Spanned::location))
                .help(format!("set `{field} = \"…\"`")),
        );
    }
    text
}
