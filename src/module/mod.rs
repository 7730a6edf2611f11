//! Modules as files: reads them, and reports what [`mesh_compile_module`] finds in them.

pub(crate) mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use mesh_compile_module::{Finding, Module, Rule, Severity};
use rayon::prelude::*;

use crate::diag::{Code, Diagnostic};
use crate::world::{Usage, World};

/// Why a file is not a module.
#[derive(Debug)]
pub(crate) enum ModuleError {
    /// The file cannot be read.
    Read(io::Error),
    /// The file's bytes do not start like a WebAssembly module of version 1.
    Header(Arc<[u8]>, Box<Finding>),
}

/// Reads the modules at the paths, in parallel. Files with the same bytes are parsed once and share one [`Module`].
pub(crate) fn read(world: &dyn World, paths: &[Utf8PathBuf]) -> Vec<Result<Arc<Module>, ModuleError>> {
    let contents: Vec<_> = paths.par_iter().map(|path| world.read(path, Usage::Module)).collect();
    let distinct: BTreeSet<&Arc<[u8]>> = contents.iter().flatten().collect();
    let parsed: Vec<_> = distinct.into_par_iter().map(|bytes| (Arc::clone(bytes), parse(bytes))).collect();
    let parsed: BTreeMap<_, _> = parsed.into_iter().collect();
    let module = |content: io::Result<Arc<[u8]>>| {
        let bytes = content.map_err(ModuleError::Read)?;
        match &parsed[&bytes] {
            Ok(module) => Ok(Arc::clone(module)),
            Err(finding) => Err(ModuleError::Header(bytes, finding.clone())),
        }
    };
    contents.into_iter().map(module).collect()
}

/// Reads and parses the module at a path from the command line.
pub(crate) fn read_argument(world: &dyn World, path: &Utf8Path) -> Result<Arc<Module>, ModuleError> {
    let bytes = world.read_argument(path, Usage::Module).map_err(ModuleError::Read)?;
    parse(&bytes).map_err(|finding| ModuleError::Header(bytes, finding))
}

fn parse(bytes: &Arc<[u8]>) -> Result<Arc<Module>, Box<Finding>> {
    Module::checked(Arc::clone(bytes)).map(Arc::new).map_err(|(_, finding)| finding)
}

/// The diagnostic for a finding about the module at `path`, without a location.
pub(crate) fn diagnostic(finding: &Finding, path: &str) -> Diagnostic {
    let message = match finding.rule {
        Rule::NotWasm | Rule::BinaryVersion => format!("`{path}` {}", finding.message),
        _ => format!("`{path}`: {}", finding.message),
    };
    let code = code(finding.rule);
    let diagnostic = match finding.severity {
        Severity::Error => Diagnostic::error(code, message),
        Severity::Warning => Diagnostic::warning(code, message),
    };
    let envoy = finding.envoy.iter().map(|says| format!("Envoy says: {says}"));
    let diagnostic = envoy.chain(finding.notes.iter().cloned()).fold(diagnostic, Diagnostic::note);
    finding.help.iter().fold(diagnostic, Diagnostic::help)
}

const fn code(rule: Rule) -> Code {
    match rule {
        Rule::NotWasm => Code::MC0301,
        Rule::BinaryVersion => Code::MC0302,
        Rule::Corrupt => Code::MC0303,
        Rule::AbiMarker => Code::MC0304,
        Rule::InvalidBytecode => Code::MC0305,
        Rule::MissingImport => Code::MC0306,
        Rule::ImportType => Code::MC0307,
        Rule::ExportType => Code::MC0308,
        Rule::NoAllocator => Code::MC0309,
        Rule::NoMemory => Code::MC0310,
        Rule::NoInstance => Code::MC0311,
        Rule::HostVersion => Code::MC0312,
        Rule::NoTrafficCallback => Code::MC0313,
        Rule::MemorySize => Code::MC0314,
        Rule::Precompiled => Code::MC0315,
        Rule::PollOneoff => Code::MC0317,
        Rule::Crash => Code::MC0318,
    }
}
