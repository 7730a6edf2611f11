//! Makes `out/` what a render is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use camino::Utf8Path;
use rayon::prelude::*;

use super::{Difference, State, about, compare, lock_or_report};
use crate::diag::{Code, Diagnostic, Sink};
use crate::layout::{LOCK, Tree};
use crate::objects::Digests;
use crate::world::{FileKind, World, write};

/// What is to be done to one file.
#[derive(Debug)]
pub struct Step {
    /// From `out/`.
    pub path: String,
    /// What.
    pub action: Action,
    rendered: Option<usize>,
}

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Written where nothing was.
    Create,
    /// Written over what was there.
    Update,
    /// Removed.
    Delete,
}

impl Action {
    /// `create`, `update`, `delete`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Waits until no other render is at work in `dir`, and keeps others out for as long as the result lives: the temporary files that are
/// there then are nobody's. Where the file system has no locks, nobody is kept out.
#[must_use]
pub fn exclusive(dir: &Utf8Path) -> Option<File> {
    // What is wrong with it shows at its files.
    let _ = write::create_dirs(dir);
    write::lock(dir)
}

/// What a write would do, in the order it would do it. Where it would touch what is not ours, `sink` gets an error, and nothing may be
/// written.
pub fn plan(world: &dyn World, tree: &Tree, spec: &Utf8Path, sink: &mut Sink) -> Vec<Step> {
    lock_or_report(world, &tree.dir, sink);
    let mut steps = Vec::new();
    for difference in compare(world, tree, sink) {
        let action = match difference.state {
            State::Missing => Action::Create,
            State::Outdated | State::Tampered => Action::Update,
            State::Stale | State::Leftover => Action::Delete,
            State::Extra => continue,
            State::StaleTampered | State::InTheWay => {
                sink.push(difference.finding(world, tree, spec));
                continue;
            }
        };
        let Difference { path, rendered, .. } = difference;
        steps.push(Step { path, action, rendered });
    }
    no_folders(world, tree, &steps, sink);
    steps
}

/// Does the steps. All that is to be written goes to temporary files first, each in its file's own folder: a full disk shows there, while
/// everything is as it was. Then they are renamed, then what is not needed any more is deleted, and mesh.lock comes last. `false` after
/// a report.
pub fn write(world: &dyn World, tree: &Tree, steps: &[Step], sink: &mut Sink) -> bool {
    let (deleted, written): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| step.action == Action::Delete);
    folders(tree, &written);
    let Some(staged) = all(&written, sink, |step| stage(world, tree, step)) else { return false };
    // A lock that stays as it is lists them all already.
    let unlisted =
        written.iter().any(|step| step.path == LOCK) && written.iter().any(|step| step.action == Action::Create);
    if unlisted && !announce(world, tree, sink) {
        return false;
    }
    let (lock, files): (Vec<Staged<'_>>, Vec<Staged<'_>>) = staged.into_iter().partition(|(step, _)| step.path == LOCK);
    let rename = |(step, file): Staged<'_>| {
        let path = tree.dir.join(&step.path);
        write::persist(file, &path).map_err(|error| failure(world, step, &path, &error))
    };
    let remove = |step: &Step| {
        let path = tree.dir.join(&step.path);
        write::remove(&tree.dir, &path).map_err(|error| failure(world, step, &path, &error))
    };
    all(files, sink, rename).is_some() && all(deleted, sink, remove).is_some() && all(lock, sink, rename).is_some()
}

/// A file that is written and has not its name yet; it is gone when it never gets it.
type Staged<'a> = (&'a Step, tempfile::TempPath);

/// Does something for each, in parallel. `None` when any fails, after all have been tried and reported.
fn all<T: Send, R: Send>(
    items: impl IntoParallelIterator<Item = T>,
    sink: &mut Sink,
    act: impl Fn(T) -> Result<R, Box<Diagnostic>> + Sync + Send,
) -> Option<Vec<R>> {
    let results: Vec<Result<R, Box<Diagnostic>>> = items.into_par_iter().map(act).collect();
    let mut done = Vec::with_capacity(results.len());
    let mut failed = false;
    for result in results {
        match result {
            Ok(result) => done.push(result),
            Err(finding) => {
                sink.push(*finding);
                failed = true;
            }
        }
    }
    (!failed).then_some(done)
}

fn failure(world: &dyn World, step: &Step, path: &Utf8Path, error: &io::Error) -> Box<Diagnostic> {
    about(world, Code::MC0707, path, format!("cannot {} `{path}`: {error}", step.action.as_str())).into()
}

/// Makes the folders that files go to. What is wrong with one shows at its files.
fn folders(tree: &Tree, written: &[&Step]) {
    let folders: BTreeSet<&Utf8Path> = written.iter().filter_map(|step| Utf8Path::new(&step.path).parent()).collect();
    for folder in folders {
        let _ = write::create_dirs(&tree.dir.join(folder));
    }
}

fn stage<'a>(world: &dyn World, tree: &Tree, step: &&'a Step) -> Result<Staged<'a>, Box<Diagnostic>> {
    let path = tree.dir.join(&step.path);
    let bytes = step.rendered.and_then(|index| tree.files.get(index)).map_or(&[][..], |file| &file.bytes);
    write::stage(&path, bytes).map(|file| (*step, file)).map_err(|error| failure(world, step, &path, &error))
}

/// Writes a lock that lists what is there and what is to be there.
fn announce(world: &dyn World, tree: &Tree, sink: &mut Sink) -> bool {
    let mut lock = lock_or_report(world, &tree.dir, sink);
    lock.extend(
        tree.files
            .iter()
            .filter(|file| file.path != LOCK)
            .map(|file| (file.path.clone(), Digests::One(file.digest.to_string()))),
    );
    let path = tree.dir.join(LOCK);
    let text = lock.to_toml("Left by a render that did not come to its end: run `mesh-compile render` again.");
    let written = write::stage(&path, text.as_bytes()).and_then(|file| write::persist(file, &path));
    if let Err(error) = &written {
        sink.push(about(world, Code::MC0707, &path, format!("cannot write `{path}`: {error}")));
    }
    written.is_ok()
}

/// What should be a folder and is none: a link leads out of `out/`, in a file nothing can be written.
fn no_folders(world: &dyn World, tree: &Tree, steps: &[Step], sink: &mut Sink) {
    let mut folders: Vec<&Utf8Path> =
        steps.iter().flat_map(|step| Utf8Path::new(&step.path).ancestors().skip(1)).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders.into_iter().filter(|folder| *folder != "") {
        let path = tree.dir.join(folder);
        if world.link_kind(&path).is_some_and(|kind| kind != FileKind::Directory) {
            let finding = about(world, Code::MC0705, &path, format!("`{path}` stands where a folder is to be"));
            sink.push(finding.help("move or delete it, then render again"));
        }
    }
}
