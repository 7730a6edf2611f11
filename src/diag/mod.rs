//! Findings: what is wrong, where, and what to do about it.

mod codes;
pub mod render;
mod sink;
mod source;
pub(crate) mod visible;

use std::ops::Range;

pub use codes::Code;
pub(crate) use mesh_compile_module::suggest;
pub use sink::Sink;
pub use source::{FileId, Files, Source, Sources};
pub use visible::{visible, visible_lines};

/// How bad a finding is. Only errors stop a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// The output is written and probably not what is wanted.
    Warning,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file.
    pub file: FileId,
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
    pub code: Code,
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
    /// What happened, a line each, to be shown as it is: a line without indentation is a heading, `+ ` and `- ` begin what came
    /// and what went.
    pub detail: Vec<String>,
}

impl Location {
    /// The bytes `range` of a file's text.
    #[must_use]
    pub const fn new(file: FileId, range: Range<usize>) -> Self {
        Self { file, range: Some((range.start, range.end)) }
    }

    /// A file as a whole.
    #[must_use]
    pub const fn whole(file: FileId) -> Self {
        Self { file, range: None }
    }

    /// The byte range of the text, empty at its start for a whole file.
    #[must_use]
    pub fn bytes(self) -> Range<usize> {
        self.range.map_or(0..0, |(start, end)| start..end)
    }
}

impl Severity {
    /// The word every output format uses: `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Diagnostic {
    /// A finding that stops the render. `message` is one line that is understood without the
    /// source beside it, for that is how JSON and GitHub show it.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A finding that lets the render go on.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    /// Says where it is wrong.
    #[must_use]
    pub fn at(self, location: Location) -> Self {
        self.at_label(location, "")
    }

    /// Says where it is wrong, with a short text beside the underline.
    #[must_use]
    pub fn at_label(mut self, location: Location, text: impl Into<String>) -> Self {
        self.primary = Some(Label { location, text: text.into() });
        self
    }

    /// Adds another place that has to do with it.
    #[must_use]
    pub fn related(mut self, location: Location, text: impl Into<String>) -> Self {
        self.related.push(Label { location, text: text.into() });
        self
    }

    /// Adds a fact that explains it.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way to mend it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Says what happened, a line each.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    fn new(code: Code, severity: Severity, message: String) -> Self {
        let (related, notes, help, detail) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { code, severity, message, primary: None, related, notes, help, detail }
    }
}
