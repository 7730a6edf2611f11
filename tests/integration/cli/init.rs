//! `mesh-compile init`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{Project, Ran, repository};

#[test]
fn a_new_project_renders() {
    for dir in [".", "new/project"] {
        let project = Project::empty();
        let ran = project.run(&["init", dir]).ends(0, &["mesh-compile render", "core.hooksPath"]);
        assert_eq!(ran.stdout, "");
        let file = format!("{dir}/mesh.toml");
        project.run(&["render", "-f", &file]).ends(0, &["5 created"]);
        project.run(&["check", "-f", &file]).ends(0, &[]);
        for part in [".gitattributes", ".githooks/pre-commit", "filter/Cargo.toml", "filter/src/lib.rs"] {
            assert!(project.path(dir).join(part).is_file(), "{part}");
        }
        let before = project.tree("");
        project.run(&["init", dir]).ends(2, &["MC0708", "mesh.toml"]);
        assert_eq!(project.tree(""), before);
    }
}

/// A package cannot contain a directory with a Cargo.toml, so `init` embeds the demo filter from src/cli/init.
#[test]
fn init_writes_the_demo_filter_of_this_repository() {
    let project = Project::empty();
    project.run(&["init"]).ends(0, &[]);
    let demo = repository().join("filter");
    let sources = |dir: &Path| -> BTreeSet<_> {
        dir.join("src").read_dir().unwrap().map(|entry| Path::new("src").join(entry.unwrap().file_name())).collect()
    };
    let mut files = sources(&demo);
    assert_eq!(sources(&project.path("filter")), files);
    files.extend(["Cargo.toml", "Cargo.lock", "example-filter.wasm"].map(PathBuf::from));
    for file in files {
        let written = fs::read(project.path("filter").join(&file)).unwrap();
        assert!(written == fs::read(demo.join(&file)).unwrap(), "{}", file.display());
    }
}

#[test]
fn init_keeps_files_that_exist() {
    let project = Project::empty();
    for (path, text) in [(".gitignore", "/mine\n"), ("filter/src/lib.rs", "// mine\n"), ("README.md", "mine")] {
        project.write(path, text);
    }
    project.run(&["init"]).ends(0, &["./.gitignore", "filter/src/lib.rs"]);
    assert_eq!(project.read(".gitignore"), "/mine\n");
    assert_eq!(project.read("filter/src/lib.rs"), "// mine\n");
    assert_eq!(project.read("README.md"), "mine");
    project.run(&["render"]).ends(0, &[]);
    let blocked = Project::empty();
    blocked.write("new", "a file");
    blocked.run(&["init", "new"]).ends(2, &["new"]);
    assert_eq!(blocked.read("new"), "a file");
}

/// The hook checks what is staged: it rejects a commit when out/ is rendered but not added.
#[test]
fn the_hook_of_a_new_project_checks_what_is_staged() {
    let project = Project::empty();
    project.run(&["init"]).ends(0, &[]);
    let git = |arguments: &[&str]| {
        let ran = Command::new("git").args(arguments).current_dir(project.path("")).output().unwrap();
        assert!(ran.status.success(), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "--all"]);
    let bin = Path::new(env!("CARGO_BIN_EXE_mesh-compile")).parent().unwrap();
    let hook = || {
        let path = format!("{}:/usr/bin:/bin", bin.display());
        Ran::of(
            &Command::new("./.githooks/pre-commit").current_dir(project.path("")).env("PATH", path).output().unwrap(),
        )
    };
    assert_eq!(hook().code, Some(1));
    project.run(&["render"]).ends(0, &[]);
    assert_eq!(hook().code, Some(1));
    git(&["add", "--all"]);
    hook().ends(0, &[]);
}
