//! Words of messages.

/// `a, b and c`.
#[must_use]
pub fn enumerate(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => words.concat(),
    }
}

/// The same with each word in backticks.
#[must_use]
pub fn enumerate_quoted(words: &[impl AsRef<str>]) -> String {
    enumerate(&words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_follows_an_and() {
        let texts = [&[][..], &["a"], &["a", "b"], &["a", "b", "c"]].map(|words: &[&str]| enumerate(words));
        assert_eq!(texts, ["", "a", "a and b", "a, b and c"]);
        assert_eq!(enumerate_quoted(&["a", "b"]), "`a` and `b`");
    }
}
