//! The pod of a filter, and what its clients see.

use std::io::ErrorKind::{ConnectionReset, UnexpectedEof};
use std::sync::Arc;

use serde_json::{Value, json};

use super::Cell;
use crate::control_plane::ControlPlane;
use crate::kubelet::{Connection, Pod, wait_until};
use crate::manifests::{build, of_kind};
use crate::pods::{deployment, service};
use crate::project::Project;

/// A project with a filter that reads its module from a directory of the machine, whose configuration is the path that the app
/// receives.
pub(super) struct Setup<'a> {
    plane: &'a ControlPlane,
    pub(super) project: Project,
    pub(super) namespace: String,
}

impl<'a> Setup<'a> {
    pub(super) fn new(plane: &'a ControlPlane, event: &str, cell: &Cell) -> Self {
        let namespace = format!("loading-{event}-{}-{}", cell.kind, cell.loading);
        plane.create_namespace_with_pods(&namespace).expect("a namespace");
        let project = Project::empty();
        project.create_dir("volume");
        project.write("path.wasm", module());
        let volume = project.text_path("volume");
        let spec = format!(
            r#"[mesh]
namespace = "{namespace}"
base = "base"

[filters.path]
module = "path.wasm"
type = "{}"
load-failure = "{}"
source = "volume"
volume.hostPath.path = "{volume}"
path = "path.wasm"
config-text = "/"

[workloads.web]
filters = ["path"]
"#,
            cell.kind, cell.loading
        );
        project.write("mesh.toml", spec);
        project.write("base/kustomization.yaml", "resources: [base.json]\n");
        let this = Self { plane, project, namespace };
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": this.base() });
        this.project.write("base/base.json", list.to_string());
        this
    }

    pub(super) fn base(&self) -> [Value; 2] {
        [deployment(&self.namespace, "web", 1), service(&self.namespace, "web")]
    }

    pub(super) fn provide_module(&self) {
        self.project.write("volume/path.wasm", module());
    }

    /// Renders a configuration and applies all objects.
    pub(super) fn apply(&self, configuration: &str) {
        self.plane.apply(&self.render(configuration)).expect("applied");
    }

    pub(super) fn render(&self, configuration: &str) -> Vec<Value> {
        let spec = self.project.read("mesh.toml");
        let before = spec.lines().find(|line| line.starts_with("config-text")).expect("a configuration");
        self.project.edit("mesh.toml", before, &format!("config-text = \"{configuration}\""));
        self.project.run(&["render"]).ends(0, &[]);
        let objects = build(&self.project.path("out"));
        assert_eq!(of_kind(&objects, "EnvoyFilter").count(), 1);
        objects
    }

    /// The only pod, once it is ready.
    pub(super) fn ready_pod(&self) -> Arc<Pod> {
        self.plane.kubelet().ready_pods(&self.namespace, 1).remove(0)
    }

    /// A ready pod that runs the filter.
    pub(super) fn running(&self, configuration: &str) -> Arc<Pod> {
        self.provide_module();
        self.apply(configuration);
        let pod = self.ready_pod();
        assert_eq!(ask(&pod), configuration);
        pod
    }
}

impl Drop for Setup<'_> {
    fn drop(&mut self) {
        self.plane.end_pods(&self.namespace);
    }
}

/// The module, whose configuration is the path that the app receives.
pub(crate) fn module() -> Vec<u8> {
    wat::parse_str(include_str!("path.wat")).expect("a module")
}

/// What a client sees on a connection of its own: the path that the app received, the status of another response, or `closed`.
pub(crate) fn ask(pod: &Pod) -> String {
    seen(&mut pod.keep_alive().expect("a connection"))
}

/// The same on a connection that is open.
pub(super) fn seen(connection: &mut Connection) -> String {
    match connection.get("/") {
        Ok(response) if response.status == 200 => {
            let received: Value = serde_json::from_str(response.body()).expect("what the app received");
            received["request"].as_str().and_then(|line| line.split(' ').nth(1)).expect("a path").to_owned()
        }
        Ok(response) => response.status.to_string(),
        Err(error) if matches!(error.kind(), UnexpectedEof | ConnectionReset) => "closed".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
pub(super) fn wait_for_answer(pod: &Pod, wanted: &str) {
    wait_until(&format!("{pod} answers {wanted}"), || {
        let answer = ask(pod);
        if answer == wanted { Ok(()) } else { Err(answer) }
    });
}
