//! Collects diagnostics, so that one run reports everything that is wrong.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Diagnostic, Files, Label, Location, Severity, Sources};

/// A collector of diagnostics. They are sorted once, at the end, and their order does not depend on the order of pushes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sink {
    found: Vec<Diagnostic>,
    errors: usize,
    /// Diagnostics that count only if every environment has them, or that are warnings otherwise.
    pending: Vec<(Diagnostic, Otherwise)>,
    /// The environment that diagnostics are about at the moment.
    environment: Option<String>,
}

/// What becomes of a diagnostic that only some environments have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Nothing,
    Warning,
}

impl Sink {
    /// An empty collector.
    #[must_use]
    pub const fn new() -> Self {
        Self { found: Vec::new(), errors: 0, pending: Vec::new(), environment: None }
    }

    /// Sets the environment that the following diagnostics are about. `None`: the whole of mesh.toml.
    pub fn enter(&mut self, environment: Option<&str>) {
        self.environment = environment.map(str::to_owned);
    }

    /// Adds a diagnostic.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        diagnostic.environments.extend(self.environment.clone());
        self.found.push(diagnostic);
    }

    /// Adds a diagnostic that stands only if every environment has it. [`Sink::settle`] decides.
    pub fn push_if_everywhere(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.environments.extend(self.environment.clone());
        self.pending.push((diagnostic, Otherwise::Nothing));
    }

    /// Adds a diagnostic that is a warning if only some environments have it. [`Sink::settle`] decides.
    pub fn push_or_warn(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.environments.extend(self.environment.clone());
        self.pending.push((diagnostic, Otherwise::Warning));
    }

    /// Decides about the diagnostics that depend on whether all of the environments have them. `environments` returns the number
    /// of those that have what is at a place, of all without a place. `all` is false if there are more environments than were loaded: such a diagnostic
    /// is a warning then.
    pub fn settle(&mut self, environments: impl Fn(Option<Location>) -> usize, all: bool) {
        let mut pending = std::mem::take(&mut self.pending);
        while let Some((one, otherwise)) = pending.pop() {
            let is_same = |(other, _): &(Diagnostic, Otherwise)| {
                (other.code, &other.message, &other.primary) == (one.code, &one.message, &one.primary)
            };
            let (same, others): (Vec<_>, Vec<_>) = pending.into_iter().partition(is_same);
            pending = others;
            let same: Vec<Diagnostic> = same.into_iter().map(|(other, _)| other).collect();
            let mut seen: BTreeSet<Option<&String>> = BTreeSet::new();
            seen.extend(same.iter().chain([&one]).map(|it| it.environments.first()));
            // A pattern that excludes nothing is harmless, so it may be there for any other environment.
            let place = one.primary.as_ref().filter(|_| otherwise == Otherwise::Warning);
            let is_everywhere = seen.len() >= environments(place.map(|label| label.location));
            if !is_everywhere && otherwise == Otherwise::Nothing {
                continue;
            }
            for mut one in same.into_iter().chain([one]) {
                one.severity = if all && is_everywhere { one.severity } else { Severity::Warning };
                self.errors += usize::from(one.severity == Severity::Error);
                self.found.push(one);
            }
        }
    }

    /// The number of errors, including duplicates.
    #[must_use]
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// Whether there is an error. Warnings do not count.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All diagnostics, in the order in which they were pushed.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.found
    }

    /// Adds all diagnostics of another collector.
    pub fn absorb(&mut self, other: Self) {
        self.errors += other.errors;
        self.found.extend(other.found);
        self.pending.extend(other.pending);
    }

    /// All diagnostics, sorted by path, start offset, code and message. Those without a place come first. Each one is there once,
    /// with all environments that it is about.
    #[must_use]
    pub fn into_sorted(self, sources: &Sources) -> Vec<Diagnostic> {
        let files = sources.files();
        let mut found = self.found;
        found.sort_by(|a, b| order(&files, a, b));
        found.dedup_by(|again, first| {
            let is_same = order(&files, again, first).is_eq();
            if is_same {
                // What is about the whole file once is about the whole file.
                if first.environments.is_empty() || again.environments.is_empty() {
                    first.environments.clear();
                } else {
                    first.environments.append(&mut again.environments);
                }
            }
            is_same
        });
        for diagnostic in &mut found {
            diagnostic.environments.sort();
            diagnostic.environments.dedup();
        }
        found
    }
}

impl Extend<Diagnostic> for Sink {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, found: I) {
        found.into_iter().for_each(|one| self.push(one));
    }
}

