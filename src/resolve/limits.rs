//! What Kubernetes and its tools hold, in numbers.

use mesh_compile_module::Module;
use serde_json::{Map, Value};

use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::limits::{ANNOTATIONS, CONFIG_MAP, group};
use crate::spec::types;

/// Bytes that the objects of one EnvoyFilter may have in etcd (its default `--max-request-bytes`, 1.5 MiB), less what is around a
/// configuration.
const CONFIGURATION: usize = 1_500_000;

/// Whether the module fits into a ConfigMap; `file` is what it was before it was slimmed.
pub(super) fn config_map(path: &str, file: &Module, module: &Module, location: &Location, sink: &mut Sink) {
    let size = module.bytes.len();
    if size <= CONFIG_MAP {
        return;
    }
    let over = group(size - CONFIG_MAP);
    let message = format!("`{path}` is {} B, {over} B over what a ConfigMap holds", group(size));
    let finding = Diagnostic::error(Code::MC0401, message)
        .at(*location)
        .note("the API server refuses a ConfigMap whose values are over 1,048,576 B together");
    let slimmed = file.slim().map_or(size, |slim| slim.bytes.len());
    sink.push(match size.saturating_sub(slimmed) {
        debug if slimmed <= CONFIG_MAP => {
            finding.help(format!("{} B are debug sections; `slim = true` makes it {} B", group(debug), group(slimmed)))
        }
        debug if debug > 0 => elsewhere(finding.note(format!("without debug sections it is {} B", group(slimmed)))),
        _ => elsewhere(finding),
    });
}

fn elsewhere(finding: Diagnostic) -> Diagnostic {
    finding
        .help("build for size: in Rust opt-level = \"z\", lto = true, strip = true, panic = \"abort\"; then wasm-opt -Oz; for Go, TinyGo")
        .help("or deliver it from a registry: Istio's WasmPlugin fetches OCI images and URLs of any size")
}

/// Whether the user's own volumes and mounts leave room in the annotations that they are written to.
pub(super) fn annotations(workload: &types::Workload, location: &Location, sink: &mut Sink) {
    /// What is ours in them: two names, a path, and a ConfigMap for each filter.
    const OURS: usize = 512;
    let json = |entries: &[Map<String, Value>]| {
        entries.iter().map(|entry| Value::Object(entry.clone()).to_string().len() + 1).sum::<usize>()
    };
    let size = json(&workload.volumes) + json(&workload.volume_mounts) + OURS * (workload.filters.len() + 1);
    if size > ANNOTATIONS {
        let message = format!(
            "the volumes and mounts are about {} B, and a pod's annotations hold {} B",
            group(size),
            group(ANNOTATIONS)
        );
        let finding = Diagnostic::error(Code::MC0404, message).at(*location);
        sink.push(
            finding
                .note("the API server refuses the pod")
                .help("mount by `mount = \"container\"`, which needs no annotation"),
        );
    }
}

/// Whether a rendered configuration leaves room for the object around it.
pub(super) fn configuration(text: &str, location: &Location, sink: &mut Sink) {
    if text.len() > CONFIGURATION {
        let message = format!(
            "the configuration is {} B, and an EnvoyFilter holds about {} B",
            group(text.len()),
            group(CONFIGURATION)
        );
        let finding = Diagnostic::error(Code::MC0404, message).at(*location);
        sink.push(finding.note("etcd takes requests of 1.5 MiB at most").help("let the filter fetch what is large"));
    }
}
