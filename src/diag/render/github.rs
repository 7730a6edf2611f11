//! Diagnostics as workflow commands of GitHub Actions. The runner turns each line of the log that starts with `::error` or
//! `::warning` into an annotation of the pull request.

use std::fmt::Write as _;

use crate::diag::{Diagnostic, Files, Label, Location, Sources, visible, visible_lines};

/// The diagnostics, one workflow command per line.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let files = sources.files();
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str("::");
        out.push_str(diagnostic.severity.as_str());
        out.push(' ');
        if let Some(primary) = &diagnostic.primary {
            out.push_str(&place(&files, primary.location));
        }
        out.push_str("title=");
        out.push_str(&property(diagnostic.code.as_str()));
        out.push_str("::");
        out.push_str(&data(&body(&files, diagnostic)));
        out.push('\n');
    }
    out
}

/// `file=…,line=…,col=…,endLine=…,endColumn=…,`, as far as known.
fn place(files: &Files, location: Location) -> String {
    let source = &files[location.file];
    let mut out = format!("file={},", property(&visible(source.path.as_str())));
    let Some(span) = source.visible_span(location) else {
        return out;
    };
    let (line, column) = source.position(span.start);
    let (end_line, end_column) = source.position(span.end);
    // GitHub accepts columns only for a span within one line.
    let fields = if line == end_line {
        format!("line={line},col={column},endLine={end_line},endColumn={end_column},")
    } else {
        format!("line={line},endLine={end_line},")
    };
    out.push_str(&fields);
    out
}

/// The message, followed by the related places, notes, help and log, one per line.
fn body(files: &Files, diagnostic: &Diagnostic) -> String {
    let mut out = visible(&diagnostic.message).into_owned();
    for Label { location, text } in &diagnostic.related {
        // Writing to a String cannot fail.
        let _ = write!(out, "\nsee {}", visible(&files[location.file].show(*location)));
        if !text.is_empty() {
            let _ = write!(out, ": {}", visible_lines(text));
        }
    }
    for note in &diagnostic.notes {
        let _ = write!(out, "\nnote: {}", visible_lines(note));
    }
    if let Some(note) = diagnostic.environments_note() {
        let _ = write!(out, "\nnote: {}", visible_lines(&note));
    }
    for help in &diagnostic.help {
        let _ = write!(out, "\nhelp: {}", visible_lines(help));
    }
    for line in &diagnostic.detail {
        let _ = write!(out, "\n{}", visible(line));
    }
    out
}

/// Escapes line breaks, which end a command. The percent sign comes first, because it introduces an escape.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Also escapes the characters that end a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, FileId};

    static SOURCES: Sources = Sources::new();

    fn source(path: &str) -> FileId {
        SOURCES.add(path.into(), "a = 1\r\nb = \"漢\"\r\n[c]\r\n")
    }

    #[test]
    fn each_diagnostic_is_one_command() {
        let text = source("mesh.toml");
        let found = [
            Diagnostic::error(Code::MC0102, "unknown key").at(Location::new(text, 11..16)),
            Diagnostic::warning(Code::MC0105, "unused").at(Location::whole(text)),
            Diagnostic::error(Code::MC0708, "no place"),
        ];
        assert_eq!(
            render(&found, &SOURCES),
            "\
::error file=mesh.toml,line=2,col=5,endLine=2,endColumn=8,title=MC0102::unknown key
::warning file=mesh.toml,title=MC0105::unused
::error title=MC0708::no place
"
        );
    }

    #[test]
    fn a_span_across_lines_has_no_columns() {
        let text = source("mesh.toml");
        let found = [
            Diagnostic::error(Code::MC0101, "two lines").at(Location::new(text, 0..16)),
            Diagnostic::error(Code::MC0101, "one and its end").at(Location::new(text, 0..7)),
        ];
        assert_eq!(
            render(&found, &SOURCES),
            "\
::error file=mesh.toml,line=1,endLine=2,title=MC0101::two lines
::error file=mesh.toml,line=1,col=1,endLine=1,endColumn=6,title=MC0101::one and its end
"
        );
    }

    #[test]
    fn characters_that_end_a_command_or_a_property_are_escaped() {
        let text = source("a:b,100%.toml");
        let found = Diagnostic::error(Code::MC0101, "50%: a, b\r\nc")
            .at(Location::new(text, 0..1))
            .related(Location::new(text, 7..8), "the other")
            .related(Location::whole(text), "")
            .note("n")
            .help("h1\nh2");
        assert_eq!(
            render(&[found], &SOURCES),
            "::error file=a%3Ab%2C100%25.toml,line=1,col=1,endLine=1,endColumn=2,title=MC0101::\
             50%25: a, b␊c%0Asee a:b,100%25.toml:2:1: the other%0Asee a:b,100%25.toml%0A\
             note: n%0Ahelp: h1%0Ah2\n"
        );
    }
}
