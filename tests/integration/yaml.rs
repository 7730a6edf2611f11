//! Two independent parsers read the output of the YAML writer as the same tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use crate::yaml_strings::{LABEL_VALUES, STRINGS, text};
use crate::yaml_tree::{Node, map, seq, written};

/// The tree that a parser must read. JSON's value type takes any type that a parser resolves a scalar to, and only strings
/// as keys.
fn expected(node: &Node) -> Value {
    match node {
        Node::Bool(value) => Value::from(*value),
        Node::Int(value) => Value::from(*value),
        Node::Str(text) => Value::from(text.as_ref()),
        Node::Bytes(bytes) => Value::from(STANDARD.encode(bytes)),
        Node::Seq(items) => items.iter().map(expected).collect(),
        Node::Map(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.to_string(), expected(value))).collect())
        }
    }
}

/// Writes `node`. Fails with the document unless both parsers read the same tree.
fn check(node: &Node) -> Result<(), String> {
    let document = String::from_utf8(written(node)).map_err(|error| error.to_string())?;
    let expected = expected(node);
    let readers = [
        ("serde_yaml", serde_yaml::from_str::<Value>(&document).map_err(|error| error.to_string())),
        ("serde-saphyr", serde_saphyr::from_str::<Value>(&document).map_err(|error| error.to_string())),
    ];
    for (reader, read) in readers {
        if read.as_ref() != Ok(&expected) {
            return Err(format!("{reader} reads {read:?}, not {expected:?}, from\n{document}"));
        }
    }
    Ok(())
}

/// `text` as a value and as a key, at several depths.
fn surroundings(text: &str) -> Node {
    let value = || Node::from(text.to_owned());
    let keyed = |inner: Node| map([(text.to_owned(), inner)]);
    map([
        ("value", value()),
        ("key", keyed(value())),
        ("items", seq([value(), seq([value(), keyed(seq([value()]))]), keyed(keyed(value()))])),
    ])
}

/// Any tree; half of its leaves are strings.
fn tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Node::from),
        1 => any::<i64>().prop_map(Node::from),
        4 => text().prop_map(Node::from),
        2 => prop::collection::vec(any::<u8>(), 0..12).prop_map(|bytes| Node::from(Arc::from(bytes))),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(seq),
            prop::collection::btree_map(text(), inner, 0..5).prop_map(map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_string_is_read_back(text in text()) {
        check(&Node::from(text.clone())).map_err(TestCaseError::fail)?;
        check(&surroundings(&text)).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn any_tree_is_read_back(tree in tree()) {
        check(&tree).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn bytes_are_read_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let node = map([("module.wasm", Node::from(Arc::from(bytes.as_slice())))]);
        let out = written(&node);
        for read in [
            serde_yaml::from_slice::<BTreeMap<String, String>>(&out).map_err(|error| error.to_string()),
            serde_saphyr::from_slice::<BTreeMap<String, String>>(&out).map_err(|error| error.to_string()),
        ] {
            let read = read.map_err(TestCaseError::fail)?;
            prop_assert_eq!(STANDARD.decode(&read["module.wasm"]), Ok(bytes.clone()));
        }
        check(&node).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn bytes_whose_base64_looks_like_another_type_are_read_back(spelling in "(true|null|True|NULL|[0-9]{4}|0x[0-9a-f]{2}|[0-9]e[0-9]{2}|[+/][0-9]{3}){1,3}") {
        let bytes = STANDARD.decode(&spelling).map_err(|error| TestCaseError::fail(error.to_string()))?;
        check(&Node::from(Arc::from(bytes))).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn ambiguous_strings_are_read_back() {
    for text in STRINGS.iter().chain(LABEL_VALUES) {
        check(&Node::from(*text)).unwrap();
        check(&surroundings(text)).unwrap();
    }
}

#[test]
fn every_character_of_the_basic_plane_is_read_back() {
    let chars: Vec<char> = ('\0'..='\u{ffff}').collect();
    for row in chars.chunks(64) {
        check(&seq(row.iter().map(|char| format!("a{char}b{char}")))).unwrap();
        check(&map(row.iter().map(|char| (char.to_string(), Node::from(char.to_string()))))).unwrap();
    }
}

#[test]
fn keys_near_the_length_limit_are_read_back() {
    for length in [1, 127, 998, 999, 1000, 1001, 1002, 1022, 1023, 1024, 1025, 1026, 5000] {
        for filler in ["k", "'", "\n", "é"] {
            check(&surroundings(&filler.repeat(length))).unwrap();
        }
    }
}

#[test]
fn long_scalars_are_not_folded() {
    let node = map([
        ("text", Node::from("word ".repeat(1000))),
        ("lines", Node::from("line\n".repeat(1000))),
        ("bytes", Node::from(Arc::from(vec![7; 100_000]))),
    ]);
    assert_eq!(written(&node).iter().filter(|&&byte| byte == b'\n').count(), 3);
    check(&node).unwrap();
}
