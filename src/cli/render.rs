//! `mesh-compile render`

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::store::{self, Action, Step};
use mesh_compile::world::World;
use mesh_compile::{Rendered, compile, stream};

use super::report::{Reporter, plural, stdout};
use super::verify::{Cache, DryRun};
use super::{Outcome, spec_file};

/// Writes the manifests to out/
///
/// Files that are as they should be are not touched. Files that the last render wrote and that are no longer needed are
/// removed. A file that mesh.lock does not list is never overwritten or deleted.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// Write one YAML stream to standard output, and nothing to out/
    #[arg(long)]
    stdout: bool,
    /// Only list what would be created, updated and deleted
    #[arg(long, conflicts_with = "stdout")]
    dry_run: bool,
    /// Dry-run the filters and run their tests first, as `verify` does; after a failure nothing is written
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    cache: Cache,
}

impl Render {
    pub(super) fn run(&self, world: &dyn World, file: Option<Utf8PathBuf>, reporter: &Reporter<'_>) -> Outcome {
        let spec = spec_file(world, file);
        let mut sink = Sink::new();
        let Some(rendered) = compile(world, &spec, &mut sink) else { return reporter.findings(sink) };
        let dry_run = self.verify.then(|| DryRun::of(world, &rendered, self.cache, reporter, &mut sink));
        if let Some(dry_run) = dry_run.as_ref().filter(|dry_run| dry_run.outcome() != Outcome::Fine) {
            reporter.findings(sink);
            dry_run.tell(reporter);
            return dry_run.outcome();
        }
        if self.stdout {
            let outcome = stdout(&stream(&rendered.tree.files));
            return worse(outcome, reporter.findings(sink));
        }
        let _exclusive = (!self.dry_run).then(|| store::exclusive(&rendered.tree.dir));
        let steps = store::plan(world, &rendered.tree, &spec, &mut sink);
        if sink.has_errors() {
            return reporter.findings(sink);
        }
        if self.dry_run {
            let list: String = steps.iter().map(|step| line(&rendered, step) + "\n").collect();
            let outcome = stdout(list.as_bytes());
            return worse(outcome, reporter.findings(sink));
        }
        let written = store::write(world, &rendered.tree, &steps, &mut sink);
        let outcome = reporter.findings(sink);
        if written {
            dry_run.iter().for_each(|dry_run| dry_run.tell(reporter));
            steps.iter().for_each(|step| reporter.detail(&line(&rendered, step)));
            reporter.note(&summary(&rendered, &steps));
        }
        outcome
    }
}

fn line(rendered: &Rendered, step: &Step) -> String {
    format!("{} {}", step.action.as_str(), rendered.tree.dir.join(&step.path))
}

fn summary(rendered: &Rendered, steps: &[Step]) -> String {
    let count = |action| steps.iter().filter(|step| step.action == action).count();
    let (created, updated, deleted) = (count(Action::Create), count(Action::Update), count(Action::Delete));
    let unchanged = rendered.tree.files.len() - created - updated;
    let words = [(created, "created"), (updated, "updated"), (deleted, "deleted"), (unchanged, "unchanged")];
    let words: Vec<String> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{}: {} ({})", rendered.tree.dir, plural(rendered.tree.files.len(), "file"), words.join(", "))
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    if a == Outcome::Fine { b } else { a }
}
