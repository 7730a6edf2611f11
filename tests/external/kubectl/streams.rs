//! examples/helm: a chart as Helm prints it, and as kustomize builds it with out/ on top.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::manifests::*;
use crate::project::{Project, Ran};
use crate::tools::tool;

const EXAMPLE: &str = "examples/helm";

fn chart(project: &Project) -> String {
    let mut helm = Command::new(tool("helm"));
    helm.args(["template", "demo", "chart", "--namespace", "web"]).current_dir(project.path(EXAMPLE));
    Ran::of(&helm.output().expect("Helm runs")).ends(0, &[]).stdout
}

/// kustomize builds the chart with the Helm 3 that it knows. Helm 4 has no `version -c`.
fn kustomized(project: &Project) -> String {
    let helm = format!("#!/bin/sh\n[ \"$1\" = version ] && exec echo v3.18.0\nexec '{}' \"$@\"\n", text(&tool("helm")));
    project.write("helm", helm);
    std::fs::set_permissions(project.path("helm"), std::fs::Permissions::from_mode(0o755))
        .expect("a file of this test");
    let (helm, dir) = (project.text_path("helm"), project.text_path(EXAMPLE));
    kubectl(&["kustomize", "--enable-helm", "--helm-command", &helm, &dir]).ends(0, &[]).stdout
}

/// Runs a command with the stream as its base.
fn with_stream(project: &Project, command: &[&str], stream: &str) -> Ran {
    let mut command = project.command(command);
    command.args(["--base", "-"]).current_dir(project.path(EXAMPLE));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mesh-compile runs");
    child.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("a reader");
    Ran::of(&child.wait_with_output().expect("mesh-compile ends"))
}

#[test]
fn the_stream_of_helm_renders_the_committed_example() {
    let project = Project::examples();
    let stream = chart(&project);
    with_stream(&project, &["check", "--verify", "--no-cache"], &stream).ends(0, &["1 test: all passed"]);
    with_stream(&project, &["check"], "").ends(2, &["MC0501"]);
    with_stream(&project, &["check"], &stream.replace("demo-greeter", "demo-greetre")).ends(2, &["MC0520"]);

    let mut without = project.command(&["check"]);
    Ran::of(&without.current_dir(project.path(EXAMPLE)).output().unwrap()).ends(2, &["MC0513", "--base -"]);
}

#[test]
fn the_stream_may_already_contain_the_output() {
    let project = Project::examples();
    let before = project.tree(format!("{EXAMPLE}/out"));
    let built = kustomized(&project);
    assert_ne!(chart(&project), built);
    with_stream(&project, &["check"], &built).ends(0, &[]);
    with_stream(&project, &["render"], &built).ends(0, &[]);
    assert_eq!(project.tree(format!("{EXAMPLE}/out")), before);
}

#[test]
fn the_volume_of_the_chart_is_mounted_next_to_the_module() {
    let project = Project::examples();
    let objects = documents(&kustomized(&project));
    let template = &find(&objects, "Deployment", ("web", "demo-greeter"))["spec"]["template"];
    let annotation =
        |name: &str| injected(string(&template["metadata"]["annotations"][format!("sidecar.istio.io/{name}")]));
    let names = |items: &[serde_json::Value]| {
        let mut names: Vec<_> = items.iter().map(|it| string(&it["name"]).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&annotation("userVolume")), ["agent-socket", "wasmfilters-dir"]);
    assert_eq!(names(&annotation("userVolumeMount")), ["agent-socket", "wasmfilters-dir"]);
    let selected: Vec<_> = of_kind(&objects, "EnvoyFilter").filter(|it| selects(it, template)).map(name).collect();
    assert_eq!(selected, ["demo-greeter-served-by"]);
    let cache = &find(&objects, "Deployment", ("web", "demo-greeter-cache"))["spec"]["template"];
    assert!(!of_kind(&objects, "EnvoyFilter").any(|it| selects(it, cache)));
}
