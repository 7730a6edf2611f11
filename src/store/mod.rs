//! `out/` on disk: how it differs from a render, and how to remove the differences. The only writer.
//!
//! mesh.lock lists the files that are ours, each with its digest. A file that is not ours is never overwritten or deleted.
//!
//! Before a render changes any file, it lists the new digests in mesh.lock next to the old ones, so the lock describes `out/`
//! at every later step. Wherever the render is interrupted, the next one knows every file as its own, whatever mesh.toml
//! contains by then.

mod compare;
mod difference;
mod merge;
pub(crate) mod places;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::Digest;
use crate::layout::LOCK;
use crate::objects::Lock;
use crate::world::write::TEMPORARY;
use crate::world::{Usage, World};

pub use compare::compare;
pub use places::{Left, Place, Survey, plan_removal, remove, survey};
pub use write::{Action, Step, exclusive, plan, write};
use write::{Disk, Real};

fn is_temporary(path: &str) -> bool {
    let random = Utf8Path::new(path).file_name().and_then(|name| name.strip_prefix(TEMPORARY));
    random.is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A difference between `out/` and a render.
#[derive(Debug)]
pub struct Difference {
    /// From `out/`.
    pub path: String,
    /// How the file differs.
    pub state: State,
    /// The content of the file on disk, if there is a file and it was read.
    on_disk: Option<Vec<u8>>,
    /// The index of the file in the render, if it is rendered.
    rendered: Option<usize>,
    /// Whether the lock is damaged, or missing from a rendered directory, and the difference may be a consequence.
    lock_lost: bool,
}

/// How a file differs from a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Rendered, and not on disk.
    Missing,
    /// Unchanged since an earlier render, and rendered differently now.
    Outdated,
    /// Ours, rendered, and changed since the last render.
    Edited,
    /// Unchanged since an earlier render, and no longer rendered.
    Stale,
    /// Ours, changed since the last render, and no longer rendered.
    StaleEdited,
    /// A temporary file of an interrupted render.
    Leftover,
    /// Not ours, and not rendered.
    Extra,
    /// Not ours, at the path of a rendered file.
    Blocked,
}

/// An error about a file of `out/` as a whole.
fn about(world: &dyn World, code: Code, path: &Utf8Path, message: String) -> Diagnostic {
    Diagnostic::error(code, message).at(Location::whole(world.sources().id(path)))
}

fn unreadable(world: &dyn World, path: &Utf8Path, error: &std::io::Error) -> Diagnostic {
    about(world, Code::MC0707, path, format!("cannot read `{path}`: {error}"))
}

enum LockError {
    /// The bytes of the lock, and what is wrong with them, as the end of a sentence.
    Damaged(Vec<u8>, String),
    Unreadable(std::io::Error),
}

/// The lock in `dir`. Without a lock, no file is ours.
fn read_lock(world: &dyn World, dir: &Utf8Path) -> Result<Lock, LockError> {
    match world.read_current(&dir.join(LOCK), Usage::Output) {
        Ok(bytes) => parse_lock(&bytes).map_err(|reason| LockError::Damaged(bytes, reason)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(LockError::Unreadable(error)),
    }
}

/// The images that a directory names, by filter. `None` if its lock cannot be read.
pub(crate) fn locked_images(world: &dyn World, dir: &Utf8Path) -> Option<BTreeMap<String, String>> {
    read_lock(world, dir).ok().map(|lock| lock.images)
}

/// Reads a lock, including one with git's conflict markers. An error states what is wrong with it, as the end of a sentence.
fn parse_lock(bytes: &[u8]) -> Result<Lock, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())?;
    Lock::parse(text).or_else(|reason| merge::merged(text).ok_or(reason))
}

/// Like [`read_lock`], but reports a damaged or unreadable lock and returns an empty one instead.
fn lock_or_report(world: &dyn World, dir: &Utf8Path, sink: &mut Sink) -> Lock {
    let path = dir.join(LOCK);
    let error = match read_lock(world, dir) {
        Ok(lock) => return lock,
        Err(LockError::Unreadable(error)) => unreadable(world, &path, &error),
        Err(LockError::Damaged(bytes, reason)) => damaged(world, dir, &bytes, &reason),
    };
    sink.push(error);
    Lock::default()
}

fn damaged(world: &dyn World, dir: &Utf8Path, bytes: &[u8], reason: &str) -> Diagnostic {
    let path = dir.join(LOCK);
    let diagnostic = about(world, Code::MC0706, &path, format!("`{path}` is damaged: {reason}"))
        .note("the lock lists the files that a render may overwrite and delete")
        .help(restore(dir));
    let text = std::str::from_utf8(bytes).ok();
    match text.and_then(|text| Some((text, Lock::error_range(text)?))) {
        Some((text, range)) => diagnostic.at(Location::new(world.sources().add(&path, text), range)),
        None => diagnostic,
    }
}

/// How to get a lock again.
fn restore(dir: &Utf8Path) -> String {
    format!("restore `{}` from git, or delete `{dir}` and render again", dir.join(LOCK))
}

/// How the content of a file relates to the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Ours, as a render wrote it.
    Ours,
    /// Ours, but changed since a render wrote it.
    Changed,
    /// Not ours, or not known to be: an interrupted render was going to create or to delete a file here.
    Foreign,
}

fn owner(lock: &Lock, path: &str, bytes: &[u8]) -> Owner {
    match lock.files.get(path) {
        Some(digests) if digests.contains(&Digest::of(bytes).to_string()) => Owner::Ours,
        Some(digests) if !digests.can_be_absent() => Owner::Changed,
        _ => Owner::Foreign,
    }
}
