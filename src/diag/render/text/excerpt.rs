//! Lines of one file with underlines, within the width of a screen.
//!
//! annotate-snippets cuts a long line only if all underlines of a snippet fit into the width. It would print every column of a
//! span of 50,000 columns, and of two spans that far apart. A mark is therefore cut to fit, and marks that are too far apart in
//! their columns or lines get separate excerpts.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Snippet};

use super::WIDTH;
use crate::diag::visible::is_hidden;
use crate::diag::{Label, Source, visible};

/// The columns of an underline. The crate needs the rest of the width for its margins.
const MARK_WIDTH: usize = WIDTH - 20;

/// The bytes between the marks of an excerpt. The crate scans all lines from the first mark to the last.
const MARK_DISTANCE: usize = 32_768;

/// Whether a mark is the place of the diagnostic itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The place of the diagnostic: `^^^`.
    Primary,
    /// A related place: `---`.
    Context,
}

/// An underline with a text.
pub(super) struct Mark<'a> {
    kind: Kind,
    span: Range<usize>,
    columns: Range<usize>,
    text: &'a str,
}

/// Marks that share an excerpt.
pub(super) struct Excerpt<'a> {
    source: &'a Source,
    marks: Vec<Mark<'a>>,
    columns: Range<usize>,
}

impl<'a> Mark<'a> {
    /// `None` if there is no line to show.
    pub(super) fn new(label: &'a Label, source: &Source, kind: Kind) -> Option<Self> {
        let text = &source.text;
        let mut span = source.visible_span(label.location)?;
        let mut columns = extent(text, &span);
        if columns.len() > MARK_WIDTH {
            span = cut(text, span);
            columns = extent(text, &span);
        }
        Some(Self { kind, span, columns, text: &label.text })
    }
}

impl<'a> Excerpt<'a> {
    pub(super) fn new(source: &'a Source, mark: Mark<'a>) -> Self {
        Self { source, columns: mark.columns.clone(), marks: vec![mark] }
    }

    /// Whether the mark fits into this excerpt.
    pub(super) fn takes(&self, source: &Source, mark: &Mark<'_>) -> bool {
        let first = self.marks.iter().map(|mark| mark.span.start).min().unwrap_or(mark.span.start);
        let last = self.marks.iter().map(|mark| mark.span.end).max().unwrap_or(mark.span.end);
        std::ptr::eq(self.source, source)
            && hull(&self.columns, &mark.columns).len() <= MARK_WIDTH
            && hull(&(first..last), &mark.span).len() <= MARK_DISTANCE
    }

    pub(super) fn push(&mut self, mark: Mark<'a>) {
        self.columns = hull(&self.columns, &mark.columns);
        self.marks.push(mark);
    }

    pub(super) fn into_snippet(self) -> Snippet<'a, Annotation<'a>> {
        let text = &self.source.text;
        let start = self.marks.iter().map(|mark| mark.span.start).min();
        let end = self.marks.iter().map(|mark| mark.span.end).max();
        let window = window(text, start.unwrap_or(0)..end.unwrap_or(0));
        let shown = shown(&text[window.clone()]);
        // The crate derives the width of the line numbers from the last span, and misses the last line if that span is empty
        // and starts the line. This invisible mark includes the last line.
        let last = AnnotationKind::Visible.span(shown.len()..shown.len());
        let (line_start, _) = self.source.position(window.start);
        let annotations = self.marks.into_iter().map(|mark| mark.annotate(&window));
        Snippet::source(shown)
            .line_start(line_start)
            .path(visible(self.source.path.as_str()))
            .annotations(annotations)
            .annotation(last)
    }
}

impl<'a> Mark<'a> {
    fn annotate(self, window: &Range<usize>) -> Annotation<'a> {
        let kind = match self.kind {
            Kind::Primary => AnnotationKind::Primary,
            Kind::Context => AnnotationKind::Context,
        };
        let label = (!self.text.is_empty()).then(|| visible(self.text));
        kind.span(self.span.start - window.start..self.span.end - window.start).label(label)
    }
}

/// The whole lines of a span, without the last line end. The crate gets only these lines, because it would scan the whole file
/// for every diagnostic.
fn window(text: &str, span: Range<usize>) -> Range<usize> {
    let rest = &text[span.end..];
    let line = rest.split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    line_start(text, span.start)..span.end + line.len()
}

/// The text with hidden characters replaced by visible ones of as many bytes, so that every offset stays in place. The crate
/// itself replaces C0 controls and DEL.
fn shown(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| is_hidden(c) && !c.is_ascii();
    let show = |c: char| match c.len_utf8() {
        _ if !is_hidden(c) => c,
        2 => '\u{b7}',
        3 => char::REPLACEMENT_CHARACTER,
        _ => '\u{1fbc4}',
    };
    let mut shown =
        if text.contains(is_hidden) { Cow::Owned(text.chars().map(show).collect()) } else { Cow::Borrowed(text) };
    if shown.contains("##[") {
        // The start of a workflow command of GitHub Actions, anywhere in a line.
        shown = Cow::Owned(shown.replace("##[", "##("));
    }
    // The crate sees an empty last line only if it has a line end.
    if shown.ends_with('\n') {
        shown.to_mut().push('\n');
    }
    shown
}

/// The columns of a span's underline.
fn extent(text: &str, span: &Range<usize>) -> Range<usize> {
    let column = |offset: usize| text[line_start(text, offset)..offset].chars().map(width).sum();
    let (start, end): (usize, usize) = (column(span.start), column(span.end));
    start.min(end)..start.max(end)
}

/// The first `MARK_WIDTH` columns of a span's first line.
fn cut(text: &str, span: Range<usize>) -> Range<usize> {
    let line = text[span.clone()].lines().next().unwrap_or_default();
    let mut columns = 0;
    let beyond = line.char_indices().find(|&(_, c)| {
        columns += width(c);
        columns > MARK_WIDTH
    });
    span.start..span.start + beyond.map_or(line.len(), |(offset, _)| offset)
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |newline| newline + 1)
}

fn hull(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

/// The most columns that a terminal needs for a character: characters outside ASCII can be wide.
const fn width(c: char) -> usize {
    match c {
        '\t' => 4,
        _ if c.is_ascii() => 1,
        _ => 2,
    }
}
