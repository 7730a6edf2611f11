//! Trees of any shape, for the YAML writer to write.

use std::borrow::Cow;
use std::sync::Arc;

use mesh_compile::yaml;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

/// A YAML node. Mappings keep the order of their entries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Bool(bool),
    Int(i64),
    Str(Cow<'static, str>),
    Bytes(Arc<[u8]>),
    Seq(Vec<Node>),
    Map(Vec<(Cow<'static, str>, Node)>),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Seq(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(None)?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

/// The document of a node.
pub(crate) fn written(node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    yaml::write(node, &mut out).expect("trees have string keys");
    out
}

/// A mapping in the order given. Its keys must differ: readers reject a mapping that has a key twice.
pub(crate) fn map<K: Into<Cow<'static, str>>>(entries: impl IntoIterator<Item = (K, Node)>) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A sequence of nodes or of values that convert to nodes: `seq(["a", "b"])`.
pub(crate) fn seq<V: Into<Node>>(items: impl IntoIterator<Item = V>) -> Node {
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

impl From<Arc<[u8]>> for Node {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Bytes(bytes)
    }
}
