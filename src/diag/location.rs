//! Bytes of a source as people count them: lines and columns.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{Location, Source};

impl Location {
    /// The bytes `range` of a source.
    #[must_use]
    pub fn new(source: Arc<Source>, range: Range<usize>) -> Self {
        Self { source, range: Some((range.start, range.end)) }
    }

    /// A source as a whole.
    #[must_use]
    pub fn whole(source: Arc<Source>) -> Self {
        Self { source, range: None }
    }

    /// The byte range of the text, empty at its start for a whole file.
    #[must_use]
    pub fn bytes(&self) -> Range<usize> {
        self.range.map_or(0..0, |(start, end)| start..end)
    }

    /// The byte range that can be shown: inside the text, on character boundaries and never
    /// reversed. `None` where there is no line to show: a whole file, or a source without text.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        let (start, end) = self.range?;
        let text = &self.source.text;
        if text.is_empty() {
            return None;
        }
        let boundary = |offset: &usize| text.is_char_boundary(*offset);
        let start = (0..=start.min(text.len())).rev().find(boundary)?;
        let end = (end.max(start).min(text.len())..=text.len()).find(boundary)?;
        Some(start..end)
    }

    /// `span` without the line ends it closes with. Parsers' spans often take the newline in, and
    /// underlining it would draw the following line into the picture.
    #[must_use]
    pub fn visible_span(&self) -> Option<Range<usize>> {
        let span = self.span()?;
        let seen = self.source.text[span.clone()].trim_end_matches(['\r', '\n']);
        Some(span.start..span.start + seen.len())
    }

    /// Start and end as (line, column), both counted from 1, columns in characters; the end is
    /// exclusive. `((1, 1), (1, 1))` for a whole file.
    #[must_use]
    pub fn line_column(&self) -> ((usize, usize), (usize, usize)) {
        let span = self.span().unwrap_or(0..0);
        (self.source.position(span.start), self.source.position(span.end))
    }
}

/// `mesh.toml:3:1`, or `mesh.toml` where there is no line.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source.path.as_str())?;
        if let Some(span) = self.span() {
            let (line, column) = self.source.position(span.start);
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

impl Source {
    /// The line and column of a character boundary of the text, counted from 1.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let newlines = before.bytes().filter(|&byte| byte == b'\n').count();
        (newlines + 1, before[line_start..].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "mesh.toml".into(), text: text.to_owned() })
    }

    fn positions(text: &str, range: Range<usize>) -> ((usize, usize), (usize, usize)) {
        Location::new(source(text), range).line_column()
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(positions("a = \"漢é\"\nb", 5..10), ((1, 6), (1, 8)));
        assert_eq!(positions("a\r\nb\tc\r\n", 5..6), ((2, 3), (2, 4)));
    }

    #[test]
    fn the_end_of_the_text_has_a_place() {
        assert_eq!(positions("a\n", 2..2), ((2, 1), (2, 1)));
        assert_eq!(positions("a", 1..1), ((1, 2), (1, 2)));
        assert_eq!(positions("", 0..0), ((1, 1), (1, 1)));
    }

    #[test]
    fn ranges_that_do_not_fit_are_mended() {
        assert_eq!(positions("ab", 1..99), ((1, 2), (1, 3)));
        assert_eq!(positions("漢字", 1..4), ((1, 1), (1, 3)));
        let reversed = Location { source: source("abc"), range: Some((2, 1)) };
        assert_eq!(reversed.line_column(), ((1, 3), (1, 3)));
    }

    #[test]
    fn what_is_seen_stops_before_the_line_end() {
        let seen = |text, range| Location::new(source(text), range).visible_span();
        assert_eq!(seen("[a]\r\n\r\nb", 0..7), Some(0..3));
        assert_eq!(seen("a\n", 1..2), Some(1..1));
        assert_eq!(seen("", 0..0), None);
        assert_eq!(Location::whole(source("a")).visible_span(), None);
    }

    #[test]
    fn shown_as_path_line_and_column() {
        let text = source("a\nbc");
        assert_eq!(Location::new(text.clone(), 3..4).to_string(), "mesh.toml:2:2");
        assert_eq!(Location::whole(text).to_string(), "mesh.toml");
    }
}
