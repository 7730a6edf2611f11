//! A project whose modules are in images, and the commands that mesh-compile prints for them.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::manifests::{documents, entries, string};
use crate::project::{Project, Ran, repository};
use crate::tools::tool;

/// The directory of the layout.
pub(super) const LAYOUT: &str = "images";

/// What Debian's package of skopeo installs for all users.
const POLICY: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// The module of the filter `one`: the demo filter, which takes several blocks of the layer.
pub(super) fn one() -> Vec<u8> {
    fs::read(repository().join("filter/example-filter.wasm")).expect("the demo filter")
}

/// A workload with the filter `one` in the image `HOST/filters/one`, and more lines of mesh.toml.
pub(super) fn project(host: &str, more: &str) -> Project {
    let project = Project::empty();
    let spec = format!(
        r#"
        mesh.kubernetes = "1.35"

        [defaults.filters]
        source = "image"
        image = "{host}/filters/{{{{ filter.name }}}}"

        [filters.one]
        module = "one.wasm"

        [workloads.web]
        selector = {{ app = "web" }}
        filters = ["one"]

        {more}
        "#
    );
    project.write("mesh.toml", spec);
    project.write("one.wasm", one());
    project.write("home/.config/containers/policy.json", POLICY);
    project
}

/// Writes the layout, and returns the commands that mesh-compile prints, the comments among them too.
pub(super) fn commands(project: &Project) -> Vec<String> {
    commands_for(project, LAYOUT)
}

/// [`commands`] for a layout in another directory.
pub(super) fn commands_for(project: &Project, layout: &str) -> Vec<String> {
    let printed = project.run(&["image", "--output", layout]).ends(0, &[]).stdout;
    printed.lines().map(|line| line.trim_start_matches("# ").to_owned()).collect()
}

/// The only command of a program.
#[track_caller]
pub(super) fn command_of<'a>(commands: &'a [String], program: &str) -> &'a str {
    let of_program = |command: &&String| command.split(' ').next() == Some(program);
    let found: Vec<_> = commands.iter().filter(of_program).collect();
    let [only] = found.as_slice() else { panic!("{program}: {commands:#?}") };
    only
}

/// Runs a command line of a tool in the directory of the project.
pub(super) fn output(project: &Project, line: &str) -> Output {
    let (name, arguments) = line.split_once(' ').expect("a program and its arguments");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" {arguments}")]).arg(tool(name));
    // Neither the user's credentials nor a proxy.
    shell
        .env_clear()
        .env("HOME", project.path("home"))
        .env("TMPDIR", project.path("home"))
        .env("PATH", "/usr/bin:/bin");
    shell.current_dir(project.path("")).output().expect("a shell")
}

/// What a tool prints.
#[track_caller]
pub(super) fn stdout(project: &Project, line: &str) -> String {
    Ran::of(&output(project, line)).ends(0, &[]).stdout
}

/// What a tool prints, as JSON.
#[track_caller]
pub(super) fn json(project: &Project, line: &str) -> Value {
    serde_json::from_str(&stdout(project, line)).expect("JSON")
}

/// The bytes of a blob of the layout.
pub(super) fn blob(project: &Project, digest: &str) -> Vec<u8> {
    project.files(LAYOUT)[&format!("blobs/{}", digest.replacen(':', "/", 1))].clone()
}

/// The name and the digest of the only image that a rendered patch mounts.
#[track_caller]
pub(super) fn mounted(project: &Project, patch: &str) -> (String, String) {
    let patch = &documents(&project.read(patch))[0];
    let annotations = &patch["spec"]["template"]["metadata"]["annotations"];
    let volumes: Value = serde_json::from_str(string(&annotations["sidecar.istio.io/userVolume"])).expect("JSON");
    let volumes: Vec<_> = entries(&volumes).values().collect();
    let [volume] = volumes.as_slice() else { panic!("{volumes:?}") };
    let (name, digest) = string(&volume["image"]["reference"]).split_once('@').expect("a digest");
    (name.to_owned(), digest.to_owned())
}
