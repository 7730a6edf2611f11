//! `mesh-compile init`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::project::{Entry, Project, Ran, repository};

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
    let mine = [(".gitignore", "/mine\n"), ("filter/src/lib.rs", "// mine\n"), ("README.md", "mine")];
    for (path, text) in mine {
        project.write(path, text);
    }
    project.run(&["init"]).ends(0, &["`.gitignore` already exists", "help: add `/example-filter/target`"]);
    for (path, text) in mine {
        assert_eq!(project.read(path), text);
    }
    assert!(!project.path("filter/Cargo.toml").exists());
    project.run(&["check", "--verify"]).ends(1, &[]);
    project.run(&["render", "--verify"]).ends(0, &[]);
    let blocked = Project::empty();
    blocked.write("new", "a file");
    blocked.run(&["init", "new"]).ends(2, &["new"]);
    assert_eq!(blocked.read("new"), "a file");
    let taken = Project::empty();
    taken.write("filter/main.go", "package main\n");
    taken.write("example-filter/main.go", "package main\n");
    taken.run(&["init"]).ends(2, &["`filter` and `example-filter` already exist"]);
    assert!(!taken.path("mesh.toml").exists());
}

#[test]
fn init_can_be_run_again_without_its_mesh_toml() {
    let project = Project::empty();
    project.run(&["init"]).ends(0, &[]);
    let before = project.tree("");
    project.remove("mesh.toml");
    let ran = project.run(&["init"]).ends(0, &["created mesh.toml"]);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let entries = |tree: BTreeMap<String, Entry>| tree.into_keys().collect::<Vec<_>>();
    assert_eq!(entries(project.tree("")), entries(before));
}

/// A Deployment and its Service.
fn manifests(name: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
      - name: app
        image: app:1
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector:
    app: {name}
  ports:
  - name: http
    port: 80
    targetPort: 8080
"
    )
}

/// Asserts that a new project is complete: it renders, is then up to date, and its tests pass.
#[track_caller]
fn is_green(project: &Project, more: &[&str]) {
    let run = |arguments: &[&str]| project.run(&[arguments, more].concat()).ends(0, &[]);
    run(&["render"]);
    run(&["check", "--verify"]);
    run(&["verify"]);
}

#[test]
fn a_kustomization_at_the_root_lists_out_as_a_component() {
    let project = Project::empty();
    project.write("kustomization.yaml", "resources:\n- web.yaml\n");
    project.write("web.yaml", manifests("web"));
    project.run(&["init"]).ends(0, &["manifests in `.`", "list `out` under `components` of the kustomization in `.`"]);
    let spec = project.read("mesh.toml");
    for part in ["base = \".\"", "layout = \"component\"", "[workloads.web]\nfilters = "] {
        assert!(spec.contains(part), "{spec}");
    }
    is_green(&project, &[]);
    project.write("kustomization.yaml", "resources:\n- web.yaml\ncomponents:\n- out\n");
    is_green(&project, &[]);
}

#[test]
fn what_overlays_share_is_the_base() {
    let project = Project::empty();
    project.write("k8s/base/kustomization.yaml", "resources: [web.yaml, api.yaml]\n");
    project.write("k8s/base/web.yaml", manifests("web"));
    project.write("k8s/base/api.yaml", manifests("api"));
    project.write("k8s/dev/kustomization.yaml", "resources: [../base]\nnamespace: dev\n");
    project.write("k8s/prod/kustomization.yaml", "resources: [../base]\nnamePrefix: prod-\n");
    project.run(&["init"]).ends(
        0,
        &[
            "manifests in `k8s/base`; to use others",
            "to give the filters to `k8s/dev`, replace `../base` by `../../out`",
            "`--base k8s/prod`",
        ],
    );
    let spec = project.read("mesh.toml");
    assert!(spec.contains("[workloads.api]\nfilters") && spec.contains("# [workloads.web]\n# filters"), "{spec}");
    is_green(&project, &[]);
}

