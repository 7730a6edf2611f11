//! Patterns of names: `*` stands for any characters, `?` for one.

/// Whether the whole name matches the pattern.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last `*`, and how much of the name it takes.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((of_star, taken)) = star else { return false };
                star = Some((of_star, taken + 1));
                (at, read) = (of_star + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

/// Whether the text is a pattern, and not a name itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
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
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", ""), ("", "a"), ("?", ""), ("team-*", "teams"), ("a*b", "abc"), ("a?", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
