//! Patterns of names, with `*`, `?`, `[…]` and `{…}` as wildcards.

use globset::{GlobBuilder, GlobMatcher};

/// Compiles a pattern. An error is the end of a sentence about it.
pub(crate) fn compile(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(false).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

/// Whether the text is a pattern, and not a name itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}
