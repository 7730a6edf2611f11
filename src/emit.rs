//! From documents to the bytes of `out/`. Pure: the same Mesh is the same bytes.

use std::fmt::Write as _;

use rayon::prelude::*;

use crate::domain::Digest;
use crate::lock::Lock;
use crate::plan::{Document, generated};
use crate::resolve::mesh::Mesh;
use crate::yaml;

/// The name of the lock in `out/`. Neither YAML nor JSON: GitOps tools take every such file for an object.
pub(crate) const LOCK: &str = "mesh.lock";

/// A file of `out/`.
#[derive(Debug)]
pub struct File {
    /// From `out/`, with `/` between the parts.
    pub path: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub digest: Digest,
}

/// What `out/` is to hold, in the order of the paths, mesh.lock last.
pub(crate) fn emit(mesh: &Mesh, documents: &[Document<'_>]) -> Vec<File> {
    let mut files: Vec<File> = documents.par_iter().map(|document| file(mesh, document)).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let lock = Lock::new(mesh, &files).to_toml(&generated(&mesh.spec)).into_bytes();
    files.push(File { path: LOCK.into(), digest: Digest::of(&lock), bytes: lock });
    files
}

fn file(mesh: &Mesh, document: &Document<'_>) -> File {
    let mut header = String::new();
    for comment in document.comments(mesh) {
        // Writing to a String cannot fail.
        let _ = writeln!(header, "# {comment}");
    }
    let mut bytes = header.into_bytes();
    yaml::write(&document.tree(mesh), &mut bytes);
    File { path: document.path.clone(), digest: Digest::of(&bytes), bytes }
}

/// All files but mesh.lock as one YAML stream, each with its path above it.
#[must_use]
pub fn stream(files: &[File]) -> Vec<u8> {
    let mut stream = Vec::new();
    for file in files.iter().filter(|file| file.path != LOCK) {
        stream.extend_from_slice(format!("---\n# Source: {}\n", file.path).as_bytes());
        stream.extend_from_slice(&file.bytes);
    }
    stream
}
