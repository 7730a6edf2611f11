//! The size limits of Kubernetes.

use mesh_compile_module::Module;
use serde_json::Value;

use super::mesh;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::limits::{ANNOTATIONS, CONFIG_MAP, group};

/// Reports a module that does not fit into a ConfigMap. `file` is the module before it was slimmed.
pub(super) fn config_map(path: &str, file: &Module, module: &Module, location: Location, sink: &mut Sink) {
    let size = module.bytes.len();
    if size <= CONFIG_MAP {
        return;
    }
    let over = group(size - CONFIG_MAP);
    let message = format!("`{path}` has {} bytes, {over} more than fit into a ConfigMap", group(size));
    let diagnostic = Diagnostic::error(Code::MC0401, message)
        .at(location)
        .note("the API server rejects a ConfigMap whose values have more than 1,048,576 bytes in total");
    let slimmed = file.slim().map_or(size, |slim| slim.bytes.len());
    sink.push(match size.saturating_sub(slimmed) {
        debug if slimmed <= CONFIG_MAP => diagnostic.help(format!(
            "{} bytes are debug sections; `slim = true` reduces the module to {} bytes",
            group(debug),
            group(slimmed)
        )),
        debug if debug > 0 => {
            elsewhere(diagnostic.note(format!("without debug sections, the module has {} bytes", group(slimmed))))
        }
        _ => elsewhere(diagnostic),
    });
}

fn elsewhere(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .help("optimize for size: in Rust opt-level = \"z\", lto = true, strip = true, panic = \"abort\"; then wasm-opt -Oz; in Go, use TinyGo")
        .help("or deliver it from a registry: Istio's WasmPlugin fetches OCI images and URLs of any size")
}

/// Reports volumes and mounts that leave too little room in the pod's annotations.
pub(super) fn annotations(workload: &mesh::Workload, filters: usize, location: Location, sink: &mut Sink) {
    /// The part of our own entries: two names, a path, and one ConfigMap per filter.
    const OURS: usize = 512;
    let entries = workload.volumes.iter().chain(&workload.volume_mounts);
    let entries: usize = entries.map(|entry| Value::Object(entry.clone()).to_string().len() + 1).sum();
    let size = entries + OURS * (filters + 1);
    if size > ANNOTATIONS {
        let message = format!(
            "the volumes and mounts take about {} bytes, but a pod's annotations can hold only {}",
            group(size),
            group(ANNOTATIONS)
        );
        sink.push(
            Diagnostic::error(Code::MC0404, message)
                .at(location)
                .note("the API server rejects the pod")
                .help("use `mount = \"container\"`, which needs no annotation"),
        );
    }
}
