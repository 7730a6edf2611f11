//! `render --verify` and `check --verify`.

use super::PASSED;
use crate::dry_run::{project, run};
use crate::project::Project;

fn fails(project: &Project) {
    project.edit("mesh.toml", "x-demo = \"1\" }, body", "x-demo = \"2\" }, body");
}

#[test]
fn render_verify_writes_nothing_if_a_test_fails() {
    let project = project();
    fails(&project);
    run(&project, &["render", "--verify"]).ends(1, &["MC0610", "marks the response", "+ x-demo: 1", "1 test failed"]);
    assert!(!project.path("out").exists());
    run(&project, &["render"]).ends(0, &[]);
    assert!(project.path("out/mesh.lock").exists(), "render without --verify runs no tests");
    run(&project, &["check"]).ends(0, &[]);
    run(&project, &["check", "--verify"]).ends(1, &["MC0610"]);
}

#[test]
fn render_verify_writes_if_all_tests_pass() {
    let project = project();
    run(&project, &["render", "--verify"]).ends(0, &[PASSED, "5 files"]);
    run(&project, &["check", "--verify"]).ends(0, &[PASSED, "5 files"]);
    run(&project, &["render", "--verify", "--stdout"]).ends(0, &[]);
}

/// The tests run on what mesh.toml renders to, not on out/.
#[test]
fn check_verify_reports_drift_and_failed_tests() {
    let project = project();
    run(&project, &["render"]).ends(0, &[]);
    fails(&project);
    project.edit("mesh.toml", "add = { x-demo = \"1\" }", "add = { x-demo = \"3\" }");
    run(&project, &["check", "--verify"]).ends(1, &["MC0701", "MC0610"]);
}
