//! Diagnostics for programs: `{"version":1,"diagnostics":[…]}` on one line.

use std::fmt::Write as _;

use serde::Serialize;

use crate::diag::visible::is_hidden;
use crate::diag::{Diagnostic, Files, Label, Location, Sources};

/// The version of the format. A change that can break a reader increments it.
pub const VERSION: u32 = 1;

/// The document. A command can add fields of its own.
#[derive(Debug, Serialize)]
pub struct JsonDocument<'a> {
    version: u32,
    diagnostics: Vec<Entry<'a>>,
    /// Additional top-level fields, written after the others and sorted by name.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'static str,
    message: &'a str,
    #[serde(flatten)]
    place: Place,
    help: &'a [String],
    notes: &'a [String],
    related: Vec<Related<'a>>,
    /// Omitted if empty.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    detail: &'a [String],
    /// Omitted if empty.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    environments: &'a [String],
}

#[derive(Debug, Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    place: Place,
    message: &'a str,
}

/// Lines and columns are counted from 1, columns in characters. The end is exclusive. A missing part is null.
#[derive(Debug, Default, Serialize)]
struct Place {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
}

impl<'a> JsonDocument<'a> {
    /// The diagnostics in the given order, without additional fields.
    #[must_use]
    pub fn new(diagnostics: &'a [Diagnostic], sources: &Sources) -> Self {
        let files = sources.files();
        Self {
            version: VERSION,
            diagnostics: diagnostics.iter().map(|it| Entry::new(it, &files)).collect(),
            extra: serde_json::Map::new(),
        }
    }

    /// The document on one line, with a newline at the end.
    ///
    /// # Panics
    ///
    /// Never: all keys are strings and all values can be serialized.
    #[must_use]
    pub fn to_line(&self) -> String {
        let json = serde_json::to_string(self).expect("string keys and plain data can be serialized");
        let mut line = String::with_capacity(json.len() + 1);
        // Only strings contain hidden characters, and serde_json leaves those above U+001F as they are.
        for part in json.split_inclusive(is_hidden) {
            let hidden = part.chars().next_back().filter(|&c| is_hidden(c));
            line.push_str(&part[..part.len() - hidden.map_or(0, char::len_utf8)]);
            for unit in hidden.iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec()) {
                // Writing to a String cannot fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
        // The runner of GitHub Actions executes `##[…]` anywhere in a line. Only strings contain it.
        let mut line = line.replace("##[", "##\\u005b");
        line.push('\n');
        line
    }
}

impl<'a> Entry<'a> {
    fn new(diagnostic: &'a Diagnostic, files: &Files) -> Self {
        let primary = diagnostic.primary.as_ref();
        Self {
            code: diagnostic.code.as_str(),
            severity: diagnostic.severity.as_str(),
            message: &diagnostic.message,
            place: primary.map_or_else(Place::default, |label| Place::new(label.location, files)),
            help: &diagnostic.help,
            notes: &diagnostic.notes,
            related: diagnostic.related.iter().map(|label| Related::new(label, files)).collect(),
            detail: &diagnostic.detail,
            environments: &diagnostic.environments,
        }
    }
}

impl<'a> Related<'a> {
    fn new(label: &'a Label, files: &Files) -> Self {
        Self { place: Place::new(label.location, files), message: &label.text }
    }
}

impl Place {
    fn new(location: Location, files: &Files) -> Self {
        let source = &files[location.file];
        let file = Some(source.path.to_string());
        if source.span(location).is_none() {
            return Self { file, ..Self::default() };
        }
        let ((line, column), (end_line, end_column)) = source.line_column(location);
        Self { file, line: Some(line), column: Some(column), end_line: Some(end_line), end_column: Some(end_column) }
    }
}

/// The diagnostics as one line of JSON, with a newline at the end.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    JsonDocument::new(diagnostics, sources).to_line()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, FileId};

    static SOURCES: Sources = Sources::new();

    fn source() -> FileId {
        SOURCES.add("mesh.toml".into(), "[filters.a]\nmodule = \"漢\"\n")
    }

    #[test]
    fn no_diagnostics_are_an_empty_list() {
        assert_eq!(render(&[], &SOURCES), "{\"version\":1,\"diagnostics\":[]}\n");
    }

    #[test]
    fn the_fields_have_a_fixed_order() {
        let diagnostic = Diagnostic::error(Code::MC0102, "a \"quoted\" name")
            .at_label(Location::new(source(), 21..26), "not shown here")
            .related(Location::new(source(), 0..12), "the filter")
            .related(Location::whole(source()), "")
            .note("n1")
            .note("n2")
            .help("h");
        assert_eq!(
            render(&[diagnostic], &SOURCES),
            concat!(
                r#"{"version":1,"diagnostics":[{"code":"MC0102","severity":"error","#,
                r#""message":"a \"quoted\" name","file":"mesh.toml","line":2,"column":10,"#,
                r#""end_line":2,"end_column":13,"help":["h"],"notes":["n1","n2"],"related":["#,
                r#"{"file":"mesh.toml","line":1,"column":1,"end_line":2,"end_column":1,"#,
                r#""message":"the filter"},"#,
                r#"{"file":"mesh.toml","line":null,"column":null,"end_line":null,"#,
                r#""end_column":null,"message":""}]}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_log_is_the_last_field() {
        let line = render(
            &[Diagnostic::error(Code::MC0610, "e").detail(["request".to_owned(), "  GET /".to_owned()])],
            &SOURCES,
        );
        assert!(line.contains(r#""related":[],"detail":["request","  GET /"]}]"#), "{line}");
    }

    #[test]
    fn a_missing_place_is_null() {
        assert_eq!(
            render(&[Diagnostic::warning(Code::MC0105, "w")], &SOURCES),
            concat!(
                r#"{"version":1,"diagnostics":[{"code":"MC0105","severity":"warning","#,
                r#""message":"w","file":null,"line":null,"column":null,"end_line":null,"#,
                r#""end_column":null,"help":[],"notes":[],"related":[]}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn additional_fields_follow_in_sorted_order() {
        let mut report = JsonDocument::new(&[], &SOURCES);
        report.extra.insert("runs".to_owned(), 2.into());
        report.extra.insert("engine".to_owned(), "embedded".into());
        assert_eq!(report.to_line(), "{\"version\":1,\"diagnostics\":[],\"engine\":\"embedded\",\"runs\":2}\n");
    }
}
