//! Findings: what is wrong, where, and what to do about it.

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8PathBuf;

/// How bad a finding is. Only errors stop a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// The output is written and probably not what is wanted.
    Warning,
}

/// A text that findings point into.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The path as it is shown to the user.
    pub path: Utf8PathBuf,
    /// The whole text; empty where only the path is of interest (a binary, a file of `out/`).
    pub text: String,
}

/// A place in a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes of its text, half open; `None` for the file as a whole.
    pub range: Option<(usize, usize)>,
}

/// A place and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub location: Location,
    /// A short text written beside the underline; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code, `MC0101`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where it is wrong.
    pub primary: Option<Label>,
    /// Other places that have to do with it (the other side of a conflict).
    pub related: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// How to mend it.
    pub help: Vec<String>,
}

impl Location {
    /// The byte range of the text, empty at its start for a whole file.
    #[must_use]
    pub fn bytes(&self) -> Range<usize> {
        self.range.map_or(0..0, |(start, end)| start..end)
    }
}
