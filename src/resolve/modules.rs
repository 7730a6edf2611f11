//! The modules that filters name, each file read and hashed once, in parallel.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::diag::{Diagnostic, Sink};
use crate::module::{Module, ModuleError};
use crate::spec::{Place, Spec, types};

/// A ConfigMap's values may have this many bytes together (kubernetes/kubernetes, `MaxSecretSize`).
const CONFIG_MAP_LIMIT: usize = 1_048_576;

/// Modules by the path that mesh.toml writes. Those that were reported are not among them.
pub(super) fn read(spec: &Spec, sink: &mut Sink) -> BTreeMap<Utf8PathBuf, Arc<Module>> {
    let paths: BTreeMap<&str, ()> = spec.filters.values().map(|filter| (filter.module.as_str(), ())).collect();
    let read: Vec<(&str, Result<Module, ModuleError>)> = paths
        .into_par_iter()
        .filter(|(path, ())| Utf8Path::new(path).is_relative())
        .map(|(path, ())| (path, Module::read(&spec.document.folder().join(path))))
        .collect();
    let mut modules = BTreeMap::new();
    let mut refused = BTreeMap::new();
    for (path, result) in read {
        match result {
            Ok(module) => drop(modules.insert(Utf8PathBuf::from(path), Arc::new(module))),
            Err(error) => drop(refused.insert(path, error)),
        }
    }
    for (name, filter) in &spec.filters {
        let place = Place::default().key("filters").key(name);
        let module_place = place.key("module");
        let path = filter.module.as_str();
        if let Some(module) = modules.get(Utf8Path::new(path)) {
            check_pin(spec, filter, module, &place, sink);
            check_size(spec, path, module, &module_place, sink);
        } else {
            let finding = refused.get(path).map_or_else(|| absolute(path), |error| refusal(spec, path, error));
            sink.push(finding.at(spec.document.at(&module_place)));
        }
    }
    modules
}

/// A path that starts from the root of one machine's file system.
pub(super) fn absolute(path: &str) -> Diagnostic {
    Diagnostic::error("MC0117", format!("`{path}` is an absolute path"))
        .note("on another machine it is another file, or none")
        .help("write it relative to mesh.toml's folder")
}

fn refusal(spec: &Spec, path: &str, error: &ModuleError) -> Diagnostic {
    let envoy = "Envoy says: Failed to parse corrupted Wasm module";
    match error {
        ModuleError::Read(error) => {
            let finding = Diagnostic::error("MC0115", format!("cannot read the module `{path}`: {error}"))
                .note("the path starts from mesh.toml's folder");
            match neighbour(&spec.document.folder().join(path)) {
                Some(near) => finding.help(format!("there is a `{near}` in that folder")),
                None => finding.help("build the module first, or correct the path"),
            }
        }
        ModuleError::Empty => Diagnostic::error("MC0301", format!("`{path}` is empty, not a WebAssembly module"))
            .note(envoy)
            .help("build the module again"),
        ModuleError::NotWasm(looks_like) => {
            let finding = Diagnostic::error("MC0301", format!("`{path}` is not a WebAssembly module")).note(envoy);
            match looks_like {
                Some(what) => finding.help(format!("it looks like {what}")),
                None => finding.help("a module begins with the four bytes `\\0asm`"),
            }
        }
        ModuleError::Component => {
            Diagnostic::error("MC0302", format!("`{path}` is a WebAssembly component, not a module"))
                .note(envoy)
                .help("build for wasm32-wasip1, not wasm32-wasip2")
        }
        ModuleError::Version(version) => Diagnostic::error(
            "MC0302",
            format!("`{path}` has version {version} of the binary format, and Envoy knows 1"),
        )
        .note(envoy)
        .help("build the module again with a current toolchain"),
    }
}

/// The most likely file that was meant: the nearest name in the same folder.
fn neighbour(path: &Utf8Path) -> Option<String> {
    let folder = path.parent().filter(|folder| *folder != "").unwrap_or(Utf8Path::new("."));
    let entries = folder.read_dir_utf8().ok()?;
    let mut names: Vec<String> = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_owned())).collect();
    names.sort();
    crate::diag::suggest(path.file_name()?, names.iter().map(String::as_str)).map(str::to_owned)
}

fn check_pin(spec: &Spec, filter: &types::Filter, module: &Module, place: &Place, sink: &mut Sink) {
    let Some(pin) = &filter.sha256 else { return };
    let digest = module.digest.to_string();
    let pinned = pin.strip_prefix("sha256:").unwrap_or(pin);
    if pinned.eq_ignore_ascii_case(&digest) {
        return;
    }
    let location = spec.document.at(&place.key("sha256"));
    sink.push(if pinned.len() == 64 && pinned.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Diagnostic::error("MC0113", format!("`{}` is not the module that `sha256` pins", filter.module))
            .at_label(location, "the pin")
            .related(spec.document.at(&place.key("module")), format!("has the SHA-256 {digest}"))
            .help("if the module was meant to change, write its SHA-256 here")
    } else {
        Diagnostic::error("MC0113", "`sha256` takes 64 hexadecimal digits")
            .at(location)
            .help(format!("the module's is \"{digest}\""))
    });
}

fn check_size(spec: &Spec, path: &str, module: &Module, place: &Place, sink: &mut Sink) {
    let size = module.bytes.len();
    if size <= CONFIG_MAP_LIMIT {
        return;
    }
    sink.push(
        Diagnostic::error(
            "MC0401",
            format!("`{path}` is {} B, {} B more than a ConfigMap holds", group(size), group(size - CONFIG_MAP_LIMIT)),
        )
        .at(spec.document.at(place))
        .note("the API server refuses a ConfigMap whose values are over 1,048,576 B together")
        .help(
            "build for size: in Rust opt-level = \"z\", lto = true, strip = true, panic = \"abort\"; then wasm-opt -Oz",
        ),
    );
}

/// `1056134` as `1,056,134`.
fn group(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|chunk| std::str::from_utf8(chunk).ok()).collect();
    groups.join(",")
}
