//! The paths in a kustomization.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::domain::path::normal;
use crate::world::World;

/// A path in the kustomization of `dir`, to show and to read. As in kustomize (`filepath.Join` with the real directory), `..`
/// leads to the parent of the directory that a symbolic link names, and an inner `..` removes the part before it.
pub(super) fn join(world: &dyn World, dir: &Utf8Path, path: &str) -> Utf8PathBuf {
    let Some(path) = normal(path.into()) else { return path.into() };
    let mut target = dir.to_owned();
    for part in path.components() {
        if part != Utf8Component::ParentDir {
            target.push(part);
        } else if is_inside(world, &target) {
            target.pop();
        } else {
            target.push(part);
        }
    }
    if target == "" { Utf8PathBuf::from(".") } else { target }
}

/// Whether the path without its last part names the directory's real parent.
fn is_inside(world: &dyn World, dir: &Utf8Path) -> bool {
    if dir.file_name().is_none() {
        return false;
    }
    let parent = dir.parent().filter(|parent| *parent != "").unwrap_or(".".into());
    match (world.canonical(dir), world.canonical(parent)) {
        (Ok(real), Ok(parent)) => real.parent() == Some(&*parent),
        _ => true,
    }
}

/// The canonical path of a directory that may not exist yet.
pub(in crate::base) fn planned(world: &dyn World, dir: &Utf8Path) -> Option<Utf8PathBuf> {
    if let Ok(real) = world.canonical(dir) {
        return Some(real);
    }
    let parent = dir.parent().map(|parent| if parent == "" { ".".into() } else { parent })?;
    Some(world.canonical(parent).ok()?.join(dir.file_name()?))
}

/// Whether kustomize would fetch a path that does not exist here.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://")
        || path.contains("?ref=")
        || path.contains("?version=")
        || path.starts_with("git@")
        || path.starts_with("git::")
        || path
            .split('/')
            .next()
            .is_some_and(|host| host.contains('.') && !host.trim_matches('.').is_empty() && path.contains("//"))
        || ["github.com/", "gitlab.com/", "bitbucket.org/"].iter().any(|host| path.starts_with(host))
}
