//! Findings as people and programs read them. Every renderer is pure and has a file of its own.

pub mod github;
pub mod json;
pub mod text;

#[cfg(test)]
mod tests;

use super::{Diagnostic, Sources};

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// As rustc does, for a terminal.
    #[default]
    Text,
    /// One line of versioned JSON.
    Json,
    /// Workflow commands that GitHub shows beside a pull request's lines.
    Github,
}

/// Whether text carries ANSI escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// Bytes a file can hold.
    #[default]
    Plain,
    /// Escapes for a terminal.
    Styled,
}

impl Format {
    /// All findings in this format. `color` matters to `Text` alone.
    #[must_use]
    pub fn render(self, diagnostics: &[Diagnostic], sources: &Sources, color: Color) -> String {
        match self {
            Self::Text => text::render(diagnostics, sources, color),
            Self::Json => json::render(diagnostics, sources),
            Self::Github => github::render(diagnostics, sources),
        }
    }
}
