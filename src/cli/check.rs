//! `mesh-compile check`

use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::world::World;
use mesh_compile::{Compiled, compile, store};

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
        let Some(compiled) = compile(world, &input, &mut sink) else { return reporter.diagnostics(sink) };
        let places: Vec<_> = compiled.iter().map(Compiled::place).collect();
        let survey = store::survey(world, &places, &spec, &mut sink);
        if sink.has_errors() {
            return reporter.diagnostics(sink);
        }
        let mut up_to_date = Vec::new();
        let mut findings = Vec::new();
        if let Some(moved) = survey.moved(world, &spec) {
            findings.push((None, moved));
        } else {
            for one in &compiled {
                let (tree, environment) = (&one.tree, one.environment.as_deref());
                let differences = store::compare(world, tree, &mut sink);
                if differences.is_empty() {
                    up_to_date.push(tree);
                }
                findings.extend(differences.iter().map(|it| (environment, it.finding(world, tree, &spec))));
            }
        }
        if project.environments.is_empty() {
            findings.extend(survey.gone(world, &spec).map(|finding| (None, finding)));
        }
        if sink.has_errors() {
            return reporter.diagnostics(sink);
        }
        let is_same = findings.is_empty();
        for (environment, finding) in findings {
            sink.enter(environment);
            sink.push(finding);
        }
        sink.enter(None);
        // The dry run reads the rendered files, which are those of out/ if nothing differs.
        let dry_run = self.verify.then(|| DryRun::run(world, &compiled, self.cache, reporter, &mut sink));
        reporter.diagnostics(sink);
        let verified = dry_run.as_ref().map_or(Outcome::Success, DryRun::outcome);
        dry_run.iter().for_each(|dry_run| dry_run.summarize(reporter));
        for tree in up_to_date {
            reporter.info(&format!("{}: {} up to date with {spec}", tree.dir, plural(tree.files.len(), "file")));
        }
        if is_same || verified == Outcome::Error { verified } else { Outcome::Failure }
    }
}
