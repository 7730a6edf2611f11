//! Edges of kustomize: what it accepts and rejects where a reader could go either way.

use std::path::Path;

use super::{assert_same, built, read};

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 'example.com/web:1.0', args: [a, b]}]
";

/// Both sides accept the kustomization and build the same objects, or both reject it. Returns whether they accept it.
#[track_caller]
fn agree(label: &str, dir: &Path) -> bool {
    match (built(dir), read(dir)) {
        (Ok(theirs), Ok(ours)) => {
            assert_same(label, ours, theirs);
            true
        }
        (Err(_), Err(_)) => false,
        (Ok(_), Err(error)) => panic!("{label}: only the compiler fails:\n{error}"),
        (Err(error), Ok(_)) => panic!("{label}: only kubectl fails:\n{error}"),
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, text).expect("writable");
}

/// JSON patches at paths that exist in part, or not at all.
#[test]
fn json_patches_at_missing_paths_end_as_in_kustomize() {
    let mut accepted = 0;
    let paths = [
        "/metadata/annotations",
        "/metadata/annotations/a",
        "/metadata/labels/app",
        "/metadata/labels/a",
        "/metadata/labels/a~1b",
        "/spec/replicas",
        "/spec/template/metadata/annotations/a",
        "/spec/template/spec/containers/0/env",
        "/spec/template/spec/containers/0/env/-",
        "/spec/template/spec/containers/0/args/-",
        "/spec/template/spec/containers/0/args/0",
        "/spec/template/spec/containers/0/args/1",
        "/spec/template/spec/containers/0/args/2",
        "/spec/template/spec/containers/0/args/3",
        "/spec/template/spec/containers/0/args/-1",
        "/spec/template/spec/containers/0/args/00",
        "/spec/template/spec/containers/0/args/x",
        "/spec/template/spec/containers/1/image",
        "/spec/template/spec/volumes/0",
        "/spec/nothing/at/all",
        "spec/replicas",
        "/",
        "",
    ];
    let operations = [
        "op: add, value: VALUE",
        "op: replace, value: VALUE",
        "op: remove",
        "op: test, value: web",
        "op: move, from: /spec/x",
    ];
    for path in paths {
        for operation in operations {
            let value = match path.rsplit('/').next() {
                Some("annotations") => "{b: x}",
                Some("env") => "[{name: A, value: b}]",
                _ => "x",
            };
            let operation = operation.replace("VALUE", value);
            let temp = tempfile::tempdir().expect("a temporary directory");
            write(&temp.path().join("web.yaml"), DEPLOYMENT);
            let kustomization = format!(
                "resources: [web.yaml]\npatches:\n- target: {{kind: Deployment, name: web}}\n  patch: |\n    - {{{operation}, path: '{path}'}}\n"
            );
            write(&temp.path().join("kustomization.yaml"), &kustomization);
            let label = format!("{operation}, {path}");
            accepted += usize::from(agree(&label, temp.path()));
        }
    }
    assert!(accepted > 15, "{accepted}");
}

/// `..` behind a symbolic link, and through a directory that does not exist.
#[cfg(unix)]
#[test]
fn paths_behind_links_lead_to_the_same_files() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let root = temp.path();
    write(&root.join("real/deep/base/web.yaml"), DEPLOYMENT);
    write(&root.join("real/deep/base/kustomization.yaml"), "resources: [none/../web.yaml, ./sub/..//more.yaml]\n");
    write(&root.join("real/deep/base/more.yaml"), &DEPLOYMENT.replace("name: web\n", "name: more\n"));
    write(&root.join("real/deep/top/kustomization.yaml"), "resources: [../base]\nnamePrefix: a-\n");
    write(&root.join("real/kustomization.yaml"), "resources: [deep/top/../base]\n");
    std::os::unix::fs::symlink(root.join("real/deep/top"), root.join("link")).expect("a link");
    std::os::unix::fs::symlink(root.join("real"), root.join("real-link")).expect("a link");
    write(&root.join("over/kustomization.yaml"), "resources: [../link]\nnameSuffix: -b\n");
    write(&root.join("twice/kustomization.yaml"), "resources: [../real-link/deep/top]\nnameSuffix: -c\n");
    write(&root.join("lexical/kustomization.yaml"), "resources: [../link/../real/deep/base]\nnameSuffix: -d\n");
    let dirs = ["real", "real/deep/top", "link", "real-link", "over", "twice", "lexical"];
    let accepted = dirs.iter().filter(|dir| agree(dir, &root.join(dir))).count();
    assert!(accepted == dirs.len(), "{accepted} of {}", dirs.len());
}
