//! `mesh-compile check`

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::world::World;
use mesh_compile::{compile, store};

use super::report::{Reporter, plural};
use super::verify::{Cache, DryRun};
use super::{Outcome, spec_file};

/// Compares out/ with what mesh.toml renders to now
///
/// Names every file that is missing, out of date, no longer rendered, changed by hand or not ours. Writes nothing. Ends in 0
/// when there is none, in 1 when there is, in 2 when it cannot tell.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Dry-run the filters and run their tests too, as `verify` does; a failure ends in 1
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    cache: Cache,
}

impl Check {
    pub(super) fn run(&self, world: &dyn World, file: Option<Utf8PathBuf>, reporter: &Reporter<'_>) -> Outcome {
        let spec = spec_file(world, file);
        let mut sink = Sink::new();
        let Some(rendered) = compile(world, &spec, &mut sink) else { return reporter.findings(sink) };
        let differences = store::compare(world, &rendered.tree, &mut sink);
        if sink.has_errors() {
            return reporter.findings(sink);
        }
        sink.extend(differences.iter().map(|difference| difference.finding(world, &rendered.tree, &spec)));
        // What is verified is what mesh.toml renders to, and that is out/ where there is no drift.
        let dry_run = self.verify.then(|| DryRun::of(world, &rendered, self.cache, reporter, &mut sink));
        reporter.findings(sink);
        let verified = dry_run.as_ref().map_or(Outcome::Fine, DryRun::outcome);
        dry_run.iter().for_each(|dry_run| dry_run.tell(reporter));
        if differences.is_empty() {
            reporter.note(&format!(
                "{}: {}, as {spec} says",
                rendered.tree.dir,
                plural(rendered.tree.files.len(), "file")
            ));
            return verified;
        }
        if verified == Outcome::Failed { verified } else { Outcome::Drift }
    }
}
