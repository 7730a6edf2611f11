//! The modules of the filters. Each file is read and hashed once, in parallel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use mesh_compile_module::{LoadContext, Module, NotSlim, Severity};

use super::mesh::{self, PluginModule};
use super::out_dir::from_root;
use super::settings::Settings;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Digest, FilterType, SourceKind};
use crate::module::{self, ModuleError};
use crate::spec::types;
use crate::spec::{Spanned, Spec};
use crate::world::{FileKind, World};

/// The module of a filter.
#[derive(Debug, Clone)]
pub(crate) struct DeliveredModule {
    /// The file.
    pub(crate) original: Arc<Module>,
    /// What is delivered to the proxies: the file, or the file without its debug sections.
    pub(crate) module: Arc<Module>,
}

/// The modules by filter, without those that are reported.
pub(super) fn read<'a>(
    world: &dyn World,
    spec: &'a Spec,
    settings: &Settings,
    sink: &mut Sink,
) -> BTreeMap<&'a str, PluginModule> {
    let files = files(world, spec);
    let mut modules = BTreeMap::new();
    // Two filters with the same module and the same settings have the same diagnostics, which are shown once.
    let mut shown = BTreeSet::new();
    for (name, filter) in &spec.filters {
        let Some(written) = &filter.module else {
            modules.extend(unseen(name, filter, sink).map(|digest| (name.as_str(), PluginModule::Unseen(digest))));
            continue;
        };
        let (path, location) = (written.as_str(), written.location());
        let module = match files.get(&file(spec, written)) {
            Some(Ok(module)) => module,
            Some(Err(error)) => {
                sink.push(rejection(world, spec, written, error).at(location));
                continue;
            }
            None => {
                sink.push(absolute(path).at(location));
                continue;
            }
        };
        let before = sink.errors();
        check_pin(filter, written, module, sink);
        let Some(delivered) = delivered(filter, path, module, sink) else { continue };
        let allow_precompiled = filter.allow_precompiled.as_deref().copied().unwrap_or_default();
        let filter_type = filter.filter_type();
        let context =
            LoadContext { envoy: settings.istio.envoy_minor(), filter_type: Some(filter_type), allow_precompiled };
        let is_slim = !Arc::ptr_eq(&delivered.original, &delivered.module);
        let key = (path, is_slim, filter_type == FilterType::Http, allow_precompiled);
        let findings = delivered.module.findings(&context);
        let is_rejected = findings.iter().any(|finding| finding.severity == Severity::Error);
        for finding in findings.iter() {
            if shown.insert((key, finding.rule, finding.message.clone())) {
                sink.push(module::diagnostic(finding, path).at(location));
            }
        }
        if sink.errors() == before && !is_rejected {
            modules.insert(name.as_str(), PluginModule::File(delivered));
        }
    }
    modules
}

/// The modules by their path in mesh.toml, for the lock.
pub(super) fn by_path(spec: &Spec, modules: &BTreeMap<&str, PluginModule>) -> BTreeMap<Utf8PathBuf, mesh::Module> {
    let mut by_path = BTreeMap::new();
    for (name, delivered) in modules {
        let (Some(filter), Some(delivered)) = (spec.filters.get(*name), delivered.file()) else { continue };
        let Some(written) = &filter.module else { continue };
        let original = Arc::clone(&delivered.original);
        let path = from_root(spec, written);
        let entry = by_path.entry(path).or_insert(mesh::Module { original, slim: None });
        if filter.is_slim() {
            entry.slim = Some(Arc::clone(&delivered.module));
        }
    }
    by_path
}

/// Reads the files. Absolute paths are skipped.
fn files(world: &dyn World, spec: &Spec) -> BTreeMap<Utf8PathBuf, Result<Arc<Module>, ModuleError>> {
    let written = spec.filters.values().filter_map(|filter| filter.module.as_ref());
    let relative = written.filter(|path| Utf8Path::new(path.as_str()).is_relative());
    let files: BTreeSet<Utf8PathBuf> = relative.map(|path| file(spec, path)).collect();
    let files: Vec<Utf8PathBuf> = files.into_iter().collect();
    let modules = module::read(world, &files);
    files.into_iter().zip(modules).collect()
}

/// The file of a filter's module, from the current directory.
fn file(spec: &Spec, written: &Spanned<String>) -> Utf8PathBuf {
    spec.dir_of(written.location()).join(written.as_str())
}

