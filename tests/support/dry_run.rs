//! A project with one test, for `mesh-compile verify`.

use crate::project::{Project, Ran};

/// A filter, a workload and its test. Edit the configuration or the expectation to make the test fail.
const SPEC: &str = r#"[filters.demo]
module = "example-filter.wasm"
config = { response = { add = { x-demo = "1" } } }

[workloads.web]
selector = { app = "web" }
filters = ["demo"]

[[workloads.web.tests]]
name = "marks the response"
request = { path = "/shop" }
upstream = { body = "ok" }
expect = { status = 200, headers = { x-demo = "1" }, body = "ok" }
"#;

pub(crate) fn project() -> Project {
    let project = Project::empty();
    project.write("mesh.toml", SPEC);
    project.write("example-filter.wasm", include_bytes!("../../filter/example-filter.wasm"));
    project
}

/// Runs a command with a cache in the project's directory.
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    command.env("XDG_CACHE_HOME", project.path("cache"));
    Ran::of(&command.output().expect("mesh-compile runs"))
}
