//! `mesh-compile verify` as a user runs it.

#[allow(dead_code, reason = "the model of a mesh is another test's too")]
#[path = "../support/mesh/mod.rs"]
mod mesh;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/mod.rs"]
mod support;

mod cache;
mod engines;
mod junit;
mod order;
mod part;

use project::{Project, Ran};

/// A filter, a workload and its test, of which the last may be made to fail.
const SPEC: &str = r#"[filters.demo]
module = "example-filter.wasm"
config = { response = { add = { x-demo = "1" } } }

[workloads.web]
selector = { app = "web" }
filters = ["demo"]

[[workloads.web.tests]]
name = "marks the answer"
request = { path = "/shop" }
upstream = { body = "ok" }
expect = { status = 200, headers = { x-demo = "1" }, body = "ok" }
"#;

const PASSED: &str = "1 workload, 1 filter, 1 test: all passed in the embedded host";

fn project() -> Project {
    let project = Project::empty();
    project.write("mesh.toml", SPEC);
    project.write("example-filter.wasm", include_bytes!("../../filter/example-filter.wasm"));
    project
}

/// Runs a command with a cache in the project's folder.
fn run(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    command.env("XDG_CACHE_HOME", project.path("cache"));
    Ran::of(&command.output().expect("mesh-compile runs"))
}
