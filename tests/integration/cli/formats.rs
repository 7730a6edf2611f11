//! Diagnostics and reports as JSON and as GitHub workflow commands.

use serde_json::Value;

use crate::project::{Project, SPEC};

#[test]
fn json_diagnostics_have_every_documented_field() {
    let project = Project::rendered();
    let json = |arguments: &[&str], code: i32| -> Value {
        let ran = project.run(&[arguments, &["--format", "json"]].concat()).ends(code, &[]);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        serde_json::from_str(&ran.stderr).unwrap()
    };
    assert_eq!(json(&["check"], 0), serde_json::json!({ "version": 1, "diagnostics": [] }));
    assert_eq!(json(&["render"], 0)["version"], 1);
    project.edit("mesh.toml", "namespace = \"back\"", "namspace = \"back\"");
    let found = json(&["check"], 2);
    let finding = found["diagnostics"][0].as_object().unwrap();
    let fields: Vec<_> = finding.keys().map(String::as_str).collect();
    let mut documented =
        ["code", "severity", "message", "file", "line", "column", "end_line", "end_column", "help", "notes", "related"];
    documented.sort_unstable();
    assert_eq!(fields, documented);
    let at = ["line", "column", "end_line", "end_column"].map(|field| finding[field].as_u64().unwrap());
    assert_eq!(at, [16, 1, 16, 9]);
    assert_eq!(finding["file"], "mesh.toml");
    assert_eq!((finding["code"].as_str(), finding["severity"].as_str()), (Some("MC0102"), Some("error")));
    project.write("mesh.toml", SPEC);
    project.remove("out/kustomization.yaml");
    project.write("out/more", "mine");
    let found = json(&["check"], 1);
    let files: Vec<_> =
        found["diagnostics"].as_array().unwrap().iter().map(|it| it["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["out/kustomization.yaml", "out/more"]);
    let stream = project.run(&["render", "--stdout", "--format", "json"]).ends(0, &["{\"version\":1"]);
    assert!(stream.stdout.starts_with("---\n"));
}

#[test]
fn the_report_of_inspect_has_every_documented_field() {
    let project = Project::small();
    project.write("text.wasm", "hello world");
    let inspect = |file: &str, code: i32| -> Value {
        let ran = project.run(&["inspect", file, "--format", "json"]).ends(code, &[]);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let document = inspect("one.wasm", 0);
    assert_eq!(fields(&document), ["diagnostics", "modules", "version"]);
    let module = &document["modules"][0];
    let mut documented = [
        "path",
        "size",
        "sha256",
        "abi",
        "sdk",
        "imports",
        "exports",
        "custom_sections",
        "slim_size",
        "capabilities",
        "min_envoy",
        "loads",
        "findings",
    ];
    documented.sort_unstable();
    assert_eq!(fields(module), documented);
    assert_eq!(fields(&module["exports"][0]), ["name", "type"]);
    assert_eq!((module["path"].as_str(), module["loads"].as_bool()), (Some("one.wasm"), Some(true)));
    assert_eq!(module["size"], project.read("one.wasm").len());
    let rejected = &inspect("text.wasm", 1)["modules"][0];
    assert_eq!(fields(rejected), documented);
    assert_eq!((&rejected["loads"], &rejected["findings"][0]["code"]), (&Value::from(false), &Value::from("MC0301")));
    assert_eq!(inspect("none.wasm", 2)["modules"], Value::Array(Vec::new()));
}

#[test]
fn github_gets_workflow_commands_with_positions() {
    let project = Project::rendered();
    project.edit("mesh.toml", "namespace = \"back\"", "namspace = \"back\"");
    let ran = project.run(&["check", "--format", "github"]).ends(2, &[]);
    let expected = "::error file=mesh.toml,line=16,col=1,endLine=16,endColumn=9,title=MC0102::";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert!(ran.stderr.lines().all(|line| line.starts_with("::error ")), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}
