//! Changes `out/` to match a render.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use camino::Utf8Path;
use rayon::prelude::*;
use tempfile::TempPath;

use super::{Difference, State, about, compare, lock_or_report};
use crate::diag::{Code, Diagnostic, Sink};
use crate::layout::{LOCK, Tree};
use crate::world::{FileKind, World, write};

/// A change to one file.
#[derive(Debug)]
pub struct Step {
    /// From `out/`.
    pub path: String,
    /// The kind of change.
    pub action: Action,
    /// The index of the file in the render, if it is written.
    rendered: Option<usize>,
}

/// A kind of change to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Write a file where there is none.
    Create,
    /// Replace a file.
    Update,
    /// Delete a file.
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

/// Waits until no other render runs in `dir`, after a call of `waiting` if there is one, and keeps others from starting as long as the result lives. Temporary files in
/// `dir` then belong to no one. `None` where the file system has no locks.
#[must_use]
pub fn exclusive(dir: &Utf8Path, waiting: impl FnOnce()) -> Option<File> {
    // Writing the files of the directory reports the error.
    let _ = write::create_dirs(dir);
    write::lock(dir, waiting)
}

/// The changes that [`write()`] would make, in order. If a change would affect a file that is not ours, `sink` gets an error, and
/// nothing may be written.
pub fn plan(world: &dyn World, tree: &Tree, spec: &Utf8Path, sink: &mut Sink) -> Vec<Step> {
    lock_or_report(world, &tree.dir, sink);
    let mut steps = Vec::new();
    for difference in compare(world, tree, sink) {
        let action = match difference.state {
            State::Missing => Action::Create,
            State::Outdated | State::Edited => Action::Update,
            State::Stale | State::Leftover => Action::Delete,
            State::Extra => continue,
            State::StaleEdited | State::Blocked => {
                sink.push(difference.finding(world, tree, spec));
                continue;
            }
        };
        let Difference { path, rendered, .. } = difference;
        steps.push(Step { path, action, rendered });
    }
    check_dirs(world, tree, &steps, sink);
    steps
}

/// The operations that change the disk, one per method. Tests run a write on operations that stop at a given one.
pub(super) trait Disk: Sync {
    fn create_dirs(&self, dir: &Utf8Path) -> io::Result<()>;
    fn stage(&self, path: &Utf8Path, bytes: &[u8]) -> io::Result<TempPath>;
    fn persist(&self, file: TempPath, path: &Utf8Path) -> io::Result<()>;
    fn remove(&self, dir: &Utf8Path, path: &Utf8Path) -> io::Result<()>;
}

pub(super) struct Real;

impl Disk for Real {
    fn create_dirs(&self, dir: &Utf8Path) -> io::Result<()> {
        write::create_dirs(dir)
    }

    fn stage(&self, path: &Utf8Path, bytes: &[u8]) -> io::Result<TempPath> {
        write::stage(path, bytes)
    }

    fn persist(&self, file: TempPath, path: &Utf8Path) -> io::Result<()> {
        write::persist(file, path)
    }

    fn remove(&self, dir: &Utf8Path, path: &Utf8Path) -> io::Result<()> {
        write::remove(dir, path)
    }
}

/// Makes the changes. Returns `false` if an error was reported.
///
/// 1. Write the new content to temporary files, each in the directory of its file. A full disk shows here, before any file has
///    changed.
/// 2. List the new digests in mesh.lock, in addition to the old ones, and the files that will be deleted.
/// 3. Rename the temporary files.
/// 4. Delete the files that are no longer rendered.
/// 5. Replace mesh.lock, which now lists one digest per file.
pub fn write(world: &dyn World, tree: &Tree, steps: &[Step], sink: &mut Sink) -> bool {
    Write { disk: &Real, world, tree }.run(steps, sink)
}

/// A write in progress.
pub(super) struct Write<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) world: &'a dyn World,
    pub(super) tree: &'a Tree,
}

/// The content of a file, in a temporary file that is deleted when dropped.
type Staged<'a> = (&'a Step, TempPath);

