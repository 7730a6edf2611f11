//! JUnit XML, read by an independent parser.

use std::process::Command;

use crate::dry_run::{project, run};

/// Prints a line per case: its suite, its name, its elements and their messages.
const READER: &str = r#"
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(root.tag, *(f'{k}={root.attrib[k]}' for k in ('tests', 'failures', 'errors', 'skipped')))
for suite in root:
    for case in suite:
        print(repr([suite.attrib['name'], case.attrib['name']] + [[e.tag, e.attrib['message'], e.text] for e in case]))
"#;

fn read(path: &str) -> Vec<String> {
    let output = Command::new("python3").args(["-c", READER, path]).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn every_filter_and_every_test_is_a_case() {
    let project = project();
    project.edit("mesh.toml", "marks the response", r#"<&> \"quoted\" ]]> 漢 'too'"#);
    project.edit("mesh.toml", "x-demo = \"1\" }, body", "x-demo = \"<&\\t>\" }, body");
    run(&project, &["verify", "--junit", "junit.xml"]).ends(1, &["MC0610"]);
    let lines = read(&project.text_path("junit.xml"));
    assert_eq!(
        lines,
        [
            "testsuites tests=4 failures=1 errors=0 skipped=0",
            "['Deployment/default/web', 'demo loads']",
            "['Deployment/default/web', 'demo starts']",
            "['Deployment/default/web', 'demo accepts its configuration']",
            "['Deployment/default/web', '<&> \"quoted\" ]]> 漢 \\'too\\'', \
             ['failure', 'header `x-demo` of the response is `1`, not `<&\\\\t>`', \
             'header `x-demo` of the response is `1`, not `<&\\\\t>`']]",
        ]
    );
}

#[test]
fn steps_that_were_not_tried_are_skipped() {
    let project = project();
    project.edit("mesh.toml", "config = { response = {", "config = { respons = {");
    run(&project, &["verify", "--junit", "junit.xml"]).ends(1, &["MC0602", "respons"]);
    let lines = read(&project.text_path("junit.xml"));
    assert_eq!(lines[0], "testsuites tests=4 failures=1 errors=0 skipped=1");
    assert!(lines[3].contains("'failure', 'Failed to configure base Wasm plugin'"), "{lines:?}");
    assert!(lines[4].contains("'skipped', 'not run: a filter failed before traffic'"), "{lines:?}");
}
