//! Volumes and mounts: ours must not meet the sidecar's or the user's.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::template::{Scope, Templates};
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::domain::names;
use crate::spec::{Place, Spec, types};

/// The name of our volume unless `names.volume` says otherwise.
pub(super) const NAME: &str = "wasmfilters-dir";

/// The volumes of Istio's injection template; one of the same name would be merged into it.
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

/// The fields of a volume and of a mount (k8s.io/api/core/v1). Kubernetes drops others, and a volume without a source becomes
/// an empty folder (istio/istio#39312).
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

/// The name of our volume. `None` after a report.
pub(super) fn volume_name(
    spec: &Spec,
    scope: &Scope<'_>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Option<String> {
    let template = spec.names.volume.as_deref().unwrap_or(NAME);
    let place = Place::default().key("names").key("volume");
    let name = templates.render(template, &place, scope, sink)?;
    check_name(&name, &spec.document.at(&place), sink).then_some(name)
}

/// A workload's mount path without a slash at its end. `None` after a report.
pub(super) fn mount_path(spec: &Spec, written: &str, place: &Place, sink: &mut Sink) -> Option<String> {
    let location = spec.document.at(&place.key("mount-path"));
    let path = trim(written);
    let reason = if !written.starts_with('/') {
        "it must be absolute"
    } else if path.is_empty() {
        "it would hide the proxy's whole file system"
    } else if written.contains([':', '\0']) {
        "Kubernetes allows no `:` in it"
    } else if written.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//") {
        "write it without `.`, `..` and `//`"
    } else {
        if let Some(taken) = SIDECAR_PATHS.iter().find(|taken| **taken == path) {
            sink.push(sidecar_mount(taken).at(location));
            return None;
        }
        return Some(path.to_owned());
    };
    let finding = Diagnostic::error(Code::MC0215, format!("`{written}` cannot be a mount path: {reason}"));
    sink.push(finding.at(location).help("for instance `/var/local/lib/wasm-filters`"));
    None
}

fn sidecar_mount(path: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0205, format!("the sidecar has its own mount at `{path}`"))
        .note("the injector merges mounts by path, so one of the two would be lost")
        .help("mount it somewhere else")
}

/// Checks the user's own volumes and mounts, by themselves and against ours: the volume's name and the mount path.
pub(super) fn check_own(spec: &Spec, written: &types::Workload, ours: (&str, &str), place: &Place, sink: &mut Sink) {
    let volumes = place.key("volumes");
    let template = Place::default().key("names").key("volume");
    let ours_at = if spec.document.has(&template) { spec.document.at(&template) } else { spec.document.key(place) };
    let mut names: BTreeMap<String, Location> = BTreeMap::from([(ours.0.to_owned(), ours_at)]);
    for (i, volume) in written.volumes.iter().enumerate() {
        let here = volumes.index(i);
        known_fields(spec, volume, &VOLUME_FIELDS, &here, sink);
        if !volume.keys().any(|field| field != "name") {
            sink.push(
                Diagnostic::error(Code::MC0220, "the volume has no source")
                    .at(spec.document.at(&here))
                    .note("Kubernetes makes it an empty folder")
                    .help("say what is in it, as `configMap = { name = \"…\" }`"),
            );
        }
        let Some(name) = text(spec, volume, "name", &here, sink) else { continue };
        let location = spec.document.at(&here.key("name"));
        if check_name(name, &location, sink) {
            let ours = (ours.0, "the volume of the modules");
            once(&mut names, name, location, ("volume", ours), sink);
        }
    }
    let mounts = place.key("volume-mounts");
    let mut paths: BTreeMap<String, Location> =
        BTreeMap::from([(ours.1.to_owned(), spec.document.at(&place.key("mount-path")))]);
    for (i, mount) in written.volume_mounts.iter().enumerate() {
        let here = mounts.index(i);
        known_fields(spec, mount, &MOUNT_FIELDS, &here, sink);
        text(spec, mount, "name", &here, sink);
        let Some(path) = text(spec, mount, "mountPath", &here, sink) else { continue };
        let location = spec.document.at(&here.key("mountPath"));
        if SIDECAR_PATHS.contains(&trim(path)) {
            sink.push(sidecar_mount(trim(path)).at(location));
            continue;
        }
        let ours = (ours.1, "where the modules are mounted");
        once(&mut paths, trim(path), location, ("mount path", ours), sink);
    }
}

fn trim(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// A name is a DNS label and none of the injector's own.
fn check_name(name: &str, location: &Location, sink: &mut Sink) -> bool {
    let finding = if RESERVED.contains(&name) {
        Diagnostic::error(Code::MC0204, format!("`{name}` is the name of one of the sidecar's own volumes"))
            .note("the injector merges volumes by name, so one of the two would be lost")
            .help("give it another name")
    } else if let Err(reason) = names::label(name) {
        Diagnostic::error(Code::MC0201, format!("`{name}` is not the name of a volume: {reason}"))
    } else {
        return true;
    };
    sink.push(finding.at(*location));
    false
}

fn once(
    taken: &mut BTreeMap<String, Location>,
    name: &str,
    location: Location,
    (what, (our_name, ours)): (&str, (&str, &str)),
    sink: &mut Sink,
) {
    match taken.get(name) {
        Some(first) => sink.push(
            Diagnostic::error(Code::MC0205, format!("the {what} `{name}` is used twice"))
                .at_label(location, "used again here")
                .related(*first, if name == our_name { ours } else { "first used here" })
                .note("the injector merges the two, and one is lost"),
        ),
        None => drop(taken.insert(name.to_owned(), location)),
    }
}

fn known_fields(spec: &Spec, entry: &Map<String, Value>, known: &[&str], place: &Place, sink: &mut Sink) {
    for field in entry.keys().filter(|field| !known.contains(&field.as_str())) {
        let finding = Diagnostic::error(Code::MC0220, format!("Kubernetes has no field `{field}` here"))
            .at(spec.document.key(&place.key(field)))
            .note("it would be dropped without a word, and the folder would be empty");
        sink.push(match suggest(field, known.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
    }
}

fn text<'a>(
    spec: &Spec,
    entry: &'a Map<String, Value>,
    field: &str,
    place: &Place,
    sink: &mut Sink,
) -> Option<&'a str> {
    let text = entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    if text.is_none() {
        let location = spec.document.at(&place.key(field));
        let finding = Diagnostic::error(Code::MC0220, format!("`{place}` has no `{field}` that is a text"));
        sink.push(finding.at(location).help(format!("add `{field} = \"…\"`")));
    }
    text
}