impl Write<'_> {
    pub(super) fn run(&self, steps: &[Step], sink: &mut Sink) -> bool {
        let (deleted, written): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| step.action == Action::Delete);
        if !self.create_dirs(&written, sink) {
            return false;
        }
        let Some(staged) = all(&written, sink, |step| self.stage(step)) else { return false };
        let Some(dirs) = self.add_pending(&deleted, sink) else { return false };
        let (lock, files): (Vec<Staged<'_>>, Vec<Staged<'_>>) =
            staged.into_iter().partition(|(step, _)| step.path == LOCK);
        let finished = all(files, sink, |staged| self.rename(staged)).is_some()
            && all(deleted, sink, |step| self.remove(step)).is_some()
            && all(lock, sink, |staged| self.rename(staged)).is_some();
        if finished && !steps.is_empty() {
            // An earlier render may have stopped between creating a directory and writing a file to it.
            dirs.iter().for_each(|dir| write::prune(&self.tree.dir.join(dir)));
        }
        finished
    }

    /// Creates the directories of the files. Returns `false` if an error was reported.
    fn create_dirs(&self, written: &[&Step], sink: &mut Sink) -> bool {
        let dirs: BTreeSet<&Utf8Path> = written.iter().filter_map(|step| Utf8Path::new(&step.path).parent()).collect();
        let errors = sink.errors();
        for dir in dirs {
            let path = self.tree.dir.join(dir);
            if let Err(error) = self.disk.create_dirs(&path) {
                let message = format!("cannot create the directory `{path}`: {error}");
                sink.push(about(self.world, Code::MC0707, &path, message));
            }
        }
        sink.errors() == errors
    }

    fn stage<'s>(&self, step: &&'s Step) -> Result<Staged<'s>, Box<Diagnostic>> {
        let path = self.tree.dir.join(&step.path);
        let bytes = step.rendered.and_then(|index| self.tree.files.get(index)).map_or(&[][..], |file| &file.bytes);
        self.disk.stage(&path, bytes).map(|file| (*step, file)).map_err(|error| self.failure(step, &path, &error))
    }

    /// Adds what will become of the files to mesh.lock, unless it lists that already. Returns the directories in `out/` that have
    /// files of ours, or `None` if an error was reported.
    fn add_pending(&self, deleted: &[&Step], sink: &mut Sink) -> Option<BTreeSet<String>> {
        let mut lock = lock_or_report(self.world, &self.tree.dir, sink);
        let mut changed = false;
        for step in deleted {
            changed |= lock.add_pending_deletion(&step.path);
        }
        for file in self.tree.files.iter().filter(|file| file.path != LOCK) {
            changed |= lock.add_pending(&file.path, &file.digest.to_string());
        }
        let dirs = lock.files.keys().filter_map(|path| path.split_once('/')).map(|(dir, _)| dir.to_owned()).collect();
        if !changed {
            return Some(dirs);
        }
        let path = self.tree.dir.join(LOCK);
        let text = lock.to_toml("Written by a render that did not finish. Run `mesh-compile render` again.");
        let written = self.disk.stage(&path, text.as_bytes()).and_then(|file| self.disk.persist(file, &path));
        if let Err(error) = &written {
            sink.push(about(self.world, Code::MC0707, &path, format!("cannot write `{path}`: {error}")));
        }
        written.is_ok().then_some(dirs)
    }

    fn rename(&self, (step, file): Staged<'_>) -> Result<(), Box<Diagnostic>> {
        let path = self.tree.dir.join(&step.path);
        self.disk.persist(file, &path).map_err(|error| self.failure(step, &path, &error))
    }

    fn remove(&self, step: &Step) -> Result<(), Box<Diagnostic>> {
        let path = self.tree.dir.join(&step.path);
        self.disk.remove(&self.tree.dir, &path).map_err(|error| self.failure(step, &path, &error))
    }

    fn failure(&self, step: &Step, path: &Utf8Path, error: &io::Error) -> Box<Diagnostic> {
        about(self.world, Code::MC0707, path, format!("cannot {} `{path}`: {error}", step.action.as_str())).into()
    }
}

/// Does something for each item, in parallel. `None` if any fails, after all have been tried and the failures reported.
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
            Err(error) => {
                sink.push(*error);
                failed = true;
            }
        }
    }
    (!failed).then_some(done)
}

/// Reports files and symbolic links in place of directories. A link leads out of `out/`.
fn check_dirs(world: &dyn World, tree: &Tree, steps: &[Step], sink: &mut Sink) {
    let mut dirs: Vec<&Utf8Path> =
        steps.iter().flat_map(|step| Utf8Path::new(&step.path).ancestors().skip(1)).collect();
    dirs.sort_unstable();
    dirs.dedup();
    for dir in dirs.into_iter().filter(|dir| *dir != "") {
        let path = tree.dir.join(dir);
        if world.link_kind(&path).is_some_and(|kind| kind != FileKind::Directory) {
            let error = about(world, Code::MC0705, &path, format!("`{path}` is in the way of a directory"));
            sink.push(error.help("move or delete it, then render again"));
        }
    }
}
