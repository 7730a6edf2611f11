//! Patterns of names: `details-*`, `!details-canary`. All patterns of all bindings are matched at once.

use globset::{GlobSet, GlobSetBuilder};

use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::glob;
use crate::spec::Spanned;

/// The patterns of many lists.
#[derive(Debug)]
pub(super) struct Patterns<'a> {
    set: GlobSet,
    /// In the order of the set.
    pub(super) all: Vec<Pattern<'a>>,
    /// Of each list.
    lists: Vec<List>,
}

/// A pattern of a list.
#[derive(Debug)]
pub(super) struct Pattern<'a> {
    pub(super) written: &'a Spanned<String>,
    /// The list that the pattern is from.
    pub(super) list: usize,
    pub(super) excludes: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct List {
    /// Whether any pattern includes. A list of exclusions alone includes all other names.
    includes: bool,
    /// Whether a pattern is not valid, so that nothing is reported as missing.
    broken: bool,
}

/// Whether a list includes a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    /// Whether any pattern includes the name, or none includes any.
    pub(super) included: bool,
    pub(super) excluded: bool,
    /// Whether the list contains the name itself, without wildcards.
    pub(super) exact: bool,
}

impl Verdict {
    pub(super) const fn accepts(self) -> bool {
        self.included && !self.excluded
    }
}

impl Pattern<'_> {
    /// The pattern without `!`.
    pub(super) fn text(&self) -> &str {
        text(self.written)
    }

    /// Whether the pattern is a name.
    pub(super) fn is_name(&self) -> bool {
        !glob::is_pattern(self.text())
    }
}

/// A pattern without `!`.
fn text(written: &str) -> &str {
    written.strip_prefix('!').unwrap_or(written)
}

impl<'a> Patterns<'a> {
    /// Compiles the lists. Patterns that are not valid are reported.
    pub(super) fn new(lists: impl Iterator<Item = &'a [Spanned<String>]>, sink: &mut Sink) -> Self {
        let mut builder = GlobSetBuilder::new();
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for (index, list) in lists.enumerate() {
            let mut of_list = List::default();
            for written in list {
                let text = text(written);
                let compiled = if text.is_empty() { Err("it is empty".into()) } else { glob::compile(text) };
                match compiled {
                    Ok(glob) => {
                        let excludes = written.starts_with('!');
                        of_list.includes |= !excludes;
                        builder.add(glob.glob().clone());
                        all.push(Pattern { written, list: index, excludes });
                    }
                    Err(reason) => {
                        of_list.broken = true;
                        let message = match text {
                            "" => "the pattern is empty".to_owned(),
                            _ => format!("`{}` is not a valid pattern: {reason}", written.as_str()),
                        };
                        sink.push(Diagnostic::error(Code::MC0145, message).at(written.location()).help(
                            "write a name, with `*` for any number of characters, or `!` before what is excluded",
                        ));
                    }
                }
            }
            found.push(of_list);
        }
        let set = builder.build().unwrap_or_else(|error| {
            // Each pattern is valid, but together they may be too large.
            let message = format!("the patterns of the bindings are too large: {}", error.kind());
            sink.push(Diagnostic::error(Code::MC0145, message).help("use shorter patterns"));
            GlobSet::empty()
        });
        Self { set, all, lists: found }
    }

    /// The patterns that match a name, and what each list says of the name.
    pub(super) fn matches(&self, name: &str, matched: &mut Vec<usize>) -> Vec<Verdict> {
        self.set.matches_into(name, matched);
        let verdict = |list: &List| Verdict { included: !list.includes && !list.broken, ..Verdict::default() };
        let mut verdicts: Vec<Verdict> = self.lists.iter().map(verdict).collect();
        for pattern in matched.iter().map(|&index| &self.all[index]) {
            let verdict = &mut verdicts[pattern.list];
            if pattern.excludes {
                verdict.excluded = true;
            } else {
                verdict.included = true;
                verdict.exact |= pattern.is_name();
            }
        }
        verdicts
    }

    /// Whether a pattern of the list is not valid.
    pub(super) fn is_broken(&self, list: usize) -> bool {
        self.lists[list].broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Spanned<String> {
        Spanned::test(text.to_owned())
    }

    fn accepts(list: &[&str], name: &str) -> bool {
        let list: Vec<_> = list.iter().map(|text| written(text)).collect();
        let mut sink = Sink::new();
        let patterns = Patterns::new([list.as_slice()].into_iter(), &mut sink);
        assert_eq!(sink.errors(), 0);
        patterns.matches(name, &mut Vec::new())[0].accepts()
    }

    #[test]
    fn an_exclusion_wins_wherever_it_stands() {
        for list in [["details-*", "!details-canary"], ["!details-canary", "details-*"]] {
            assert!(accepts(&list, "details-v1"));
            assert!(!accepts(&list, "details-canary"));
            assert!(!accepts(&list, "ratings-v1"));
        }
    }

    #[test]
    fn exclusions_alone_accept_all_other_names() {
        assert!(accepts(&["!a"], "b") && !accepts(&["!a"], "a") && accepts(&[], "a"));
    }

    #[test]
    fn a_broken_pattern_is_reported_and_its_list_matches_nothing_else() {
        let list: Vec<_> = ["[", "", "!", "a"].map(written).into();
        let mut sink = Sink::new();
        let patterns = Patterns::new([list.as_slice()].into_iter(), &mut sink);
        assert_eq!(sink.errors(), 3);
        assert!(patterns.is_broken(0));
        assert!(patterns.matches("a", &mut Vec::new())[0].accepts());
        assert!(!patterns.matches("b", &mut Vec::new())[0].accepts());
    }
}
