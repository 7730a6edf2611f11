//! The canonical YAML writer: the same tree is the same bytes, and every reader gets the same tree back.
//!
//! ```
//! use mesh_compile::yaml::{map, seq, write};
//!
//! let kustomization = map([("kind", "Component".into()), ("resources", seq(["on", "filter.yaml"]))]);
//! let mut out = Vec::new();
//! write(&kustomization, &mut out);
//! assert_eq!(out, b"kind: Component\nresources:\n- 'on'\n- filter.yaml\n");
//! ```
//!
//! "Every reader" means YAML 1.1 (kubectl, PyYAML) as much as YAML 1.2: to the former, a bare `on` is a boolean and
//! `1_000` a number, and kubectl then refuses them as labels and annotations.

mod node;
mod scalar;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

pub use node::{map, seq};
pub use write::write;

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
