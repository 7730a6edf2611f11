//! A module whose bytes were parsed once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::header;
use crate::{Digest, Finding, LoadContext, ModuleReport, NotSlim, Slim, rules, slim};

/// A module: its bytes, hashed and parsed once however often it is used.
#[derive(Debug)]
pub struct Module {
    /// The whole file.
    pub bytes: Arc<[u8]>,
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// What is in the bytes.
    pub report: ModuleReport,
    slim: OnceLock<Result<Arc<Self>, NotSlim>>,
    findings: Mutex<BTreeMap<LoadContext, Arc<[Finding]>>>,
}

impl Module {
    /// Parses the bytes after checking their header.
    ///
    /// # Errors
    /// Bytes that do not start like a WebAssembly module of version 1 come back, with the reason.
    pub fn checked(bytes: Arc<[u8]>) -> Result<Self, (Arc<[u8]>, Box<Finding>)> {
        match header::check(&bytes) {
            Some(finding) => Err((bytes, finding.into())),
            None => Ok(Self::new(bytes)),
        }
    }

    /// Parses the bytes, whatever they are. [`Self::report`] holds everything up to the first fault.
    #[must_use]
    pub fn new(bytes: Arc<[u8]>) -> Self {
        let (digest, report) = rayon::join(|| Digest::of(&bytes), || ModuleReport::of(&bytes));
        Self { bytes, digest, report, slim: OnceLock::new(), findings: Mutex::default() }
    }

    /// The findings of all rules, which run once per context.
    #[must_use]
    pub fn findings(&self, context: &LoadContext) -> Arc<[Finding]> {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(findings.entry(*context).or_insert_with(|| rules::check(&self.report, context).into()))
    }

    /// The module without its debug sections.
    ///
    /// # Errors
    /// See [`NotSlim`].
    pub fn slim(&self) -> Result<&Arc<Self>, NotSlim> {
        let slimmed =
            self.slim.get_or_init(|| slim(&self.bytes, Slim::Debug).map(|bytes| Arc::new(Self::new(bytes.into()))));
        slimmed.as_ref().map_err(|error| *error)
    }
}
