//! Filters in four languages and of three ABIs, built by compilers and SDKs that other people wrote (tests/filters).

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::mesh::project::Project;
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::{Envoy, Sidecar};
use crate::tools::tool;

/// Each adds its name to this header of a response, or its configuration if it has one and its SDK can read it.
const HEADER: &str = "x-from";
/// Those that a ConfigMap can hold.
const FILTERS: [&str; 3] = ["c", "assemblyscript", "rust-0.1.0"];
/// The demo filter, in the same part.
const DEMO: &str = "filters.demo = { module = 'example-filter.wasm', config.response.add = { x-from = 'demo' } }";

/// What `scripts/build-test-filters` built of a folder of tests/filters.
fn path(name: &str) -> PathBuf {
    tool(&format!("../filters/{name}.wasm"))
}

fn module(name: &str) -> Vec<u8> {
    let path = path(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The workload `web` with these of the filters; `more` goes into each but the demo.
fn mesh(filters: &[&str], more: &str) -> Objects {
    let list = filters.join("', '");
    let mut spec =
        format!("mesh.base = 'base'\nworkloads.web = {{ wasm-log-level = 'info', filters = ['{list}'] }}\n{DEMO}\n");
    for filter in FILTERS {
        // The SDK of AssemblyScript goes by the root id; nobody else minds it.
        writeln!(spec, "[filters.'{filter}']\nmodule = '{filter}.wasm'\nroot-id = 'x-from'\n{more}")
            .expect("a String takes it");
    }
    let project = Project::new(&spec).with_base(&["default/web"]);
    FILTERS.iter().fold(project, |it, name| it.with_bytes(&format!("{name}.wasm"), &module(name))).objects().1
}

fn sidecar(objects: &Objects) -> Sidecar {
    Sidecar::of(objects, &objects.pod("Deployment/default/web")).inbound(9080)
}

/// Who added to the response. Twice, as a filter's memory outlives a request.
fn added(envoy: &Envoy) -> Vec<String> {
    let added = || -> Vec<String> {
        let (response, upstream) = envoy.get(9080);
        assert!(upstream.values(HEADER).is_empty(), "the request has the response's header");
        response.values(HEADER).into_iter().map(str::to_owned).collect()
    };
    let first = added();
    assert_eq!(added(), first, "the second request. Envoy's log:\n{}", envoy.log());
    first
}

#[test]
fn each_works_alone() {
    for filter in FILTERS {
        let envoy = sidecar(&mesh(&[filter], "")).start();
        assert_eq!(added(&envoy), [filter], "Envoy's log:\n{}", envoy.log());
        envoy.logged(&format!("{filter} is configured"));
    }
}

#[test]
fn each_reads_its_configuration() {
    for filter in ["c", "rust-0.1.0"] {
        let envoy = sidecar(&mesh(&[filter], "config-text = 'given to {{ workload.name }}'")).start();
        assert_eq!(added(&envoy), ["given to web"], "{filter}. Envoy's log:\n{}", envoy.log());
    }
}

/// A list that left out a callback would have the filter do nothing, one that left out a host function would have it fail.
#[test]
fn each_works_with_the_capabilities_derived_for_it() {
    for filter in FILTERS {
        let envoy = sidecar(&mesh(&[filter], "capabilities = 'derived'")).start();
        assert_eq!(added(&envoy), [filter], "Envoy's log:\n{}", envoy.log());
        envoy.logged(&format!("{filter} is configured"));
    }
}

/// A response's filters run in the order that is the reverse of the list's.
#[test]
fn all_work_in_one_chain() {
    let list = ["rust-0.1.0", "demo", "c", "assemblyscript"];
    let envoy = sidecar(&mesh(&list, "")).start();
    assert_eq!(added(&envoy), ["assemblyscript", "c", "demo", "rust-0.1.0"], "Envoy's log:\n{}", envoy.log());
}

/// libc's output goes by way of WASI, not of the ABI.
#[test]
fn what_a_filter_prints_is_logged() {
    sidecar(&mesh(&["c"], "")).start().logged("c starts");
}

/// No ConfigMap holds what Go makes, so it is put where a smaller module was mounted.
#[test]
fn a_module_of_go_works_where_it_can_be_mounted() {
    let go = module("go");
    assert!(go.len() > 1_048_576, "{} B: a ConfigMap holds it, so it belongs to the others", go.len());
    for (more, expected) in [("", "go"), ("config-text = 'given'", "given")] {
        let envoy = sidecar(&mesh(&["c"], more)).mounted("c.wasm", &go).start();
        assert_eq!(added(&envoy), [expected], "Envoy's log:\n{}", envoy.log());
        envoy.logged("go is configured");
    }
}

/// That they load is what the other tests show.
#[test]
fn inspect_says_of_each_that_it_loads() {
    let demo = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/filter/example-filter.wasm"));
    let modules = [
        (path("c"), "0.2.1"),
        (path("assemblyscript"), "0.2.0"),
        (path("rust-0.1.0"), "0.1.0"),
        (path("go"), "0.2.1"),
        (demo, "0.2.1"),
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_mesh-compile"))
        .args(["inspect", "--format", "json"])
        .args(modules.iter().map(|(path, _)| path))
        .output()
        .expect("mesh-compile runs");
    let findings = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{findings}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let said: Vec<Value> = report["modules"].as_array().expect("modules").iter().map(brief).collect();
    let expected: Vec<Value> = modules.iter().map(|(_, abi)| json!({ "abi": abi, "loads": true })).collect();
    assert_eq!(said, expected, "{findings}");
    // Go's imports sched_yield and poll_oneoff, which Envoy has since then.
    assert_eq!(report["modules"][3]["min_envoy"], "1.33");
}

fn brief(module: &Value) -> Value {
    json!({ "abi": module["abi"], "loads": module["loads"] })
}
