//! Filters in four languages and for three ABIs, built with public compilers and SDKs (tests/filters).

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::mesh::project::Project;
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::{Envoy, Sidecar};
use crate::tools::tool;

/// The response header to which each filter adds its name, or its configuration if its SDK can read one.
const HEADER: &str = "x-from";
/// The filters that fit into a ConfigMap.
const FILTERS: [&str; 3] = ["c", "assemblyscript", "rust-0.1.0"];
/// The demo filter with the same effect.
const DEMO: &str = "filters.demo = { module = 'example-filter.wasm', config.response.add = { x-from = 'demo' } }";

/// A module that `scripts/build-test-filters` built.
fn path(name: &str) -> PathBuf {
    tool(&format!("../filters/{name}.wasm"))
}

fn module(name: &str) -> Vec<u8> {
    let path = path(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The workload `web` with the filters. `more` is added to each except the demo filter.
fn mesh(filters: &[&str], more: &str) -> Objects {
    let list = filters.join("', '");
    let mut spec =
        format!("mesh.base = 'base'\nworkloads.web = {{ wasm-log-level = 'info', filters = ['{list}'] }}\n{DEMO}\n");
    for filter in FILTERS {
        // The SDK of AssemblyScript needs the root id. The others ignore it.
        writeln!(spec, "[filters.'{filter}']\nmodule = '{filter}.wasm'\nroot-id = 'x-from'\n{more}")
            .expect("a String takes it");
    }
    let project = Project::new(&spec).with_base(&["default/web"]);
    FILTERS.iter().fold(project, |it, name| it.with_bytes(&format!("{name}.wasm"), &module(name))).objects().1
}

fn sidecar(objects: &Objects) -> Sidecar {
    Sidecar::of(objects, &objects.pod("Deployment/default/web")).inbound(9080)
}

/// The values that the filters added. Sends two requests, because the memory of a filter outlives a request.
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
fn each_filter_works_alone() {
    for filter in FILTERS {
        let envoy = sidecar(&mesh(&[filter], "")).start();
        assert_eq!(added(&envoy), [filter], "Envoy's log:\n{}", envoy.log());
        envoy.logged(&format!("{filter} is configured"));
    }
}

#[test]
fn each_filter_reads_its_configuration() {
    for filter in ["c", "rust-0.1.0"] {
        let envoy = sidecar(&mesh(&[filter], "config-text = 'given to {{ workload.name }}'")).start();
        assert_eq!(added(&envoy), ["given to web"], "{filter}. Envoy's log:\n{}", envoy.log());
    }
}

/// Without a callback a filter would do nothing. Without a host function it would fail.
#[test]
fn each_filter_works_with_its_derived_capabilities() {
    for filter in FILTERS {
        let envoy = sidecar(&mesh(&[filter], "capabilities = 'derived'")).start();
        assert_eq!(added(&envoy), [filter], "Envoy's log:\n{}", envoy.log());
        envoy.logged(&format!("{filter} is configured"));
    }
}

/// A response passes the filters in reverse order.
#[test]
fn all_filters_work_in_one_chain() {
    let list = ["rust-0.1.0", "demo", "c", "assemblyscript"];
    let envoy = sidecar(&mesh(&list, "")).start();
    assert_eq!(added(&envoy), ["assemblyscript", "c", "demo", "rust-0.1.0"], "Envoy's log:\n{}", envoy.log());
}

/// libc prints with WASI, not with the ABI.
#[test]
fn the_standard_output_of_a_filter_is_logged() {
    sidecar(&mesh(&["c"], "")).start().logged("c starts");
}

/// Go modules are too large for a ConfigMap, so the test mounts one in place of a smaller module.
#[test]
fn a_go_module_works_when_it_is_mounted() {
    let go = module("go");
    assert!(go.len() > 1_048_576, "{} B: a ConfigMap holds it, so it belongs to the others", go.len());
    for (more, expected) in [("", "go"), ("config-text = 'given'", "given")] {
        let envoy = sidecar(&mesh(&["c"], more)).mounted("c.wasm", &go).start();
        assert_eq!(added(&envoy), [expected], "Envoy's log:\n{}", envoy.log());
        envoy.logged("go is configured");
    }
}

/// The other tests show that they do load.
#[test]
fn inspect_reports_that_each_module_loads() {
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
    // Go imports sched_yield and poll_oneoff, which Envoy has since 1.33.
    assert_eq!(report["modules"][3]["min_envoy"], "1.33");
}

fn brief(module: &Value) -> Value {
    json!({ "abi": module["abi"], "loads": module["loads"] })
}
