//! The text of mesh.toml and where each of its values stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{Place, Step};
use crate::diag::{Code, Diagnostic, FileId, Location, Sink, Source};

/// The file and the places of all that is in it.
#[derive(Debug)]
pub(crate) struct Document {
    file: FileId,
    source: Arc<Source>,
    root: Spans,
}

/// The spans of a value and of what it holds.
#[derive(Debug)]
struct Spans {
    /// Of the key that leads here; of the value itself for an array's element.
    key: Range<usize>,
    /// Of the value; of its header for a table that has one.
    value: Range<usize>,
    children: Children,
}

#[derive(Debug)]
enum Children {
    None,
    Table(BTreeMap<String, Spans>),
    Array(Vec<Spans>),
}

impl Spans {
    fn table(table: &DeTable<'_>) -> Children {
        Children::Table(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), Self::value(key.span(), value))).collect(),
        )
    }

    fn value(key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Self {
        let children = match value.get_ref() {
            DeValue::Table(table) => Self::table(table),
            DeValue::Array(array) => Children::Array(array.iter().map(|item| Self::value(item.span(), item)).collect()),
            _ => Children::None,
        };
        Self { key, value: value.span(), children }
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let (table, array) = match &self.children {
            Children::None => (None, None),
            Children::Table(table) => (Some(table.values()), None),
            Children::Array(array) => (None, Some(array.iter())),
        };
        table.into_iter().flatten().chain(array.into_iter().flatten())
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.children, step) {
            (Children::Table(table), Step::Key(key)) => table.get(key),
            (Children::Array(array), Step::Index(index)) => array.get(*index),
            _ => None,
        }
    }

    /// All that belongs to the value, keys included: a table with a header reaches to its last entry.
    fn extent(&self) -> Range<usize> {
        self.children()
            .map(Self::extent)
            .fold(self.key.start.min(self.value.start)..self.key.end.max(self.value.end), |all, child| {
                all.start.min(child.start)..all.end.max(child.end)
            })
    }
}

impl Document {
    pub(super) fn new(file: FileId, source: Arc<Source>, table: &Spanned<DeTable<'_>>) -> Self {
        let root = Spans { key: 0..0, value: 0..0, children: Spans::table(table.get_ref()) };
        Self { file, source, root }
    }

    /// The file's own name, without the folders that lead to it.
    pub(crate) fn file_name(&self) -> &str {
        self.source.path.file_name().unwrap_or("mesh.toml")
    }

    /// The folder that paths in the file start from; empty for the current one.
    pub(crate) fn folder(&self) -> &camino::Utf8Path {
        self.source.path.parent().unwrap_or_else(|| "".into())
    }

    /// The value at `place`, or the key of the nearest written thing around it where a default stands in for it.
    pub(crate) fn at(&self, place: &Place) -> Location {
        let spans = self.nearest(place);
        self.location(if self.has(place) { &spans.value } else { &spans.key }.clone())
    }

    /// The key that leads to `place`, or the nearest written thing around it.
    pub(crate) fn key(&self, place: &Place) -> Location {
        self.location(self.nearest(place).key.clone())
    }

    /// Whether something is written at `place`.
    pub(crate) fn has(&self, place: &Place) -> bool {
        place.steps().iter().try_fold(&self.root, |spans, step| spans.child(step)).is_some()
    }

    /// The keys of a table at the root.
    pub(super) fn keys(&self, table: &str) -> impl Iterator<Item = &str> {
        let children = self.root.child(&Step::Key(table.to_owned())).map(|spans| &spans.children);
        let table = match children {
            Some(Children::Table(table)) => Some(table.keys()),
            _ => None,
        };
        table.into_iter().flatten().map(String::as_str)
    }

    /// The whole file.
    pub(crate) fn whole(&self) -> Location {
        Location::whole(self.file)
    }

    /// A part of the string at `place`: `part` is in bytes of the string's value. Escapes make the two differ; then the
    /// whole string stands for its part.
    pub(crate) fn within(&self, place: &Place, text: &str, part: &Range<usize>) -> Location {
        let span = self.nearest(place).value.clone();
        let start = self.source.text.get(span.clone()).and_then(|written| written.find(text));
        match start {
            Some(offset) if part.end <= text.len() && part.start < part.end => {
                let start = span.start + offset;
                self.location(start + part.start..start + part.end)
            }
            _ => self.location(span),
        }
    }

    /// All that belongs to the entry at `place`, in bytes of the text: with a header, up to the next one.
    pub(super) fn extent(&self, place: &Place) -> Range<usize> {
        let spans = self.nearest(place);
        let Range { start, end } = spans.extent();
        let has_header = self.source.text[spans.value.clone()].starts_with('[') && spans.key.start > spans.value.start;
        start..self.line_end(if has_header { self.last_line(end) } else { end })
    }

    /// The value at `place` as it is written.
    pub(super) fn text_at(&self, place: &Place) -> &str {
        &self.source.text[self.nearest(place).value.clone()]
    }

    /// The end of the line that holds the byte at `offset`.
    fn line_end(&self, offset: usize) -> usize {
        self.source.text[offset..].find('\n').map_or(self.source.text.len(), |at| offset + at)
    }

