//! Diagnostics: what is wrong, where, and how to fix it.

mod codes;
pub mod render;
mod sink;
mod source;
pub(crate) mod visible;
mod words;

use std::ops::Range;

pub use codes::Code;
pub(crate) use mesh_compile_module::suggest;
pub use sink::Sink;
pub use source::{FileId, Files, Source, Sources};
pub use visible::{visible, visible_lines};
pub use words::{enumerate, enumerate_quoted};

/// The severity of a diagnostic. Only errors stop a render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// The output is written, but is probably not what the user wants.
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

/// A place with a text about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub location: Location,
    /// A short text shown beside the underline; may be empty.
    pub text: String,
}

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code, `MC0101`.
    pub code: Code,
    /// Its severity.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where it is wrong.
    pub primary: Option<Label>,
    /// Other places that are involved, such as the other side of a conflict.
    pub related: Vec<Label>,
    /// Facts that explain the problem.
    pub notes: Vec<String>,
    /// How to fix it.
    pub help: Vec<String>,
    /// A log of what happened, shown line by line. A line without indentation is a heading, and `+ ` or `- ` after the
    /// indentation marks what was added or removed.
    pub detail: Vec<String>,
    /// The environments that it is about, in order. Empty: the whole of mesh.toml.
    pub environments: Vec<String>,
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
    /// The word that every format uses: `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Diagnostic {
    /// A diagnostic that stops the render. `message` is one line that can be understood without the source, which JSON and
    /// GitHub do not show.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A diagnostic that does not stop the render.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    /// Sets the place of the problem.
    #[must_use]
    pub fn at(self, location: Location) -> Self {
        self.at_label(location, "")
    }

    /// Sets the place of the problem, with a short text beside the underline.
    #[must_use]
    pub fn at_label(mut self, location: Location, text: impl Into<String>) -> Self {
        self.primary = Some(Label { location, text: text.into() });
        self
    }

    /// Adds another place that is involved.
    #[must_use]
    pub fn related(mut self, location: Location, text: impl Into<String>) -> Self {
        self.related.push(Label { location, text: text.into() });
        self
    }

    /// Adds a fact that explains the problem.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way to fix it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// The environments that it is about, as a note: ``in the environments `prod` and `staging` ``.
    #[must_use]
    pub(crate) fn environments_note(&self) -> Option<String> {
        const NAMED: usize = 4;
        let names: Vec<String> = self.environments.iter().map(|name| format!("`{name}`")).collect();
        match names.as_slice() {
            [] => None,
            [only] => Some(format!("in the environment {only}")),
            few if few.len() <= NAMED => Some(format!("in the environments {}", enumerate(few))),
            [first, second, third, ..] => {
                let others = names.len() - 3;
                Some(format!("in the environments {first}, {second}, {third} and {others} others"))
            }
            [..] => None,
        }
    }

    /// Adds lines to the log of what happened.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    fn new(code: Code, severity: Severity, message: String) -> Self {
        let (related, notes, help, detail) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let environments = Vec::new();
        Self { code, severity, message, primary: None, related, notes, help, detail, environments }
    }
}
