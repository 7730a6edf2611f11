//! The limits of the API server, counted on the objects as they are written.

use super::plan::{EnvoyFilter, Patch, Plan, Plugin};
use super::{filter, patch};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::limits::{ANNOTATIONS, REQUEST, group};
use crate::objects::Change;
use crate::resolve::mesh::Mesh;

/// An object with less text than this is under every limit, whatever surrounds the text.
const SMALL: usize = 50_000;

/// Reports objects that the API server rejects.
pub(super) fn check(mesh: &Mesh, plan: &Plan<'_>, sink: &mut Sink) {
    for one in &plan.envoy_filters {
        envoy_filter(mesh, one, sink);
    }
    for one in &plan.patches {
        annotations(one, sink);
    }
}

/// An object in a request, as JSON.
fn envoy_filter(mesh: &Mesh, one: &EnvoyFilter, sink: &mut Sink) {
    if texts(&one.plugin) < SMALL {
        return;
    }
    let size = serde_json::to_vec(&filter::object(mesh, one)).map_or(0, |json| json.len());
    let name = format!("the EnvoyFilter {}/{}", one.namespace, one.name);
    if size > REQUEST {
        let message = format!("{name} has {} bytes, but etcd accepts only {}", group(size), group(REQUEST));
        sink.push(
            Diagnostic::error(Code::MC0404, message)
                .at(one.location)
                .note(
                    "etcd accepts requests of at most 1.5 MiB; the configuration counts as it is written, with escapes",
                )
                .help("make the filter fetch large data at run time"),
        );
    } else if size > ANNOTATIONS {
        let message = format!("{name} has {} bytes, too many for a client-side apply", group(size));
        sink.push(
            Diagnostic::warning(Code::MC0405, message)
                .at(one.location)
                .note(format!("a client-side apply copies the whole object to an annotation, and annotations are limited to {} bytes", group(ANNOTATIONS)))
                .help("apply it server-side, as Flux does: `kubectl apply --server-side`; for Argo CD, it is annotated"),
        );
    }
}

/// The annotations of a pod. The workload's own are not known.
fn annotations(one: &Patch<'_>, sink: &mut Sink) {
    let own = one.workload.volumes.len() + one.workload.volume_mounts.len();
    let volumes = one.config_maps.len() + one.volumes.len();
    // Each of ours has less than a kilobyte.
    if own == 0 && volumes < 100 {
        return;
    }
    let Change::Template(template) = patch::object(one).change else { return };
    let annotations = template.metadata.annotations;
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS {
        let workload = one.workload;
        let (kind, namespace, name) = (workload.kind.as_str(), &workload.namespace, &workload.name);
        let message = format!(
            "the pods of {kind} {namespace}/{name} get {} bytes of annotations, but can have only {}",
            group(size),
            group(ANNOTATIONS)
        );
        sink.push(
            Diagnostic::error(Code::MC0404, message)
                .at(workload.location)
                .note("the API server rejects the pod")
                .help("use `mount = \"container\"`, which needs no annotation"),
        );
    }
}

/// The bytes of the longest texts of an object, at least as they are written.
fn texts(plugin: &Plugin) -> usize {
    let texts = [&plugin.configuration, &plugin.vm_configuration].into_iter().flatten();
    texts.map(|text| text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | ..b' ')).count() * 5).sum()
}

/// Whether the object of a plugin may be too large for a client-side apply.
pub(super) fn needs_server_side_apply(plugin: &Plugin) -> bool {
    texts(plugin) > ANNOTATIONS - SMALL
}
