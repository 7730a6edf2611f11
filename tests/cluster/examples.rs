//! What the examples render passes the schemas and the webhooks, and reaches the sidecars.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::manifests::{build, name, of_kind, selects, templates};
use crate::project::{Project, Ran, repository};
use crate::tools::tool;
use crate::{Test, delivery, server};

pub(crate) fn tests() -> Vec<Test> {
    let mut examples = vec![PathBuf::new()];
    let entries = fs::read_dir(repository().join("examples")).expect("examples");
    let dirs = entries.map(|entry| Path::new("examples").join(entry.expect("an entry").file_name()));
    examples.extend(dirs.filter(|dir| repository().join(dir).join("mesh.toml").is_file()));
    examples.sort();
    let rendered = examples.into_iter().flat_map(|dir| outs(&dir).into_iter().map(move |out| (dir.clone(), out)));
    rendered
        .map(|(dir, out)| {
            let test_name = format!("{}: all_objects_are_accepted_and_all_filters_delivered", out.display());
            (test_name, Box::new(move |plane: &ControlPlane| assert!(check(plane, &merged(&dir, &out)) > 0)) as Box<_>)
        })
        .collect()
}

/// The directories that an example is rendered to: one for each environment.
pub(crate) fn outs(example: &Path) -> Vec<PathBuf> {
    let out = example.join("out");
    let is_rendered = |dir: &PathBuf| repository().join(dir).join("mesh.lock").is_file();
    if is_rendered(&out) {
        return vec![out];
    }
    let entries = fs::read_dir(repository().join(&out)).expect("a rendered example");
    let mut found: Vec<_> = entries.map(|entry| out.join(entry.expect("an entry").file_name())).collect();
    found.retain(is_rendered);
    found.sort();
    assert!(!found.is_empty(), "{} is not rendered", example.display());
    found
}

/// The workloads with their filters, as Argo CD or Flux apply them.
pub(crate) fn merged(example: &Path, out: &Path) -> Vec<Value> {
    let spec = fs::read_to_string(repository().join(example).join("mesh.toml")).expect("mesh.toml");
    // The comment that shows how the example is rendered.
    let Some(line) = spec.lines().find_map(|line| line.strip_prefix("#     helm ")) else {
        return build(&repository().join(out));
    };
    let (arguments, _) = line.split_once(" | mesh-compile ").expect("a pipe to mesh-compile");
    let mut helm = Command::new(tool("helm"));
    let manifests = helm.args(arguments.split(' ')).current_dir(repository().join(example)).output();
    let manifests = Ran::of(&manifests.expect("helm runs")).ends(0, &[]).stdout;
    let project = Project::examples();
    project.write("merged/base.yaml", manifests);
    let kustomization = format!("resources: [base.yaml]\ncomponents: [../{}]\n", out.display());
    project.write("merged/kustomization.yaml", kustomization);
    build(&project.path("merged"))
}

/// Asserts that the API server accepts all objects, and that every pod has the filters that select it. Returns the number of
/// filters in all pods.
pub(crate) fn check(plane: &ControlPlane, objects: &[Value]) -> usize {
    server::apply(plane, objects).expect("accepted");
    let templates = templates(objects);
    let pods = server::pods(plane, &templates).expect("pods");
    assert_eq!(pods.len(), templates.len());
    let mut filters = 0;
    for (pod, (_, template)) in pods.iter().zip(&templates) {
        filters += delivery::check(pod, template, objects);
    }
    for filter in of_kind(objects, "EnvoyFilter") {
        let selected = templates.iter().any(|(_, template)| selects(filter, template));
        assert!(selected, "{} selects no pod", name(filter));
    }
    filters
}
