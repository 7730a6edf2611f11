//! From events to nodes.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use granit_parser::{Event, ScalarStyle, Tag};

use super::super::{Entry, Node, Value};
use super::{Dialect, report, scalar};
use crate::diag::{Diagnostic, FileId, Location, Sink};

/// Builds the tree of one document after the other.
pub(super) struct Builder<'a> {
    file: FileId,
    text: &'a str,
    dialect: Dialect,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchor>,
    /// The bytes that aliases may still add.
    budget: usize,
    /// Where the document starts.
    start: usize,
    failed: bool,
}

/// What an alias stands for.
enum Anchor {
    /// The list or map that is being read: an alias to it would make it contain itself.
    Open,
    Complete(Node),
}

/// A list or map that is being read.
struct Open {
    anchor: usize,
    start: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key> },
}

struct Key {
    text: String,
    location: Location,
    /// Whether it is `<<`, which adds the entries of another map.
    merges: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: FileId, text: &'a str, dialect: Dialect) -> Self {
        // Real aliases repeat labels and resources. Ten times the text leaves room for every honest use.
        let budget = (16 << 20) + text.len().saturating_mul(10);
        let (open, anchors) = (Vec::new(), BTreeMap::new());
        Self { file, text, dialect, open, root: None, anchors, budget, start: 0, failed: false }
    }

    /// Where the document that is being read starts.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// The document, `None` for an empty one, an error for one with an error inside.
    pub(super) fn finish(&mut self) -> Result<Option<Node>, ()> {
        let (root, failed) = (self.root.take(), self.failed);
        self.abandon();
        if failed { Err(()) } else { Ok(root.filter(|root| !matches!(root.value, Value::Null))) }
    }

    /// Forgets the document that is being read.
    pub(super) fn abandon(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.root = None;
        self.failed = false;
    }

    pub(super) fn event(&mut self, event: Event<'_>, at: Range<usize>, sink: &mut Sink) {
        match event {
            Event::DocumentStart(..) => self.start = at.start,
            Event::Scalar(text, style, anchor, tag) => {
                let at = at.start..self.trimmed(&at);
                let value = scalar_value(&text, style, tag.as_deref(), self.dialect);
                let merges = style == ScalarStyle::Plain && text == "<<";
                let node = Node { value, location: Location::new(self.file, at) };
                self.add(node, anchor, merges, sink);
            }
            Event::Alias(anchor) => self.alias(anchor, Location::new(self.file, at), sink),
            Event::SequenceStart(_, anchor, _) => self.push(anchor, at.start, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.push(anchor, at.start, Content::Map { entries: Vec::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.pop(at.end, sink),
            _ => {}
        }
    }

    fn push(&mut self, anchor: usize, start: usize, content: Content) {
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor::Open);
        }
        self.open.push(Open { anchor, start, content });
    }

    fn pop(&mut self, end: usize, sink: &mut Sink) {
        let Some(Open { anchor, start, content }) = self.open.pop() else { return };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(self.map(entries, sink)),
        };
        let location = Location::new(self.file, start..self.end(start, end, &value));
        self.add(Node { value, location }, anchor, false, sink);
    }

    /// The end of a list or map. The parser ends a block where the next one starts, so it ends with its last value.
    fn end(&self, start: usize, end: usize, value: &Value) -> usize {
        if matches!(self.text.as_bytes().get(start), Some(b'[' | b'{')) {
            return end;
        }
        let last = match value {
            Value::List(items) => items.last(),
            Value::Map(entries) => entries.last().map(|entry| &entry.value),
            _ => None,
        };
        last.map_or(end, |last| last.location.bytes().end).max(start)
    }

    /// The end of a span without the blank lines that the parser counts to a block.
    fn trimmed(&self, span: &Range<usize>) -> usize {
        let text = self.text.get(span.clone()).unwrap_or_default();
        span.start + text.trim_end().len()
    }

    fn alias(&mut self, anchor: usize, at: Location, sink: &mut Sink) {
        let nothing = Node { value: Value::Null, location: at };
        let node = match self.anchors.remove(&anchor) {
            Some(Anchor::Complete(node)) if self.afford(&node, at, sink) => {
                self.anchors.insert(anchor, Anchor::Complete(node.clone()));
                node
            }
            Some(Anchor::Open) if !self.failed => {
                self.fail(report::cycle(at), sink);
                nothing
            }
            _ => nothing,
        };
        self.add(node, 0, false, sink);
    }

    /// Whether the document may contain a copy of `node`.
    fn afford(&mut self, node: &Node, at: Location, sink: &mut Sink) -> bool {
        let size = size(node);
        if let Some(rest) = self.budget.checked_sub(size) {
            self.budget = rest;
            return true;
        }
        if !self.failed {
            self.fail(report::expansion(at), sink);
        }
        false
    }

    fn fail(&mut self, diagnostic: Diagnostic, sink: &mut Sink) {
        self.failed = true;
        sink.push(diagnostic);
    }

    /// Adds a complete value to what is being read.
    fn add(&mut self, node: Node, anchor: usize, merges: bool, sink: &mut Sink) {
        if anchor > 0 && self.afford(&node, node.location, sink) {
            self.anchors.insert(anchor, Anchor::Complete(node.clone()));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, key }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => match key_text(&node.value) {
                    Some(text) => *key = Some(Key { text, location: node.location, merges }),
                    None => {
                        // The value that follows needs a key.
                        *key = Some(Key { text: String::new(), location: node.location, merges: false });
                        self.fail(report::key(self.file, self.text, node.location), sink);
                    }
                },
            },
        }
    }

    /// Reports keys that are written twice and adds the entries that merge keys stand for.
    fn map(&mut self, written: Vec<(Key, Node)>, sink: &mut Sink) -> Vec<Entry> {
        let mut order: Vec<usize> = (0..written.len()).collect();
        order.sort_by(|a, b| written[*a].0.text.cmp(&written[*b].0.text).then(a.cmp(b)));
        for pair in order.windows(2) {
            let (first, second) = (&written[pair[0]].0, &written[pair[1]].0);
            if first.text == second.text && !(first.merges && second.merges) && !self.failed {
                self.fail(report::duplicate(&first.text, first.location, second.location), sink);
            }
        }
        let mut entries = Vec::with_capacity(written.len());
        let mut merged = Vec::new();
        for (Key { text: key, location: key_location, merges }, value) in written {
            match value.value {
                Value::Map(more) if merges => merged.extend(more),
                Value::List(maps) if merges => merged.extend(maps.into_iter().flat_map(|map| match map.value {
                    Value::Map(more) => more,
                    _ => Vec::new(),
                })),
                _ => entries.push(Entry { key, key_location, value }),
            }
        }
        // What a map says itself wins, then what is merged first.
        for entry in merged {
            if entries.iter().all(|written| written.key != entry.key) {
                entries.push(entry);
            }
        }
        entries
    }
}

/// The value of a scalar. Quoted scalars are strings.
fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>, dialect: Dialect) -> Value {
    match tag.and_then(Tag::core_suffix) {
        Some("str") => Value::String(text.to_owned()),
        Some("binary") => {
            let packed: String = text.split_ascii_whitespace().collect();
            let bytes = STANDARD.decode(packed).unwrap_or_default();
            Value::String(String::from_utf8_lossy(&bytes).into_owned())
        }
        Some(_) => scalar::plain(text, dialect),
        None if style == ScalarStyle::Plain && tag.is_none() => scalar::plain(text, dialect),
        None => Value::String(text.to_owned()),
    }
}

/// The key that a value stands for: kubectl turns booleans and numbers into text.
fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// About the memory of a value, in bytes.
fn size(node: &Node) -> usize {
    let inside: usize = match &node.value {
        Value::Null | Value::Boolean(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => {
            entries.iter().map(|entry| size_of::<Entry>() + entry.key.len() + size(&entry.value)).sum()
        }
    };
    size_of::<Node>() + inside
}