/// out/ contains all of the base, so an overlay of one application cannot include it.
#[test]
fn overlays_of_one_application_get_a_project_of_their_own() {
    let project = Project::empty();
    for name in ["web", "api"] {
        project.write(format!("{name}/base/kustomization.yaml"), "resources: [all.yaml]\n");
        project.write(format!("{name}/base/all.yaml"), manifests(name));
        for overlay in ["dev", "prod"] {
            project.write(format!("{name}/{overlay}/kustomization.yaml"), "resources: [../base]\n");
        }
    }
    project.write("all/kustomization.yaml", "resources: [../api/base, ../web/base]\n");
    let ran = project.run(&["init"]).ends(
        0,
        &[
            "`api/dev` and 3 more kustomizations build on a part of these",
            "run `mesh-compile init NEW-DIRECTORY --base api/dev`",
            "to give the filters to `all`, replace `../api/base` and `../web/base` by `../out` in its resources",
        ],
    );
    assert!(!ran.stderr.contains("to give the filters to `api"), "{}", ran.stderr);
    is_green(&project, &[]);
    let ran = project.run(&["init", "new", "--base", "api/dev"]).ends(0, &["cd new && mesh-compile render"]);
    assert!(!ran.stderr.contains("components"), "{}", ran.stderr);
    is_green(&project, &["-f", "new/mesh.toml"]);
    assert!(project.read("new/out/kustomization.yaml").contains("kind: Kustomization"));
}

#[test]
fn each_overlay_can_be_an_environment() {
    let project = Project::empty();
    project.write("apps/base/kustomization.yaml", "resources: [web, api]\n");
    for name in ["web", "api"] {
        project.write(format!("apps/base/{name}/kustomization.yaml"), "resources: [all.yaml]\n");
        project.write(format!("apps/base/{name}/all.yaml"), manifests(name));
    }
    for name in ["dev", "prod"] {
        project.write(format!("apps/{name}/kustomization.yaml"), format!("resources: [../base]\nnamespace: {name}\n"));
    }
    project
        .run(&["init"])
        .ends(0, &["manifests in `apps/base`; to use others", "such as `[env.dev]` with `mesh.base = \"apps/dev\"`"]);
    let spec = project.read("mesh.toml");
    let line = spec.lines().find(|line| line.starts_with("base = ")).unwrap();
    let environments = "\n[env.dev]\nmesh.base = \"apps/dev\"\n[env.prod]\nmesh.base = \"apps/prod\"\n";
    project.write("mesh.toml", spec.replace(line, "") + environments);
    is_green(&project, &[]);
}

#[test]
fn a_monorepo_has_a_base_for_each_service() {
    let project = Project::empty();
    for name in ["cart", "web"] {
        project.write(format!("services/{name}/base/kustomization.yaml"), "resources: [all.yaml]\n");
        project.write(format!("services/{name}/base/all.yaml"), manifests(name));
        for overlay in ["dev", "prod"] {
            project.write(format!("services/{name}/{overlay}/kustomization.yaml"), "resources: [../base]\n");
        }
    }
    project.run(&["init"]).ends(0, &["`services/cart/base` and `services/web/base`"]);
    is_green(&project, &[]);
    project.remove("mesh.toml");
    project.remove("out");
    project.run(&["init", "--base", "services/web/prod"]).ends(0, &["created mesh.toml"]);
    assert!(project.read("mesh.toml").contains("[workloads.web]"));
    is_green(&project, &[]);
}

#[test]
fn copies_for_each_environment_ask_for_a_choice() {
    let project = Project::empty();
    for environment in ["dev", "prod"] {
        project.write(format!("{environment}/kustomization.yaml"), "resources: [web.yaml]\n");
        project.write(format!("{environment}/web.yaml"), manifests("web"));
    }
    let before = project.tree("");
    project.run(&["init"]).ends(2, &["`dev` and `prod` declare the same workloads", "`--base PATH`"]);
    assert_eq!(project.tree(""), before);
    project.run(&["init", "--base", "prod"]).ends(0, &[]);
    is_green(&project, &[]);
}

