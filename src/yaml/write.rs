//! Where a node goes: lines, columns and the `key:`, `- ` and `? ` before it.

use std::io::Write as _;

use super::{Node, scalar};

/// The longest key, in bytes as written, that may stand before its `:` on one line.
///
/// YAML 1.2.2 (section 7.4.2) wants the `:` at most 1,024 characters beyond the key's start, and readers refuse it
/// later. Staying clear of that border in bytes needs no count of characters.
const LONGEST_IMPLICIT_KEY: usize = 1000;

/// Appends `node` to `out` as a whole document: block style, two spaces a level, sequences in the column of their key,
/// one line a scalar whatever its length, LF at the end, no `---`.
///
/// Recurses once a level, so the tree's depth is the caller's to bound.
pub fn write(node: &Node, out: &mut Vec<u8>) {
    block(node, 0, out);
}

/// Writes `node` and the line end after it, from a cursor that already stands in `column`.
fn block(node: &Node, column: usize, out: &mut Vec<u8>) {
    match node {
        Node::Map(entries) if !entries.is_empty() => {
            for (position, (key, value)) in entries.iter().enumerate() {
                pad(if position == 0 { 0 } else { column }, out);
                write_key(key, column, out);
                write_value(value, column, out);
            }
        }
        Node::Seq(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                pad(if position == 0 { 0 } else { column }, out);
                out.extend_from_slice(b"- ");
                block(item, column + 2, out);
            }
        }
        flat => {
            inline(flat, out);
            out.push(b'\n');
        }
    }
}

/// Writes a key and its `:`.
fn write_key(key: &str, column: usize, out: &mut Vec<u8>) {
    let start = out.len();
    scalar::string(key, out);
    if out.len() - start > LONGEST_IMPLICIT_KEY {
        out.splice(start..start, *b"? ");
        out.push(b'\n');
        pad(column, out);
    }
    out.push(b':');
}

/// Writes what follows the `:` of a key in `column`.
fn write_value(value: &Node, column: usize, out: &mut Vec<u8>) {
    let inner = match value {
        Node::Map(entries) if !entries.is_empty() => column + 2,
        Node::Seq(items) if !items.is_empty() => column,
        _ => {
            out.push(b' ');
            return block(value, column, out);
        }
    };
    out.push(b'\n');
    pad(inner, out);
    block(value, inner, out);
}

/// Writes a node that needs no line of its own.
fn inline(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Bool(true) => out.extend_from_slice(b"true"),
        Node::Bool(false) => out.extend_from_slice(b"false"),
        Node::Int(value) => write!(out, "{value}").expect("writing to a Vec cannot fail"),
        Node::Str(text) => scalar::string(text, out),
        Node::Base64(bytes) => scalar::base64(bytes, out),
        Node::Seq(_) => out.extend_from_slice(b"[]"),
        Node::Map(_) => out.extend_from_slice(b"{}"),
    }
}

fn pad(columns: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + columns, b' ');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::yaml::{map, seq};

    fn written(node: &Node) -> String {
        let mut out = Vec::new();
        write(node, &mut out);
        String::from_utf8(out).expect("the writer writes UTF-8")
    }

    fn lines(lines: &[&str]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_sequence_stands_in_the_column_of_its_key() {
        let node = map([
            ("resources", seq(["a", "b"])),
            ("spec", map([("ports", seq([1, 2])), ("on", map([("x", true.into())]))])),
        ]);
        assert_eq!(
            written(&node),
            lines(&["resources:", "- a", "- b", "spec:", "  ports:", "  - 1", "  - 2", "  'on':", "    x: true",])
        );
    }

    #[test]
    fn items_open_on_the_line_of_their_dash() {
        let node = seq([
            map([("name", "a".into()), ("args", seq(["b"])), ("last", false.into())]),
            seq([seq(["c", "d"]), seq(["e"])]),
        ]);
        assert_eq!(
            written(&node),
            lines(&["- name: a", "  args:", "  - b", "  last: false", "- - - c", "    - d", "  - - e"])
        );
    }

    #[test]
    fn empty_collections_stay_on_the_line() {
        let empty = || [map::<&str>([]), seq::<Node>([])];
        let [a, b] = empty();
        assert_eq!(
            written(&map([("a", a), ("b", b), ("c", seq(empty()))])),
            lines(&["a: {}", "b: []", "c:", "- {}", "- []"])
        );
        assert_eq!(written(&map::<&str>([])), "{}\n");
        assert_eq!(written(&seq::<Node>([])), "[]\n");
    }

    #[test]
    fn a_document_may_be_a_scalar() {
        assert_eq!(written(&Node::from(i64::MIN)), "-9223372036854775808\n");
        assert_eq!(written(&"---".into()), "'---'\n");
    }

    #[test]
    fn mappings_keep_their_order() {
        let node = map([("z", 1.into()), ("a", 2.into())]);
        assert_eq!(written(&node), "z: 1\na: 2\n");
    }

    #[test]
    fn bytes_go_on_the_line_of_their_key() {
        let bytes: Arc<[u8]> = [0_u8; 3000].into();
        let expected = format!("module.wasm: {}\n", "A".repeat(4000));
        assert_eq!(written(&map([("module.wasm", Node::from(bytes))])), expected);
    }

    #[test]
    fn a_key_too_long_for_its_line_is_explicit() {
        let (short, long) = ("k".repeat(1000), "k".repeat(1001));
        let node = map([
            (short.clone(), 1.into()),
            ("nested".into(), seq([map([(long.clone(), map([("a", 1.into())])), ("b".into(), 2.into())])])),
        ]);
        assert_eq!(
            written(&node),
            lines(&[&format!("{short}: 1"), "nested:", &format!("- ? {long}"), "  :", "    a: 1", "  b: 2",])
        );
    }
}
