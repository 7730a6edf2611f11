//! The files that diagnostics point into, and the lines and columns of their text.

use std::collections::BTreeMap;
use std::ops::{Index, Range};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::U32Deserializer;

use super::Location;

/// A file of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct FileId(u32);

/// Passes the id through serde, which knows only numbers.
impl<'de, E: serde::de::Error> IntoDeserializer<'de, E> for FileId {
    type Deserializer = U32Deserializer<E>;

    fn into_deserializer(self) -> Self::Deserializer {
        self.0.into_deserializer()
    }
}

/// The path of a file and, where diagnostics show its lines, its text.
#[derive(Debug)]
pub struct Source {
    /// The path that the user sees.
    pub path: Utf8PathBuf,
    /// The whole text. Empty for files that are only named: a binary, a file that cannot be read.
    pub text: String,
    /// The offsets at which lines start, from the first use on.
    lines: OnceLock<Vec<usize>>,
}

/// All files that diagnostics point into. Files are only ever added.
#[derive(Debug, Default)]
pub struct Sources(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    files: Files,
    ids: BTreeMap<Utf8PathBuf, FileId>,
}

/// The files of a [`Sources`] at one moment, for a renderer to borrow from.
#[derive(Debug, Default, Clone)]
pub struct Files(Vec<Arc<Source>>);

impl Sources {
    /// No files.
    #[must_use]
    pub const fn new() -> Self {
        Self(RwLock::new(Inner { files: Files(Vec::new()), ids: BTreeMap::new() }))
    }

    /// The file at `path`. It has a text only if [`Sources::add`] has added one.
    pub fn id(&self, path: &Utf8Path) -> FileId {
        if let Some(id) = self.inner().ids.get(path) {
            return *id;
        }
        self.insert(path, String::new())
    }

    /// The file at `path` with the text that diagnostics show.
    pub fn add(&self, path: &Utf8Path, text: impl Into<String>) -> FileId {
        self.insert(path, text.into())
    }

    /// The file with this id.
    #[must_use]
    pub fn get(&self, id: FileId) -> Arc<Source> {
        Arc::clone(&self.inner().files.0[id.0 as usize])
    }

    /// All files, to look up many.
    #[must_use]
    pub fn files(&self) -> Files {
        self.inner().files.clone()
    }

    /// `mesh.toml:3:1`, or `mesh.toml` for a whole file.
    #[must_use]
    pub fn show(&self, location: Location) -> String {
        self.get(location.file).show(location)
    }

    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, path: &Utf8Path, text: String) -> FileId {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let source = Arc::new(Source::new(path, text));
        if let Some(&id) = inner.ids.get(path) {
            let known = &mut inner.files.0[id.0 as usize];
            if source.text.is_empty() || known.text == source.text {
                return id;
            }
            if known.text.is_empty() {
                *known = source;
                return id;
            }
        }
        // A second text of one path gets an id of its own: the locations in the first one stay valid.
        let id = FileId(u32::try_from(inner.files.0.len()).unwrap_or(u32::MAX));
        inner.files.0.push(source);
        inner.ids.insert(path.to_owned(), id);
        id
    }
}

impl Index<FileId> for Files {
    type Output = Source;

    /// # Panics
    ///
    /// For an id of another [`Sources`].
    fn index(&self, id: FileId) -> &Source {
        &self.0[id.0 as usize]
    }
}

impl Source {
    fn new(path: &Utf8Path, text: String) -> Self {
        Self { path: path.to_owned(), text, lines: OnceLock::new() }
    }

    /// The byte range that can be shown: within the text, on character boundaries and never reversed. `None` where there is no
    /// line to show: for a whole file, and for a source without text.
    #[must_use]
    pub fn span(&self, location: Location) -> Option<Range<usize>> {
        let (start, end) = location.range?;
        let text = &self.text;
        if text.is_empty() {
            return None;
        }
        let boundary = |offset: &usize| text.is_char_boundary(*offset);
        let start = (0..=start.min(text.len())).rev().find(boundary)?;
        let end = (end.max(start).min(text.len())..=text.len()).find(boundary)?;
        Some(start..end)
    }

