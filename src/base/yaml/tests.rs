use super::super::Value;
use super::*;
use crate::diag::Sources;

/// The documents, and the code, message, line and column of each diagnostic.
fn read(text: &str) -> (Vec<String>, Vec<String>) {
    let sources = Sources::new();
    let file = sources.add("a.yaml".into(), text);
    let mut sink = Sink::new();
    let read = parse(file, text, Dialect::Kubectl, &mut sink);
    let found = sink.into_sorted(&sources);
    assert_eq!(read.broken, !found.is_empty());
    let show = |one: &crate::diag::Diagnostic| {
        let place = one.primary.as_ref().map(|at| sources.show(at.location)).unwrap_or_default();
        let related = one.related.iter().map(|at| format!(" ({} {})", at.text, sources.show(at.location)));
        format!("{} {place} {}{}", one.code, one.message, related.collect::<String>())
    };
    (read.documents.iter().map(json).collect(), found.iter().map(show).collect())
}

fn json(node: &Node) -> String {
    let list = |parts: Vec<String>| parts.join(",");
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::List(items) => format!("[{}]", list(items.iter().map(json).collect())),
        Value::Map(entries) => {
            format!("{{{}}}", list(entries.iter().map(|it| format!("{}:{}", it.key, json(&it.value))).collect()))
        }
    }
}

fn good(text: &str) -> Vec<String> {
    let (documents, errors) = read(text);
    assert_eq!(errors, Vec::<String>::new(), "{text}");
    documents
}

fn errors(text: &str) -> Vec<String> {
    read(text).1
}

#[test]
fn documents_are_separated_and_empty_ones_are_skipped() {
    assert_eq!(good("---\n# nothing\n---\na: 1\n--- # two\nb: [x, 'y']\n...\n---\n"), ["{a:1}", "{b:[\"x\",\"y\"]}"]);
    assert_eq!(good(""), Vec::<String>::new());
    assert_eq!(good("# only a comment"), Vec::<String>::new());
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    assert_eq!(good("\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n---\r\nc: d\r\n"), ["{a:1,b:\"x\\ny\\n\"}", "{c:\"d\"}"]);
}

#[test]
fn json_is_read_with_tabs_and_escapes() {
    assert_eq!(
        good("{\n\t\"a\": [1, 2.5, true, null],\n\t\"b\": \"\\ud83d\\ude00 \\/ \\u00e9\"\n}\n"),
        ["{a:[1,2.5,true,null],b:\"😀 / é\"}"]
    );
}

#[test]
fn anchors_aliases_and_merge_keys_are_expanded() {
    assert_eq!(
        good("a: &a {x: 1, w: 2}\nb: *a\nc:\n  <<: *a\n  w: 3\nd:\n  <<: [*a, {z: 4, x: 5}]\n"),
        ["{a:{x:1,w:2},b:{x:1,w:2},c:{w:3,x:1},d:{x:1,w:2,z:4}}"]
    );
}

#[test]
fn every_value_knows_its_place() {
    let text = "a:\n  b: 'x'\n  c:\n  - 10\n  - |\n    y\n\n# end\n";
    let sources = Sources::new();
    let file = sources.add("a.yaml".into(), text);
    let documents = parse(file, text, Dialect::Kubectl, &mut Sink::new()).documents;
    let at = |path: &[&str]| documents[0].at(path).map(|node| &text[node.location.bytes()]);
    assert_eq!(at(&["a", "b"]), Some("'x'"));
    assert_eq!(at(&["a", "c"]), Some("10\n  - |\n    y"));
    let items = documents[0].at(&["a", "c"]).expect("a list").items();
    assert_eq!(&text[items[0].location.bytes()], "10");
    let key = documents[0].get("a").and_then(|a| a.entry("c")).expect("an entry");
    assert_eq!(&text[key.key_location.bytes()], "c");
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let (documents, errors) = read("a: [1\n---\nb: 2\n---\nc: 'x\n");
    assert_eq!(documents, ["{b:2}"]);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors.iter().all(|error| error.starts_with("MC0503 a.yaml:")), "{errors:?}");
}

#[test]
fn a_duplicate_key_is_rejected_with_both_places() {
    assert_eq!(
        errors("a: 1\nb:\n  x: 1\n  y: 2\n  x: 3\n"),
        ["MC0504 a.yaml:5:3 the key `x` is written twice (first written here a.yaml:3:3)"]
    );
}

#[test]
fn a_tab_in_the_indentation_is_named() {
    for text in ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n"] {
        let errors = errors(text);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("YAML does not allow tabs in the indentation"), "{errors:?}");
    }
}

#[test]
fn a_template_is_recognized() {
    for text in [
        "metadata:\n  name: {{ .Release.Name }}\n",
        "metadata:\n  name: {{ .Release.Name }}-web\n",
        "metadata:\n  labels:\n    {{- include \"labels\" . | nindent 4 }}\n  name: x\n",
        "{{- if .Values.enabled }}\nkind: Deployment\n{{- end }}\n",
        "spec:\n  replicas: {{ .Values.replicas }}\n  x: y\n",
    ] {
        let errors = errors(text);
        assert!(errors.iter().all(|error| error.starts_with("MC0505 ")) && !errors.is_empty(), "{text}{errors:?}");
    }
    assert_eq!(good("a: 'x {{ $labels.instance }}'\nb: |\n  {{ y }}\n").len(), 1);
}

#[test]
fn a_bomb_is_an_error_within_the_limits() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    let errors = errors(&bomb);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("MC0506 "), "{errors:?}");
}

#[test]
fn an_alias_inside_of_its_own_value_is_an_error() {
    assert_eq!(errors("a: &a\n  b: *a\n"), ["MC0506 a.yaml:2:6 this alias is inside the value that it stands for"]);
}

#[test]
fn nesting_has_a_limit() {
    for text in ["[".repeat(100_000), "- ".repeat(100_000)] {
        let errors = errors(&text);
        assert!(errors[0].starts_with("MC0506 "), "{errors:?}");
    }
    let depth = 150;
    assert_eq!(good(&format!("{}x{}", "[".repeat(depth), "]".repeat(depth))).len(), 1);
}

#[test]
fn keys_are_text() {
    assert_eq!(good("1: a\ntrue: b\n'2': c\n"), ["{1:\"a\",true:\"b\",2:\"c\"}"]);
    assert_eq!(errors("? [a]\n: b\n"), ["MC0503 a.yaml:1:3 a key must be a string"]);
}

#[test]
fn ten_thousand_documents_are_read() {
    let text = "---\na: b\n".repeat(10_000);
    assert_eq!(good(&text).len(), 10_000);
}
