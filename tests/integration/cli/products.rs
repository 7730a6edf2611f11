//! `explain`, `schema` and `completions`.

use std::process::Command;

use serde_json::Value;

use super::subcommands;
use crate::project::{Project, Ran};

#[test]
fn every_code_has_a_page() {
    let project = Project::empty();
    let list = project.run(&["explain"]).ends(0, &[]).stdout;
    assert!(list.lines().count() >= 50, "{list}");
    let mut last = String::new();
    for line in list.lines() {
        let (code, title) = line.split_once("  ").expect("a code and its title");
        assert!(code > last.as_str() && !title.is_empty(), "{line}");
        let page = project.run(&["explain", code]).ends(0, &[]).stdout;
        assert!(page.starts_with(&format!("# {code}: {title}\n")), "{page}");
        assert_eq!(page, project.run(&["explain", &code.to_lowercase()]).stdout);
        last = code.to_owned();
    }
    for unknown in ["MC9999", "E0001", ""] {
        let ran = project.run(&["explain", unknown]).ends(2, &["MC0708", unknown]);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn schema_and_completions_go_to_standard_output() {
    let project = Project::empty();
    let schema = project.run(&["schema"]).ends(0, &[]);
    assert_eq!(schema.stderr, "");
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = project.run(&["completions", shell]).ends(0, &[]).stdout;
        assert!(subcommands().iter().all(|command| script.contains(command)), "{shell}: {script}");
    }
    let script = project.run(&["completions", "bash"]).stdout;
    project.write("script", script);
    let line = ". ./script && complete -p mesh-compile";
    let bash = Command::new("bash").args(["-c", line]).current_dir(project.path("")).output().unwrap();
    Ran::of(&bash).ends(0, &[]);
}
