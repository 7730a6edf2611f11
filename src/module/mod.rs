//! A `.wasm` file as bytes: what is in it, what Envoy would say of it, and what can be left out of it.

pub(crate) mod abi;
mod bytecode;
pub(crate) mod capabilities;
mod crash;
mod header;
mod report;
pub(crate) mod rules;
pub(crate) mod sdk;
mod segments;
mod signature;
mod slim;
mod v8;

use crate::domain::Digest;
use std::io;
use std::sync::{Arc, OnceLock};

use camino::Utf8Path;

pub(crate) use header::check as header_fault;
pub(crate) use report::{Import, Kind, Report};
pub(crate) use rules::{Finding, Setting};
pub use slim::{NotSlim, Slim, slim};

use crate::world::{Usage, World};

/// A module, read, hashed and looked into once, however many workloads use it.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) digest: Digest,
    pub(crate) report: Report,
    slim: OnceLock<Result<Arc<Module>, NotSlim>>,
}

/// Why there is no module to look into.
#[derive(Debug)]
pub(crate) enum ModuleError {
    /// The file cannot be read.
    Read(io::Error),
    /// What is in it is not WebAssembly of version 1.
    Header(Arc<[u8]>, Box<Finding>),
}

impl Module {
    /// Reads the file, checks its header and looks into it.
    pub(crate) fn read(world: &dyn World, path: &Utf8Path) -> Result<Self, ModuleError> {
        let bytes = world.read(path, Usage::Module).map_err(ModuleError::Read)?;
        Self::checked(bytes).map_err(|(bytes, finding)| ModuleError::Header(bytes, finding))
    }

    /// Like [`Module::read`], for a path from the command line.
    pub(crate) fn read_argument(world: &dyn World, path: &Utf8Path) -> Result<Self, ModuleError> {
        let bytes = world.read_argument(path, Usage::Module).map_err(ModuleError::Read)?;
        Self::checked(bytes).map_err(|(bytes, finding)| ModuleError::Header(bytes, finding))
    }

    /// Checks the header of the bytes and looks into them; what has none comes back.
    pub(crate) fn checked(bytes: Arc<[u8]>) -> Result<Self, (Arc<[u8]>, Box<Finding>)> {
        match header::check(&bytes) {
            Some(finding) => Err((bytes, finding.into())),
            None => Ok(Self::new(bytes)),
        }
    }

    pub(crate) fn new(bytes: Arc<[u8]>) -> Self {
        let (digest, report) = rayon::join(|| Digest::of(&bytes), || Report::of(&bytes));
        Self { bytes, digest, report, slim: OnceLock::new() }
    }

    /// The module without debug sections.
    pub(crate) fn slim(&self) -> Result<&Arc<Self>, NotSlim> {
        let slimmed =
            self.slim.get_or_init(|| slim(&self.bytes, Slim::Debug).map(|bytes| Arc::new(Self::new(bytes.into()))));
        slimmed.as_ref().map_err(|error| *error)
    }
}
