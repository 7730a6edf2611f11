//! What a repository contains that a new mesh.toml can start from: kustomizations, manifests and Helm charts.
//!
//! It only has to make a good proposal, which the user can change: what the compiler itself reads is the business of the base.

mod graph;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::world::World;

/// What to propose for a project. All paths are relative to its directory; the directory itself is `.`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The manifests that the base should consist of: kustomization directories, or else directories of manifests.
    pub base: Vec<Utf8PathBuf>,
    /// Whether several of `base` declare the same workload, so that the user has to choose.
    pub ambiguous: bool,
    /// All kustomizations with workloads, of their own or of others that they include.
    pub kustomizations: Vec<Utf8PathBuf>,
    /// The kustomizations that include one of `base` directly.
    pub overlays: Vec<Overlay>,
    /// Helm charts.
    pub charts: Vec<Utf8PathBuf>,
}

/// A kustomization that includes a kustomization of the base.
#[derive(Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Its directory.
    pub path: Utf8PathBuf,
    /// What it includes: an entry of [`Discovery::base`].
    pub base: Utf8PathBuf,
    /// Whether it adds a prefix or a suffix to all names.
    pub renames: bool,
}

/// Looks through the directory of a project and everything below it.
#[must_use]
pub fn discover(world: &dyn World, project: &Utf8Path) -> Discovery {
    let found = walk::walk(world, project);
    let mut discovery = graph::choose(&found);
    if discovery.base.is_empty() {
        let dirs: BTreeSet<_> = found.manifests.keys().filter_map(|file| file.parent()).collect();
        let plain = dirs.into_iter().filter(|dir| !found.kustomizations.contains_key(*dir));
        discovery.base = plain.map(shown).collect();
    }
    discovery.charts = found.charts;
    discovery
}

/// A path in mesh.toml and in messages: the empty path is the directory itself.
fn shown(path: &Utf8Path) -> Utf8PathBuf {
    if path.as_str().is_empty() { ".".into() } else { path.to_owned() }
}
