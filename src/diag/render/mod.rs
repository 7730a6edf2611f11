//! Diagnostics for people and for programs, one renderer per file.

pub mod github;
pub mod json;
pub mod text;

#[cfg(test)]
mod tests;

use super::{Diagnostic, Sources};

/// The format of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text for a terminal, in the style of rustc.
    #[default]
    Text,
    /// One line of versioned JSON.
    Json,
    /// Workflow commands, which GitHub shows as annotations of a pull request.
    Github,
}

/// Whether text contains ANSI escape sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// No escape sequences.
    #[default]
    Plain,
    /// Escape sequences for a terminal.
    Styled,
}

impl Format {
    /// Renders the diagnostics. `color` applies to [`Format::Text`] only.
    #[must_use]
    pub fn render(self, diagnostics: &[Diagnostic], sources: &Sources, color: Color) -> String {
        match self {
            Self::Text => text::render(diagnostics, sources, color),
            Self::Json => json::render(diagnostics, sources),
            Self::Github => github::render(diagnostics, sources),
        }
    }
}