    /// The [`Source::span`] without the line ends at its end. Parsers often include the newline in a span, and underlining it
    /// would show the next line too.
    #[must_use]
    pub fn visible_span(&self, location: Location) -> Option<Range<usize>> {
        let span = self.span(location)?;
        let visible = self.text[span.clone()].trim_end_matches(['\r', '\n']);
        Some(span.start..span.start + visible.len())
    }

    /// Start and end as (line, column), both counted from 1, columns in characters. The end is exclusive. `((1, 1), (1, 1))` for
    /// a whole file.
    #[must_use]
    pub fn line_column(&self, location: Location) -> ((usize, usize), (usize, usize)) {
        let span = self.span(location).unwrap_or(0..0);
        (self.position(span.start), self.position(span.end))
    }

    /// `mesh.toml:3:1`, or `mesh.toml` where there is no line.
    #[must_use]
    pub fn show(&self, location: Location) -> String {
        let Some(span) = self.span(location) else { return self.path.to_string() };
        let (line, column) = self.position(span.start);
        format!("{}:{line}:{column}", self.path)
    }

    /// The line and column of a character boundary of the text, counted from 1.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect()
        });
        let line = lines.partition_point(|&start| start <= offset);
        (line, self.text[lines[line - 1]..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "mesh.toml";

    fn source(text: &str) -> Source {
        Source::new(PATH.into(), text.to_owned())
    }

    fn at(range: Range<usize>) -> Location {
        Location::new(Sources::new().id(PATH.into()), range)
    }

    fn positions(text: &str, range: Range<usize>) -> ((usize, usize), (usize, usize)) {
        source(text).line_column(at(range))
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(positions("a = \"漢é\"\nb", 5..10), ((1, 6), (1, 8)));
        assert_eq!(positions("a\r\nb\tc\r\n", 5..6), ((2, 3), (2, 4)));
    }

    #[test]
    fn the_end_of_the_text_has_a_position() {
        assert_eq!(positions("a\n", 2..2), ((2, 1), (2, 1)));
        assert_eq!(positions("a", 1..1), ((1, 2), (1, 2)));
        assert_eq!(positions("", 0..0), ((1, 1), (1, 1)));
    }

    #[test]
    fn ranges_outside_the_text_are_clamped() {
        assert_eq!(positions("ab", 1..99), ((1, 2), (1, 3)));
        assert_eq!(positions("漢字", 1..4), ((1, 1), (1, 3)));
        #[expect(clippy::reversed_empty_ranges, reason = "the subject of the test")]
        let reversed = positions("abc", 2..1);
        assert_eq!(reversed, ((1, 3), (1, 3)));
    }

    #[test]
    fn a_visible_span_excludes_the_line_ends() {
        let visible = |text, range| source(text).visible_span(at(range));
        assert_eq!(visible("[a]\r\n\r\nb", 0..7), Some(0..3));
        assert_eq!(visible("a\n", 1..2), Some(1..1));
        assert_eq!(visible("", 0..0), None);
        assert_eq!(source("a").visible_span(Location::whole(at(0..0).file)), None);
    }

    #[test]
    fn a_location_is_shown_as_path_line_and_column() {
        let text = source("a\nbc");
        assert_eq!(text.show(at(3..4)), "mesh.toml:2:2");
        assert_eq!(text.show(Location::whole(at(0..0).file)), "mesh.toml");
    }

    #[test]
    fn a_path_has_one_id_until_its_text_changes() {
        let sources = Sources::new();
        let named = sources.id("a".into());
        let read = sources.add("a".into(), "one");
        assert_eq!((named, read), (read, sources.id("a".into())));
        assert_eq!(sources.get(named).text, "one");
        let changed = sources.add("a".into(), "two");
        assert_ne!(changed, read);
        assert_eq!((&*sources.get(read).text, &*sources.files()[changed].text), ("one", "two"));
    }
}