/// The digest of a module that only a volume has. `None` if an error was reported.
fn unseen(name: &str, filter: &Spanned<types::Filter>, sink: &mut Sink) -> Option<Digest> {
    let in_volume = filter.source.as_deref() == Some(&SourceKind::Volume);
    let Some(pin) = filter.sha256.as_ref().filter(|_| in_volume) else {
        let diagnostic = Diagnostic::error(Code::MC0105, format!("`filters.{name}` has no `module`"))
            .at(filter.key_location())
            .help("add `module = …`: the path of the module, a `.wasm` file, relative to this file");
        sink.push(if in_volume {
            diagnostic.help("or add its `sha256`; then the module cannot be verified")
        } else {
            diagnostic
        });
        return None;
    };
    if let Some(slim) = filter.slim.as_ref().filter(|slim| ***slim) {
        let message = "`slim` requires `module`";
        sink.push(Diagnostic::error(Code::MC0214, message).at(slim.key_location()).help("remove `slim`"));
    }
    let digest = digits(pin).parse().ok();
    if digest.is_none() {
        sink.push(Diagnostic::error(Code::MC0113, "`sha256` must be 64 hexadecimal digits").at(pin.location()));
    }
    digest
}

/// The digits of a pin.
fn digits(pin: &str) -> &str {
    pin.strip_prefix("sha256:").unwrap_or(pin)
}

fn delivered(filter: &types::Filter, path: &str, file: &Arc<Module>, sink: &mut Sink) -> Option<DeliveredModule> {
    let Some(slim) = filter.slim.as_ref().filter(|slim| ***slim) else {
        return Some(DeliveredModule { original: Arc::clone(file), module: Arc::clone(file) });
    };
    match file.slim() {
        Ok(module) => Some(DeliveredModule { original: Arc::clone(file), module: Arc::clone(module) }),
        // The check of the module reports the same.
        Err(NotSlim::Corrupt) if file.report.torn() => {
            Some(DeliveredModule { original: Arc::clone(file), module: Arc::clone(file) })
        }
        Err(error) => {
            let (code, reason, help) = match error {
                NotSlim::Signed => (
                    Code::MC0118,
                    "it is signed, and the signature covers every section",
                    "remove `slim`, or slim the module before it is signed",
                ),
                NotSlim::Corrupt => (
                    Code::MC0303,
                    "its sections cannot be parsed",
                    "the file is truncated or damaged: build or download it again",
                ),
            };
            let message = format!("`{path}` cannot be slimmed: {reason}");
            sink.push(Diagnostic::error(code, message).at(slim.key_location()).help(help));
            None
        }
    }
}

/// The diagnostic for a path that is not relative.
pub(super) fn absolute(path: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0117, format!("`{path}` is an absolute path"))
        .note("on another machine, the path may not exist or may be a different file")
        .help("make it relative to mesh.toml's directory")
}

fn rejection(world: &dyn World, spec: &Spec, written: &Spanned<String>, error: &ModuleError) -> Diagnostic {
    let path = written.as_str();
    match error {
        ModuleError::Read(error) => {
            let diagnostic = Diagnostic::error(Code::MC0115, format!("cannot read the module `{path}`: {error}"))
                .note(spec.relative_note(written.location()));
            match neighbor(world, &file(spec, written)) {
                Some(near) => diagnostic.help(format!("did you mean `{}`?", Utf8Path::new(path).with_file_name(near))),
                None => diagnostic.help("build the module first, or correct the path"),
            }
        }
        ModuleError::Header(_, finding) => module::diagnostic(finding, path),
    }
}

/// The file that the path most likely means: the nearest name in the same directory.
fn neighbor(world: &dyn World, path: &Utf8Path) -> Option<String> {
    let dir = path.parent().filter(|dir| *dir != "").unwrap_or(Utf8Path::new("."));
    let written = path.file_name()?;
    let files = world.list(dir).ok()?.into_iter().filter(|(name, kind)| *kind == FileKind::File && name != written);
    let mut names: Vec<String> = files.map(|(name, _)| name).collect();
    names.sort();
    crate::diag::suggest(written, names.iter().map(String::as_str)).map(str::to_owned)
}

fn check_pin(filter: &Spanned<types::Filter>, written: &Spanned<String>, module: &Module, sink: &mut Sink) {
    let Some(pin) = &filter.sha256 else { return };
    let digest = module.digest.to_string();
    let digits = digits(pin);
    if digits.eq_ignore_ascii_case(&digest) {
        return;
    }
    sink.push(if digits.parse::<Digest>().is_ok() {
        let message = format!("`{}` does not have the pinned SHA-256", written.as_str());
        Diagnostic::error(Code::MC0113, message)
            .at_label(pin.location(), "the pin")
            .related(written.location(), format!("has the SHA-256 {digest}"))
            .help("if you changed the module on purpose, update the pin")
    } else {
        Diagnostic::error(Code::MC0113, "`sha256` must be 64 hexadecimal digits")
            .at(pin.location())
            .help(format!("the SHA-256 of the module is \"{digest}\""))
    });
}
