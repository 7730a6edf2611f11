//! What several test files need.

use std::path::{Path, PathBuf};

/// The path of a tool that `scripts/setup` installs.
///
/// # Panics
/// If the tool is not there: a test that passes because its judge is missing proves nothing.
pub(crate) fn tool(name: &str) -> PathBuf {
    let bin = std::env::var("MESH_COMPILE_TOOLS")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin"), PathBuf::from);
    let path = bin.join(name);
    assert!(path.is_file(), "{} is missing: run ./scripts/setup first", path.display());
    path
}
