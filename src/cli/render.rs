//! `mesh-compile render`

use std::collections::BTreeSet;

use camino::Utf8Path;
use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Sink};
use mesh_compile::store::{self, Action, Left, Step};
use mesh_compile::world::World;
use mesh_compile::{Compiled, Tree, compile, stream};

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
    /// Move out/ after mesh.toml declares its first environment, or drops its last one
    ///
    /// Each environment is rendered to out/NAME. Change the path in the GitOps tool in the same commit: a tool that prunes would
    /// find nothing at the old path, and delete the filters from the cluster.
    #[arg(long = "move", conflicts_with = "environments")]
    moves: bool,
    #[command(flatten)]
    cache: Cache,
}

/// A directory and the changes to it.
struct Changes<'a> {
    tree: &'a Tree,
    steps: Vec<Step>,
}

/// A directory that is deleted, and the changes that do it.
struct Removal<'a> {
    left: &'a Left,
    steps: Vec<Step>,
}

impl Render {
    pub(super) fn run(&self, world: &dyn World, project: &Project, reporter: &Reporter<'_>) -> Outcome {
        let spec = project.file(world);
        let mut sink = Sink::new();
        let input = project.input(&spec);
        let Some(compiled) = compile(world, &input, &mut sink) else { return reporter.diagnostics(sink) };
        let dry_run = self.verify.then(|| DryRun::run(world, &compiled, self.cache, reporter, &mut sink));
        if let Some(dry_run) = dry_run.as_ref().filter(|dry_run| dry_run.outcome() != Outcome::Success) {
            reporter.diagnostics(sink);
            dry_run.summarize(reporter);
            return dry_run.outcome();
        }
        if self.stdout {
            return print(&compiled, reporter, sink);
        }
        let places: Vec<_> = compiled.iter().map(Compiled::place).collect();
        let survey = store::survey(world, &places, &spec, &mut sink);
        sink.extend(survey.moved(world, &spec).filter(|_| !self.moves));
        if sink.has_errors() {
            return reporter.diagnostics(sink);
        }
        // One environment alone leaves everything else as it is.
        let left = survey.left.iter().filter(|_| project.environments.is_empty());
        let waiting = |dir: &Utf8Path| reporter.info(&format!("waiting for another render of `{dir}` to finish"));
        let lock = |dir: &Utf8Path| (!self.dry_run).then(|| store::exclusive(dir, || waiting(dir)));
        let dirs = left.clone().map(Left::dir).chain(compiled.iter().map(|one| one.tree.dir.as_path()));
        // In one order, so that two renders never wait for each other.
        let _exclusive: Vec<_> = dirs.collect::<BTreeSet<_>>().into_iter().map(lock).collect();
        let plan = |one: &'_ Compiled, sink: &mut Sink| store::plan(world, &one.tree, &spec, sink);
        let changes: Vec<Changes<'_>> =
            compiled.iter().map(|one| Changes { tree: &one.tree, steps: plan(one, &mut sink) }).collect();
        let removals: Vec<Removal<'_>> =
            left.map(|left| Removal { left, steps: store::plan_removal(world, left, &spec, &mut sink) }).collect();
        if sink.has_errors() {
            return reporter.diagnostics(sink);
        }
        if self.dry_run {
            return list(&changes, &removals, reporter, sink);
        }
        // Everything new is there before anything old goes.
        let written = changes.iter().all(|it| store::write(world, it.tree, &it.steps, &mut sink))
            && removals.iter().all(|it| store::remove(world, it.left, &it.steps, &mut sink));
        let outcome = reporter.diagnostics(sink);
        if written {
            dry_run.iter().for_each(|dry_run| dry_run.summarize(reporter));
            for Changes { tree, steps } in &changes {
                steps.iter().for_each(|step| reporter.verbose(&describe(&tree.dir, step)));
                reporter.info(&summary(tree, steps));
            }
            for Removal { left, steps } in &removals {
                steps.iter().for_each(|step| reporter.verbose(&describe(left.dir(), step)));
                reporter.info(&format!("{}: deleted {}", left.dir(), plural(steps.len() + 1, "file")));
            }
        }
        outcome
    }
}

/// Prints the manifests as one stream.
fn print(compiled: &[Compiled], reporter: &Reporter<'_>, mut sink: Sink) -> Outcome {
    let [one] = compiled else {
        let diagnostic =
            Diagnostic::error(Code::MC0708, "`--stdout` prints one environment, but mesh.toml has several");
        let names: Vec<_> = compiled.iter().filter_map(|one| one.environment.as_deref()).collect();
        let first = names.first().copied().unwrap_or_default();
        sink.push(diagnostic.help(format!("name it, as in `--env {first}`; environments: {}", names.join(", "))));
        return reporter.diagnostics(sink);
    };
    let outcome = stdout(&stream(&one.tree.files));
    first_failure(outcome, reporter.diagnostics(sink))
}

/// Prints what would change.
fn list(changes: &[Changes<'_>], removals: &[Removal<'_>], reporter: &Reporter<'_>, sink: Sink) -> Outcome {
    let mut list = String::new();
    for Changes { tree, steps } in changes {
        list.extend(steps.iter().map(|step| line(&describe(&tree.dir, step))));
    }
    for Removal { left, steps } in removals {
        list.extend(steps.iter().map(|step| line(&describe(left.dir(), step))));
        list.push_str(&line(&format!("delete {}", left.dir().join("mesh.lock"))));
    }
    let outcome = first_failure(stdout(list.as_bytes()), reporter.diagnostics(sink));
    for Changes { tree, .. } in changes.iter().filter(|it| it.steps.is_empty()) {
        reporter.info(&format!("{}: nothing to change", tree.dir));
    }
    outcome
}

/// `create out/mesh.lock`
fn describe(dir: &Utf8Path, step: &Step) -> String {
    format!("{} {}", step.action.as_str(), dir.join(&step.path))
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
