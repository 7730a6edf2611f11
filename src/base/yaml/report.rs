//! The errors of a YAML file.

use granit_parser::{ErrorKind, ScanError};

use crate::diag::{Code, Diagnostic, FileId, Location};

/// A syntax error. A template of Helm, which is not YAML before it is rendered, is reported as such.
pub(super) fn syntax(file: FileId, text: &str, document: usize, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or_default().min(text.len());
    if let Some(diagnostic) = template(file, text, document) {
        return diagnostic;
    }
    let location = Location::new(file, at..next(text, at));
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|marker| text[line..].starts_with(marker)) {
        let location = Location::new(file, line..line + 7);
        return Diagnostic::error(Code::MC0503, "the file contains a merge conflict")
            .at(location)
            .help("resolve the conflict");
    }
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            let message = format!("more than {} maps and lists are nested", super::DEPTH);
            Diagnostic::error(Code::MC0506, message).at(location)
        }
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            Diagnostic::error(Code::MC0503, "YAML does not allow tabs in the indentation")
                .at(tab(file, text, at).unwrap_or(location))
                .help("indent with spaces")
        }
        ErrorKind::UnknownAnchor => {
            Diagnostic::error(Code::MC0503, "this alias has no anchor before it in the document").at(location)
        }
        kind => match tab(file, text, at) {
            Some(tab) => Diagnostic::error(Code::MC0503, "YAML does not allow tabs in the indentation")
                .at(tab)
                .help("indent with spaces"),
            None => Diagnostic::error(Code::MC0503, format!("the file is not valid YAML: {kind}")).at(location),
        },
    }
}

/// A key that is a list, a map or null.
pub(super) fn key(file: FileId, text: &str, location: Location) -> Diagnostic {
    // `{{ name }}` without quotes is a map whose key is a map.
    let start = location.bytes().start;
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    template(file, text, line)
        .filter(|found| found.primary.as_ref().is_some_and(|at| at.location.bytes().start <= start))
        .unwrap_or_else(|| Diagnostic::error(Code::MC0503, "a key must be a string").at(location))
}

/// A key that is written twice in one map.
pub(super) fn duplicate(key: &str, first: Location, second: Location) -> Diagnostic {
    Diagnostic::error(Code::MC0504, format!("the key `{key}` is written twice"))
        .at(second)
        .related(first, "first written here")
        .help("delete one of the two: which one counts depends on the tool that reads the file")
}

/// An alias inside of what it stands for.
pub(super) fn cycle(at: Location) -> Diagnostic {
    Diagnostic::error(Code::MC0506, "this alias is inside the value that it stands for").at(at)
}

/// Aliases that stand for too much.
pub(super) fn expansion(at: Location) -> Diagnostic {
    Diagnostic::error(Code::MC0506, "the file's aliases stand for far more than the file itself")
        .at(at)
        .help("write the values out: kubectl rejects such a file as well")
}

/// More values than a file may hold.
pub(super) fn too_many(at: Location) -> Diagnostic {
    let message = format!("the file contains more than {} million values", super::VALUES / 1_000_000);
    Diagnostic::error(Code::MC0506, message).at(at).help("split the file")
}

/// The first `{{` from `start` on that nothing has rendered: at the start of a line or of a value.
fn template(file: FileId, text: &str, start: usize) -> Option<Diagnostic> {
    let mut offset = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        if let Some(column) = line.find("{{").filter(|column| line[*column..].contains("}}")) {
            let before = line[..column].trim_end();
            let opens = before.trim_start().is_empty() || before.ends_with([':', '-', '?', '[', ',']);
            if opens {
                let end = line.rfind("}}").map_or(column + 2, |end| end + 2);
                return Some(unrendered(Location::new(file, offset + column..offset + end)));
            }
        }
        offset += line.len();
    }
    None
}

/// A template that nothing has rendered.
pub(in super::super) fn unrendered(at: Location) -> Diagnostic {
    Diagnostic::error(Code::MC0505, "this is a template, not a manifest: its `{{ }}` are not rendered")
        .at(at)
        .help("render the chart and pipe the result: `helm template RELEASE CHART | mesh-compile render --base -`")
}

/// The tab in the indentation of the line at `at`, or of the next one. JSON may contain tabs there.
fn tab(file: FileId, text: &str, at: usize) -> Option<Location> {
    if text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let next = text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1);
    [start, next].into_iter().find_map(|start| {
        let line = &text[start..];
        let indentation = line.find(|char: char| !matches!(char, ' ' | '\t')).unwrap_or(line.len());
        line[..indentation].find('\t').map(|tab| Location::new(file, start + tab..start + tab + 1))
    })
}

/// The end of the character at `at`.
fn next(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |char| at + char.len_utf8())
}
