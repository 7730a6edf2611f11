//! Compares `out/` with a render.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::{Difference, LockError, Owner, State, is_temporary, owner, parse_lock, read_lock, unreadable};
use crate::diag::Sink;
use crate::layout::{GENERATED, KUSTOMIZATION, LOCK, Tree};
use crate::objects::Lock;
use crate::world::{FileKind, Usage, World};

/// All differences, in the order of their paths. Files that cannot be read are reported to `sink`.
pub fn compare(world: &dyn World, tree: &Tree, sink: &mut Sink) -> Vec<Difference> {
    let dir = &tree.dir;
    // A damaged lock is a difference like any other: a render would write a different one.
    let lock = match read_lock(world, dir) {
        Ok(lock) => lock,
        Err(LockError::Damaged(..)) => Lock::default(),
        Err(LockError::Unreadable(error)) => {
            sink.push(unreadable(world, &dir.join(LOCK), &error));
            return Vec::new();
        }
    };
    let mut on_disk = BTreeMap::new();
    if let Err((path, error)) = walk(world, dir, "", &mut on_disk) {
        sink.push(unreadable(world, &path, &error));
        return Vec::new();
    }
    let planned: Vec<_> = tree
        .files
        .par_iter()
        .enumerate()
        .map(|(i, file)| planned(world, tree, &lock, i, on_disk.get(&file.path).copied()))
        .collect();
    for file in &tree.files {
        on_disk.remove(&file.path);
    }
    let rest: Vec<(String, FileKind)> =
        on_disk.into_iter().filter(|(_, entry)| *entry != FileKind::Directory).collect();
    let unplanned: Vec<_> =
        rest.into_par_iter().map(|(path, entry)| unplanned(world, dir, &lock, path, entry)).collect();

    let mut differences = Vec::new();
    for found in planned.into_iter().chain(unplanned) {
        match found {
            Ok(difference) => differences.extend(difference),
            Err((path, error)) => sink.push(unreadable(world, &path, &error)),
        }
    }
    mark_lost_lock(world, tree, &mut differences);
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    differences
}

/// Marks the differences that a damaged or missing lock may explain. Without a lock, the directory counts as rendered if its
/// kustomization.yaml was generated.
fn mark_lost_lock(world: &dyn World, tree: &Tree, differences: &mut [Difference]) {
    let is_rendered = || {
        let bytes = world.read_current(&tree.dir.join(KUSTOMIZATION), Usage::Output);
        bytes.is_ok_and(|bytes| {
            bytes.strip_prefix(b"# ").is_some_and(|comment| comment.starts_with(GENERATED.as_bytes()))
        })
    };
    let is_lost = differences.iter().filter(|it| it.path == LOCK).any(|it| match it.state {
        State::Missing => is_rendered(),
        State::Edited => it.on_disk.as_deref().is_some_and(|bytes| parse_lock(bytes).is_err()),
        _ => false,
    });
    // A render still creates the lock if nothing is in its way.
    let is_blocked = differences.iter().any(|it| it.state == State::Blocked);
    for difference in differences {
        difference.lock_lost = is_lost && (difference.path != LOCK || is_blocked);
    }
}

type Unreadable = (Utf8PathBuf, io::Error);

/// Everything below `dir`, by path from there. A missing directory counts as empty: another render may have just deleted it.
fn walk(
    world: &dyn World,
    dir: &Utf8Path,
    below: &str,
    found: &mut BTreeMap<String, FileKind>,
) -> Result<(), Unreadable> {
    let full = dir.join(below);
    let entries = match world.list(&full) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err((full, error)),
    };
    for (name, kind) in entries {
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if kind == FileKind::Directory {
            walk(world, dir, &path, found)?;
        }
        found.insert(path, kind);
    }
    Ok(())
}

fn planned(
    world: &dyn World,
    tree: &Tree,
    lock: &Lock,
    index: usize,
    entry: Option<FileKind>,
) -> Result<Option<Difference>, Unreadable> {
    let file = &tree.files[index];
    let difference = |state, on_disk| {
        Some(Difference { path: file.path.clone(), state, on_disk, rendered: Some(index), lock_lost: false })
    };
    match entry {
        None => return Ok(difference(State::Missing, None)),
        Some(FileKind::Directory | FileKind::Other) => return Ok(difference(State::Blocked, None)),
        Some(FileKind::File) => {}
    }
    let path = tree.dir.join(&file.path);
    let bytes = world.read_current(&path, Usage::Output).map_err(|error| (path, error))?;
    if bytes == file.bytes {
        return Ok(None);
    }
    let state = if file.path == LOCK {
        // The lock does not list itself. One that parses counts as written by a render.
        let parses = std::str::from_utf8(&bytes).is_ok_and(|text| Lock::parse(text).is_ok());
        if parses { State::Outdated } else { State::Edited }
    } else {
        match owner(lock, &file.path, &bytes) {
            Owner::Ours => State::Outdated,
            Owner::Changed => State::Edited,
            Owner::Foreign => State::Blocked,
        }
    };
    Ok(difference(state, Some(bytes)))
}

fn unplanned(
    world: &dyn World,
    dir: &Utf8Path,
    lock: &Lock,
    path: String,
    entry: FileKind,
) -> Result<Option<Difference>, Unreadable> {
    let difference =
        |path, state, on_disk| Ok(Some(Difference { path, state, on_disk, rendered: None, lock_lost: false }));
    if entry == FileKind::File && is_temporary(&path) {
        return difference(path, State::Leftover, None);
    }
    if entry == FileKind::Other || !lock.files.contains_key(&path) {
        return difference(path, State::Extra, None);
    }
    let full = dir.join(&path);
    let bytes = match world.read_current(&full, Usage::Output) {
        Ok(bytes) => bytes,
        // Another render has just deleted it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err((full, error)),
    };
    let state = match owner(lock, &path, &bytes) {
        Owner::Ours => State::Stale,
        Owner::Changed | Owner::Foreign => State::StaleEdited,
    };
    difference(path, state, Some(bytes))
}
