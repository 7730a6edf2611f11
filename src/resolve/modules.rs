//! The modules that filters name, each file read and hashed once, in parallel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8Path;
use mesh_compile_module::{Module, NotSlim, Setting, Severity, rules};
use rayon::prelude::*;

use super::limits;
use super::settings::Settings;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::FilterType;
use crate::module::{self, ModuleError};
use crate::spec::types;
use crate::spec::{Place, Spec};
use crate::world::World;

/// A module as one filter uses it.
#[derive(Debug, Clone)]
pub(super) struct Embedded {
    /// The file.
    pub(super) original: Arc<Module>,
    /// What goes into the ConfigMap: the file, or the file without its debug sections.
    pub(super) module: Arc<Module>,
}

/// The modules by filter. Those that were reported are not among them.
pub(super) fn read<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    sink: &mut Sink,
) -> BTreeMap<&'a str, Embedded> {
    let files = files(world, spec);
    let mut modules = BTreeMap::new();
    // Two filters of one module and one setting have the same findings: they are shown once.
    let mut shown = BTreeSet::new();
    for (name, filter) in &spec.filters {
        let place = Place::default().key("filters").key(name);
        let location = spec.document.at(&place.key("module"));
        let path = filter.module.as_str();
        let module = match files.get(path) {
            Some(Ok(module)) => module,
            Some(Err(error)) => {
                sink.push(refusal(world, spec, path, error).at(location));
                continue;
            }
            None => {
                sink.push(absolute(path).at(location));
                continue;
            }
        };
        let before = sink.errors();
        check_pin(spec, filter, module, &place, sink);
        let Some(embedded) = embedded(spec, filter, module, &place, sink) else { continue };
        limits::config_map(path, module, &embedded.module, &location, sink);
        let allow_precompiled = filter.allow_precompiled.unwrap_or_default();
        let setting =
            Setting { envoy: settings.istio.envoy_minor(), filter_type: Some(filter.filter_type), allow_precompiled };
        let key = (path, filter.slim, filter.filter_type == FilterType::Http, allow_precompiled);
        let findings = rules::check(&embedded.module.report, &setting);
        let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
        for finding in findings {
            if shown.insert((key, finding.rule, finding.message.clone())) {
                sink.push(module::diagnostic(&finding, path).at(location));
            }
        }
        if sink.errors() == before && !refused {
            modules.insert(name.as_str(), embedded);
        }
    }
    modules
}

/// Each file once, in parallel; absolute paths are left out.
fn files<'a>(world: &dyn World, spec: &'a Spec) -> BTreeMap<&'a str, Result<Arc<Module>, ModuleError>> {
    let paths: BTreeSet<&str> = spec.filters.values().map(|filter| filter.module.as_str()).collect();
    let relative = paths.into_par_iter().filter(|path| Utf8Path::new(path).is_relative());
    let read = |path| (path, module::read(world, &spec.document.folder().join(path)).map(Arc::new));
    let read: Vec<_> = relative.map(read).collect();
    read.into_iter().collect()
}

fn embedded(
    spec: &Spec,
    filter: &types::Filter,
    file: &Arc<Module>,
    place: &Place,
    sink: &mut Sink,
) -> Option<Embedded> {
    if !filter.slim {
        return Some(Embedded { original: Arc::clone(file), module: Arc::clone(file) });
    }
    match file.slim() {
        Ok(module) => Some(Embedded { original: Arc::clone(file), module: Arc::clone(module) }),
        Err(error) => {
            let (code, reason, help) = match error {
                NotSlim::Signed => (
                    Code::MC0118,
                    "it is signed, and the signature covers every section",
                    "remove `slim`, or slim it before it is signed",
                ),
                NotSlim::Corrupt => (
                    Code::MC0303,
                    "its sections cannot be told apart",
                    "the file is cut off or damaged: build or fetch it again",
                ),
            };
            let message = format!("`{}` cannot be slimmed: {reason}", filter.module);
            sink.push(Diagnostic::error(code, message).at(spec.document.key(&place.key("slim"))).help(help));
            None
        }
    }
}

/// A path that starts from the root of one machine's file system.
pub(super) fn absolute(path: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0117, format!("`{path}` is an absolute path"))
        .note("on another machine it is another file, or none")
        .help("write it relative to mesh.toml's folder")
}

fn refusal(world: &dyn World, spec: &Spec, path: &str, error: &ModuleError) -> Diagnostic {
    match error {
        ModuleError::Read(error) => {
            let finding = Diagnostic::error(Code::MC0115, format!("cannot read the module `{path}`: {error}"))
                .note("the path starts from mesh.toml's folder");
            match neighbour(world, &spec.document.folder().join(path)) {
                Some(near) => finding.help(format!("there is a `{near}` in that folder")),
                None => finding.help("build the module first, or correct the path"),
            }
        }
        ModuleError::Header(_, finding) => module::diagnostic(finding, path),
    }
}

/// The most likely file that was meant: the nearest name in the same folder.
fn neighbour(world: &dyn World, path: &Utf8Path) -> Option<String> {
    let folder = path.parent().filter(|folder| *folder != "").unwrap_or(Utf8Path::new("."));
    let mut names: Vec<String> = world.list(folder).ok()?.into_iter().map(|(name, _)| name).collect();
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
        Diagnostic::error(Code::MC0113, format!("`{}` is not the module that `sha256` pins", filter.module))
            .at_label(location, "the pin")
            .related(spec.document.at(&place.key("module")), format!("has the SHA-256 {digest}"))
            .help("if the module was meant to change, write its SHA-256 here")
    } else {
        Diagnostic::error(Code::MC0113, "`sha256` takes 64 hexadecimal digits")
            .at(location)
            .help(format!("the module's is \"{digest}\""))
    });
}
