//! What makes a tree pleasant to build.

use std::borrow::Cow;
use std::sync::Arc;

use super::Node;

/// A mapping in the order given. Its keys have to differ: readers refuse a mapping that names a key twice.
pub fn map<K: Into<Cow<'static, str>>>(entries: impl IntoIterator<Item = (K, Node)>) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A sequence of things that are nodes or become one: `seq(["a", "b"])`.
pub fn seq<V: Into<Node>>(items: impl IntoIterator<Item = V>) -> Node {
    Node::Seq(items.into_iter().map(Into::into).collect())
}

impl From<bool> for Node {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Node {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&'static str> for Node {
    fn from(text: &'static str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Str(Cow::Owned(text))
    }
}

impl From<Cow<'static, str>> for Node {
    fn from(text: Cow<'static, str>) -> Self {
        Self::Str(text)
    }
}

/// Bytes become base64, as `binaryData` wants them.
impl From<Arc<[u8]>> for Node {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Base64(bytes)
    }
}
