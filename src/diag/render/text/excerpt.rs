//! Lines of one file with their underlines, kept within what a screen can show.
//!
//! annotate-snippets cuts long lines only while all underlines of a snippet fit in the width
//! together; a span of 50,000 columns, or two spans that far apart, would print them all. So a
//! mark is cut to fit, and marks that lie too far apart sideways get excerpts of their own.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Snippet};

use super::WIDTH;
use crate::diag::visible::is_hidden;
use crate::diag::{Label, Source, visible};

/// The columns an underline may take; the rest of the width is the crate's margin.
const MARK_WIDTH: usize = WIDTH - 20;

/// Whether a mark is the finding's own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its place: `^^^`.
    Primary,
    /// A related place: `---`.
    Context,
}

/// An underline with its text.
pub(super) struct Mark<'a> {
    kind: Kind,
    span: Range<usize>,
    columns: Range<usize>,
    text: &'a str,
}

/// Marks that are shown together.
pub(super) struct Excerpt<'a> {
    source: &'a Source,
    marks: Vec<Mark<'a>>,
    columns: Range<usize>,
}

impl<'a> Mark<'a> {
    /// `None` where there is no line to show.
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

    /// Whether the mark of this label fits in beside the others.
    pub(super) fn takes(&self, source: &Source, mark: &Mark<'_>) -> bool {
        std::ptr::eq(self.source, source) && hull(&self.columns, &mark.columns).len() <= MARK_WIDTH
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
        // The crate reckons the width of the line numbers from the last span, and misses a line
        // where that is empty and begins one. This invisible mark makes it see the last line.
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

/// The whole lines that hold a span, without the last one's end. Only these are handed to the
/// crate, which would otherwise walk all the file for every finding.
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
    // A last line that is empty exists for the crate only when its end is there.
    if shown.ends_with('\n') {
        shown.to_mut().push('\n');
    }
    shown
}

/// From the left-most to the right-most column a span's underline touches.
fn extent(text: &str, span: &Range<usize>) -> Range<usize> {
    let column = |offset: usize| text[line_start(text, offset)..offset].chars().map(width).sum();
    let (start, end): (usize, usize) = (column(span.start), column(span.end));
    start.min(end)..start.max(end)
}

/// The beginning of a span: of its first line what is `MARK_WIDTH` columns wide at most.
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

/// At least the columns a terminal gives a character: what isn't ASCII may be wide.
const fn width(c: char) -> usize {
    match c {
        '\t' => 4,
        _ if c.is_ascii() => 1,
        _ => 2,
    }
}
