//! What goes to standard output and what to standard error.

use std::process::Stdio;

use crate::project::{Project, Ran, SPEC};

#[test]
fn diagnostics_go_to_standard_error_and_products_to_standard_output() {
    let project = Project::small();
    let unused = format!("{SPEC}\n[filters.three]\nmodule = \"two.wasm\"\n");
    project.write("mesh.toml", unused);
    let stream = project.run(&["render", "--stdout"]).ends(0, &["MC0112"]);
    assert!(!stream.stdout.contains("MC0112") && stream.stdout.starts_with("---\n# Source: configmaps/"));
    let list = project.run(&["render", "--dry-run"]).ends(0, &["MC0112"]);
    assert!(list.stdout.lines().all(|line| line.starts_with("create out/")), "{}", list.stdout);
    assert_eq!(project.run(&["render"]).stdout, "");
    assert_eq!(project.run(&["check"]).stdout, "");
}

#[test]
fn quiet_prints_only_errors_and_verbose_prints_every_change() {
    let project = Project::small();
    let unused = format!("{SPEC}\n[filters.three]\nmodule = \"two.wasm\"\n");
    project.write("mesh.toml", unused);
    project.run(&["render"]).ends(0, &["warning[MC0112]", "out: 10 files"]);
    for flag in ["-q", "--quiet"] {
        let ran = project.run(&["render", flag]).ends(0, &[]);
        assert_eq!((ran.stdout, ran.stderr), (String::new(), String::new()));
    }
    project.edit("mesh.toml", "low", "high");
    assert!(!project.run(&["check", "-q"]).ends(1, &["MC0701"]).stderr.contains("warning"));
    project.run(&["render", "-v"]).ends(0, &["update out/envoyfilters/shop/wasm-one.yaml\n", "update out/mesh.lock\n"]);
}

/// As in `mesh-compile explain | head -1`.
#[test]
fn a_closed_output_is_not_an_error() {
    let project = Project::examples();
    for arguments in [&["render", "--stdout"][..], &["schema"], &["explain"], &["completions", "zsh"], &["--help"]] {
        let mut child = project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(&child.wait_with_output().unwrap()).ends(0, &[]);
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
    let mut child = project.command(&["check", "-f", "none"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}