#[test]
fn a_chart_is_read_from_a_stream() {
    let project = Project::empty();
    project.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    project.write("chart/templates/web.yaml", manifests("{{ .Release.Name }}"));
    project.run(&["init"]).ends(0, &["helm template NAME chart | mesh-compile init --base -"]);
    is_green(&project, &[]);
    for path in ["mesh.toml", "out", ".github", ".githooks"] {
        project.remove(path);
    }
    let stream = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The program may end without reading all of it.
        let _ = child.stdin.take().unwrap().write_all(manifests("shop").as_bytes());
        Ran::of(&child.wait_with_output().unwrap())
    };
    stream(&["init", "--base", "-"])
        .ends(0, &["`COMMAND | mesh-compile render --base -`", "`COMMAND | mesh-compile check"]);
    assert!(!project.path(".github").exists());
    assert!(project.read("mesh.toml").contains("[workloads.shop]"));
    stream(&["render", "--base", "-"]).ends(0, &[]);
    stream(&["check", "--verify", "--base", "-"]).ends(0, &[]);
    stream(&["init", "other", "--base", "missing"]).ends(2, &["`missing`"]);
    assert!(!project.path("other").exists());
}

#[test]
fn a_repository_keeps_its_hooks() {
    for (file, text) in [
        (".husky/pre-commit", "npm test\n"),
        (".pre-commit-config.yaml", "repos: []\n"),
        (".git/hooks/pre-commit", "#!/bin/sh\n"),
    ] {
        let project = Project::empty();
        git(&project, &["init", "-q"]);
        project.write(file, text);
        let config = project.read(".git/config");
        let ran = project.run(&["init"]).ends(0, &[&format!("run `mesh-compile check --verify` in {file}")]);
        assert!(!ran.stderr.contains("core.hooksPath"), "{}", ran.stderr);
        assert!(!project.path(".githooks").exists());
        assert_eq!((project.read(file).as_str(), project.read(".git/config")), (text, config));
    }
    let project = Project::empty();
    git(&project, &["init", "-q"]);
    git(&project, &["config", "core.hooksPath", "tools/hooks"]);
    project.run(&["init"]).ends(0, &["in tools/hooks/pre-commit"]);
    project.write("tools/hooks/pre-commit", "mesh-compile check\n");
    project.remove("mesh.toml");
    let ran = project.run(&["init"]).ends(0, &[]);
    assert!(!ran.stderr.contains("hooks"), "{}", ran.stderr);
}

/// The files of CI and of hooks have no effect below the root of a repository.
#[test]
fn a_directory_of_a_repository_gets_no_files_for_its_root() {
    let project = Project::empty();
    git(&project, &["init", "-q"]);
    project.write("deploy/base/kustomization.yaml", "resources: [web.yaml]\n");
    project.write("deploy/base/web.yaml", manifests("web"));
    project.run(&["init", "deploy"]).ends(
        0,
        &[
            "the workloads' manifests in `deploy/base`",
            "created deploy/mesh.toml: run `cd deploy && mesh-compile render`, then commit out/",
            "run `mesh-compile check --verify -f deploy/mesh.toml` in CI",
        ],
    );
    assert!(!project.path("deploy/.github").exists() && !project.path("deploy/.githooks").exists());
    is_green(&project, &["-f", "deploy/mesh.toml"]);
    project.write("two words/README.md", "");
    project
        .run(&["init", "two words", "--base", "deploy/base"])
        .ends(0, &["`cd 'two words' && mesh-compile render`", "-f 'two words/mesh.toml'"]);
    assert!(project.read("two words/mesh.toml").contains("base = \"../deploy/base\""));
    is_green(&project, &["-f", "two words/mesh.toml"]);
}

fn git(project: &Project, arguments: &[&str]) {
    let ran = Command::new("git").args(arguments).current_dir(project.path("")).output().expect("git runs");
    assert!(ran.status.success(), "git {arguments:?}");
}

/// The hook checks what is staged: it rejects a commit when out/ is rendered but not added.
#[test]
fn the_hook_of_a_new_project_checks_what_is_staged() {
    let project = Project::empty();
    project.run(&["init"]).ends(0, &[]);
    git(&project, &["init", "-q"]);
    git(&project, &["add", "--all"]);
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
    git(&project, &["add", "--all"]);
    hook().ends(0, &[]);
}
