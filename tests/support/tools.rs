//! The tools that `scripts/setup` installs.

use std::path::{Path, PathBuf};

/// The path of a tool.
///
/// # Panics
/// If the tool is not installed: a test that passes without its tool proves nothing.
pub(crate) fn tool(name: &str) -> PathBuf {
    let bin = std::env::var("MESH_COMPILE_TOOLS")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin"), PathBuf::from);
    let path = bin.join(name);
    assert!(path.is_file(), "{} is missing: run ./scripts/setup first", path.display());
    path
}
