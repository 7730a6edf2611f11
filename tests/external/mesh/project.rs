//! The project of a user: a mesh.toml, modules and manifests, rendered by the program and built by kustomize.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::rendered::Objects;
use crate::tools::tool;

/// The module of the demo filter.
const EXAMPLE_FILTER: &str = "filter/example-filter.wasm";

/// A temporary directory, deleted when the value is dropped.
pub(crate) struct Project {
    dir: TempDir,
    /// The directory of mesh.toml.
    spec: PathBuf,
}

impl Project {
    /// A copy of the examples. `spec` is the directory of the mesh.toml to render, relative to the root.
    pub(crate) fn example(spec: &str) -> Self {
        let project = Self::empty(spec);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("mesh.toml"), &project.dir.path().join("mesh.toml"));
        copy(&root.join("examples"), &project.dir.path().join("examples"));
        project.with_bytes(EXAMPLE_FILTER, &example_filter())
    }

    /// A directory with this mesh.toml and the demo filter as `example-filter.wasm`.
    pub(crate) fn new(spec: &str) -> Self {
        Self::empty("").with_bytes("example-filter.wasm", &example_filter()).with_bytes("mesh.toml", spec.as_bytes())
    }

    fn empty(spec: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let spec = dir.path().join(spec);
        Self { dir, spec }
    }

    /// Adds or replaces a file.
    pub(crate) fn with_bytes(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory can be made");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Adds a module in the text format.
    pub(crate) fn with_module(self, path: &str, wat: &str) -> Self {
        let bytes = wat::parse_str(wat).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.with_bytes(path, &bytes)
    }

    /// Adds a base of Deployments, given as `namespace/name`. Their pods have the label `app` with the name as its value. A
    /// Deployment named `gateway` is a gateway.
    pub(crate) fn with_base(mut self, deployments: &[&str]) -> Self {
        let mut resources = Vec::new();
        for deployment in deployments {
            let (namespace, name) = deployment.split_once('/').expect("namespace/name");
            let file = format!("{namespace}-{name}.yaml");
            let labels = json!({ "app": name });
            let container = json!({ "name": name, "image": format!("example.com/{name}:1.0") });
            let annotations =
                if name == "gateway" { json!({ "inject.istio.io/templates": "gateway" }) } else { json!({}) };
            let object = json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": { "name": name, "namespace": namespace },
                "spec": {
                    "selector": { "matchLabels": labels },
                    "template": {
                        "metadata": { "labels": labels, "annotations": annotations },
                        "spec": { "containers": [container] },
                    },
                },
            });
            self = self.with_bytes(&format!("base/{file}"), object.to_string().as_bytes());
            resources.push(file);
        }
        self.with_bytes("base/kustomization.yaml", json!({ "resources": resources }).to_string().as_bytes())
    }

    /// Renders, and returns what kustomize builds from `out/`. A component is built over the base.
    pub(crate) fn objects(self) -> (Self, Objects) {
        self.render();
        let out = self.spec.join("out");
        let kustomization = fs::read_to_string(out.join("kustomization.yaml")).expect("out/kustomization.yaml");
        let read: Value = serde_yaml::from_str(&kustomization).expect("out/kustomization.yaml is YAML");
        if read["kind"] == "Component" {
            let owner = json!({ "resources": ["../base"], "components": ["../out"] });
            let project = self.with_bytes("owner/kustomization.yaml", owner.to_string().as_bytes());
            let objects = kustomize(&project.dir.path().join("owner"));
            return (project, objects);
        }
        let objects = kustomize(&out);
        (self, objects)
    }

    /// What kustomize builds from a base: the workloads without the rendered patches.
    pub(crate) fn before(&self, base: &str) -> Objects {
        kustomize(&self.dir.path().join(base))
    }

    /// The diagnostics of a mesh.toml that does not render.
    pub(crate) fn rejection(&self) -> String {
        let output = self.run_render();
        assert_eq!(output.status.code(), Some(2), "mesh-compile render: {}", output.status);
        String::from_utf8(output.stderr).expect("findings are UTF-8")
    }

    fn run_render(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mesh-compile"))
            .args(["render", "--color", "never", "--file"])
            .arg(self.spec.join("mesh.toml"))
            .output()
            .expect("mesh-compile runs")
    }

    fn render(&self) {
        let output = self.run_render();
        let findings = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mesh-compile render: {}\n{findings}", output.status);
    }
}

/// Renders a mesh.toml over a base of Deployments, and returns what kustomize builds.
pub(crate) fn rendered(spec: &str, deployments: &[&str]) -> Objects {
    Project::new(spec).with_base(deployments).objects().1
}

fn kustomize(dir: &Path) -> Objects {
    let output = Command::new(tool("kubectl")).arg("kustomize").arg(dir).output().expect("kubectl runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl kustomize {}: {errors}", dir.display());
    Objects::read(&String::from_utf8(output.stdout).expect("kubectl prints UTF-8"))
}

/// The module of the demo filter: the file in the variable MESH_COMPILE_EXAMPLE_FILTER, which CI sets, or the committed one.
pub(crate) fn example_filter() -> Vec<u8> {
    let named = std::env::var_os("MESH_COMPILE_EXAMPLE_FILTER").filter(|path| !path.is_empty());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(named.unwrap_or_else(|| EXAMPLE_FILTER.into()));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Copies a file, or a directory except directories named `out`.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        return;
    }
    fs::create_dir_all(to).expect("the directory can be made");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let name = entry.expect("the directory can be listed").file_name();
        if name != "out" {
            copy(&from.join(&name), &to.join(&name));
        }
    }
}
