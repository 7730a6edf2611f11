//! Files and lines of locations.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diag::{FileId, Files, Location, Sources};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The path, as diagnostics show it.
    pub file: String,
    /// From 1; absent for a whole file.
    pub line: Option<usize>,
    /// From 1, in characters; absent for a whole file.
    pub column: Option<usize>,
}

impl std::fmt::Display for Place {
    /// `mesh.toml:3`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// Finds lines. It knows where they start, because there may be a hundred thousand locations.
#[derive(Debug)]
pub(super) struct Places {
    files: Files,
    starts: BTreeMap<FileId, Vec<usize>>,
}

impl Places {
    pub(super) fn new(sources: &Sources) -> Self {
        Self { files: sources.files(), starts: BTreeMap::new() }
    }

    pub(super) fn place(&mut self, location: Location) -> Place {
        let source = &self.files[location.file];
        let file = source.path.to_string();
        let Some(span) = source.span(location) else { return Place { file, line: None, column: None } };
        let starts = self.starts.entry(location.file).or_insert_with(|| {
            let newlines = source.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(newlines).collect()
        });
        let line = starts.partition_point(|start| *start <= span.start);
        let start = starts[line - 1];
        let column = source.text[start..span.start].chars().count() + 1;
        Place { file, line: Some(line), column: Some(column) }
    }
}
