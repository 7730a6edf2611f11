//! Reads YAML and JSON into [`Node`]s.
//!
//! The parser is granit-parser: YAML 1.2 events with byte offsets. What differs from YAML 1.2 follows kubectl: scalars and merge keys
//! are those of YAML 1.1. Memory stays proportional to the text: nesting and the expansion of aliases are limited.

mod build;
mod report;
mod scalar;

use granit_parser::{Event, Parser};

use super::Node;
use crate::diag::{FileId, Location, Sink};
use build::Builder;
pub(super) use report::unrendered;

/// The deepest nesting of maps and lists. The deepest object of Kubernetes, a schema within a CustomResourceDefinition, stays below.
const DEPTH: usize = 200;

/// The most values in one file.
const VALUES: usize = 5_000_000;

/// The syntax errors of one file that are reported: each further one is probably a consequence.
const ERRORS: usize = 5;

/// The documents of a stream.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// Without empty ones.
    pub(super) documents: Vec<Node>,
    /// Whether some document is missing or unfinished because of an error, which is reported.
    pub(super) broken: bool,
}

/// Who reads a file first. They disagree on `on`, `yes`, `n` and the like without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// YAML 1.1: they are booleans.
    Kubectl,
    /// They are strings, and kustomize writes them with quotes.
    Kustomize,
}

/// Parses a stream of documents. Errors go to `sink`; the documents around a broken one are read.
pub(super) fn parse(file: FileId, text: &str, dialect: Dialect, sink: &mut Sink) -> Documents {
    let mut options = granit_parser::options! { flow_nesting_limit: DEPTH, block_nesting_limit: DEPTH };
    options.set_emit_comments(false);
    // kubectl reads long keys too.
    options.simple_key_max_lookahead = 64 << 10;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::new(file, text, dialect);
    let mut documents = Documents::default();
    let (mut errors, mut events) = (0, 0);
    loop {
        events += 1;
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((Event::DocumentEnd, _))) => match builder.finish() {
                Ok(root) => documents.documents.extend(root),
                Err(()) => documents.broken = true,
            },
            Some(Ok((_, span))) if events > VALUES => {
                let at = span.byte_range().unwrap_or_default();
                sink.push(report::too_many(Location::new(file, at)));
                documents.broken = true;
                break;
            }
            Some(Ok((event, span))) => builder.event(event, span.byte_range().unwrap_or_default(), sink),
            Some(Err(error)) => {
                documents.broken = true;
                errors += 1;
                sink.push(report::syntax(file, text, builder.start(), &error));
                builder.abandon();
                if errors == ERRORS || !parser.proceed_next_document().unwrap_or(false) {
                    break;
                }
            }
        }
    }
    documents
}

#[cfg(test)]
mod tests;
