//! The canonical YAML writer: the same tree is the same bytes, and every reader gets the same tree back.

use std::borrow::Cow;
use std::sync::Arc;

/// A YAML node as it is to be written. Mappings keep the order they are given in.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `true` or `false`.
    Bool(bool),
    /// A decimal integer.
    Int(i64),
    /// A string; the writer decides whether it needs quotes.
    Str(Cow<'static, str>),
    /// Bytes, written as one plain base64 scalar (RFC 4648 section 4, padded).
    Base64(Arc<[u8]>),
    /// A block sequence.
    Seq(Vec<Node>),
    /// A block mapping.
    Map(Vec<(Cow<'static, str>, Node)>),
}
