//! `mesh-compile check`

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::{compile, store};

use super::report::{Reporter, plural};
use super::{Outcome, spec_file};

/// Compares out/ with what mesh.toml renders to now
///
/// Names every file that is missing, out of date, no longer rendered, changed by hand or not ours. Writes nothing. Ends in 0
/// when there is none, in 1 when there is, in 2 when it cannot tell.
#[derive(Debug, Args)]
pub(super) struct Check {}

impl Check {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(super) fn run(&self, file: Option<Utf8PathBuf>, reporter: &Reporter) -> Outcome {
        let spec = spec_file(file);
        let mut sink = Sink::new();
        let Some(rendered) = compile(&spec, &mut sink) else { return reporter.findings(sink) };
        let differences = store::compare(&rendered, &mut sink);
        if sink.has_errors() {
            return reporter.findings(sink);
        }
        sink.extend(differences.iter().map(|difference| difference.finding(&rendered, &spec)));
        reporter.findings(sink);
        if differences.is_empty() {
            reporter.note(&format!("{}: {}, as {spec} says", rendered.dir, plural(rendered.files.len(), "file")));
            return Outcome::Fine;
        }
        Outcome::Drift
    }
}
