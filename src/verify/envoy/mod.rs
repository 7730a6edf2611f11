//! The engine that is a real Envoy.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::outcome::Outcome;
use super::subject::Subject;
use crate::diag::Diagnostic;

/// How Envoy is found.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) path: Option<Utf8PathBuf>,
    pub(crate) patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { path: None, patience: Duration::from_secs(3) }
    }
}

/// Runs the subjects; `progress` is called when one is through.
pub(crate) fn run(
    _subjects: &[Subject],
    _options: &Options,
    _progress: &(dyn Fn() + Sync),
) -> Result<Vec<Outcome>, Box<Diagnostic>> {
    Err(Diagnostic::error("MC0614", "there is no Envoy").into())
}
