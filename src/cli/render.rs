//! `mesh-compile render`

use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::store::{self, Action, Step};
use mesh_compile::world::World;
use mesh_compile::{Tree, compile, stream};

use super::report::{Reporter, line, plural, stdout};
use super::verify::{Cache, DryRun};
use super::{Outcome, Project};

/// Write the manifests to out/
///
/// Files that are up to date are not touched. Files that the last render wrote and that are no longer needed are deleted. A file
/// that mesh.lock does not list is never overwritten or deleted.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// Print one YAML stream to standard output instead of writing out/
    #[arg(long)]
    stdout: bool,
    /// List what would be created, updated and deleted, and write nothing
    #[arg(long, conflicts_with = "stdout")]
    dry_run: bool,
    /// Dry-run the filters and run their tests first; if one fails, write nothing
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    cache: Cache,
}

impl Render {
    pub(super) fn run(&self, world: &dyn World, project: &Project, reporter: &Reporter<'_>) -> Outcome {
        let spec = project.file(world);
        let mut sink = Sink::new();
        let input = project.input(&spec);
        let compiled = compile(world, &input, &mut sink).and_then(|all| all.into_iter().next());
        let Some(compiled) = compiled else { return reporter.diagnostics(sink) };
        let tree = &compiled.tree;
        let dry_run = self.verify.then(|| DryRun::run(world, &compiled, self.cache, reporter, &mut sink));
        if let Some(dry_run) = dry_run.as_ref().filter(|dry_run| dry_run.outcome() != Outcome::Success) {
            reporter.diagnostics(sink);
            dry_run.summarize(reporter);
            return dry_run.outcome();
        }
        if self.stdout {
            let outcome = stdout(&stream(&tree.files));
            return first_failure(outcome, reporter.diagnostics(sink));
        }
        let waiting = || reporter.info(&format!("waiting for another render of `{}` to finish", tree.dir));
        let _exclusive = (!self.dry_run).then(|| store::exclusive(&tree.dir, waiting));
        let steps = store::plan(world, tree, &spec, &mut sink);
        if sink.has_errors() {
            return reporter.diagnostics(sink);
        }
        if self.dry_run {
            let list: String = steps.iter().map(|step| line(&describe(tree, step))).collect();
            let outcome = first_failure(stdout(list.as_bytes()), reporter.diagnostics(sink));
            if steps.is_empty() {
                reporter.info(&format!("{}: nothing to change", tree.dir));
            }
            return outcome;
        }
        let written = store::write(world, tree, &steps, &mut sink);
        let outcome = reporter.diagnostics(sink);
        if written {
            dry_run.iter().for_each(|dry_run| dry_run.summarize(reporter));
            steps.iter().for_each(|step| reporter.verbose(&describe(tree, step)));
            reporter.info(&summary(tree, &steps));
        }
        outcome
    }
}

/// `create out/mesh.lock`
fn describe(tree: &Tree, step: &Step) -> String {
    format!("{} {}", step.action.as_str(), tree.dir.join(&step.path))
}

/// `out: 7 files (2 created, 5 unchanged)`
fn summary(tree: &Tree, steps: &[Step]) -> String {
    let count = |action| steps.iter().filter(|step| step.action == action).count();
    let (created, updated, deleted) = (count(Action::Create), count(Action::Update), count(Action::Delete));
    let unchanged = tree.files.len() - created - updated;
    let words = [(created, "created"), (updated, "updated"), (deleted, "deleted"), (unchanged, "unchanged")];
    let words: Vec<String> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{}: {} ({})", tree.dir, plural(tree.files.len(), "file"), words.join(", "))
}

fn first_failure(first: Outcome, second: Outcome) -> Outcome {
    if first == Outcome::Success { second } else { first }
}
