//! kubectl and kustomize read what mesh-compile renders.

mod kinds;
mod manifests;
mod patches;
mod streams;
mod yaml;

use std::path::PathBuf;

use crate::manifests::spec;
use crate::project::{examples, repository};

/// The examples that name each workload with its filters, kind and namespace.
fn explicit_examples() -> Vec<PathBuf> {
    let explicit = |dir: &PathBuf| {
        let spec = spec(&repository().join(dir).join("mesh.toml"));
        ["bindings", "env"].iter().all(|key| !spec.contains_key(*key))
    };
    let found: Vec<_> = examples().into_iter().filter(explicit).collect();
    assert!(found.len() >= 3, "too few examples: {found:?}");
    found
}
