//! Hashes the sources. `verify` caches results from run to run, and another build may get other results for the same filter.

#![expect(clippy::disallowed_methods, reason = "a build script runs without a World")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut sources = BTreeMap::new();
    // Cargo.lock pins the interpreter, and in a published package the crates too: `crates/` is not part of it.
    for root in ["src", "crates", "Cargo.lock"].map(Path::new).into_iter().filter(|root| root.exists()) {
        println!("cargo::rerun-if-changed={}", root.display());
        read(root, &mut sources)?;
    }
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    println!("cargo::rustc-env=MESH_COMPILE_SOURCES={:016x}", hasher.finish());
    Ok(())
}

fn read(path: &Path, sources: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            read(&entry?.path(), sources)?;
        }
    } else {
        sources.insert(path.to_owned(), fs::read(path)?);
    }
    Ok(())
}
