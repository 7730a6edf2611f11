//! Holds `out/` against a render.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::{Difference, LockError, State, is_as_locked, is_temporary, listed, lock, unreadable};
use crate::diag::Sink;
use crate::layout::LOCK;
use crate::layout::Tree;
use crate::objects::Lock;
use crate::world::{FileKind, Usage, World};

/// All differences, in the order of their paths. What cannot be read is reported to `sink`.
pub fn compare(world: &dyn World, tree: &Tree, sink: &mut Sink) -> Vec<Difference> {
    let dir = &tree.dir;
    // A damaged lock is a difference like any other: it is not what would be rendered.
    let lock = match lock(world, dir) {
        Ok(lock) => lock,
        Err(LockError::Damaged(_)) => Lock::default(),
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
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    differences
}

type Unreadable = (Utf8PathBuf, io::Error);

/// All that is below `dir`, by path from it. A folder that is not there is empty: another render may just have removed it.
fn walk(
    world: &dyn World,
    dir: &Utf8Path,
    below: &str,
    found: &mut BTreeMap<String, FileKind>,
) -> Result<(), Unreadable> {
    let folder = dir.join(below);
    let entries = match world.list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err((folder, error)),
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
    let difference =
        |state, on_disk| Some(Difference { path: file.path.clone(), state, on_disk, rendered: Some(index) });
    match entry {
        None => return Ok(difference(State::Missing, None)),
        Some(FileKind::Directory | FileKind::Other) => return Ok(difference(State::InTheWay, None)),
        Some(FileKind::File) => {}
    }
    let path = tree.dir.join(&file.path);
    let bytes = world.read_current(&path, Usage::Output).map_err(|error| (path, error))?;
    if bytes == file.bytes {
        return Ok(None);
    }
    let state = if file.path == LOCK {
        // The lock does not list itself; one that parses is taken for the last render's.
        if std::str::from_utf8(&bytes).is_ok_and(|text| Lock::parse(text).is_ok()) {
            State::Outdated
        } else {
            State::Tampered
        }
    } else if listed(lock, &file.path).is_none() {
        State::InTheWay
    } else if is_as_locked(lock, &file.path, &bytes) {
        State::Outdated
    } else {
        State::Tampered
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
    let difference = |path, state, on_disk| Ok(Some(Difference { path, state, on_disk, rendered: None }));
    if entry == FileKind::File && is_temporary(&path) {
        return difference(path, State::Leftover, None);
    }
    if entry == FileKind::Other || listed(lock, &path).is_none() {
        return difference(path, State::Extra, None);
    }
    let full = dir.join(&path);
    let bytes = match world.read_current(&full, Usage::Output) {
        Ok(bytes) => bytes,
        // Another render was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err((full, error)),
    };
    let state = if is_as_locked(lock, &path, &bytes) { State::Stale } else { State::StaleTampered };
    difference(path, state, Some(bytes))
}
