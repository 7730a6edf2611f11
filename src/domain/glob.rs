//! Patterns of names: `*` stands for any characters, `?` for one, `[ab]` for one of several, `{a,b}` for one of several texts.

use globset::{Glob, GlobBuilder, GlobMatcher};

/// The characters that make a text a pattern.
const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];

/// Compiles a pattern.
///
/// # Errors
/// Why the text is not a valid pattern, as the end of a sentence.
pub(crate) fn compile(pattern: &str) -> Result<Glob, String> {
    if pattern.is_empty() {
        return Err("it is empty".into());
    }
    // In the name of an object or a file, every character is like any other.
    let glob = GlobBuilder::new(pattern).literal_separator(false).backslash_escape(false).build();
    glob.map_err(|error| error.kind().to_string())
}

/// Compiles a pattern for several names. `None` if it is not valid.
pub(crate) fn matcher(pattern: &str) -> Option<GlobMatcher> {
    compile(pattern).ok().map(|glob| glob.compile_matcher())
}

/// Whether the whole name matches the pattern. No name matches a pattern that is not valid.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    matcher(pattern).is_some_and(|matcher| matcher.is_match(name))
}

/// Whether the text is a pattern, and not a name itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(WILDCARDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_characters_and_a_question_mark_one() {
        for (pattern, name) in [
            ("a", "a"),
            ("*", ""),
            ("*", "a"),
            ("a*", "a"),
            ("team-*", "team-a"),
            ("*-v?", "a-b-v1"),
            ("a*b*c", "aXbbYc"),
            ("*", "a.b-c"),
            ("v[12]", "v2"),
            ("{a,b}-*", "b-1"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("a", ""),
            ("", "a"),
            ("?", ""),
            ("team-*", "teams"),
            ("a*b", "abc"),
            ("a?", "a"),
            ("v?", "v10"),
            ("{a,b}-*", "c-1"),
            ("[a", "[a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_is_not_valid_has_a_reason() {
        for pattern in ["", "[a", "{a", "a]b[", "{a,{b}"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
