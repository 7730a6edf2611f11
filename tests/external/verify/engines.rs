//! `mesh-compile verify` with Envoy.

use serde_json::Value;

use crate::dry_run::{project, run};
use crate::tools::tool;

fn envoy() -> String {
    tool("envoy").to_str().expect("a UTF-8 path").to_owned()
}

#[test]
fn both_engines_report_the_same_for_the_demo_filter() {
    let project = project();
    let ran = run(&project, &["verify", "--engine", "both", "--envoy", &envoy(), "--format", "json"]).ends(0, &[]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&report["engine"], &report["diagnostics"]), (&"both".into(), &Value::Array(Vec::new())));
    let [ours, theirs] = report["exchanges"].as_array().map_or(&[][..], Vec::as_slice) else { panic!("{report}") };
    assert_eq!((&ours["engine"], &theirs["engine"]), (&"embedded".into(), &"envoy".into()));
    assert_eq!(ours["response"], theirs["response"]);
    assert_eq!(ours["response"]["body"], "ok");
}

#[test]
fn a_failure_in_both_engines_is_one_finding() {
    let project = project();
    project.edit("mesh.toml", "status = 200", "status = 201");
    let ran = run(&project, &["verify", "--engine", "both", "--envoy", &envoy()]);
    let ran = ran.ends(1, &["MC0610", "1 test failed in the embedded host and Envoy"]);
    assert_eq!(ran.stderr.matches("MC0610").count(), 2, "one finding, and the hint with `explain`:\n{}", ran.stderr);
    assert!(!ran.stderr.contains(" only"), "{}", ran.stderr);
}

#[test]
fn a_run_with_envoy_is_not_cached() {
    let project = project();
    let said = "1 workload, 1 filter, 1 test: all passed in Envoy";
    run(&project, &["verify", "--envoy", &envoy()]).ends(0, &[said]);
    assert!(!project.path("cache").exists());
}

#[test]
fn a_missing_envoy_is_an_error() {
    let project = project();
    run(&project, &["verify", "--envoy", "no-such-envoy"]).ends(2, &["MC0614", "no-such-envoy"]);
}