    /// The beginning of the last line before the next header after `offset`.
    fn last_line(&self, offset: usize) -> usize {
        let rest = &self.source.text[offset..];
        let starts = rest.match_indices('\n').map(|(at, _)| offset + at + 1);
        let lines = starts.take_while(|&start| !is_header(&self.source.text[start..]));
        lines.last().unwrap_or(offset)
    }

    pub(super) fn location(&self, range: Range<usize>) -> Location {
        Location::new(self.file, range)
    }

    fn nearest(&self, place: &Place) -> &Spans {
        let mut spans = &self.root;
        for step in place.steps() {
            match spans.child(step) {
                Some(child) => spans = child,
                None => break,
            }
        }
        spans
    }
}

const CONFLICT_MARKERS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// Reports what the parser refused, a line each, and returns the byte offsets of it. What is found near them is not to be trusted.
pub(super) fn syntax_errors(document: &Document, errors: &[toml::de::Error], sink: &mut Sink) -> Vec<usize> {
    let text = &document.source.text;
    let mut offsets = Vec::new();
    let mut lines = std::collections::BTreeSet::new();
    // The lines of a table that is there twice: their keys are no further mistakes.
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
                Diagnostic::error(Code::MC0101, format!("not valid TOML: git left a conflict here (`{marker}`)"))
                    .at(document.location(line..line + marker.len()))
                    .help("settle the conflict, then remove its markers"),
            );
            continue;
        }
        if is_duplicate && is_header(&text[line..]) {
            repeated = line..document.line_end(document.last_line(span.end));
        }
        sink.push(if is_duplicate {
            duplicate(document, span)
        } else {
            let finding = Diagnostic::error(Code::MC0101, format!("not valid TOML: {}", error.message()));
            let finding = finding.at(document.location(span));
            if error.message().contains("extend value of type inline table") {
                finding.help(
                    "write it inside the braces, or take the braces apart: every key dotted, as `expect.status = 200`",
                )
            } else {
                finding
            }
        });
    }
    offsets
}

fn duplicate(document: &Document, span: Range<usize>) -> Diagnostic {
    let text = &document.source.text;
    let name = text[span.clone()].trim_matches(['"', '\'']);
    let finding = Diagnostic::error(Code::MC0106, format!("`{name}` is defined twice"))
        .at_label(document.location(span.clone()), "defined again here")
        .help("remove or rename one of the two");
    match first_definition(document, name, span.start) {
        Some(first) => finding.related(document.location(first), "first defined here"),
        None => finding,
    }
}

/// Where the key that is repeated at `offset` was written first. The parser keeps only the repetition's place, so the text
/// before it is read again by itself.
fn first_definition(document: &Document, name: &str, offset: usize) -> Option<Range<usize>> {
    // A key that cannot be written by anyone marks the table that the line belongs to.
    const MARK: &str = "\u{1}here";
    let text = &document.source.text;
    let start = line_start(text, offset);
    if let Some(first) = inline(&document.root, name, offset) {
        return Some(first);
    }
    let line = text[start..].lines().next()?;
    let mark = if is_header(line) { "" } else { "\"\\u0001here\" = 0\n" };
    let before = format!("{}{mark}", &text[..start]);
    let before = Document::new(document.file, Arc::clone(&document.source), &DeTable::parse_recoverable(&before).0);
    let table = if mark.is_empty() { &before.root } else { holder(&before.root, MARK)? };
    let path = DeTable::parse_recoverable(line).0;
    follow(table, path.get_ref(), offset - start).map(|spans| spans.key.clone())
}

/// Follows the keys of one line, `a.b.c`, from the table that they stand in to the one at `offset` of the line.
fn follow<'a>(mut spans: &'a Spans, mut line: &DeTable<'_>, offset: usize) -> Option<&'a Spans> {
    loop {
        let (key, value) = line.iter().next()?;
        spans = spans.child(&Step::Key(key.get_ref().to_string()))?;
        match value.get_ref() {
            DeValue::Table(inner) if key.span().start < offset => line = inner,
            _ => return Some(spans),
        }
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// Whether the text begins with the header of a table, or with an array's line that looks like one.
fn is_header(text: &str) -> bool {
    text.trim_start_matches([' ', '\t']).starts_with('[')
}

/// The innermost table that holds `key`.
fn holder<'a>(spans: &'a Spans, key: &str) -> Option<&'a Spans> {
    if spans.child(&Step::Key(key.to_owned())).is_some() {
        return Some(spans);
    }
    spans.children().find_map(|child| holder(child, key))
}

/// The key `name` in the innermost inline table around `offset`.
fn inline(spans: &Spans, name: &str, offset: usize) -> Option<Range<usize>> {
    let inner = spans.children().find_map(|child| inline(child, name, offset));
    inner.or_else(|| {
        let around = spans.value.contains(&offset) && offset > spans.value.start;
        let first = spans.child(&Step::Key(name.to_owned())).filter(|first| around && first.key.start < offset);
        first.map(|first| first.key.clone())
    })
}
