//! The size limits of Kubernetes.

use super::modules::DeliveredModule;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::limits::{CONFIG_MAP, group};
use crate::spec::types::Filter;

/// Reports a module that does not fit into a ConfigMap.
pub(super) fn config_map(name: &str, filter: &Filter, delivered: &DeliveredModule, sink: &mut Sink) {
    let Some(written) = &filter.module else { return };
    let (path, location) = (written.as_str(), written.location());
    let DeliveredModule { original: file, module } = delivered;
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
    let diagnostic = match size.saturating_sub(slimmed) {
        debug if slimmed <= CONFIG_MAP => {
            sink.push(diagnostic.help(format!(
                "{} bytes are debug sections; `slim = true` reduces the module to {} bytes",
                group(debug),
                group(slimmed)
            )));
            return;
        }
        debug if debug > 0 => {
            diagnostic.note(format!("without debug sections, the module has {} bytes", group(slimmed)))
        }
        _ => diagnostic,
    };
    let image = match &filter.image {
        Some(_) => String::new(),
        None => format!("\nimage = \"registry.example.com/filters/{}\"", name.to_lowercase()),
    };
    sink.push(
        diagnostic
            .help(format!("deliver it as an image, which has no limit (Istio 1.24 and Kubernetes 1.35 or later):\n[filters.{name}]\nsource = \"image\"{image}"))
            .help("or from a volume of your own: `source = \"volume\"`")
            .help("or optimize for size: in Rust opt-level = \"z\", lto = true, strip = true, panic = \"abort\"; then wasm-opt -Oz; in Go, use TinyGo"),
    );
}
