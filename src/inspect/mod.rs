//! The report of `mesh-compile inspect` about a module.

use std::fmt;
use std::sync::Arc;

use camino::Utf8Path;
use mesh_compile_module::rules::oldest_envoy;
use mesh_compile_module::{
    Finding, LoadContext, Module, ModuleReport, Severity, Slim, capabilities, header, sdk, slim,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::diag::{Code, Diagnostic, Location, Sources};
use crate::domain::limits::{CLIENT_SIDE_APPLY, CONFIG_MAP, group};
use crate::domain::{Digest, Istio, memory};
use crate::module::{self, ModuleError};
use crate::world::World;

/// `1056134` as `1,056,134`.
#[must_use]
pub fn grouped(number: usize) -> String {
    group(number)
}

/// Whether V8 accepts the bytes.
///
/// # Errors
/// Why V8 rejects them.
pub fn validate(bytes: &[u8]) -> Result<(), String> {
    ModuleReport::of(bytes).invalid.map_or(Ok(()), |invalid| Err(invalid.message))
}

/// Checks that the bytes start like a module of version 1.
///
/// # Errors
/// The diagnostic about other bytes.
pub fn check_header(path: &Utf8Path, bytes: &[u8]) -> Result<(), Box<Diagnostic>> {
    header::check(bytes).map_or(Ok(()), |finding| Err(module::diagnostic(&finding, path.as_str()).into()))
}

/// An analyzed module. It serializes as an entry of JSON version 1, without the diagnostics.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The path as the user wrote it.
    pub path: String,
    /// In bytes.
    pub size: usize,
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// The Proxy-Wasm ABI version that Envoy uses.
    pub abi: Option<String>,
    /// The SDK or toolchain that most likely built the module.
    pub sdk: Option<&'static str>,
    /// In their order.
    pub imports: Vec<Import>,
    /// In their order.
    pub exports: Vec<Export>,
    /// In their order.
    pub custom_sections: Vec<CustomSection>,
    /// Bytes without debug sections; absent for a module that cannot be slimmed.
    pub slim_size: Option<usize>,
    /// The smallest list of capabilities that allows everything the module uses.
    pub capabilities: Vec<String>,
    /// The oldest Envoy that provides all imports, `1.33`; absent if none does, or if every one does.
    pub min_envoy: Option<String>,
    /// Whether Envoy would load it.
    pub loads: bool,
    /// Bytes of code, of data, of debug sections, and of everything else.
    #[serde(skip)]
    pub parts: [(&'static str, usize); 4],
    /// The number of functions that the module defines.
    #[serde(skip)]
    pub functions: u32,
    /// The diagnostics, in the order in which Envoy reaches the problems.
    #[serde(skip)]
    pub findings: Vec<Diagnostic>,
}

/// An import.
#[derive(Debug, Serialize)]
pub struct Import {
    /// The first of its two names.
    pub module: String,
    /// The second.
    pub name: String,
    /// `i32 i32 -> i32` for a function, as Envoy writes it; else `memory`, `table`, `global` or `tag`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An export.
#[derive(Debug, Serialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// As of an import.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A custom section.
#[derive(Debug, Serialize)]
pub struct CustomSection {
    /// Its name.
    pub name: String,
    /// The whole of it, in bytes.
    pub size: usize,
}

/// The version of Istio that a module is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Target(Istio);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Target {
    /// The newest known version.
    pub const NEWEST: Self = Self(Istio::NEWEST);

    /// Parses `1.28`; without a version, the newest known one.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Option<Self> {
        text.map_or(Some(Istio::NEWEST), Istio::parse).map(Self)
    }

    /// The known versions and what each adds, the newest first.
    pub fn known() -> impl Iterator<Item = (String, String)> {
        Istio::known().map(|release| (release.istio.to_string(), release.description()))
    }

    /// What to tell about a version that mesh-compile is not tested with.
    #[must_use]
    pub fn concern(self) -> Option<Diagnostic> {
        module::version::concern(self.0)
    }
}

/// Analyzes a file.
///
/// # Errors
/// The diagnostic about a file that cannot be read.
pub fn inspect(world: &dyn World, path: &Utf8Path, target: Target) -> Result<Inspection, Box<Diagnostic>> {
    let location = Location::whole(world.sources().id(path));
    match module::read_argument(world, path) {
        Ok(module) => Ok(located(location, of(path, &module, target))),
        Err(ModuleError::Read(error)) => {
            let finding = Diagnostic::error(Code::MC0115, format!("cannot read the module `{path}`: {error}"));
            Err(finding.at(location).into())
        }
        Err(ModuleError::Header(bytes, finding)) => Ok(without_header(path, location, bytes, &finding, target)),
    }
}

/// Analyzes bytes in memory. Diagnostics call them `name`.
#[must_use]
pub fn inspect_bytes(sources: &Sources, name: &Utf8Path, bytes: Vec<u8>, target: Target) -> Inspection {
    let location = Location::whole(sources.id(name));
    match Module::checked(bytes.into()) {
        Ok(module) => located(location, of(name, &module, target)),
        Err((bytes, finding)) => without_header(name, location, bytes, &finding, target),
    }
}

/// Bytes that are not a module have a single diagnostic, because others would only be consequences.
fn without_header(
    path: &Utf8Path,
    location: Location,
    bytes: Arc<[u8]>,
    finding: &Finding,
    target: Target,
) -> Inspection {
    let mut inspection = of(path, &Module::new(bytes), target);
    inspection.findings = vec![module::diagnostic(finding, path.as_str())];
    inspection.loads = false;
    located(location, inspection)
}

fn located(location: Location, mut inspection: Inspection) -> Inspection {
    inspection.findings = inspection.findings.into_iter().map(|finding| finding.at(location)).collect();
    inspection
}

fn of(path: &Utf8Path, module: &Module, Target(istio): Target) -> Inspection {
    let report = &module.report;
    let context = LoadContext { envoy: istio.envoy_minor(), filter_type: None, allow_precompiled: false };
    let found = module.findings(&context);
    let loads = found.iter().all(|finding| finding.severity != Severity::Error);
    let mut findings: Vec<Diagnostic> =
        found.iter().map(|finding| module::diagnostic(finding, path.as_str())).collect();
    // Only the length matters; `Module::slim` would also analyze the slimmed module.
    let slim_size = slim(&module.bytes, Slim::Debug).ok().map(|slim| slim.len());
    findings.extend(limits(path, report.size, slim_size));
    let debug = slim_size.map_or(0, |slim| report.size.saturating_sub(slim));
    let rest = report.size.saturating_sub(report.code_size + report.data_size + debug);
    Inspection {
        path: path.to_string(),
        size: report.size,
        sha256: module.digest.to_string(),
        abi: report.abi.ok().flatten().map(|abi| abi.to_string()),
        sdk: sdk::guess(report),
        imports: imports(report),
        exports: report.exports.iter().map(|it| Export { name: it.name.clone(), kind: kind(&it.kind) }).collect(),
        custom_sections: report
            .custom_sections
            .iter()
            .map(|section| CustomSection { name: section.name.clone(), size: section.size })
            .collect(),
        slim_size,
        capabilities: capabilities::derived(report).into_iter().collect(),
        min_envoy: oldest_envoy(report).filter(|minor| *minor > 0).map(|minor| format!("1.{minor}")),
        loads,
        parts: [("code", report.code_size), ("data", report.data_size), ("debug", debug), ("other", rest)],
        functions: report.functions,
        findings,
    }
}

/// A type as Envoy writes it, truncated: a module can import a type of a thousand parameters a hundred thousand times.
fn kind(kind: &mesh_compile_module::Kind) -> String {
    const LONGEST: usize = 256;
    let mut text = kind.to_string();
    if text.len() > LONGEST {
        text.truncate(LONGEST);
        text.push('…');
    }
    text
}

fn imports(report: &ModuleReport) -> Vec<Import> {
    let import = |it: &mesh_compile_module::Import| Import {
        module: it.module.clone(),
        name: it.name.clone(),
        kind: kind(&it.kind),
    };
    report.imports.iter().map(import).collect()
}

/// Warnings about the size. A module outside of a mesh can have any size.
fn limits(path: &Utf8Path, size: usize, slim: Option<usize>) -> Option<Diagnostic> {
    let slimmed = slim
        .filter(|slim| *slim < size)
        .map(|slim| format!("without debug sections, the module has {} bytes", group(slim)));
    let finding = if size > CONFIG_MAP {
        let over = group(size - CONFIG_MAP);
        let message = format!("`{path}` has {} bytes, {over} more than fit into a ConfigMap", group(size));
        Diagnostic::warning(Code::MC0401, message)
            .note("the API server rejects a ConfigMap whose values have more than 1,048,576 bytes in total")
    } else if size > CLIENT_SIDE_APPLY {
        let over = group(size - CLIENT_SIDE_APPLY);
        let message =
            format!("`{path}` has {} bytes, {over} more than fit into a client-side `kubectl apply`", group(size));
        Diagnostic::warning(Code::MC0402, message)
            .note("it stores the object in an annotation, and the annotations of an object have at most 262,144 bytes in total")
            .help("use server-side apply; mesh-compile annotates its ConfigMaps so that Argo CD does, and Flux always does")
    } else {
        return None;
    };
    Some(slimmed.into_iter().fold(finding, Diagnostic::note))
}

impl Inspection {
    /// The module's entry in the JSON document, with its diagnostics.
    #[must_use]
    pub fn to_json(&self, sources: &Sources) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let findings = serde_json::to_value(crate::diag::render::json::JsonDocument::new(&self.findings, sources));
        let findings = findings.unwrap_or_default();
        value["findings"] = findings.get("diagnostics").cloned().unwrap_or_else(|| json!([]));
        value
    }

    /// The memory of the module alone in a proxy with two workers, in bytes, estimated.
    #[must_use]
    pub fn memory(&self) -> usize {
        memory::estimate(std::iter::once(((), Digest::of(self.sha256.as_bytes()), self.size))).bytes
    }

    /// Bytes left in a ConfigMap and in a client-side apply; negative if the module does not fit.
    #[must_use]
    pub fn room(size: usize) -> [(&'static str, i64); 2] {
        let left = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX) - i64::try_from(size).unwrap_or(i64::MAX);
        [("ConfigMap", left(CONFIG_MAP)), ("client-side apply", left(CLIENT_SIDE_APPLY))]
    }
}
