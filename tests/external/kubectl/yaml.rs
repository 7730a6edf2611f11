//! kubectl, which parses YAML 1.1, reads the output of the YAML writer.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::tools::tool;
use crate::yaml_strings::{LABEL_VALUES, STRINGS, text};
use crate::yaml_tree::{Node, map, seq, written};

type Outcome = Result<(), Box<dyn Error>>;

/// Runs kubectl with `document` as its standard input, and returns its standard output.
fn kubectl(arguments: &[&str], document: &[u8]) -> Result<String, Box<dyn Error>> {
    let mut child = Command::new(tool("kubectl"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // kubectl reads all of its input before it prints anything, so no pipe fills up.
    child.stdin.take().ok_or("no standard input")?.write_all(document)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The object in `document` as kubectl reads it, without a cluster.
fn read(document: &[u8]) -> Result<Value, Box<dyn Error>> {
    let printed = kubectl(&["annotate", "--local", "--overwrite", "-f", "-", "probe=1", "-o", "json"], document)?;
    let mut object: Value = serde_json::from_str(&printed)?;
    object["metadata"]["annotations"].as_object_mut().ok_or("no annotations")?.remove("probe");
    Ok(object)
}

fn config_map(metadata: Vec<(String, Node)>, (field, entries): (&'static str, Node)) -> Node {
    map([("apiVersion", "v1".into()), ("kind", "ConfigMap".into()), ("metadata", map(metadata)), (field, entries)])
}

/// All ambiguous strings and many generated ones, the same in every run.
fn strings() -> BTreeSet<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = text();
    let generated = (0..1500).map(|_| {
        let tree = strategy.new_tree(&mut runner);
        tree.expect("the strategy rejects nothing").current()
    });
    let traps = STRINGS.iter().chain(LABEL_VALUES).map(|text| (*text).to_owned());
    generated.chain(traps).collect()
}

/// `strings` under keys that need no quotes.
fn numbered(strings: &BTreeSet<String>) -> BTreeMap<String, String> {
    strings.iter().enumerate().map(|(number, text)| (format!("s{number}"), text.clone())).collect()
}

fn strings_node(entries: &BTreeMap<String, String>) -> Node {
    map(entries.iter().map(|(key, value)| (key.clone(), Node::from(value.clone()))))
}

/// Compares entry by entry, so that a failure shows only one string.
fn assert_same(actual: &Value, expected: &BTreeMap<String, String>) {
    for (key, value) in expected {
        assert_eq!(actual.get(key), Some(&json!(value)), "under the key {key:?}");
    }
    assert_eq!(actual.as_object().map(serde_json::Map::len), Some(expected.len()));
}

#[test]
fn annotations_and_data_are_read_back() -> Outcome {
    let strings = strings();
    assert!(strings.len() > 1000);
    let values = numbered(&strings);
    let keys = strings.iter().map(|text| (text.clone(), text.clone())).collect();
    let metadata = vec![("name".to_owned(), "traps".into()), ("annotations".to_owned(), strings_node(&values))];
    let object = read(&written(&config_map(metadata, ("data", strings_node(&keys)))))?;
    assert_same(&object["metadata"]["annotations"], &values);
    assert_same(&object["data"], &keys);
    Ok(())
}

#[test]
fn labels_are_read_back() -> Outcome {
    let values = numbered(&LABEL_VALUES.iter().map(|text| (*text).to_owned()).collect());
    let metadata = vec![("name".to_owned(), "traps".into()), ("labels".to_owned(), strings_node(&values))];
    let document = written(&config_map(metadata, ("data", map::<&str>([]))));
    let printed = kubectl(&["label", "--local", "-f", "-", "probe=1", "-o", "json"], &document)?;
    let mut object: Value = serde_json::from_str(&printed)?;
    let labels = &mut object["metadata"]["labels"];
    labels.as_object_mut().ok_or("no labels")?.remove("probe");
    assert_same(labels, &values);
    Ok(())
}

#[test]
fn keys_near_the_length_limit_are_read_back() -> Outcome {
    let keys = [999, 1000, 1001, 1023, 1024, 1025, 5000]
        .into_iter()
        .flat_map(|length| ["k", "'", "\n", "é"].map(|filler| filler.repeat(length)))
        .map(|key| (key, "on".to_owned()))
        .collect();
    let metadata = vec![("name".to_owned(), "long".into())];
    let object = read(&written(&config_map(metadata, ("data", strings_node(&keys)))))?;
    assert_same(&object["data"], &keys);
    Ok(())
}

#[test]
fn binary_data_is_read_back() -> Outcome {
    let spellings = ["", "true", "null", "NULL", "1234", "1e10", "0x12", "+123", "+w==", "/w==", "yes+", "1A=="];
    let mut modules = Vec::new();
    for spelling in spellings {
        modules.push(STANDARD.decode(spelling)?);
    }
    modules.push((0..=u8::MAX).cycle().take(700_000).collect());
    let node = map(modules
        .iter()
        .enumerate()
        .map(|(number, bytes)| (format!("m{number}"), Node::from(Arc::from(bytes.as_slice())))));
    let metadata = vec![("name".to_owned(), "modules".into())];
    let object = read(&written(&config_map(metadata, ("binaryData", node))))?;
    for (number, bytes) in modules.iter().enumerate() {
        let text = object["binaryData"][format!("m{number}")].as_str().ok_or("not a string")?;
        assert!(STANDARD.decode(text)? == *bytes, "module {number}");
    }
    Ok(())
}

/// Whether kustomize preserves `char`, however the input escapes it.
///
/// kustomize converts each object to JSON and parses that as YAML. Go's JSON does not escape these characters, so the YAML
/// parser rejects them ("control characters are not allowed") or, for U+0085, folds them into a space.
fn survives_kustomize(char: char) -> bool {
    !matches!(char, '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// Flux and Argo CD apply the YAML that kustomize writes.
#[test]
fn kustomize_preserves_strings() -> Outcome {
    let mut strings = strings();
    strings.retain(|text| text.chars().all(survives_kustomize));
    assert!(strings.len() > 1000);
    let values = numbered(&strings);
    let metadata = vec![("name".to_owned(), "traps".into()), ("annotations".to_owned(), strings_node(&values))];
    let dir = tempfile::tempdir()?;
    let file = |name: &str, node: &Node| -> Outcome {
        let mut file = std::fs::File::create(dir.path().join(name))?;
        Ok(file.write_all(&written(node))?)
    };
    file("traps.yaml", &config_map(metadata, ("data", strings_node(&values))))?;
    file("kustomization.yaml", &map([("resources", seq(["traps.yaml"]))]))?;
    let path = dir.path().to_str().ok_or("the path is not UTF-8")?;
    let object = read(kubectl(&["kustomize", path], b"")?.as_bytes())?;
    assert_same(&object["metadata"]["annotations"], &values);
    assert_same(&object["data"], &values);
    Ok(())
}

/// Proves that kubectl can find errors: without quotes, these are not strings.
#[test]
fn kubectl_does_not_read_unquoted_values_as_strings() {
    for bare in ["on", "n", "1_000", "1e3", "null", "2001"] {
        let document = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    a: {bare}\n");
        let printed = kubectl(&["label", "--local", "-f", "-", "probe=1", "-o", "json"], document.as_bytes());
        let label =
            printed.map(|json| serde_json::from_str::<Value>(&json).unwrap()["metadata"]["labels"]["a"].clone());
        assert!(label.as_ref().map_or(true, |label| *label != bare), "{bare} is {label:?}");
    }
}
