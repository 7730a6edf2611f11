//! Syntax errors: what the TOML parser rejects, and keys that are defined twice.

mod hints;

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diag::{Code, Diagnostic, FileId, Location, Sink};

const CONFLICT_MARKERS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// A parsed file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parsed<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    pub(super) root: &'a DeTable<'a>,
}

impl Parsed<'_> {
    pub(super) fn location(&self, range: Range<usize>) -> Location {
        Location::new(self.file, range)
    }

    /// The range of an entry with everything inside it. An entry with a header extends to the next header.
    pub(super) fn extent(&self, key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
        let has_header = self.text[value.span()].starts_with('[') && key.start > value.span().start;
        let Range { start, end } = extent(key, value);
        start..line_end(self.text, if has_header { last_line(self.text, end) } else { end })
    }
}

fn extent(key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
    let own = key.start.min(value.span().start)..key.end.max(value.span().end);
    let inner: Vec<Range<usize>> = match value.get_ref() {
        DeValue::Table(table) => table.iter().map(|(key, value)| extent(key.span(), value)).collect(),
        DeValue::Array(items) => items.iter().map(|item| extent(item.span(), item)).collect(),
        _ => Vec::new(),
    };
    inner.into_iter().fold(own, |all, one| all.start.min(one.start)..all.end.max(one.end))
}

/// Reports the parser's errors, at most one per line, and returns their byte offsets. Values near them are unreliable.
pub(super) fn report(parsed: Parsed<'_>, errors: &[toml::de::Error], sink: &mut Sink) -> Vec<usize> {
    let text = parsed.text;
    let mut offsets = Vec::new();
    let mut lines = BTreeSet::new();
    // The lines of a table that is defined twice: its keys are not reported again.
    let mut repeated = 0..0;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        offsets.push(span.start);
        let line = line_start(text, span.start);
        let is_duplicate = error.message() == "duplicate key";
        if !lines.insert(line) || is_duplicate && repeated.contains(&span.start) {
            continue;
        }
        if let Some(marker) = CONFLICT_MARKERS.iter().find(|marker| text[line..].starts_with(**marker)) {
            sink.push(
                Diagnostic::error(Code::MC0101, format!("not valid TOML: unresolved merge conflict (`{marker}`)"))
                    .at(parsed.location(line..line + marker.len()))
                    .help("resolve the conflict and remove its markers"),
            );
            continue;
        }
        if is_duplicate && is_header(&text[line..]) {
            repeated = line..line_end(text, last_line(text, span.end));
        }
        sink.push(if is_duplicate { duplicate(parsed, span) } else { invalid(parsed, error.message(), span) });
    }
    offsets
}

fn invalid(parsed: Parsed<'_>, message: &str, span: Range<usize>) -> Diagnostic {
    let Parsed { text, .. } = parsed;
    let start = span.start;
    let diagnostic = Diagnostic::error(Code::MC0101, format!("not valid TOML: {message}")).at(parsed.location(span));
    if message.contains("extend value of type inline table") {
        return diagnostic
            .help("move the key inside the braces, or write every key dotted, such as `expect.status = 200`");
    }
    if message.starts_with("invalid multi-line") && text[start..].trim().is_empty() {
        let quotes = if message.contains("literal") { "'''" } else { "\"\"\"" };
        return match text.rfind(quotes) {
            Some(open) => diagnostic.related(parsed.location(open..open + quotes.len()), "the string starts here"),
            None => diagnostic,
        };
    }
    match hints::hint(text, message, start) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn duplicate(parsed: Parsed<'_>, span: Range<usize>) -> Diagnostic {
    let name = parsed.text[span.clone()].trim_matches(['"', '\'']);
    let diagnostic = Diagnostic::error(Code::MC0106, format!("`{name}` is defined twice"))
        .at_label(parsed.location(span.clone()), "defined again here")
        .help("remove or rename one of the two");
    match first_definition(parsed, name, span.start) {
        Some(first) => diagnostic.related(parsed.location(first), "first defined here"),
        None => diagnostic,
    }
}

/// Where the key that is repeated at `offset` is first defined. The parser reports only the repetition, so the text before it is
/// parsed again on its own.
fn first_definition(parsed: Parsed<'_>, name: &str, offset: usize) -> Option<Range<usize>> {
    // A key that no file contains marks the table of the line.
    const MARK: &str = "\u{1}here";
    let Parsed { text, root, .. } = parsed;
    if let Some(first) = root.iter().find_map(|(_, value)| inline(value, name, offset)) {
        return Some(first);
    }
    let start = line_start(text, offset);
    let line = text[start..].lines().next()?;
    let mark = if is_header(line) { "" } else { "\"\\u0001here\" = 0\n" };
    let before = format!("{}{mark}", &text[..start]);
    let before = DeTable::parse_recoverable(&before).0.into_inner();
    let table = if mark.is_empty() { &before } else { holder(&before, MARK)? };
    let line = DeTable::parse_recoverable(line).0.into_inner();
    follow(table, &line, offset - start)
}

/// Follows the keys of one line, `a.b.c`, from their table to the key at `offset` in the line.
fn follow(mut table: &DeTable<'_>, mut line: &DeTable<'_>, offset: usize) -> Option<Range<usize>> {
    loop {
        let (key, value) = line.iter().next()?;
        let (first, defined) = table.get_key_value::<str>(key.get_ref())?;
        match (value.get_ref(), defined.get_ref()) {
            (DeValue::Table(inner), DeValue::Table(deeper)) if key.span().start < offset => {
                (line, table) = (inner, deeper);
            }
            _ => return Some(first.span()),
        }
    }
}

/// The innermost table that has `key`.
fn holder<'a, 'toml>(table: &'a DeTable<'toml>, key: &str) -> Option<&'a DeTable<'toml>> {
    fn within<'a, 'toml>(value: &'a DeValue<'toml>, key: &str) -> Option<&'a DeTable<'toml>> {
        match value {
            DeValue::Table(table) => holder(table, key),
            DeValue::Array(items) => items.iter().find_map(|item| within(item.get_ref(), key)),
            _ => None,
        }
    }
    if table.contains_key(key) { Some(table) } else { table.values().find_map(|value| within(value.get_ref(), key)) }
}

/// The key `name` of the innermost inline table around `offset`.
fn inline(value: &Spanned<DeValue<'_>>, name: &str, offset: usize) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().find_map(|item| inline(item, name, offset)),
        DeValue::Table(table) => {
            let inner = table.values().find_map(|value| inline(value, name, offset));
            inner.or_else(|| {
                let is_around = value.span().contains(&offset) && offset > value.span().start;
                let (first, _) = table.get_key_value(name).filter(|_| is_around)?;
                (first.span().start < offset).then(|| first.span())
            })
        }
        _ => None,
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// The end of the line at `offset`.
fn line_end(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |at| offset + at)
}

/// The start of the last line before the next header after `offset`.
fn last_line(text: &str, offset: usize) -> usize {
    let starts = text[offset..].match_indices('\n').map(|(at, _)| offset + at + 1);
    let lines = starts.take_while(|&start| !is_header(&text[start..]));
    lines.last().unwrap_or(offset)
}

/// Whether the text begins with the header of a table, or with a line of an array that looks like one.
fn is_header(text: &str) -> bool {
    text.trim_start_matches([' ', '\t']).starts_with('[')
}
