//! `mesh-compile check`

use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::world::World;
use mesh_compile::{compile, store};

use super::report::{Reporter, plural};
use super::verify::{Cache, DryRun};
use super::{Outcome, Project};

/// Compare out/ with what mesh.toml renders
///
/// Reports every file that is missing, out of date, no longer rendered, changed by hand, or not written by mesh-compile. Writes
/// nothing.
///
/// Exits with status 0 if there is no difference, 1 if there is one, and 2 on an error.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Also dry-run the filters and run their tests; exit with status 1 if one fails
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    cache: Cache,
}

impl Check {
    pub(super) fn run(&self, world: &dyn World, project: &Project, reporter: &Reporter<'_>) -> Outcome {
        let spec = project.file(world);
        let mut sink = Sink::new();
        let input = project.input(&spec);
        let compiled = compile(world, &input, &mut sink).and_then(|all| all.into_iter().next());
        let Some(compiled) = compiled else { return reporter.diagnostics(sink) };
        let tree = &compiled.tree;
        let differences = store::compare(world, tree, &mut sink);
        if sink.has_errors() {
            return reporter.diagnostics(sink);
        }
        sink.extend(differences.iter().map(|difference| difference.finding(world, tree, &spec)));
        // The dry run reads the rendered files, which are those of out/ if nothing differs.
        let dry_run = self.verify.then(|| DryRun::run(world, &compiled, self.cache, reporter, &mut sink));
        reporter.diagnostics(sink);
        let verified = dry_run.as_ref().map_or(Outcome::Success, DryRun::outcome);
        dry_run.iter().for_each(|dry_run| dry_run.summarize(reporter));
        if differences.is_empty() {
            reporter.info(&format!("{}: {} up to date with {spec}", tree.dir, plural(tree.files.len(), "file")));
            return verified;
        }
        if verified == Outcome::Error { verified } else { Outcome::Failure }
    }
}