/// A total order over everything that is shown but the environments, so that duplicates are adjacent and the order of pushes never decides. Two
/// sources with the same path count as the same file.
fn order(files: &Files, a: &Diagnostic, b: &Diagnostic) -> Ordering {
    let key = |label| key(files, label);
    start(files, a)
        .cmp(&start(files, b))
        .then_with(|| a.code.cmp(&b.code))
        .then_with(|| a.message.cmp(&b.message))
        .then_with(|| a.severity.cmp(&b.severity))
        .then_with(|| a.primary.iter().map(key).cmp(b.primary.iter().map(key)))
        .then_with(|| a.related.iter().map(key).cmp(b.related.iter().map(key)))
        .then_with(|| a.notes.cmp(&b.notes))
        .then_with(|| a.help.cmp(&b.help))
        .then_with(|| a.detail.cmp(&b.detail))
}

fn start<'a>(files: &'a Files, diagnostic: &Diagnostic) -> Option<(&'a str, Option<usize>)> {
    let Location { file, range } = diagnostic.primary.as_ref()?.location;
    Some((files[file].path.as_str(), range.map(|(start, _)| start)))
}

fn key<'a>(files: &'a Files, label: &'a Label) -> (&'a str, Option<(usize, usize)>, &'a str) {
    let Location { file, range } = label.location;
    (files[file].path.as_str(), range, &label.text)
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    static SOURCES: Sources = Sources::new();

    fn at(path: &str, start: usize) -> Location {
        Location::new(SOURCES.add(path.into(), "0123456789"), start..start + 1)
    }

    #[test]
    fn diagnostics_are_sorted_by_path_offset_code_and_message() {
        let expected = vec![
            Diagnostic::error(Code::MC0708, "no place"),
            Diagnostic::error(Code::MC0101, "a file").at(Location::whole(at("a", 0).file)),
            Diagnostic::error(Code::MC0102, "x").at(at("a", 2)),
            Diagnostic::warning(Code::MC0101, "x").at(at("a", 9)),
            Diagnostic::error(Code::MC0101, "x").at(at("b", 1)),
            Diagnostic::error(Code::MC0101, "y").at(at("b", 1)),
            Diagnostic::error(Code::MC0102, "a").at(at("b", 1)),
        ];
        for turn in 0..expected.len() {
            let mut sink = Sink::new();
            let mut found = expected.clone();
            found.rotate_left(turn);
            sink.extend(found);
            assert_eq!(sink.into_sorted(&SOURCES), expected);
        }
    }

    #[test]
    fn duplicates_are_removed() {
        let plain = Diagnostic::error(Code::MC0101, "x").at(at("a", 1));
        let mut sink = Sink::new();
        sink.extend([plain.clone(), plain.clone().note("n"), plain.clone()]);
        assert_eq!(sink.into_sorted(&SOURCES), [plain.clone(), plain.note("n")]);
    }

    #[test]
    fn what_one_environment_lacks_does_not_stand() {
        let codes = |all: bool| {
            let mut sink = Sink::new();
            for environment in ["prod", "staging"] {
                sink.enter(Some(environment));
                sink.push_if_everywhere(Diagnostic::error(Code::MC0141, "in both"));
                if environment == "prod" {
                    sink.push_if_everywhere(Diagnostic::error(Code::MC0141, "in one"));
                }
            }
            assert!(!sink.has_errors());
            sink.settle(|_| 2, all);
            let errors = sink.has_errors();
            let found = sink.into_sorted(&SOURCES);
            assert_eq!(found.iter().map(|it| it.message.as_str()).collect::<Vec<_>>(), ["in both"]);
            assert_eq!(found[0].environments, ["prod", "staging"]);
            errors
        };
        assert!(codes(true));
        assert!(!codes(false), "another environment may lack it");
    }

    #[test]
    fn what_one_environment_lacks_can_be_a_warning() {
        let mut sink = Sink::new();
        for environment in ["prod", "staging"] {
            sink.enter(Some(environment));
            sink.push_or_warn(Diagnostic::error(Code::MC0140, "in both"));
            if environment == "prod" {
                sink.push_or_warn(Diagnostic::error(Code::MC0140, "in one"));
            }
        }
        sink.settle(|_| 2, true);
        let found = sink.into_sorted(&SOURCES);
        let found: Vec<_> = found.iter().map(|it| (it.message.as_str(), it.severity, it.environments.len())).collect();
        assert_eq!(found, [("in both", Severity::Error, 2), ("in one", Severity::Warning, 1)]);
    }

    #[test]
    fn only_errors_are_counted() {
        let mut sink = Sink::new();
        sink.push(Diagnostic::warning(Code::MC0105, "w"));
        assert!(!sink.has_errors());
        let mut other = Sink::new();
        other.push(Diagnostic::error(Code::MC0101, "e"));
        sink.absorb(other);
        assert!(sink.has_errors());
        assert_eq!((sink.errors(), sink.into_sorted(&SOURCES).len()), (1, 2));
    }
}
