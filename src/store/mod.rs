//! out/ on disk: what differs from a render, and how to make it the same. The only writer.
//!
//! A file is ours if mesh.lock lists it. What is not ours is never overwritten and never deleted.

mod compare;
mod difference;
mod merge;
mod write;

use camino::Utf8Path;

use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::Digest;
use crate::layout::LOCK;
use crate::objects::{Digests, Lock};
use crate::world::write::TEMPORARY;
use crate::world::{Usage, World};

pub use compare::compare;
pub use write::{Action, Step, exclusive, plan, write};

fn is_temporary(path: &str) -> bool {
    let random = Utf8Path::new(path).file_name().and_then(|name| name.strip_prefix(TEMPORARY));
    random.is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A difference between `out/` and a render.
#[derive(Debug)]
pub struct Difference {
    /// From `out/`.
    pub path: String,
    /// What it is.
    pub state: State,
    /// What stands on the disk, where something does.
    on_disk: Option<Vec<u8>>,
    /// The index of the file in the render, where it is there.
    rendered: Option<usize>,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is to be there and is not.
    Missing,
    /// It is as it was rendered last, and is to be another now.
    Outdated,
    /// It is ours and not as it was rendered last.
    Tampered,
    /// It was rendered last and is no longer to be there.
    Stale,
    /// It was rendered last, was changed since and is no longer to be there.
    StaleTampered,
    /// It is a temporary file of a render that was stopped.
    Leftover,
    /// It is not ours, and not to be there.
    Extra,
    /// It is not ours, and stands where a file of ours is to be.
    InTheWay,
}

/// A finding about a file of `out/` as a whole.
fn about(world: &dyn World, code: Code, path: &Utf8Path, message: String) -> Diagnostic {
    Diagnostic::error(code, message).at(Location::whole(world.sources().id(path)))
}

fn unreadable(world: &dyn World, path: &Utf8Path, error: &std::io::Error) -> Diagnostic {
    about(world, Code::MC0707, path, format!("cannot read `{path}`: {error}"))
}

/// The lock of `dir`; without one, nothing there is ours. An error says what is wrong with a damaged one.
fn lock(world: &dyn World, dir: &Utf8Path) -> Result<Lock, LockError> {
    match world.read_current(&dir.join(LOCK), Usage::Output) {
        Ok(bytes) => parse(&bytes).map_err(LockError::Damaged),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(LockError::Unreadable(error)),
    }
}

/// Reads a lock, also one that git could not merge. An error says what is wrong with it, as the end of a sentence.
fn parse(bytes: &[u8]) -> Result<Lock, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())?;
    Lock::parse(text).or_else(|reason| merge::merged(text).ok_or(reason))
}

enum LockError {
    Damaged(String),
    Unreadable(std::io::Error),
}

fn listed<'a>(lock: &'a Lock, path: &str) -> Option<&'a Digests> {
    lock.files.get(path)
}

fn is_as_locked(lock: &Lock, path: &str, bytes: &[u8]) -> bool {
    listed(lock, path).is_some_and(|digests| digests.contains(&Digest::of(bytes).to_string()))
}

/// Reports a damaged or unreadable lock; an empty one stands in for it.
fn lock_or_report(world: &dyn World, dir: &Utf8Path, sink: &mut Sink) -> Lock {
    let path = dir.join(LOCK);
    match lock(world, dir) {
        Ok(lock) => lock,
        Err(LockError::Unreadable(error)) => {
            sink.push(unreadable(world, &path, &error));
            Lock::default()
        }
        Err(LockError::Damaged(reason)) => {
            sink.push(damaged(world, &path, &reason));
            Lock::default()
        }
    }
}

fn damaged(world: &dyn World, path: &Utf8Path, reason: &str) -> Diagnostic {
    about(world, Code::MC0706, path, format!("`{path}` is damaged: {reason}"))
        .note("it says which files may be overwritten and deleted")
        .help("restore it from git, or delete the whole folder and render again")
}
