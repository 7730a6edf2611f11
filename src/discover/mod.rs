//! What a repository contains that a new mesh.toml can start from: kustomizations, manifests and Helm charts.
//!
//! It only has to make a good proposal, which the user can change: what the compiler itself reads is the business of the base.

mod graph;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::base;
use crate::diag::Sink;
use crate::resolve;
pub use crate::resolve::Candidate;
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
    /// The kustomizations that include one of `base` directly, sorted by their path.
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
        discovery.base = plain(&found);
    }
    discovery.charts = found.charts;
    discovery
}

/// The workloads at paths that the user typed, or `-` for standard input: the best for a first filter comes first.
#[must_use]
pub fn candidates(world: &dyn World, paths: &[Utf8PathBuf], out: &Utf8Path, sink: &mut Sink) -> Vec<Candidate> {
    resolve::candidates(&base::preview(world, paths, out, sink))
}

/// Whether a directory has a kustomization.
#[must_use]
pub fn is_kustomization(world: &dyn World, dir: &Utf8Path) -> bool {
    base::is_kustomization(world, dir)
}

/// Where the manifests are that no kustomization includes: directories of nothing but manifests, or else files.
fn plain(found: &walk::Found) -> Vec<Utf8PathBuf> {
    let with_workloads = found.manifests.iter().filter(|(_, workloads)| !workloads.is_empty());
    let dirs: BTreeSet<&Utf8Path> = with_workloads.filter_map(|(file, _)| file.parent()).collect();
    let dirs = dirs.iter().filter(|dir| !found.kustomizations.contains_key(**dir));
    let is_clean = |dir: &Utf8Path| {
        let others = found.others.iter().chain(&found.charts).chain(found.kustomizations.keys());
        dir != "" && others.into_iter().all(|other| !other.starts_with(dir))
    };
    let mut paths: Vec<Utf8PathBuf> = Vec::new();
    for dir in dirs {
        // A directory of the base includes those below it.
        if paths.iter().any(|path| dir.starts_with(path)) {
            continue;
        }
        if is_clean(dir) {
            paths.push((*dir).to_owned());
        } else {
            let files = found.manifests.keys().filter(|file| file.parent() == Some(dir));
            paths.extend(files.cloned());
        }
    }
    paths
}

/// A path in mesh.toml and in messages: the empty path is the directory itself.
fn shown(path: &Utf8Path) -> Utf8PathBuf {
    if path.as_str().is_empty() { ".".into() } else { path.to_owned() }
}
