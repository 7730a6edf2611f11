//! The canonical YAML writer: equal values give equal bytes, and every reader gets the same values back.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! let component = BTreeMap::from([("resources", vec!["on", "filter.yaml"])]);
//! let mut out = Vec::new();
//! mesh_compile::yaml::write(&component, &mut out)?;
//! assert_eq!(out, b"resources:\n- 'on'\n- filter.yaml\n");
//! # Ok::<(), mesh_compile::yaml::Error>(())
//! ```
//!
//! "Every reader" includes readers of YAML 1.1 (kubectl, PyYAML) as well as YAML 1.2. To a YAML 1.1 reader, a bare `on` is a
//! boolean and `1_000` is a number, and kubectl rejects both as labels and annotations.

mod scalar;
mod serializer;

use std::fmt;

use serde::{Deserialize, Serialize};

use serializer::Serializer;

/// Appends `value` to `out` as a whole document: block style, two spaces per level, sequences in the column of their key,
/// one line per scalar whatever its length (except for blocks), LF at the end, no `---`.
///
/// Fields and map entries keep their order. Bytes (`serialize_bytes`) become one base64 scalar (RFC 4648 section 4,
/// padded) without an intermediate copy. Recurses once per level, so the caller must bound the depth of `value`.
///
/// # Errors
/// If a map key is not a string, or if `value` contains an enum variant with fields that is not tagged internally.
pub fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Serializer::new(out))
}

/// The name of [`Block`] for the serializer.
const BLOCK: &str = "mesh_compile::yaml::Block";

/// A text of several lines for people to read: as the value of a key, it becomes a literal block (`|`) where every reader gets it
/// back from one, and one line otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Block(pub(crate) String);

impl Serialize for Block {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(BLOCK, &self.0)
    }
}

/// A value that the writer does not support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_block_is_read_back_as_it_was() {
        let texts = [
            "a: 1\n",
            "a:\n  b: 1\n\nc: 2\n",
            "",
            "\n",
            "a",
            "a\n\n",
            " a\n",
            "\na\n",
            "a \nb\n",
            "a\tb\n",
            "a\r\nb\n",
            "a\u{200b}\n",
            "- a\n# b\n",
            "ä: €\n",
            "---\na: |\n  b\n",
            "a\u{85}b\n",
            "...\n",
        ];
        for text in texts {
            let mut out = Vec::new();
            write(&BTreeMap::from([("k", Block(text.to_owned())), ("l", Block("x".to_owned()))]), &mut out).unwrap();
            let found: BTreeMap<String, Block> = serde_yaml::from_slice(&out).unwrap();
            assert_eq!(found["k"].0, text, "{}", String::from_utf8_lossy(&out));
        }
        let mut out = Vec::new();
        write(&BTreeMap::from([("k", Block("a:\n  b: 1\n\nc: 2\n".to_owned()))]), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "k: |\n  a:\n    b: 1\n\n  c: 2\n");
    }
}
