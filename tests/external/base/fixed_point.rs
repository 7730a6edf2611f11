//! A render over its own result changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifests::kubectl;
use crate::project::Ran;
use crate::tools::tool;

fn mesh_compile(dir: &Path, arguments: &[&str]) -> Ran {
    let command =
        std::process::Command::new(env!("CARGO_BIN_EXE_mesh-compile")).args(arguments).current_dir(dir).output();
    Ran::of(&command.expect("mesh-compile runs"))
}

/// The manifests that an example patches, as one stream.
fn base(example: &Path) -> String {
    let text = fs::read_to_string(example.join("mesh.toml")).expect("readable");
    let spec: toml::Value = toml::from_str(&text).expect("TOML");
    let paths = match spec.get("mesh").and_then(|mesh| mesh.get("base")) {
        Some(toml::Value::String(path)) => vec![path.clone()],
        Some(toml::Value::Array(paths)) => paths.iter().map(|path| path.as_str().expect("a path").to_owned()).collect(),
        _ => {
            let chart = example.join("chart");
            let arguments = ["template", "demo", chart.to_str().expect("UTF-8"), "--namespace", "web"];
            let output = std::process::Command::new(tool("helm")).args(arguments).output();
            return Ran::of(&output.expect("helm runs")).ends(0, &[]).stdout.clone();
        }
    };
    let build = |path: &String| {
        let dir = example.join(path);
        kubectl(&["kustomize", dir.to_str().expect("UTF-8")]).ends(0, &[]).stdout.clone()
    };
    paths.iter().map(build).collect::<Vec<_>>().join("---\n")
}

/// The examples that render without environments, and this repository's own mesh.toml.
fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut examples = vec![root.to_owned()];
    for entry in fs::read_dir(root.join("examples")).expect("a directory") {
        let dir = entry.expect("readable").path();
        if fs::read_to_string(dir.join("mesh.toml")).is_ok_and(|text| !text.contains("[env.")) {
            examples.push(dir);
        }
    }
    examples.sort();
    examples
}

#[test]
fn a_render_over_its_own_result_changes_nothing() {
    let examples = examples();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let label = example.display().to_string();
        let temp = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| temp.path().join(name).to_str().expect("UTF-8").to_owned();
        fs::create_dir(path("base")).expect("writable");
        fs::write(path("base/stream.yaml"), base(&example)).expect("writable");
        fs::write(path("base/kustomization.yaml"), "resources: [stream.yaml]\n").expect("writable");
        let first = mesh_compile(&example, &["render", "--stdout", "--base", &path("base/stream.yaml")])
            .ends(0, &[])
            .stdout
            .clone();

        // The owner lists out/ as a component, whatever the example's own layout.
        let out = temp.path().join("out");
        for document in first.split("---\n# Source: ").skip(1) {
            let (name, text) = document.split_once('\n').expect("a comment");
            let file = out.join(name);
            fs::create_dir_all(file.parent().expect("in out")).expect("writable");
            fs::write(file, text).expect("writable");
        }
        let kustomization = fs::read_to_string(out.join("kustomization.yaml")).expect("rendered");
        let component = kustomization.replace("v1beta1", "v1alpha1").replace("kind: Kustomization", "kind: Component");
        let component: String =
            component.lines().filter(|line| !line.contains("../")).map(|line| format!("{line}\n")).collect();
        fs::write(out.join("kustomization.yaml"), component).expect("writable");
        fs::create_dir(path("owner")).expect("writable");
        fs::write(path("owner/kustomization.yaml"), "resources: [../base]\ncomponents: [../out]\n").expect("writable");
        let full = kubectl(&["kustomize", &path("owner")]).ends(0, &[]).stdout.clone();
        assert!(full.contains("wasm.mesh-compile.dev/sha256"), "{label}: nothing of out/ is in the stream");

        fs::write(path("full.yaml"), &full).expect("writable");
        let again =
            mesh_compile(&example, &["render", "--stdout", "--base", &path("full.yaml")]).ends(0, &[]).stdout.clone();
        assert!(first == again, "{label}:\n{}", similar::TextDiff::from_lines(&first, &again).unified_diff());
    }
}
